"""Lower bounds are calibrated on predictions for unseen cases; calibrated on seen ones they promise too much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from outcome.features.columns import FeatureColumn
from outcome.pipeline.reference.out_of_fold_summary import conformal_summary
from outcome.pipeline.reference.survival_bounds import survival_bounds
from outcome.training.rungs import CHOSEN
from outcome.training.settings import TrainingSettings
from outcome.training.unit import TrainedUnit, train_unit
from outcome.types import FloatArray, InputSet, Target

WIDTH, CASES, CUTOFF = 60, 160, 900.0
COLUMNS = tuple(FeatureColumn(f"clinical:x{i:02d}", "clinical", "numeric", "preoperative") for i in range(WIDTH))
SETTINGS = TrainingSettings(outer_folds=4, inner_folds=2, bootstraps=0, families=("ridge",))


def drawn(seed: int, n: int) -> tuple[pd.DataFrame, FloatArray, FloatArray]:
    """(features, time of the event, time of censoring); ten columns out of sixty say a little each."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, WIDTH))
    frame = pd.DataFrame(X, columns=[column.name for column in COLUMNS], index=[f"c{i:05d}" for i in range(n)])
    return frame, rng.exponential(500 * np.exp(-0.35 * X[:, :10].sum(axis=1))), rng.uniform(300, 3000, n)


@pytest.fixture(scope="module")
def trained() -> tuple[TrainedUnit, pd.DataFrame, pd.DataFrame]:
    """(unit, its cases' features, their outcomes as the cohort stage files them)"""
    frame, event_at, lost_at = drawn(1, CASES)
    time, event = np.minimum(event_at, lost_at), (event_at <= lost_at).astype(float)
    target = Target.survival("death", time, event)
    unit = train_unit(frame, COLUMNS, target, list(frame.index), SETTINGS, horizons=(300.0, CUTOFF),
                      inputs=InputSet.PREOPERATIVE, seed=1)  # fmt: skip
    rows = {"case_id": frame.index, "endpoint": "death", "value": np.nan, "time_days": time, "event": event}
    return unit, frame, pd.DataFrame(rows)


def held(unit: TrainedUnit, endpoints: pd.DataFrame) -> float:
    """The share of 4,000 new cases whose true time is not before their bound at 80 %."""
    told = conformal_summary(unit, endpoints)
    assert told["cutoff_days"] == CUTOFF
    frame, event_at, _ = drawn(2, 4000)
    assert unit.procedure is not None
    score = unit.procedure.predict(frame, (CUTOFF,)).score
    return float(np.mean(event_at >= survival_bounds(unit, score, CUTOFF, told["levels"])["0.8"]))


def as_seen(unit: TrainedUnit, frame: pd.DataFrame) -> TrainedUnit:
    """The same unit, but its out-of-fold scores are those of the final model for the very cases it learned from."""
    assert unit.procedure is not None
    score = pd.Series(unit.procedure.predict(frame, (CUTOFF,)).score, index=frame.index)
    rows = unit.out_of_fold.copy()
    chosen = rows["rung"] == CHOSEN
    rows.loc[chosen, "score"] = rows.loc[chosen, "case_id"].map(score)
    return replace(unit, out_of_fold=rows)


def test_bounds_from_out_of_fold_scores_hold_for_new_cases(
    trained: tuple[TrainedUnit, pd.DataFrame, pd.DataFrame],
) -> None:
    """With 160 cases the threshold itself is uncertain: a coverage of 80 % is seen as 73 to 87 % (2.3 sd)."""
    unit, _, endpoints = trained
    assert 0.73 < held(unit, endpoints) < 0.87


def test_the_check_catches_scores_of_cases_that_were_learned_from(
    trained: tuple[TrainedUnit, pd.DataFrame, pd.DataFrame],
) -> None:
    unit, frame, endpoints = trained
    assert held(as_seen(unit, frame), endpoints) < held(unit, endpoints) - 0.02


def test_outcomes_of_other_cases_move_no_threshold(trained: tuple[TrainedUnit, pd.DataFrame, pd.DataFrame]) -> None:
    unit, _, endpoints = trained
    others = endpoints.assign(case_id="later" + endpoints["case_id"], time_days=1.0, event=1.0)
    assert conformal_summary(unit, pd.concat([endpoints, others])) == conformal_summary(unit, endpoints)
