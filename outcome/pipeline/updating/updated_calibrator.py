"""A calibrator and a threshold moved along with an update: new linear predictor = intercept + slope * old one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import expit, logit

from outcome.evaluation.updating.cases import UpdateCases
from outcome.evaluation.updating.closed_testing import REFIT, Update
from outcome.models.fine_gray import subdistribution_exposure
from outcome.models.hazard import BaselineHazard
from outcome.models.registry import of_subdistribution
from outcome.training.calibration import Calibrator
from outcome.training.procedure import RungFit
from outcome.training.threshold import Threshold
from outcome.types import FloatArray, Target

# A risk that equals the threshold must stay on its side of it, whatever the last bit does.
_ROUNDING = 1e-12


def moved(calibrator: Calibrator, update: Update, where: str) -> Calibrator:
    """The calibrator after an update of intercept and slope; `where` names the cases it was learned from.

    For a time to an event the intercept multiplies the event's baseline hazard; that of a competing event stays.
    """
    how = f"{update.rung} updated on {where}: times {update.slope:.3f}, then {update.intercept:+.3f}"
    changed = replace(calibrator, slope=update.slope * calibrator.slope, note=f"{calibrator.note}; {how}")
    if calibrator.baseline is None:
        return replace(changed, intercept=update.intercept + update.slope * calibrator.intercept)
    return replace(changed, baseline=scaled(calibrator.baseline, update.intercept))


def moved_threshold(threshold: Threshold | None, update: Update, where: str, *, rung: str) -> Threshold | None:
    """The threshold carried along with the risks: `update` is of intercept and slope, `rung` what the model underwent.

    Under such an update every case keeps the decision that it had. A refitted last layer ranks cases anew: there the
    threshold moves as the update of intercept and slope would have moved it, and some decisions do change.
    """
    if threshold is None or not 0 < threshold.value < 1:
        return threshold
    value = float(expit(update.intercept + update.slope * logit(threshold.value))) * (1 - _ROUNDING)
    kept = (
        "cases may get another decision, since the last layer was refitted" if rung == REFIT else "no decision changes"
    )
    how = f"moved with the risks from {threshold.value:.4g} when the model was updated on {where}: {kept}"
    return Threshold(value, f"{threshold.provenance}; {how}")


def timed_cases(
    fit: RungFit, target: Target, ranking: FloatArray, horizon_days: float, columns: FloatArray | None
) -> UpdateCases:
    """Times to an event (n,), all known, beside this rung's ranking; after a competing event only a subdistribution
    hazard has further exposure. Raises ValueError where the rung has no baseline hazard.
    """
    baseline = fit.calibrator.baseline
    if baseline is None:
        raise ValueError(f"rung {fit.rung.name!r} has no baseline hazard")
    outcomes = (target.time_days, target.event, ranking)
    cases = UpdateCases.timed(*outcomes, cumulative(baseline), horizon_days, columns=columns)
    if not of_subdistribution(fit.rung.algorithm):
        return cases
    return replace(cases, exposure=subdistribution_exposure(baseline, target, horizon_days))


def cumulative(baseline: BaselineHazard) -> Callable[[FloatArray], FloatArray]:
    """The cumulative hazard of the event by given days, as a function."""
    sums = np.concatenate([[0.0], np.cumsum(baseline.event)])

    def upto(days: FloatArray) -> FloatArray:
        return np.asarray(sums[np.searchsorted(baseline.times, days, side="right")])

    return upto


def scaled(baseline: BaselineHazard, log_factor: float) -> BaselineHazard:
    """The event's hazard times exp(log_factor); its shape and the competing hazard stay."""
    return replace(baseline, event=baseline.event * math.exp(log_factor))


def risk_of(calibrator: Calibrator, linear_predictor: FloatArray, horizon_days: float | None) -> FloatArray:
    """The risks (n,) behind linear predictors on this calibrator's scale; by the horizon for a time to an event."""
    if calibrator.baseline is None or horizon_days is None:
        return np.asarray(expit(linear_predictor))
    return calibrator.baseline.incidence(linear_predictor, [horizon_days])[:, 0]
