"""Trials of params know no held-out case, and the best of many does not make outcomes without a cause foretellable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from outcome.features.columns import FeatureColumn
from outcome.models import registry
from outcome.models.linear import LinearScorer, Params
from outcome.models.state import same_state
from outcome.training.candidates import metric_of
from outcome.training.data import TrainingData
from outcome.training.folds import Folds, patient_folds
from outcome.training.nested import cross_fit
from outcome.training.rungs import CHOSEN, Rung
from outcome.training.search import search
from outcome.training.search_space import SearchSettings
from outcome.training.settings import TrainingSettings
from outcome.types import EndpointKind, FloatArray, Target

COLUMNS = tuple(FeatureColumn(f"clinical:x{i}", "clinical", "numeric", "preoperative") for i in range(8))
SEARCH = SearchSettings(15, {"boosting": {"rounds": (1, 10_000)}})
SETTINGS = TrainingSettings(outer_folds=3, inner_folds=2, min_events=5, search=SEARCH)
RUNG = Rung("directions", "boosting", ({"rounds": 1, "leaves": 4, "min_leaf": 5},), 1, ("clinical",))


def example(seed: int = 0, n: int = 72, effect: float = 0.0) -> TrainingData:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, len(COLUMNS)))
    y = (effect * X[:, 0] + rng.logistic(size=n) > 0).astype(float)
    index = pd.Index([f"c{i:03d}" for i in range(n)], name="case_id")
    frame = pd.DataFrame(X, columns=[column.name for column in COLUMNS], index=index)
    return TrainingData(frame, COLUMNS, Target.binary("e", y), np.array([f"p{i // 2}" for i in range(n)]))


def with_other_rows(data: TrainingData, rows: np.ndarray) -> TrainingData:
    """The same cases, but those rows have other features and other outcomes."""
    frame, value = data.frame.copy(), data.target.value.copy()
    frame.iloc[np.flatnonzero(rows)] = np.random.default_rng(77).normal(5, 30, size=(int(rows.sum()), len(COLUMNS)))
    value[rows] = 1 - value[rows]
    return replace(data, frame=frame, target=Target.binary("e", value))


def test_held_out_rows_change_no_trial() -> None:
    data = example(effect=1.0)
    folds = patient_folds(data.patients, data.target, 3, 4)
    settings = replace(SETTINGS, search=SearchSettings(6, {"boosting": {"rounds": (2, 40), "leaves": (2, 6)}}))
    before = cross_fit(data, [RUNG], settings, 1, folds=folds)
    for fold in range(3):
        after = cross_fit(with_other_rows(data, folds == fold), [RUNG], settings, 1, folds=folds)
        one, other = (crossed.procedures[fold] for crossed in (before, after))
        assert one.rung_scores == other.rung_scores
        assert len(one.rung_scores[0]["trials"]) == 6
        assert all(same_state(a, b) for a, b in zip(one.to_states().values(), other.to_states().values(), strict=True))
        assert before.procedures[fold - 1].rung_scores != after.procedures[fold - 1].rung_scores  # they learned of it


@pytest.fixture
def directions(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of boosted trees a model that learns nothing: `rounds` names a direction; only the search can fit."""

    def fit(matrix: FloatArray, _target: Target, params: Params, _seed: int) -> LinearScorer:
        return LinearScorer(np.random.default_rng(int(params["rounds"])).normal(size=matrix.shape[1]), 0.0)

    monkeypatch.setitem(registry.ALGORITHMS, "boosting", registry.Algorithm(fit, tuple(EndpointKind)))


def pooled(data: TrainingData, score: FloatArray, folds: Folds) -> float:
    return float(np.mean([metric_of(data.target.take(folds == k), score[folds == k]) for k in range(3)]))


@pytest.mark.usefixtures("directions")
def test_outcomes_without_a_cause_stay_at_an_outer_auc_of_a_half_and_the_check_catches_a_search_on_all_rows() -> None:
    outer, inner, leaked = [], [], []
    for seed in range(16):
        data = example(100 + seed)
        folds = patient_folds(data.patients, data.target, 3, seed)
        crossed = cross_fit(data, [RUNG], SETTINGS, seed, folds=folds)
        outer.append(pooled(data, crossed.predictions[CHOSEN].score, folds))
        inner.append(np.mean([procedure.rung_scores[0]["mean"] for procedure in crossed.procedures]))
        (on_all,) = search(data, [RUNG], SETTINGS, seed)  # the planted leak: params that saw every outcome
        settled = replace(RUNG, grid=(on_all.params,))
        after = cross_fit(data, [settled], replace(SETTINGS, search=None), seed, folds=folds)
        held = [p.chosen.model.score(data.inputs("boosting", p.chosen.preprocessor)) for p in after.procedures]
        leaked.append(pooled(data, np.choose(folds, held), folds))
    assert np.mean(outer) == pytest.approx(0.5, abs=0.05)
    assert np.mean(inner) > 0.58  # the best of so many trials is too good inside
    assert np.mean(leaked) > 0.57
