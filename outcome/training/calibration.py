"""From a score to a risk that can be believed: learned on predictions for cases the model had not seen.

binary: logistic recalibration, log odds = intercept + slope * score, by maximum likelihood (Cox 1958,
doi:10.1093/biomet/45.3-4.562). time_to_event: a shrinkage slope on the log relative hazard, then the baseline
hazards; of a subdistribution hazard both by Fine-Gray. Others: a straight line on the modelling scale. A slope is kept
in [0, 10]: below 0 a model would rank backwards, and a slope without bound is what separation gives. With few events no
slope is estimated, only the intercept (binary), since a slope from a handful of events is mostly noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from outcome.models.cox import PartialLikelihood
from outcome.models.fine_gray import fit_subdistribution_baseline, subdistribution_likelihood
from outcome.models.hazard import BaselineHazard, fit_baseline
from outcome.models.scale import from_score, modelled
from outcome.types import EndpointKind, FloatArray, Target

LARGEST_SLOPE = 10.0
NEWTON_STEPS = 50


@dataclass(frozen=True, eq=False)
class Calibrator:
    """risk = link(intercept + slope * (score - centre)); ranking = slope * (score - centre)."""

    kind: EndpointKind
    centre: float  # the mean score of the cases it was learned on
    intercept: float
    slope: float
    baseline: BaselineHazard | None
    note: str

    def __post_init__(self) -> None:
        if not np.isfinite([self.centre, self.intercept, self.slope]).all():
            raise ValueError("a calibration is made of finite numbers")

    def whole(self) -> Calibrator:
        """Itself. Raises ValueError where a time to an event has no baseline hazard, or another kind has one."""
        if (self.baseline is not None) != (self.kind is EndpointKind.TIME_TO_EVENT):
            raise ValueError(f"a baseline hazard goes with time_to_event and no other kind, found {self.kind.value}")
        return self

    def ranking(self, score: FloatArray) -> FloatArray:
        """Ranks cases, shape (n,): without the intercept, so that folds of unequal event share can be pooled."""
        return self.slope * (score - self.centre)

    def risk(self, score: FloatArray, horizons_days: Sequence[float] = ()) -> FloatArray:
        """The calibrated probability or value, shape (n, h); h = 1 for every kind but time to event."""
        if self.baseline is None:
            return from_score(self.kind, self.intercept + self.ranking(score))[:, None]
        return self.baseline.incidence(self.ranking(score), horizons_days)

    def to_json(self) -> dict[str, Any]:
        plain = {name: getattr(self, name) for name in ("centre", "intercept", "slope", "note")}
        return {"kind": self.kind.value, **plain, "baseline": self.baseline.to_json() if self.baseline else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Calibrator:
        baseline = None if data["baseline"] is None else BaselineHazard.from_json(data["baseline"])
        return cls(**{**data, "kind": EndpointKind(data["kind"]), "baseline": baseline})


def fit_calibrator(target: Target, score: FloatArray, few_events: int, *, subdistribution: bool = False) -> Calibrator:
    """Learn intercept and slope from scores of cases that the scoring models had not seen, shapes (n,).

    `subdistribution`: the scores are log relative subdistribution hazards, and the baseline is one of that hazard.
    """
    centre = float(score.mean())
    x = score - centre
    informative = informative_cases(target)
    free = informative >= few_events and float(np.ptp(x)) > 0
    note = "intercept and slope" if free else f"slope kept at 1: {informative} informative cases or a constant score"
    fit = _subdistribution if subdistribution else _FIT[target.kind]
    intercept, slope, baseline = fit(target, x, free)
    return Calibrator(target.kind, centre, intercept, slope, baseline, note)


def logistic_line(y: FloatArray, x: FloatArray, free: bool) -> tuple[float, float]:
    """(intercept, slope) of the log odds of y on x by maximum likelihood; slope in [0, 10], or 1 unless `free`."""
    if free:
        intercept, slope = _logistic_newton(y, x)
        if 0 <= slope <= LARGEST_SLOPE:
            return intercept, slope
        held = float(np.clip(slope, 0.0, LARGEST_SLOPE))
    else:
        held = 1.0
    return _logistic_intercept(y, held * x), held


def _binary(target: Target, x: FloatArray, free: bool) -> tuple[float, float, BaselineHazard | None]:
    return (*logistic_line(target.value, x, free), None)


def _survival(target: Target, x: FloatArray, free: bool) -> tuple[float, float, BaselineHazard | None]:
    slope = _hazard_slope(PartialLikelihood.of(x[:, None], target)) if free else 1.0
    return 0.0, slope, fit_baseline(target, slope * x)


def _subdistribution(target: Target, x: FloatArray, free: bool) -> tuple[float, float, BaselineHazard | None]:
    slope = _hazard_slope(subdistribution_likelihood(x[:, None], target)) if free else 1.0
    return 0.0, slope, fit_subdistribution_baseline(target, slope * x)


def _amount(target: Target, x: FloatArray, free: bool) -> tuple[float, float, BaselineHazard | None]:
    y = modelled(target)
    slope = float(np.clip(x @ (y - y.mean()) / (x @ x), 0.0, LARGEST_SLOPE)) if free else 1.0
    return float(y.mean()), slope, None


def _logistic_newton(y: FloatArray, x: FloatArray) -> tuple[float, float]:
    """Unpenalised logistic regression on one column; stops early where the slope runs away (separation)."""
    design = np.column_stack([np.ones_like(x), x])
    b = np.array([_logistic_intercept(y, np.zeros_like(x)), 0.0])
    for _ in range(NEWTON_STEPS):
        p = expit(design @ b)
        information = design.T @ ((p * (1 - p))[:, None] * design) + 1e-12 * np.eye(2)
        step = np.linalg.solve(information, design.T @ (y - p))
        b = b + step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < 1e-12 or abs(b[1]) > 10 * LARGEST_SLOPE:
            break
    return float(b[0]), float(b[1])


def _logistic_intercept(y: FloatArray, offset: FloatArray) -> float:
    """The intercept that makes the mean risk equal the observed share; half an event is added in a one-class set."""
    wanted = float(np.clip(y.sum(), 0.5, len(y) - 0.5))
    low, high = -60.0 - float(np.abs(offset).max()), 60.0 + float(np.abs(offset).max())
    for _ in range(200):  # bisection: the sum of risks rises with the intercept, without exception
        middle = (low + high) / 2
        low, high = (middle, high) if expit(middle + offset).sum() < wanted else (low, middle)
    return (low + high) / 2


def _hazard_slope(likelihood: PartialLikelihood) -> float:
    """The coefficient of a likelihood's one column, kept in [0, 10]."""
    b = np.zeros(1)
    for _ in range(NEWTON_STEPS):
        gradient, hessian = likelihood.derivatives(b)
        step = float(gradient[0] / max(float(hessian[0, 0]), 1e-12))
        b = b - np.clip(step, -1.0, 1.0)
        if abs(step) < 1e-12 or abs(b[0]) > 10 * LARGEST_SLOPE:
            break
    return float(np.clip(b[0], 0.0, LARGEST_SLOPE))


def informative_cases(target: Target) -> int:
    """Events, or for yes/no the rarer of the two outcomes, or for amounts all cases."""
    if target.kind is EndpointKind.BINARY:
        events = int(target.value.sum())
        return min(events, len(target) - events)
    if target.kind is EndpointKind.TIME_TO_EVENT:
        return int(np.sum(target.event == 1))
    return len(target)


_FIT = {kind: _amount for kind in EndpointKind} | {
    EndpointKind.BINARY: _binary,
    EndpointKind.TIME_TO_EVENT: _survival,
}
