"""Is one set of risks or values nearer to what happened than another? Always a minus b, so a gain is negative.

Both are compared case by case on the same n cases: the spread of the differences of their errors makes the interval.
"""

from __future__ import annotations

import math

import numpy as np

from outcome.evaluation.comparison.differences import PairedDifference, normal_test
from outcome.evaluation.intervals import LEVEL, Interval
from outcome.evaluation.overall.survival import follow_up_gap
from outcome.evaluation.times.censoring import HorizonStatus, weight_influence
from outcome.types import Estimate, FloatArray

UNBOUNDED: Interval = (-math.inf, math.inf)


def paired_brier(y: FloatArray, risk_a: FloatArray, risk_b: FloatArray, *, level: float = LEVEL) -> PairedDifference:
    """By how much is the Brier score of a above that of b? `y` (n,) 0 or 1; both risks (n,) in [0, 1].

    Wald from the spread (n - 1) of the differences of squared errors, cut to [-1, 1]. Withheld with fewer than 2 cases.
    """
    excess = (np.asarray(risk_a) - y) ** 2 - (np.asarray(risk_b) - y) ** 2
    n_events = int(np.sum(np.asarray(y) == 1))
    return _mean(excess, "paired squared errors, Wald", n_events, (-1.0, 1.0), level)


def paired_mae(
    observed: FloatArray, value_a: FloatArray, value_b: FloatArray, *, level: float = LEVEL
) -> PairedDifference:
    """By how much is the mean absolute error of a above that of b, in the endpoint's unit? All (n,).

    Wald from the spread (n - 1) of the differences of absolute errors. Withheld with fewer than 2 cases.
    """
    excess = np.abs(np.asarray(value_a) - observed) - np.abs(np.asarray(value_b) - observed)
    return _mean(excess, "paired absolute errors, Wald", None, UNBOUNDED, level)


def paired_brier_t(
    outcome: tuple[FloatArray, FloatArray],
    risk_a: FloatArray,
    risk_b: FloatArray,
    horizon_days: float,
    *,
    level: float = LEVEL,
) -> PairedDifference:
    """By how much is the Brier score of a at a horizon above that of b, weighted for censoring?

    `outcome` is (time_days, event), each (n,), event 0 censored, 1 event, 2 competing event; both risks (n,) by the
    horizon. Influence function of the difference, the part of the estimated weights included: Blanche et al. 2015,
    doi:10.1111/biom.12232. Withheld where follow-up ends before the horizon.
    """
    time, event = outcome
    status = HorizonStatus.at(time, event, horizon_days)
    n, n_events, gap = len(time), int(status.had_event.sum()), follow_up_gap(time, event, horizon_days)
    if gap:
        return PairedDifference(Estimate.withhold(gap, n=n, n_events=n_events), None, None)
    happened = status.had_event.astype(float)
    excess = (np.asarray(risk_a) - happened) ** 2 - (np.asarray(risk_b) - happened) ** 2
    pull = status.weight * excess / n
    influence = pull - pull.sum() / n + weight_influence(status, pull)
    variance = float(np.sum(influence**2))
    method = "paired IPCW, influence function"
    return normal_test(float(pull.sum()), variance, method, n=n, n_events=n_events, level=level, bounds=UNBOUNDED)


def _mean(excess: FloatArray, method: str, n_events: int | None, bounds: Interval, level: float) -> PairedDifference:
    """The mean of one number a case, (n,), with the interval of a mean."""
    n = len(excess)
    if n < 2:
        reason = f"{n} cases: an interval needs at least 2"
        return PairedDifference(Estimate.withhold(reason, n=n, n_events=n_events), None, None)
    variance = float(excess.var(ddof=1)) / n
    return normal_test(float(excess.mean()), variance, method, n=n, n_events=n_events, level=level, bounds=bounds)
