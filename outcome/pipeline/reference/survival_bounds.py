"""Lower bounds on the time of an event from a unit's own curves: calibrated with the bundle, given to any cases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from outcome.evaluation.shift.survival_bound import bound_levels, lower_bounds
from outcome.models.hazard import BaselineHazard
from outcome.training.unit import TrainedUnit
from outcome.types import FloatArray, Target

ROWS = 2000  # curves made at a time: their times are as many as the training cases' events


def survival_bound_levels(unit: TrainedUnit, target: Target, score: FloatArray) -> dict[str, Any]:
    """`bound_levels` from out-of-fold ranking scores (n,), up to the unit's last horizon.

    Departure: the scores are out-of-fold, the baseline that turns them into incidences is the final model's. It is
    the same rising function of time for every case, so that it moves no case past another with the same score.
    """
    baseline, cutoff = _baseline(unit), max(unit.horizons_days)
    times = _times(baseline, cutoff)
    reached = np.where(np.isfinite(score), 0.0, np.nan)
    early = np.flatnonzero((target.event == 1) & (target.time_days < cutoff) & np.isfinite(score))
    for rows in np.split(early, range(ROWS, len(early), ROWS)):
        curves = np.column_stack([np.zeros(len(rows)), baseline.incidence(score[rows], times.tolist())])
        place = np.searchsorted(times, target.time_days[rows], side="right")
        reached[rows] = curves[np.arange(len(rows)), place]
    return bound_levels(target, reached, cutoff)


def survival_bounds(
    unit: TrainedUnit, score: FloatArray, cutoff_days: float, levels: Mapping[str, Mapping[str, float]]
) -> dict[str, FloatArray]:
    """By level the lower bound in days of cases with these ranking scores, each (n,)."""
    baseline = _baseline(unit)
    times = _times(baseline, cutoff_days)
    found: dict[str, list[FloatArray]] = {level: [] for level in levels}
    for part in np.split(score, range(ROWS, len(score), ROWS)):
        curves = baseline.incidence(part, times.tolist())
        for level, told in levels.items():
            found[level].append(lower_bounds(times, curves, told["incidence"], cutoff_days))
    return {level: np.concatenate(parts) for level, parts in found.items()}


def _times(baseline: BaselineHazard, cutoff_days: float) -> FloatArray:
    return baseline.times[baseline.times < cutoff_days]


def _baseline(unit: TrainedUnit) -> BaselineHazard:
    baseline = unit.procedure.chosen.calibrator.baseline if unit.procedure else None
    if baseline is None:
        raise ValueError(f"{unit.endpoint} has no curve of incidences over time")
    return baseline
