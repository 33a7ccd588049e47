"""What would each case's outcome at a horizon be, had nobody been lost? Jackknife pseudo-values of an incidence.

A pseudo-value is n F - (n - 1) F without the case, F the Aalen-Johansen incidence of event 1 at the horizon (without
competing events 1 - Kaplan-Meier). With nobody lost it is 0 or 1; otherwise it may lie outside [0, 1], but its mean
given the risk is the risk. Censoring is taken to have nothing to do with risk.
Andersen, Klein & Rosthøj 2003, doi:10.1093/biomet/90.1.15; Andersen & Pohar Perme 2010, doi:10.1177/0962280209105020.
"""

from __future__ import annotations

import math

import numpy as np

from outcome.evaluation.newton import inverse
from outcome.types import FloatArray

# Steps shrink by a constant factor only where residuals are large, as for very wrong risks.
MAX_ITERATIONS = 300
MAX_HALVINGS = 20


def pseudo_values(time_days: FloatArray, event: FloatArray, horizon_days: float) -> FloatArray:
    """One pseudo-value a case, shape (n,), n ≥ 2; `event` (n,) 0 censored, 1 event, 2 competing event.

    O(n log n): who leaves at t takes one from every risk set until t and from the events at t, so two running curves,
    one over the full risk sets and one over those that lack a case, hold every incidence that is needed.
    """
    time, kinds = np.asarray(time_days, dtype=float), np.asarray(event)
    times, place = np.unique(time, return_inverse=True)
    inside = times <= horizon_days
    at_risk = (time.size - np.concatenate([[0], np.cumsum(np.bincount(place))])[:-1]).astype(float)
    own, other = (np.bincount(place[kinds == k], minlength=times.size) * inside.astype(float) for k in (1, 2))
    free, incidence = _curves(own, own + other, at_risk)
    fewer_free, fewer_incidence = _curves(own, own + other, at_risk - 1)
    gone = np.where(inside[place], kinds, 0)
    left = at_risk[place] - 1
    share = np.divide(1.0, left, out=np.zeros(time.size), where=left > 0)
    before_free, before_incidence = fewer_free[place], fewer_incidence[place]
    here = before_free * (own[place] - (gone == 1)) * share
    still = before_free * (1 - (own[place] + other[place] - (gone > 0)) * share)
    # After its own time a case is in no risk set: the full curve goes on, from another height.
    after = free[place + 1]
    rest = np.divide(incidence[-1] - incidence[place + 1], after, out=np.zeros(time.size), where=after > 0)
    without = before_incidence + here + still * rest
    return np.asarray(time.size * incidence[-1] - (time.size - 1) * without)


def cloglog_regression(
    pseudo: FloatArray, columns: FloatArray, offset: FloatArray
) -> tuple[FloatArray, FloatArray] | None:
    """Coefficients (k,) and their robust covariance (k, k) of the mean 1 - exp(-exp(offset + columns β)).

    `pseudo` (n,), `columns` (n, k) of which the first is the intercept's, `offset` (n,). Least squares (constant
    variance, independent cases) by Gauss-Newton steps; sandwich covariance. None where it has no solution.
    """
    columns, beta = np.asfortranarray(columns), np.zeros(columns.shape[1])
    # From the average on: far from it all risks are 0 or 1, and no direction leads back.
    beta[0] = _log_hazard(float(np.mean(pseudo))) - float(np.median(offset))
    fitted, slope = _mean_and_slope(offset + columns @ beta)
    loss = float(np.sum((pseudo - fitted) ** 2))
    for _ in range(MAX_ITERATIONS):
        weighted = columns * slope[:, None]
        bread = inverse(weighted.T @ weighted)
        if bread is None:
            return None
        step = bread @ (weighted.T @ (pseudo - fitted))
        for _ in range(MAX_HALVINGS):
            fitted, slope = _mean_and_slope(offset + columns @ (beta + step))
            reached = float(np.sum((pseudo - fitted) ** 2))
            if reached <= loss * (1 + 1e-12):
                break
            step = step / 2
        beta, loss = beta + step, reached
        if np.all(np.abs(step) <= 1e-9 * (1 + np.abs(beta))):
            scores = columns * (slope * (pseudo - fitted))[:, None]
            return beta, bread @ (scores.T @ scores) @ bread
    return None


def _curves(own: FloatArray, any_event: FloatArray, at_risk: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share free of any event and incidence of the own one before the first time and after each, shape (k + 1,)."""
    inverse_risk = np.divide(1.0, at_risk, out=np.zeros(at_risk.size), where=at_risk > 0)
    free = np.concatenate([[1.0], np.cumprod(1 - any_event * inverse_risk)])
    return free, np.concatenate([[0.0], np.cumsum(free[:-1] * own * inverse_risk)])


def _log_hazard(incidence: float) -> float:
    return math.log(-math.log1p(-min(max(incidence, 1e-6), 1 - 1e-6)))


def _mean_and_slope(log_hazard: FloatArray) -> tuple[FloatArray, FloatArray]:
    hazard = np.exp(np.clip(log_hazard, -500, 100))
    return -np.expm1(-hazard), hazard * np.exp(-hazard)
