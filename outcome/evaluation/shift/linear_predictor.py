"""Do the predictions spread as they did among the development cases? More alike cases are harder to tell apart.

The linear predictor is the risk on the scale on which a model adds up: log odds (binary), the log of the cumulative
hazard (time to event), log1p of a duration, a measured value or a rank as it is.
Debray et al. 2015, doi:10.1016/j.jclinepi.2014.06.018.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import logit
from scipy.stats import t as student

from outcome.evaluation.intervals import LEVEL, log_wald, measured
from outcome.types import EndpointKind, Estimate, FloatArray

CLOSEST_TO_CERTAIN = 1e-6  # as for the calibration slope: a risk of 0 has no logit
MIN_CASES = 10


@dataclass(frozen=True)
class Spread:
    """Number, mean and standard deviation (divisor n - 1) of a linear predictor."""

    n: int
    mean: float
    sd: float

    @classmethod
    def of(cls, lp: FloatArray) -> Spread:
        return cls(len(lp), float(lp.mean()), float(lp.std(ddof=1)) if len(lp) > 1 else 0.0)

    def to_json(self) -> Mapping[str, float]:
        return {"mean": self.mean, "sd": self.sd}


def linear_predictor(kind: EndpointKind, risk: FloatArray) -> FloatArray:
    """The risk or predicted value (n,) on the scale on which models add up."""
    inside = np.clip(risk, CLOSEST_TO_CERTAIN, 1 - CLOSEST_TO_CERTAIN)
    if kind is EndpointKind.BINARY:
        return np.asarray(logit(inside), dtype=float)
    if kind is EndpointKind.TIME_TO_EVENT:
        return np.log(-np.log1p(-inside))
    return np.log1p(np.maximum(risk, 0.0)) if kind is EndpointKind.DURATION else np.array(risk, dtype=float)


def sd_ratio(here: FloatArray, development: Spread, *, level: float = LEVEL) -> Estimate:
    """Standard deviation of the linear predictor here (n,) / that in development; below 1: cases here are more alike.

    The interval is normal on the log scale, with the kurtosis of the cases here for both groups. Withheld for fewer
    than 10 cases in either, or where either does not spread.
    """
    reason = _too_few(len(here), development.n) or _constant(here, development)
    if reason:
        return Estimate.withhold(reason, n=len(here))
    away = here - here.mean()
    kurtosis = float(np.mean(away**4) / np.mean(away**2) ** 2)
    value = float(here.std(ddof=1)) / development.sd
    se = math.sqrt(max(kurtosis - 1, 0.0) / 4 * (1 / len(here) + 1 / development.n))
    method = "ratio of standard deviations; normal interval of its logarithm, with the kurtosis of the cases here"
    return measured(value, log_wald(value, se, level=level), method=method, n=len(here), level=level)


def mean_difference(here: FloatArray, development: Spread, *, level: float = LEVEL) -> Estimate:
    """Mean of the linear predictor here (n,) minus that in development; above 0: higher risks here.

    Welch's interval. Withheld for fewer than 10 cases in either group, or where neither spreads.
    """
    reason = _too_few(len(here), development.n)
    first, second = float(here.var(ddof=1)) / len(here) if len(here) > 1 else 0.0, development.sd**2 / development.n
    if not reason and first + second == 0:
        reason = "every case has the same prediction"
    if reason:
        return Estimate.withhold(reason, n=len(here))
    df = (first + second) ** 2 / (first**2 / (len(here) - 1) + second**2 / (development.n - 1))
    half = float(student.ppf((1 + level) / 2, df)) * math.sqrt(first + second)
    value = float(here.mean()) - development.mean
    method = "difference of means; Welch's t interval"
    return measured(value, (value - half, value + half), method=method, n=len(here), level=level)


def _too_few(here: int, development: int) -> str:
    few = min(here, development)
    where = "here" if here <= development else "in development"
    return f"fewer than {MIN_CASES} cases {where}" if few < MIN_CASES else ""


def _constant(here: FloatArray, development: Spread) -> str:
    flat = float(np.ptp(here)) <= 1e-12 * max(1.0, float(np.abs(here).max())) or development.sd <= 0
    return "every case has the same prediction" if flat else ""
