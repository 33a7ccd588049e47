"""Between which values does nearly every case like the reference's lie? From five quantiles and a stated rate.

Each side has a standard deviation of its own, from median to 5 % or 95 % quantile, as it is and, where all is positive,
on the logarithm; the wider fence counts, so that neither a long tail nor a narrow one is taken for a fault. Student's
quantile with a tenth of the cases as degrees of freedom stands for how badly two quantiles of few cases tell a tail.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from outcome.types import BoolArray, FloatArray

_NORMAL_95 = float(norm.ppf(0.95))
_LEAST_DF = 4.0


@dataclass(frozen=True)
class Fence:
    """Values from `low` to `high` are no fault."""

    low: float
    high: float

    def outside(self, values: FloatArray) -> BoolArray:
        """Which values (n,) lie beyond; NaN does not."""
        return (values < self.low) | (values > self.high)


def fence_of(quantiles: Mapping[str, float], n: int, rate: float) -> Fence | None:
    """The fence that a case crosses with a chance of about `rate` (both sides); None where the column does not spread.

    `quantiles`: "0.05", "0.5", "0.95" of n reference cases.
    """
    low, middle, high = (float(quantiles[name]) for name in ("0.05", "0.5", "0.95"))
    if not high > low:
        return None
    reach = float(student.ppf(1 - rate / 2, max(_LEAST_DF, n / 10))) / _NORMAL_95
    plain = _sides(low, middle, high, reach)
    if low <= 0:
        return Fence(*plain)
    logs = [math.exp(end) for end in _sides(math.log(low), math.log(middle), math.log(high), reach)]
    return Fence(min(plain[0], logs[0]), max(plain[1], logs[1]))


def _sides(low: float, middle: float, high: float, reach: float) -> tuple[float, float]:
    """A side without spread (values that crowd at an end) takes half of the whole."""
    half = (high - low) / 2
    below, above = (side if side > 0 else half for side in (middle - low, high - middle))
    return middle - reach * below, middle + reach * above


def typical(quantiles: Mapping[str, float]) -> tuple[float, float]:
    """The middle 90 % of the reference, for a reader."""
    return float(np.float64(quantiles["0.05"])), float(np.float64(quantiles["0.95"]))
