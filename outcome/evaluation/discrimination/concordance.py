"""Are cases put in the right order? Harrell's C for censored times and its twin for measured values.

Both count pairs in O(n log n). Variances are infinitesimal jackknives: how much the ratio moves when one case's
weight moves, squared and summed over cases.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from outcome.evaluation.intervals import LEVEL, measured, wald
from outcome.types import Estimate, FloatArray

IntArray = npt.NDArray[np.int64]


def harrell_c(time_days: FloatArray, event: FloatArray, score: FloatArray) -> float:
    """How likely does, of two cases, the one whose event came first have the higher score? In [0, 1], 0.5 is chance.

    `time_days` (n,) ≥ 0; `event` (n,) 0 censored, 1 event, 2 competing event; `score` (n,), higher is riskier.
    A pair counts when the earlier time is an event; a case censored at t outlives an event at t; two events at the
    same time do not count; tied scores count 1/2. A case with a competing event can no longer have the event and
    outlives every event (Wolbers et al. 2009, doi:10.1097/EDE.0b013e3181a39056). Over the whole follow-up.
    NaN where no pair counts. Harrell et al. 1982, doi:10.1001/jama.1982.03320430047030.
    """
    comparable, concordant = pair_sums(time_days, event, score)
    return _ratio(comparable, concordant)


def harrell_c_estimate(
    time_days: FloatArray, event: FloatArray, score: FloatArray, *, level: float = LEVEL
) -> Estimate:
    """Harrell's C with a Wald interval from the infinitesimal jackknife, cut to [0, 1]."""
    n_events = int(np.sum(np.asarray(event) == 1))
    return _estimate(pair_sums(time_days, event, score), score, n_events=n_events, level=level)


def concordance(observed: FloatArray, score: FloatArray) -> float:
    """How likely does, of two cases with different observed values, the larger one have the higher score?

    Tied scores count 1/2; pairs with equal observed values do not count. In [0, 1], 0.5 is chance.
    """
    return _ratio(*pair_sums(*_as_times(observed), score))


def concordance_estimate(observed: FloatArray, score: FloatArray, *, level: float = LEVEL) -> Estimate:
    """Concordance of measured values with a Wald interval from the infinitesimal jackknife, cut to [0, 1]."""
    return _estimate(pair_sums(*_as_times(observed), score), score, n_events=None, level=level)


def concordance_influence(time_days: FloatArray, event: FloatArray, score: FloatArray) -> FloatArray:
    """How much each case pulls Harrell's C, shape (n,); the sum of squares is the variance of C."""
    return _influence(*pair_sums(time_days, event, score))


def measured_influence(observed: FloatArray, score: FloatArray) -> FloatArray:
    """How much each case pulls the concordance of measured values, shape (n,)."""
    return _influence(*pair_sums(*_as_times(observed), score))


def pair_sums(time_days: FloatArray, event: FloatArray, score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """For every case the pairs that it takes part in: comparable (n,) and concordant (n,), ties in score as 1/2.

    Each pair stands in both of its cases, so the totals are twice the number of pairs.
    """
    if not len(score):
        return np.zeros(0), np.zeros(0)
    is_event = np.asarray(event) == 1
    time = np.where(np.asarray(event) == 2, np.inf, np.asarray(time_days, dtype=float))
    order = np.lexsort((~is_event, time))
    time, is_event = time[order], is_event[order]
    rank = np.unique(np.asarray(score)[order], return_inverse=True)[1].astype(np.int64)
    start, stop = _groups(time, is_event)
    # An event is compared with everybody after its group; everybody with the events before their group.
    later = np.where(is_event, time.size - stop, 0)
    wins_over = np.where(is_event, _half_ties(rank, stop, rank, upto=False), 0.0)
    earlier_events = np.concatenate([[0], np.cumsum(is_event)])[start]
    lost_to = earlier_events - _half_ties(rank[is_event], earlier_events, rank, upto=True)
    comparable, concordant = np.empty(time.size), np.empty(time.size)
    comparable[order], concordant[order] = later + earlier_events, wins_over + lost_to
    return comparable, concordant


def count_below(values: IntArray, stop: IntArray, limit: IntArray) -> IntArray:
    """For every query q: how many of values[:stop[q]] lie below limit[q]? Values and limits are integers ≥ 0.

    A wavelet matrix: the values are split bit by bit, highest first, keeping their order within each half, so that a
    prefix stays a contiguous range whose ends follow from a running count of zeros. O((n + q) log max) in numpy.
    """
    top = int(max(values.max(initial=0), limit.max(initial=0)))
    low, high, found = np.zeros_like(stop), stop.copy(), np.zeros_like(stop)
    for bit in range(top.bit_length() - 1, -1, -1):
        is_one = (values >> bit) & 1 == 1
        zeros = np.concatenate([[0], np.cumsum(~is_one)])
        low_zeros, high_zeros = zeros[low], zeros[high]
        limit_one = (limit >> bit) & 1 == 1
        found += np.where(limit_one, high_zeros - low_zeros, 0)
        low = np.where(limit_one, zeros[-1] + low - low_zeros, low_zeros)
        high = np.where(limit_one, zeros[-1] + high - high_zeros, high_zeros)
        values = np.concatenate([values[~is_one], values[is_one]])
    return found


def _half_ties(values: IntArray, split: IntArray, rank: IntArray, *, upto: bool) -> FloatArray:
    """How many of values[:split] (or values[split:]) lie below rank, equal ones as 1/2."""
    below, at_most = count_below(values, split, rank), count_below(values, split, rank + 1)
    if not upto:
        everything = np.full_like(split, values.size)
        below = count_below(values, everything, rank) - below
        at_most = count_below(values, everything, rank + 1) - at_most
    return (below + at_most) / 2


def _groups(time: FloatArray, is_event: npt.NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """Start and end (exclusive) of each sorted position's group of equal time and equal event indicator."""
    new = np.concatenate([[True], (time[1:] != time[:-1]) | (is_event[1:] != is_event[:-1])])
    starts = np.flatnonzero(new)
    stops = np.append(starts[1:], time.size)
    group = np.cumsum(new) - 1
    return starts[group], stops[group]


def _as_times(observed: FloatArray) -> tuple[FloatArray, FloatArray]:
    # The largest observed value plays the first event: with the sign turned, Harrell's pairs are the pairs wanted.
    return -np.asarray(observed, dtype=float), np.ones(len(observed))


def _ratio(comparable: FloatArray, concordant: FloatArray) -> float:
    total = comparable.sum()
    return float(concordant.sum() / total) if total else math.nan


def _influence(comparable: FloatArray, concordant: FloatArray) -> FloatArray:
    # Totals count each pair twice, a case's own pairs once: hence the factor 2.
    return 2 * (concordant - _ratio(comparable, concordant) * comparable) / comparable.sum()


def _estimate(
    sums: tuple[FloatArray, FloatArray], score: FloatArray, *, n_events: int | None, level: float
) -> Estimate:
    n, value = len(score), _ratio(*sums)
    if math.isnan(value):
        return Estimate.withhold("no pair of cases can be compared", n=n, n_events=n_events)
    if np.all(np.asarray(score) == score[0]):
        return Estimate.withhold("every case has the same score: nothing is ranked", n=n, n_events=n_events)
    se = math.sqrt(float(np.sum(_influence(*sums) ** 2)))
    interval = wald(value, se, level=level, bounds=(0.0, 1.0)) if se > 0 else None
    return measured(value, interval, method="infinitesimal jackknife", n=n, n_events=n_events, level=level)
