"""Which weight of pairs does each case win or lose? The counting behind concordances whose pairs are weighted.

A pair has a first and a later case, and counts first weight × later weight. Everything in O(n log n).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from outcome.types import BoolArray, FloatArray

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PairWeights:
    """For every case the weight of its pairs, as the first case and as the later one; each array (n,).

    `concordant` is the part in which the first case has the higher score, tied scores by half. Summed over cases the
    two roles give the same total.
    """

    first_comparable: FloatArray
    first_concordant: FloatArray
    later_comparable: FloatArray
    later_concordant: FloatArray


def pair_weights(
    time: FloatArray, score: FloatArray, is_first: BoolArray, first_weight: FloatArray, later_weight: FloatArray
) -> PairWeights:
    """Compare every case of `is_first` with all cases later than it; all arguments (n,), weights ≥ 0.

    Later means a larger time, or the same time without being one of `is_first`: two of them at one time do not count.
    """
    keys = 2 * np.unique(time, return_inverse=True)[1] + ~is_first
    order = np.argsort(keys, kind="stable")
    back = np.argsort(order, kind="stable")
    keys, weight, is_first = keys[order], later_weight[order].astype(float), is_first[order]
    rank = np.unique(score, return_inverse=True)[1][order].astype(np.int64)
    start, stop = (np.searchsorted(keys, keys, side=side).astype(np.int64) for side in ("left", "right"))
    comparable, concordant = _against_later(rank, weight, stop, is_first)
    own = np.where(is_first, first_weight[order], 0.0)
    lost_comparable, lost_concordant = _against_earlier(rank, own, start, is_first)
    parts = (own * comparable, own * concordant, weight * lost_comparable, weight * lost_concordant)
    return PairWeights(*(part[back] for part in parts))


def weight_below(values: IntArray, weight: FloatArray, stop: IntArray, limit: IntArray) -> FloatArray:
    """For every query q: the weight of those of values[:stop[q]] that lie below limit[q]. Integers ≥ 0.

    The wavelet matrix of `concordance.count_below`, with running weights in place of running counts.
    """
    top = int(max(values.max(initial=0), limit.max(initial=0)))
    low, high, found = np.zeros_like(stop), stop.copy(), np.zeros(stop.size)
    for bit in range(top.bit_length() - 1, -1, -1):
        is_one = (values >> bit) & 1 == 1
        zeros = np.concatenate([[0], np.cumsum(~is_one)])
        sums = np.concatenate([[0.0], np.cumsum(np.where(is_one, 0.0, weight))])
        low_zeros, high_zeros = zeros[low], zeros[high]
        limit_one = (limit >> bit) & 1 == 1
        found += np.where(limit_one, sums[high] - sums[low], 0.0)
        low = np.where(limit_one, zeros[-1] + low - low_zeros, low_zeros)
        high = np.where(limit_one, zeros[-1] + high - high_zeros, high_zeros)
        values = np.concatenate([values[~is_one], values[is_one]])
        weight = np.concatenate([weight[~is_one], weight[is_one]])
    return found


def _against_later(
    rank: IntArray, weight: FloatArray, stop: IntArray, is_first: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """What each first case could win and does win from the cases behind it."""
    comparable, concordant = np.zeros(rank.size), np.zeros(rank.size)
    sums = np.concatenate([[0.0], np.cumsum(weight)])
    ends, ranks = stop[is_first], rank[is_first]
    comparable[is_first] = sums[-1] - sums[ends]
    everything = np.full_like(ends, rank.size)
    below, before = _half_below(rank, weight, np.concatenate([everything, ends]), np.tile(ranks, 2)).reshape(2, -1)
    concordant[is_first] = below - before
    return comparable, concordant


def _against_earlier(
    rank: IntArray, own: FloatArray, start: IntArray, is_first: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """What each case could lose and does lose to the first cases before it."""
    earlier = np.concatenate([[0], np.cumsum(is_first)])[start]
    comparable = np.concatenate([[0.0], np.cumsum(own[is_first])])[earlier]
    return comparable, comparable - _half_below(rank[is_first], own[is_first], earlier, rank)


def _half_below(values: IntArray, weight: FloatArray, stop: IntArray, limit: IntArray) -> FloatArray:
    """The weight below each limit, equal values by half."""
    both = weight_below(values, weight, np.tile(stop, 2), np.concatenate([limit, limit + 1]))
    return both.reshape(2, -1).sum(axis=0) / 2
