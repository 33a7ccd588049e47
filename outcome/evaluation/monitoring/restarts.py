"""One bet that may start at any case: evidence against "nothing has changed" that holds at every look.

Increments are logarithms of factors whose expectation, given the cases before, is at most 1 while nothing has changed.
Started at case j their product is a test martingale; the weighted mean over all j is one too, so that by Ville's
inequality it ever reaches 1 / rate with a chance of at most `rate`, however often one looks (Howard et al. 2020,
doi:10.1214/18-PS321; Ramdas et al. 2023, doi:10.1214/23-STS894). Without restarts what was lost in quiet years would
have to be won back first; CUSUM charts restart too, but bound the mean time between alarms, not the chance of one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from outcome.types import FloatArray


@dataclass(frozen=True, eq=False)
class Evidence:
    """`log_e` (n,): natural log of the evidence after each case. `bets` (n, b): that of each bet, weighted."""

    log_e: FloatArray
    bets: FloatArray
    increments: FloatArray  # (n, b)

    def best_bet(self, at: int) -> int:
        """The bet that has won most after case `at`."""
        return int(np.argmax(self.bets[at]))

    def since(self, at: int) -> int:
        """The case at which the best bet would best have been started, as far as is known after case `at`."""
        steps = self.increments[: at + 1, self.best_bet(at)]
        before = np.concatenate([[0.0], np.cumsum(steps)[:-1]])
        return int(np.argmax(start_weights(at + 1)[0] - before))


def evidence_of(increments: FloatArray, log_weights: FloatArray) -> Evidence:
    """The evidence of bets with these increments (n, b), mixed by weights (b,) that sum to 1 on the plain scale."""
    n = len(increments)
    starts, waiting = start_weights(n)
    sums = np.cumsum(increments, axis=0)
    before = np.vstack([np.zeros((1, increments.shape[1])), sums[:-1]])[:n]
    running = sums + np.logaddexp.accumulate(starts[:, None] - before, axis=0)
    bets = np.logaddexp(running, waiting[:, None]) + log_weights
    return Evidence(logsumexp(bets, axis=1), bets, increments)


def start_weights(n: int) -> tuple[FloatArray, FloatArray]:
    """Log of the weight of a start at each of n cases, and of what is left for later starts, both (n,).

    Left after j cases: 1 / (1 + log(j + 1)). A change at case j costs log j + 2 log log j, about 10 at the 10,000th.
    """
    left = 1.0 / (1.0 + np.log(np.arange(1, n + 2)))
    return np.log(left[:-1] - left[1:]), np.log(left[1:])
