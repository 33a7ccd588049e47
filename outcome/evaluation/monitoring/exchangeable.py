"""Are new values exchangeable with the reference's, and with each other? A bet on the parts into which they fall.

Given the parts of the cases before, the next case falls into part j with chance (gaps_j + cases_j) / (n + 1 + cases): a
Pólya urn, exact for every continuous distribution, and with ties by lot for every other. So nothing is estimated, and a
small reference costs strength, never the false-alarm rate. A conformal test martingale (Vovk 2021,
doi:10.1214/20-STS817) that needs the cuts in place of the reference cases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter
from scipy.stats import norm

from outcome.evaluation.monitoring.cuts import Cuts, IntArray
from outcome.evaluation.monitoring.restarts import Evidence, evidence_of
from outcome.types import FloatArray

SHIFTS = (-1.8, -0.8, -0.35, 0.35, 0.8, 1.8)  # in standard deviations of a normal variable
SPREADS = (-0.4, 0.3)  # of the squared normal score: narrower, wider
LEARNED = (0.98, 0.995)  # a bet that the shares of the last cases go on; what a case counts a case later
LEARNED_MASS = 10.0  # cases like the reference's with which such a bet begins
IN_ONE_PART = (0.5, 0.95)  # share of the cases in one part or two neighbours


@dataclass(frozen=True, eq=False)
class Bets:
    """How much likelier each part becomes, up to a factor: `weights` (b, k), and the bets that learn after them.

    `share` (k,) of each part in the reference; `words` and `prior` (sums to 1) of all bets.
    """

    share: FloatArray
    weights: FloatArray
    words: tuple[str, ...]
    prior: FloatArray


def bets_on(cuts: Cuts) -> Bets:
    """A third of the prior each: values that moved, spread or narrowed; that crowd into one or two parts; that are
    spread as the last cases were."""
    share = cuts.gaps / (cuts.n + 1)
    first, second = _normal_scores(share)
    moved = [np.exp(by * first) for by in SHIFTS] + [np.exp(by * second) for by in SPREADS]
    words = ["lower" if by < 0 else "higher" for by in SHIFTS] + ["narrower", "wider"]
    places = [(j, j + wide) for wide in (1, 2) for j in range(len(share) - wide + 1) if wide < len(share)]
    crowded = [_crowded(share, start, stop, to) for start, stop in places for to in IN_ONE_PART]
    words += [_crowd_words(start, stop, len(share)) for start, stop in places for _ in IN_ONE_PART]
    words += ["spread otherwise" for _ in LEARNED]
    kinds = (len(moved), len(crowded), len(LEARNED))
    prior = np.concatenate([np.full(n, 1 / (3 * n)) for n in kinds])
    return Bets(share, np.array([*moved, *crowded]), tuple(words), prior)


def urn_evidence(parts: IntArray, cuts: Cuts, bets: Bets) -> Evidence:
    """The evidence after each case that its part (n,), in order of arrival, is not drawn as the reference's."""
    return evidence_of(bet_increments(parts, urn_chances(parts, cuts.gaps), bets), np.log(bets.prior))


def urn_chances(parts: IntArray, gaps: FloatArray) -> FloatArray:
    """The chance of each part before each case, (n, k), given the parts of the cases before."""
    chance = gaps + np.cumsum(_drawn(parts, len(gaps)), axis=0)[:-1]
    return chance / chance.sum(axis=1, keepdims=True)


def bet_increments(parts: IntArray, chances: FloatArray, bets: Bets) -> FloatArray:
    """log of what each bet gives the part over what it would give on average, (n, b); `chances` (n, k) or (1, k)."""
    fixed = np.log(bets.weights.T[parts]) - np.log(chances @ bets.weights.T)
    rows = np.arange(len(parts))
    chance = np.broadcast_to(chances, (len(parts), len(bets.share)))[rows, parts]
    learned = [np.log(_learned(parts, bets.share, kept)[rows, parts] / chance) for kept in LEARNED]
    return np.column_stack([fixed, *learned])


def _learned(parts: IntArray, share: FloatArray, kept: float) -> FloatArray:
    """The shares of the cases before, older ones counting less, with LEARNED_MASS like the reference's, (n, k)."""
    before = lfilter([1.0], [1.0, -kept], _drawn(parts, len(share)), axis=0)[:-1]
    return np.asarray((before + LEARNED_MASS * share) / (before.sum(axis=1, keepdims=True) + LEARNED_MASS))


def _drawn(parts: IntArray, k: int) -> FloatArray:
    """A row of nothing, then one a case with a 1 at its part, (n + 1, k)."""
    drawn = np.zeros((len(parts) + 1, k))
    drawn[np.arange(1, len(parts) + 1), parts] = 1.0
    return drawn


def _normal_scores(share: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The mean of z, and of z² - 1, of a standard normal variable within each part."""
    edges = norm.ppf(np.concatenate([[0.0], np.cumsum(share)]).clip(0.0, 1.0))
    height = norm.pdf(edges)
    lever = np.where(np.isfinite(edges), edges, 0.0) * height
    return (height[:-1] - height[1:]) / share, (lever[:-1] - lever[1:]) / share


def _crowded(share: FloatArray, start: int, stop: int, to: float) -> FloatArray:
    """Two neighbouring parts too: a constant that equals a cut falls into either by lot."""
    held = float(share[start:stop].sum())
    weights = np.ones(len(share))
    weights[start:stop] = to * (1 - held) / ((1 - to) * held)
    return weights


def _crowd_words(start: int, stop: int, parts: int) -> str:
    places = f"part {stop}" if stop - start == 1 else f"parts {start + 1} and {stop}"
    return f"crowded into {places} of {parts}, from low to high"
