"""How far are predicted durations, measurements or ranks from the observed ones?

Arguments of every function: `observed` (n,) and `predicted` (n,), finite, in the endpoint's own unit (days, mL/min,
rank from 0). Concordance of measured values is in `concordance`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from outcome.evaluation.intervals import DRAWS, LEVEL, IntArray, bootstrap_rows, measured, percentile_interval
from outcome.types import Estimate, FloatArray


def mae(observed: FloatArray, predicted: FloatArray) -> float:
    """By how much is a prediction off on average? Mean absolute error, in the endpoint's unit; lower is better."""
    return _of_all(_mae, observed, predicted)


def median_ae(observed: FloatArray, predicted: FloatArray) -> float:
    """By how much is half of the predictions off at most? Median absolute error, in the endpoint's unit."""
    return _of_all(_median_ae, observed, predicted)


def bias(observed: FloatArray, predicted: FloatArray) -> float:
    """Are predictions too high (positive) or too low (negative) on average? Mean of predicted minus observed."""
    return _of_all(_bias, observed, predicted)


def r2(observed: FloatArray, predicted: FloatArray) -> float:
    """Which share of the spread is foretold? 1 - squared error / squared distance from these cases' own mean.

    At most 1; negative is worse than the mean. NaN where all observed values are equal.
    """
    return _of_all(_r2, observed, predicted)


def regression_estimates(
    observed: FloatArray, predicted: FloatArray, *, seed: int, draws: int = DRAWS, level: float = LEVEL
) -> dict[str, Estimate]:
    """mae, median_ae, r2 and bias with percentile intervals from a seeded bootstrap of cases."""
    n, observed = len(observed), np.asarray(observed, dtype=float)
    if not n:
        return {name: Estimate.withhold("there are no cases", n=0) for name in REGRESSION_METRICS}
    errors = np.asarray(predicted, dtype=float) - observed

    def drawn(rows: IntArray) -> FloatArray:
        return np.stack([metric(observed[rows], errors[rows]) for metric in REGRESSION_METRICS.values()])

    found = zip(REGRESSION_METRICS.items(), bootstrap_rows(drawn, n, seed=seed, draws=draws), strict=True)
    return {
        name: _estimate(float(metric(observed, errors)), values, n, draws, level) for (name, metric), values in found
    }


def _estimate(value: float, values: FloatArray, n: int, draws: int, level: float) -> Estimate:
    if math.isnan(value):
        return Estimate.withhold("all observed values are equal: nothing is to be explained", n=n)
    interval = percentile_interval(values, level=level)
    return measured(value, interval, method=f"bootstrap, {draws} draws, percentile", n=n, level=level)


Metric = Callable[[FloatArray, FloatArray], FloatArray]  # observed and errors, each (..., n), to (...)


def _of_all(metric: Metric, observed: FloatArray, predicted: FloatArray) -> float:
    values = np.asarray(observed, dtype=float)
    return float(metric(values, np.asarray(predicted, dtype=float) - values)) if values.size else math.nan


def _mae(observed: FloatArray, errors: FloatArray) -> FloatArray:
    return np.asarray(np.abs(errors).mean(axis=-1))


def _median_ae(observed: FloatArray, errors: FloatArray) -> FloatArray:
    return np.asarray(np.median(np.abs(errors), axis=-1))


def _bias(observed: FloatArray, errors: FloatArray) -> FloatArray:
    return np.asarray(errors.mean(axis=-1))


def _r2(observed: FloatArray, errors: FloatArray) -> FloatArray:
    spread = np.sum((observed - observed.mean(axis=-1, keepdims=True)) ** 2, axis=-1)
    alike = np.all(observed == observed[..., :1], axis=-1)
    return np.where(alike, np.nan, 1 - np.sum(errors**2, axis=-1) / np.where(alike, 1.0, spread))


REGRESSION_METRICS: dict[str, Metric] = {"mae": _mae, "median_ae": _median_ae, "r2": _r2, "bias": _bias}
