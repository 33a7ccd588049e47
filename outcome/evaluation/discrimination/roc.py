"""Do cases with the event get higher scores than cases without? Ranking only; the scale of the score is irrelevant.

Arguments of every function: `y` (n,) holds 0 or 1; `score` (n,) any real number, higher is riskier.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import rankdata

from outcome.evaluation.intervals import LEVEL, Interval, measured, wald, wilson, z_value
from outcome.types import Estimate, FloatArray


def placements(y: FloatArray, score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How often does each case win its comparisons? For every event the share of non-events that it outranks,
    (n_events,), and for every non-event the share of events that outrank it, (n_non_events,); ties count 1/2.

    Sun & Xu 2014, doi:10.1109/LSP.2014.2337313: from mid-ranks, O(n log n). Both classes must be present.
    """
    is_event = np.asarray(y) == 1
    events, others = np.asarray(score)[is_event], np.asarray(score)[~is_event]
    pooled = rankdata(np.concatenate([events, others]))
    of_events = (pooled[: events.size] - rankdata(events)) / others.size
    of_others = 1.0 - (pooled[events.size :] - rankdata(others)) / events.size
    return of_events, of_others


def auroc(y: FloatArray, score: FloatArray) -> float:
    """How likely does a random case with the event outrank a random case without it? In [0, 1], 0.5 is chance.

    Ties count 1/2. NaN where only one class is present.
    """
    is_event = np.asarray(y) == 1
    n_events = int(is_event.sum())
    n_others = is_event.size - n_events
    if not n_events or not n_others:
        return math.nan
    ranks = rankdata(score)
    return float((ranks[is_event].sum() - n_events * (n_events + 1) / 2) / (n_events * n_others))


def delong_variance(of_events: FloatArray, of_others: FloatArray) -> float:
    """The variance of an AUROC (or, from differences of placements, of a difference of two).

    DeLong, DeLong & Clarke-Pearson 1988, doi:10.2307/2531595. Needs two of each class; NaN with fewer.
    """
    if min(of_events.size, of_others.size) < 2:
        return math.nan
    return float(np.var(of_events, ddof=1) / of_events.size + np.var(of_others, ddof=1) / of_others.size)


def auroc_influence(y: FloatArray, score: FloatArray) -> FloatArray:
    """How much each case pulls the AUROC, shape (n,); the sum of squares is DeLong's variance.

    Both classes must be present; the only case of its class pulls nothing.
    """
    is_event = np.asarray(y) == 1
    pulls = np.empty(is_event.size)
    for rows, placed in zip((is_event, ~is_event), placements(y, score), strict=True):
        pulls[rows] = (placed - placed.mean()) / math.sqrt(placed.size * max(placed.size - 1, 1))
    return pulls


def auroc_delong(y: FloatArray, score: FloatArray, *, level: float = LEVEL) -> Estimate:
    """The AUROC with DeLong's interval on the probability scale (no logit), cut to [0, 1].

    With complete separation DeLong's variance is zero, which would claim certainty: there Newcombe's
    pseudo-score interval is given. Withheld with one class, or with one score for all cases.
    """
    n, n_events = len(y), int(np.sum(np.asarray(y) == 1))
    reason = unrankable(n, n_events, score)
    if reason:
        return Estimate.withhold(reason, n=n, n_events=n_events)
    of_events, of_others = placements(y, score)
    value, variance = float(of_events.mean()), delong_variance(of_events, of_others)
    if not variance > 0:
        interval, method = pseudo_score_interval(value, n_events, n - n_events, level=level), "Newcombe pseudo-score"
    else:
        interval, method = wald(value, math.sqrt(variance), level=level, bounds=(0.0, 1.0)), "DeLong"
    return measured(value, interval, method=method, n=n, n_events=n_events, level=level)


def auroc_logit_delong(y: FloatArray, score: FloatArray, *, level: float = LEVEL) -> Estimate:
    """The AUROC with DeLong's variance on the logit scale: logit(A) ± z·se / (A (1 - A)), taken back.

    Never outside (0, 1) and better centred near 1 than `auroc_delong`. Where A is 0 or 1, or the variance zero,
    Newcombe's pseudo-score interval is given. Withheld as `auroc_delong`. Pepe 2003 (ISBN 0-19-850984-7), chapter 5.
    """
    n, n_events = len(y), int(np.sum(np.asarray(y) == 1))
    reason = unrankable(n, n_events, score)
    if reason:
        return Estimate.withhold(reason, n=n, n_events=n_events)
    of_events, of_others = placements(y, score)
    value, variance = float(of_events.mean()), delong_variance(of_events, of_others)
    if not variance > 0 or not 0 < value < 1:
        interval, method = pseudo_score_interval(value, n_events, n - n_events, level=level), "Newcombe pseudo-score"
    else:
        interval, method = logit_wald(value, math.sqrt(variance), level=level), "DeLong, logit scale"
    return measured(value, interval, method=method, n=n, n_events=n_events, level=level)


def logit_wald(value: float, se: float, *, level: float = LEVEL) -> Interval:
    """A Wald interval of a proportion-like number in (0, 1), made on the logit scale and taken back."""
    centre, half = math.log(value / (1 - value)), z_value(level) * se / (value * (1 - value))
    return _expit(centre - half), _expit(centre + half)


def pseudo_score_interval(value: float, n_events: int, n_others: int, *, level: float = LEVEL) -> Interval:
    """An interval for an AUROC that stays open at 0 and 1: all θ with |value - θ| ≤ z·sqrt(V(θ)), where V is Hanley
    and McNeil's variance with both group sizes in its bracket replaced by their mean.

    Newcombe 2006, doi:10.1002/sim.2324 (method 5).
    """
    z, size = z_value(level), (n_events + n_others) / 2 - 1

    def excess(theta: float) -> float:
        spread = 1 + size * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (value - theta) ** 2 - z**2 * theta * (1 - theta) * spread / (n_events * n_others)

    low = 0.0 if value <= 0 else brentq(excess, 0.0, value if value < 1 else 1 - 1e-12)
    high = 1.0 if value >= 1 else brentq(excess, value if value > 0 else 1e-12, 1.0)
    return float(low), float(high)


def average_precision(y: FloatArray, score: FloatArray) -> float:
    """How precise are the alarms on average, over all recalls? Sum of (step in recall) × precision, from the highest
    score down, tied scores taken together; no interpolation. In (0, 1]; chance is the event rate. NaN without events.
    """
    y, score = np.asarray(y, dtype=float), np.asarray(score)
    if not np.sum(y == 1):
        return math.nan
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(y[order] == 1)
    last_of_tie = np.append(np.flatnonzero(np.diff(score[order])), y.size - 1)
    precision = hits[last_of_tie] / (last_of_tie + 1.0)
    recall_step = np.diff(hits[last_of_tie], prepend=0) / hits[-1]
    return float(np.sum(recall_step * precision))


def average_precision_estimate(y: FloatArray, score: FloatArray, *, level: float = LEVEL) -> Estimate:
    """Average precision with the logit interval of Boyd, Eng & Page 2013, doi:10.1007/978-3-642-40994-3_29:
    logit AP ± z / sqrt(n_events · AP · (1 - AP)); at 1, Wilson's interval for n_events of n_events.
    """
    n, n_events = len(y), int(np.sum(np.asarray(y) == 1))
    reason = unrankable(n, n_events, score)
    if reason:
        return Estimate.withhold(reason, n=n, n_events=n_events)
    value = average_precision(y, score)
    if value >= 1:
        interval, method = wilson(n_events, n_events, level=level), "Wilson"
    else:
        se = math.sqrt(value * (1 - value) / n_events)
        interval, method = logit_wald(value, se, level=level), "logit (Boyd)"
    return measured(value, interval, method=method, n=n, n_events=n_events, level=level)


def unrankable(n: int, n_events: int, score: FloatArray) -> str | None:
    """Why these cases cannot be ranked against each other, or None."""
    if not n_events or n_events == n:
        return f"only one class: {n_events} of {n} cases have the event, nothing can be ranked against the other class"
    if np.all(np.asarray(score) == score[0]):
        return "every case has the same score: nothing is ranked"
    return None


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
