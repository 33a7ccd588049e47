"""Pairs of cases of which one should be ranked above the other; every case is in one pair at most.

Disjoint pairs are independent, so that the share won is an AUC (or a concordance) with a martingale behind it, which
the usual statistic over all pairs is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outcome.evaluation.monitoring.cuts import IntArray
from outcome.types import EndpointKind, FloatArray, Target


@dataclass(frozen=True, eq=False)
class Pairs:
    """`won` (m,): 1 where the case with more of the outcome has the higher score, ties by lot. `complete_at` (m,): the
    place of the later case, rising."""

    won: FloatArray
    complete_at: IntArray


def ranked_pairs(target: Target, score: FloatArray, lots: FloatArray) -> Pairs:
    """The pairs of known cases, in order of arrival. Events with the next case without one; for other kinds of outcome
    the first case with the second, the third with the fourth, where it is known which had more.
    """
    usable = np.flatnonzero(target.known & np.isfinite(score))
    worse, better = _of_binary(target, usable) if target.kind is EndpointKind.BINARY else _in_turn(target, usable)
    higher = np.where(score[worse] == score[better], lots[worse] > lots[better], score[worse] > score[better])
    at = np.maximum(worse, better)
    order = np.argsort(at, kind="stable")
    return Pairs(higher[order].astype(float), at[order])


def _of_binary(target: Target, usable: IntArray) -> tuple[IntArray, IntArray]:
    events, others = (usable[target.value[usable] == value] for value in (1, 0))
    n = min(len(events), len(others))
    return events[:n], others[:n]


def _in_turn(target: Target, usable: IntArray) -> tuple[IntArray, IntArray]:
    n = len(usable) // 2
    first, second = usable[: 2 * n : 2], usable[1 : 2 * n : 2]
    if target.kind is EndpointKind.TIME_TO_EVENT:
        sooner, later = _earlier(target, first, second), _earlier(target, second, first)
    else:
        sooner, later = (target.value[a] > target.value[b] for a, b in ((first, second), (second, first)))
    told = sooner | later
    return np.where(sooner, first, second)[told], np.where(sooner, second, first)[told]


def _earlier(target: Target, one: IntArray, other: IntArray) -> np.ndarray:
    """Whether `one` had its event while the other was still at risk; a competing event counts as never."""
    until = np.where(target.event[other] == 2, np.inf, target.time_days[other])
    return (target.event[one] == 1) & (target.time_days[one] < until)
