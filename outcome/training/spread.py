"""How far do refits spread around a risk? Percentiles where they are many, a standard deviation where few."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit, ndtri, stdtrit

from outcome.types import EndpointKind, FloatArray

LEVEL = 0.95
ENOUGH_FOR_PERCENTILES = 20  # fewer: a 2.5th percentile would be the smallest of them, whatever their number
CLOSEST_TO_CERTAIN = 1e-12  # keeps log odds finite
LARGEST = 50.0  # on a scale of logarithms; more is certainty, or a number no outcome reaches


def spread_interval(refits: FloatArray, risk: FloatArray, kind: EndpointKind) -> tuple[FloatArray, FloatArray]:
    """(low, high) around the chosen model's risk or value (n, h), from its refits' (m, n, h); each holds the risk.

    From 20 refits on: their 2.5th and 97.5th percentile, widened where needed to hold the risk. Fewer: risk +- t s on
    the score's scale (log odds; log(-log(1 - risk)) for a time to event; log1p of a duration; values as they are),
    with s the refits' standard deviation there and t the 97.5th percentile of Student's distribution with m - 1 degrees
    of freedom (Student 1908, doi:10.1093/biomet/6.1.1). Departure: the centre is the chosen model, fitted to
    all rows, and not the refits' mean, so no term for that mean's own error is added. One refit: NaN.
    """
    if len(refits) >= ENOUGH_FOR_PERCENTILES:
        low, high = np.quantile(refits, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    elif len(refits) > 1:
        centre = to_scale(kind, risk)
        spread = np.std(to_scale(kind, refits), axis=0, ddof=1)
        reach = float(stdtrit(len(refits) - 1, (1 + LEVEL) / 2)) * spread
        low, high = from_scale(kind, centre - reach), from_scale(kind, centre + reach)
    else:
        return np.full(risk.shape, np.nan), np.full(risk.shape, np.nan)
    return np.minimum(low, risk), np.maximum(high, risk)


def widened(
    interval: tuple[FloatArray, FloatArray], risk: FloatArray, kind: EndpointKind, change: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(low, high) (n, h) around the risk, wider where a case lacks blocks; never narrower, NaN stays NaN.

    `change` (n,): the root mean square change of the calibrated score that goes with the missing blocks; rows with 0
    stay to the bit. On the score's scale (see `spread_interval`) the 97.5th percentile of a normal distribution times
    this change is added in quadrature to the distance of either end from the risk: two independent sources of spread.
    """
    rows = change > 0
    reach = float(ndtri((1 + LEVEL) / 2)) * change[rows, None]
    low, high = (end.copy() for end in interval)
    centre = to_scale(kind, risk[rows])
    below = np.hypot(centre - to_scale(kind, low[rows]), reach)
    above = np.hypot(to_scale(kind, high[rows]) - centre, reach)
    low[rows] = np.minimum(low[rows], from_scale(kind, centre - below))
    high[rows] = np.maximum(high[rows], from_scale(kind, centre + above))
    return low, high


def to_scale(kind: EndpointKind, risk: FloatArray) -> FloatArray:
    """A risk or value on the scale on which refits are taken to spread evenly."""
    if kind in (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT):
        inside = np.clip(risk, CLOSEST_TO_CERTAIN, 1 - CLOSEST_TO_CERTAIN)
        return logit(inside) if kind is EndpointKind.BINARY else np.log(-np.log1p(-inside))
    return np.log1p(np.maximum(risk, 0.0)) if kind is EndpointKind.DURATION else risk


def from_scale(kind: EndpointKind, score: FloatArray) -> FloatArray:
    """The risk or value behind such a number."""
    if kind is EndpointKind.BINARY:
        return expit(score)
    if kind is EndpointKind.TIME_TO_EVENT:
        return -np.expm1(-np.exp(np.clip(score, -LARGEST, LARGEST)))
    return np.expm1(np.clip(score, 0.0, LARGEST)) if kind is EndpointKind.DURATION else score
