"""Our Shapley values against the package shap: exact over all subsets, and sampled over orders."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from outcome.explain.players import Game, Player
from outcome.explain.shapley import shapley_contributions
from outcome.models.inputs import Inputs
from outcome.models.registry import fit_model
from outcome.types import FloatArray, Target

P = 8


@pytest.mark.slow  # shap compiles its own loops for half a minute
def test_a_forest_is_shared_out_as_shap_does() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its plots, unused here, call what matplotlib will drop
        import shap
    rng = np.random.default_rng(4)
    X = rng.normal(size=(150, P))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=150) > 0).astype(float)
    forest = fit_model("forest", X, Target.binary("y", y), {"trees": 20, "min_leaf": 5, "feature_share": 0.5}, 1)

    def score(given: Inputs) -> FloatArray:
        return forest.score(given)

    players = tuple(Player(f"x{j}", "", "", "", (j,)) for j in range(P))
    game = Game(Inputs(X[:1], case_ids=("a",)), Inputs(np.zeros((1, P)), case_ids=("a",)), players)
    theirs = shap.explainers.Permutation(forest.score, np.zeros((1, P)), seed=1)(X[:1], max_evals=4000, silent=True)
    exact, sampled = (
        {row.name: row.contribution for row in shapley_contributions(game, score, seed=2, evaluations=n).rows}
        for n in (2**P, 2**P - 1)
    )
    assert [exact[p.name] for p in players] == pytest.approx(theirs.values[0].tolist(), abs=0.02)
    assert [sampled[p.name] for p in players] == pytest.approx(theirs.values[0].tolist(), abs=0.1)
