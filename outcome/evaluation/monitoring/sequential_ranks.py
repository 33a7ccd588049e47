"""Have values moved since the first of them? Each is ranked among those before it alone; no reference is needed.

While the values are exchangeable, the rank of the t-th among the first t is uniform and independent of the ranks
before it, so that a bet on ranks is a test martingale (Vovk, Gammerman & Shafer 2005, doi:10.1007/b106715, chapter 8).
For what a model answers: answers out of fold, from other models, are no exchangeable reference for the final one's.
"""

from __future__ import annotations

import numpy as np

from outcome.evaluation.discrimination.concordance import count_below
from outcome.evaluation.monitoring.cuts import SHARES, Cuts
from outcome.evaluation.monitoring.exchangeable import Bets, bet_increments, bets_on
from outcome.evaluation.monitoring.restarts import Evidence, evidence_of
from outcome.types import FloatArray

_UNIT = Cuts(999, tuple(round(1000 * share) for share in SHARES), np.array(SHARES), np.zeros(len(SHARES)))


def rank_evidence(values: FloatArray, lots: FloatArray, places: FloatArray) -> tuple[Evidence, Bets]:
    """The evidence after each value (n,), in order of arrival, without NaN. `lots` (n,) break ties, `places` (n,) say
    where within its rank a value stands; both uniform in [0, 1)."""
    bets = bets_on(_UNIT)
    parts = np.searchsorted(np.array(SHARES), sequential_ranks(values, lots, places), side="right")
    return evidence_of(bet_increments(parts, bets.share[None, :], bets), np.log(bets.prior)), bets


def sequential_ranks(values: FloatArray, lots: FloatArray, places: FloatArray) -> FloatArray:
    """(number of earlier values below it + place) / number so far, (n,): uniform while nothing has changed."""
    n = len(values)
    order = np.lexsort((lots, values))
    rank = np.empty(n, dtype=np.intp)
    rank[order] = np.arange(n)
    below = count_below(rank, np.arange(n, dtype=np.intp), rank)
    return (below + places) / np.arange(1, n + 1)
