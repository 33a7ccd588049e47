"""Could one tell from the columns whether a case is from here or from development? Chance alone gives 0.5.

The membership model of Debray et al. 2015 (doi:10.1016/j.jclinepi.2014.06.018) needs both groups' patients. Departure:
development comes as means and covariances, so the model is the linear discriminant, and its AUROC for new cases is
Φ(Δ / √2) where columns are normal with one covariance in both groups, Δ being Mahalanobis' distance between the means.
Rare values and long tails make that an approximation. The AUROC sees means and not spreads.
Hotelling 1931, doi:10.1214/aoms/1177732979.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ncfdtr
from scipy.stats import norm

from outcome.evaluation.intervals import LEVEL, measured
from outcome.types import Estimate, FloatArray

METHOD = (
    "linear discriminant of normal columns with a common covariance, AUROC Φ(Δ/√2); unbiased squared Mahalanobis "
    "distance from Hotelling's T², interval by the noncentral F"
)
COLLINEAR = 1e-8  # share of a column's variance that the columns before it leave unexplained


@dataclass(frozen=True, eq=False)
class Moments:
    """A group's n, means (p,) and covariance (p, p) with divisor n - 1."""

    n: int
    mean: FloatArray
    covariance: FloatArray

    @classmethod
    def of(cls, X: FloatArray) -> Moments:
        return cls(len(X), X.mean(axis=0), np.atleast_2d(np.cov(X, rowvar=False)))

    def take(self, columns: list[int]) -> Moments:
        return Moments(self.n, self.mean[columns], self.covariance[np.ix_(columns, columns)])


@dataclass(frozen=True)
class Membership:
    """The AUROC, the columns it rests on, and how many were left out since others already say the same."""

    auroc: Estimate
    columns: int
    collinear: int


def membership(here: FloatArray, development: Moments, *, level: float = LEVEL) -> Membership:
    """AUROC (0.5 to 1) with which the columns of `here`, (n, p) without NaN, tell its cases from development's.

    Withheld where no column varies, or there are not more cases here than columns and two.
    """
    n, p = here.shape
    if n < 2:
        return Membership(Estimate.withhold(f"{n} case(s) here", n=n), p, 0)
    own = Moments.of(here)
    kept = independent_columns(_pooled(own, development))
    few = _too_few(n, len(kept))
    if few:
        return Membership(Estimate.withhold(few, n=n), len(kept), p - len(kept))
    estimate = _auroc(own.take(kept), development.take(kept), level)
    return Membership(estimate, len(kept), p - len(kept))


def independent_columns(covariance: FloatArray) -> list[int]:
    """Columns that no others explain, by falling news: pivoted Cholesky of the correlations, widest remainder first."""
    sd = np.sqrt(np.clip(np.diag(covariance), 0, None))
    varies = np.flatnonzero(sd > 0)
    rest = covariance[np.ix_(varies, varies)] / np.outer(sd[varies], sd[varies])
    kept: list[int] = []
    for _ in range(len(varies)):
        at = int(np.argmax(np.diag(rest)))
        if rest[at, at] <= COLLINEAR:
            break
        kept.append(int(varies[at]))
        rest = rest - np.outer(rest[:, at], rest[at]) / rest[at, at]
        rest[at, at] = -1.0
    return kept


def distance_interval(d2: float, p: int, sizes: tuple[int, int], level: float = LEVEL) -> tuple[float, float]:
    """(low, high) of Mahalanobis' distance Δ between groups of these sizes, from the squared sample distance."""
    total, weight = sum(sizes), sizes[0] * sizes[1] / sum(sizes)
    df = total - p - 1
    f = weight * d2 * df / (p * (total - 2))
    low, high = (_noncentrality(f, p, df, share) for share in ((1 + level) / 2, (1 - level) / 2))
    return math.sqrt(low / weight), math.sqrt(high / weight)


def _noncentrality(f: float, p: int, df: int, share: float) -> float:
    """The noncentrality with which F falls below f with this probability; 0 where even none is too much."""
    if ncfdtr(p, df, 0.0, f) <= share:
        return 0.0
    top = p * f + 10.0
    while ncfdtr(p, df, top, f) > share:
        top *= 2
    return float(brentq(lambda nc: ncfdtr(p, df, nc, f) - share, 0.0, top, xtol=1e-9 * top))


def _auroc(own: Moments, development: Moments, level: float) -> Estimate:
    p, total = len(own.mean), own.n + development.n
    away = own.mean - development.mean
    scale = np.sqrt(np.diag(_pooled(own, development)))  # solved on correlations, so that units do not matter
    correlation = _pooled(own, development) / np.outer(scale, scale)
    d2 = float((away / scale) @ np.linalg.solve(correlation, away / scale))
    unbiased = d2 * (total - p - 3) / (total - 2) - p * total / (own.n * development.n)
    distances = (math.sqrt(max(unbiased, 0.0)), *distance_interval(d2, p, (own.n, development.n), level))
    value, low, high = (float(norm.cdf(distance / math.sqrt(2))) for distance in distances)
    return measured(value, (low, high), method=METHOD, n=own.n, level=level)


def _pooled(a: Moments, b: Moments) -> FloatArray:
    return ((a.n - 1) * a.covariance + (b.n - 1) * b.covariance) / (a.n + b.n - 2)


def _too_few(n: int, columns: int) -> str:
    if not columns:
        return "no column varies"
    return f"{n} cases here; more than {columns + 2} are needed for {columns} columns" if n <= columns + 2 else ""
