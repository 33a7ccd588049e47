"""Gradient-boosted small trees by LightGBM, kept as its own text format.

binary: score = log odds. time_to_event: a Poisson regression of the event on each case's expected number of events
(the relative-risk transform of LeBlanc & Crowley 1992, doi:10.2307/2532300); score = log relative hazard.
Others: squared error on the modelling scale. One thread, fixed seeds: the same text every time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import lightgbm
import numpy as np

from outcome.features.exposure import expected_events
from outcome.models.boosting_text import check_boosting_text
from outcome.models.inputs import Inputs
from outcome.models.linear import Params
from outcome.models.scale import modelled
from outcome.models.state import TEXT, State, array_text, text_array
from outcome.types import EndpointKind, FloatArray, Target

# chosen for a few hundred cases: shallow trees, half of the columns a tree, no leaf below ten cases
FIXED: dict[str, Any] = {
    "learning_rate": 0.05,
    "lambda_l2": 1.0,
    "feature_fraction": 0.5,
    "max_bin": 63,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


@dataclass(frozen=True, eq=False)
class BoostedScorer:
    """The LightGBM text is the model; the booster is read from it, so a saved model cannot differ from a fresh one."""

    text: str
    booster: lightgbm.Booster = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "booster", lightgbm.Booster(model_str=self.text))

    def score(self, X: Inputs) -> FloatArray:
        if not len(X):
            return np.empty(0)
        return np.asarray(self.booster.predict(X.matrix, raw_score=True, num_threads=1), dtype=float)

    def to_state(self) -> State:
        return State({"type": "boosting"}, {TEXT: text_array(self.text)})

    @classmethod
    def from_state(cls, state: State) -> BoostedScorer:
        text = array_text(state.arrays[TEXT])
        check_boosting_text(text)
        return cls(text)


def fit_boosting(X: FloatArray, target: Target, params: Params, seed: int) -> BoostedScorer:
    """Boosted trees for any kind of endpoint; params: rounds, leaves, min_leaf."""
    objective, label, weight = _problem(target)
    settings = {
        **FIXED,
        "objective": objective,
        "num_leaves": int(params["leaves"]),
        "min_data_in_leaf": int(params["min_leaf"]),
        "min_sum_hessian_in_leaf": 1e-2,
        "seed": seed,
    }
    data = lightgbm.Dataset(X, label, weight=weight, free_raw_data=True)
    booster = lightgbm.train(settings, data, num_boost_round=int(params["rounds"]))
    return BoostedScorer(booster.model_to_string())


def _problem(target: Target) -> tuple[str, FloatArray, FloatArray | None]:
    if target.kind is EndpointKind.BINARY:
        return "binary", target.value, None
    if target.kind is EndpointKind.TIME_TO_EVENT:
        exposure = np.maximum(expected_events(target), 1e-6)
        return "poisson", (target.event == 1) / exposure, exposure
    return "regression", modelled(target), None
