"""No step fitted without a fold knows that fold; and the same check catches a median of all rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from outcome.features.columns import FeatureColumn
from outcome.features.preprocess import Rules, fit_preprocessor
from outcome.models.state import same_state
from outcome.training.data import TrainingData
from outcome.training.folds import Folds, patient_folds
from outcome.training.nested import CrossFit, cross_fit
from outcome.training.rungs import Rung
from outcome.types import Target
from tests.leakage.test_train_leakage import SETTINGS, CrossFitter, fitted_states

CHOICES = ("1", "2", "3", "4", "5")
STAGE = FeatureColumn("clinical:stage", "clinical", "categorical", "preoperative", CHOICES, ordered=True)
RUNGS = (Rung("stage", "logistic", ({"penalty": 0.1},), 0, ("clinical",)),)


def example(n: int = 90) -> TrainingData:
    rng = np.random.default_rng(0)
    rank = rng.integers(0, len(CHOICES), n)
    stage = np.where(rng.random(n) < 0.2, None, np.array(CHOICES, dtype=object)[rank])
    frame = pd.DataFrame({"clinical:stage": stage}, index=[f"c{i:03d}" for i in range(n)])
    outcome = (rank - 2 + rng.logistic(size=n) > 0).astype(float)
    return TrainingData(frame, (STAGE,), Target.binary("e", outcome), np.array([f"p{i // 2}" for i in range(n)]))


def inside(data: TrainingData, rungs: tuple[Rung, ...], folds: Folds) -> CrossFit:
    return cross_fit(data, rungs, SETTINGS, 1, folds=folds)


def in_front(data: TrainingData, rungs: tuple[Rung, ...], folds: Folds) -> CrossFit:
    """The classic mistake: gaps filled by the median choice of all rows, then cross-validated."""
    fitted = fit_preprocessor(data.frame, data.columns, Rules(rare_below=1, redundant_above=2.0))
    median = CHOICES[int(sum(output.fill for output in fitted.outputs if output.role == "step"))]
    return inside(replace(data, frame=data.frame.fillna(median)), rungs, folds)


def with_other_rows(data: TrainingData, rows: np.ndarray) -> TrainingData:
    """The same cases, but those rows all have the highest stage, or one that nobody knows."""
    frame = data.frame.copy()
    frame.loc[rows, "clinical:stage"] = ["5" if i % 3 else "6" for i in range(int(rows.sum()))]
    return replace(data, frame=frame)


def assert_blind(fitter: CrossFitter, data: TrainingData) -> None:
    folds = patient_folds(data.patients, data.target, 3, 4)
    before = fitter(data, RUNGS, folds)
    for fold in range(3):
        after = fitter(with_other_rows(data, folds == fold), RUNGS, folds)
        pairs = zip(fitted_states(before, fold), fitted_states(after, fold), strict=True)
        assert all(same_state(a, b) for a, b in pairs), f"something fitted without fold {fold} knew fold {fold}"


def test_held_out_rows_change_no_step() -> None:
    data = example()
    crossed = inside(data, RUNGS, patient_folds(data.patients, data.target, 3, 4))
    roles = [[output.role for output in fold.chosen.preprocessor.outputs] for fold in crossed.procedures]
    assert all(found == ["step"] * 4 + ["missing"] for found in roles)
    assert_blind(inside, data)


def test_the_check_catches_a_median_of_all_rows() -> None:
    with pytest.raises(AssertionError, match="knew fold"):
        assert_blind(in_front, example())


def test_the_check_sees_training_rows_matter() -> None:
    data = example()
    folds = patient_folds(data.patients, data.target, 3, 4)
    before, after = (inside(each, RUNGS, folds) for each in (data, with_other_rows(data, folds == 1)))
    assert before.procedures[0].chosen.preprocessor != after.procedures[0].chosen.preprocessor
