"""Are new values exchangeable with the reference's, and with each other? A bet on the parts into which they fall.

Given the parts of the cases before, the next case falls into part j with chance (gaps_j + cases_j) / (n + 1 + cases): a
Pólya urn, exact for every continuous distribution, and with ties by lot for every other. So nothing is estimated, and a
small reference costs strength, never the false-alarm rate. A conformal test martingale (Vovk 2021,
doi:10.1214/20-STS817) that needs the cuts in place of the reference cases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from outcome.evaluation.monitoring.cuts import Cuts, IntArray
from outcome.evaluation.monitoring.restarts import Evidence, evidence_of
from outcome.types import FloatArray

SHIFTS = (-1.8, -0.8, -0.35, 0.35, 0.8, 1.8)  # in standard deviations of a normal variable
SPREADS = (-0.4, 0.3)  # of the squared normal score: narrower, wider
IN_ONE_PART = (0.5, 0.95)  # share of the cases in a single part


@dataclass(frozen=True, eq=False)
class Bets:
    """How much likelier each part becomes, up to a factor: `weights` (b, k), `words` (b,), `prior` (b,) sums to 1."""

    weights: FloatArray
    words: tuple[str, ...]
    prior: FloatArray


def bets_on(cuts: Cuts) -> Bets:
    """Values that moved, spread or narrowed (half of the prior), or that crowd into one part (the other half)."""
    share = cuts.gaps / (cuts.n + 1)
    first, second = _normal_scores(share)
    moved = [np.exp(by * first) for by in SHIFTS] + [np.exp(by * second) for by in SPREADS]
    words = ["lower" if by < 0 else "higher" for by in SHIFTS] + ["narrower", "wider"]
    crowded = [_crowded(share, j, to) for j in range(len(share)) for to in IN_ONE_PART]
    words += [f"crowded into part {j + 1} of {len(share)}" for j in range(len(share)) for _ in IN_ONE_PART]
    prior = np.concatenate([np.full(len(made), 0.5 / len(made)) for made in (moved, crowded)])
    return Bets(np.array([*moved, *crowded]), tuple(words), prior)


def urn_evidence(parts: IntArray, cuts: Cuts, bets: Bets) -> Evidence:
    """The evidence after each case that its part (n,), in order of arrival, is not drawn as the reference's."""
    return evidence_of(urn_increments(parts, cuts.gaps, bets.weights), np.log(bets.prior))


def urn_increments(parts: IntArray, gaps: FloatArray, weights: FloatArray) -> FloatArray:
    """log of weight of the part over the weight expected by the urn, (n, b)."""
    n = len(parts)
    drawn = np.zeros((n + 1, len(gaps)))
    drawn[np.arange(1, n + 1), parts] = 1.0
    chance = gaps + np.cumsum(drawn, axis=0)[:-1]
    chance /= chance.sum(axis=1, keepdims=True)
    return np.log(weights.T[parts]) - np.log(chance @ weights.T)


def _normal_scores(share: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The mean of z, and of z² - 1, of a standard normal variable within each part."""
    edges = norm.ppf(np.concatenate([[0.0], np.cumsum(share)]).clip(0.0, 1.0))
    height = norm.pdf(edges)
    lever = np.where(np.isfinite(edges), edges, 0.0) * height
    return (height[:-1] - height[1:]) / share, (lever[:-1] - lever[1:]) / share


def _crowded(share: FloatArray, part: int, to: float) -> FloatArray:
    weights = np.ones(len(share))
    weights[part] = to * (1 - share[part]) / ((1 - to) * share[part])
    return np.maximum(weights, 1e-3)
