"""How far are predicted durations, measurements or ranks from the observed ones?

Arguments of every function: `observed` (n,) and `predicted` (n,), finite, in the endpoint's own unit (days, mL/min,
rank from 0). Concordance of measured values is in `concordance`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from outcome.evaluation.intervals import DRAWS, LEVEL, bootstrap, measured, percentile_interval
from outcome.types import Estimate, FloatArray


def mae(observed: FloatArray, predicted: FloatArray) -> float:
    """By how much is a prediction off on average? Mean absolute error, in the endpoint's unit; lower is better."""
    return float(np.mean(np.abs(np.asarray(predicted) - observed))) if len(observed) else math.nan


def median_ae(observed: FloatArray, predicted: FloatArray) -> float:
    """By how much is half of the predictions off at most? Median absolute error, in the endpoint's unit."""
    return float(np.median(np.abs(np.asarray(predicted) - observed))) if len(observed) else math.nan


def bias(observed: FloatArray, predicted: FloatArray) -> float:
    """Are predictions too high (positive) or too low (negative) on average? Mean of predicted minus observed."""
    return float(np.mean(np.asarray(predicted) - observed)) if len(observed) else math.nan


def r2(observed: FloatArray, predicted: FloatArray) -> float:
    """Which share of the spread is foretold? 1 - squared error / squared distance from these cases' own mean.

    At most 1; negative is worse than the mean. NaN where all observed values are equal.
    """
    values = np.asarray(observed, dtype=float)
    if not values.size or np.all(values == values[0]):
        return math.nan
    return 1 - float(np.sum((np.asarray(predicted) - values) ** 2) / np.sum((values - values.mean()) ** 2))


def regression_estimates(
    observed: FloatArray, predicted: FloatArray, *, seed: int, draws: int = DRAWS, level: float = LEVEL
) -> dict[str, Estimate]:
    """mae, median_ae, r2 and bias with percentile intervals from a seeded bootstrap of cases."""
    return {name: _estimate(name, observed, predicted, (seed, draws, level)) for name in REGRESSION_METRICS}


def _estimate(name: str, observed: FloatArray, predicted: FloatArray, settings: tuple[int, int, float]) -> Estimate:
    metric, n, (seed, draws, level) = REGRESSION_METRICS[name], len(observed), settings
    value = metric(observed, predicted)
    if math.isnan(value):
        reason = "there are no cases" if not n else "all observed values are equal: nothing is to be explained"
        return Estimate.withhold(reason, n=n)
    values = bootstrap(lambda rows: metric(observed[rows], predicted[rows]), n, seed=seed, draws=draws)
    interval = percentile_interval(values, level=level)
    return measured(value, interval, method=f"bootstrap, {draws} draws, percentile", n=n, level=level)


REGRESSION_METRICS: dict[str, Callable[[FloatArray, FloatArray], float]] = {
    "mae": mae,
    "median_ae": median_ae,
    "r2": r2,
    "bias": bias,
}
