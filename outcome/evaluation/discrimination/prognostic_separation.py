"""How far apart are cases of low and high score in survival? Royston and Sauerbrei's D, and the R² that goes with it.

Arguments of every function: `time_days` (n,) ≥ 0; `event` (n,) 0 censored, 1 event, 2 competing event, which counts as
a censoring (the hazard is cause-specific); `score` (n,), higher is riskier. Only the order of the scores counts.
Royston & Sauerbrei 2004, doi:10.1002/sim.1621.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm, rankdata

from outcome.evaluation.intervals import LEVEL, measured, wald
from outcome.evaluation.times.cox import cox_fit
from outcome.types import Estimate, FloatArray

# The mean distance between the halves of a standard normal: D is then the log hazard ratio of two halves of cases.
KAPPA = math.sqrt(8 / math.pi)


def royston_d(time_days: FloatArray, event: FloatArray, score: FloatArray) -> float:
    """The log hazard ratio between the halves of cases with high and low scores; 0 is no separation, higher is better.

    Scores become expected normal order statistics (Blom: (rank - 3/8) / (n + 1/4)) divided by sqrt(8/π), tied scores
    the mean of theirs; D is their coefficient in a Cox model, Efron ties. NaN where it is withheld.
    """
    estimate = royston_d_estimate(time_days, event, score)
    return math.nan if estimate.value is None else estimate.value


def royston_d_estimate(
    time_days: FloatArray, event: FloatArray, score: FloatArray, *, level: float = LEVEL
) -> Estimate:
    """D with its Wald interval. Withheld without events, with one score for all, or where no maximum exists."""
    score = np.asarray(score, dtype=float)
    n, n_events = score.size, int(np.sum(np.asarray(event) == 1))
    reason = "no events" if not n_events else None
    if reason is None and np.all(score == score[0]):
        reason = "every case has the same score: nothing is ranked"
    fit = None if reason else cox_fit(time_days, event, _scaled_normal_scores(score)[:, None])
    if fit is None:
        reason = reason or "the partial likelihood has no maximum: the score separates all events"
        return Estimate.withhold(reason, n=n, n_events=n_events)
    value = float(fit.beta[0])
    interval = wald(value, math.sqrt(fit.covariance[0, 0]), level=level)
    method = "Cox model on normal scores (Blom), Efron ties, Wald"
    return measured(value, interval, method=method, n=n, n_events=n_events, level=level)


def explained_variation(d: float) -> float:
    """Royston's R²_D in [0, 1): the share of variation in log time explained, from D; 0 is none."""
    spread = (d / KAPPA) ** 2
    return spread / (math.pi**2 / 6 + spread)


def _scaled_normal_scores(score: FloatArray) -> FloatArray:
    n = score.size
    distinct = norm.ppf((np.arange(1, n + 1) - 0.375) / (n + 0.25)) / KAPPA
    sums = np.concatenate([[0.0], np.cumsum(distinct)])
    first, last = rankdata(score, method="min").astype(int), rankdata(score, method="max").astype(int)
    return np.asarray((sums[last] - sums[first - 1]) / (last - first + 1))
