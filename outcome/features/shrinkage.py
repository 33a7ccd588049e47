"""How far off is one site, feature by feature, when the features lend each other strength? Empirical Bayes of ComBat.

References: Johnson, Li & Rabinovic, Biostatistics 2007, doi:10.1093/biostatistics/kxj037.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from outcome.types import FloatArray

_PRECISION = 1e-10
_MAX_ROUNDS = 1000
# Scales that all agree leave no spread to fit; the prior is then as sharp as this share of their mean squared.
_LEAST_SCALE_SPREAD = 1e-6


@dataclass(frozen=True, eq=False)
class SiteSample:
    """What a site shows of each standardised feature: values known, their mean, squares about it; each (p,)."""

    known: FloatArray
    mean: FloatArray  # 0 where nothing is known
    squares: FloatArray

    @property
    def variance(self) -> FloatArray:
        """Divided by n - 1, (p,); NaN below two values."""
        return np.where(self.known > 1, self.squares / np.maximum(self.known - 1, 1), np.nan)


@dataclass(frozen=True)
class Prior:
    """What is expected of a site before its cases are seen, in standard deviations of a feature.

    The shift is normal; the squared scale is inverse gamma with `shape` > 2 and `rate`, so that its mean is
    rate / (shape - 1).
    """

    shift: float
    shift_variance: float
    shape: float
    rate: float

    def to_json(self) -> dict[str, float]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Prior:
        return cls(*(float(data[name]) for name in ("shift", "shift_variance", "shape", "rate")))


def describe(standardised: FloatArray) -> SiteSample:
    """Count, mean and squares of each column of one site's standardised cases, (n, p), NaN where missing."""
    seen = np.isfinite(standardised)
    known = seen.sum(axis=0).astype(float)
    values = np.where(seen, standardised, 0.0)
    mean = values.sum(axis=0) / np.maximum(known, 1)
    return SiteSample(known, mean, (np.where(seen, values - mean, 0.0) ** 2).sum(axis=0))


def own_prior(site: SiteSample) -> Prior:
    """A site's prior from its own features, as ComBat has it; every feature needs two values or more."""
    spread = float(np.var(site.mean, ddof=1)) if len(site.mean) > 1 else 0.0
    return Prior(float(site.mean.mean()), spread, *_inverse_gamma(site.variance))


def common_prior(sites: list[SiteSample]) -> Prior:
    """What a further site may be expected to be: no shift on average, as much spread as the known sites have."""
    means = np.concatenate([site.mean for site in sites])
    return Prior(0.0, float(np.mean(means**2)), *_inverse_gamma(np.concatenate([site.variance for site in sites])))


def shrink(site: SiteSample, prior: Prior) -> tuple[FloatArray, FloatArray]:
    """Shift and scale (a standard deviation, > 0) of each feature at a site, drawn towards the prior; each (p,).

    The two depend on each other and are found in turns. Without a known value both are the prior's means.
    """
    squared = np.full(len(site.mean), prior.rate / (prior.shape - 1))
    shift = site.mean
    for _ in range(_MAX_ROUNDS):
        before = squared
        weight = prior.shift_variance * site.known
        shift = (weight * site.mean + squared * prior.shift) / (weight + squared)
        about = site.squares + site.known * (site.mean - shift) ** 2
        squared = (about / 2 + prior.rate) / (site.known / 2 + prior.shape - 1)
        if np.abs(squared / before - 1).max() < _PRECISION:
            break
    return shift, np.sqrt(squared)


def _inverse_gamma(variances: FloatArray) -> tuple[float, float]:
    """Shape and rate with the mean and variance of these numbers (method of moments)."""
    mean = float(variances.mean())
    spread = float(np.var(variances, ddof=1)) if len(variances) > 1 else 0.0
    spread = max(spread, _LEAST_SCALE_SPREAD * mean**2)
    return 2 + mean**2 / spread, mean + mean**3 / spread
