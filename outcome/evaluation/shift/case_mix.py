"""How far apart are two groups in one variable? In standard deviations, so that variables can be compared.

Numbers: Austin 2009, doi:10.1002/sim.3697; categories: Yang & Dalton, SAS Global Forum 2012, paper 335.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from outcome.types import FloatArray

SHIFTED = 0.25  # standard deviations; the usual limit above which a difference is not called small


def number_difference(here: tuple[float, float], development: tuple[float, float]) -> float | None:
    """(mean here - mean in development) / √((sd² + sd²) / 2), from (mean, sd) of each; None where neither spreads."""
    (mean, sd), (other_mean, other_sd) = here, development
    scale = math.sqrt((sd**2 + other_sd**2) / 2)
    return (mean - other_mean) / scale if scale > 0 else None


def category_difference(here: Mapping[str, int], development: Mapping[str, int]) -> float | None:
    """Mahalanobis' distance (at least 0) between the shares of categories, from counts; None where it is not finite.

    A category that one group lacks has share 0 there. Each group's counts must not all be 0.
    """
    levels = sorted(set(here) | set(development))
    t, c = _shares(here, levels), _shares(development, levels)
    used = np.flatnonzero(t + c > 0)[1:]  # the shares add up to 1: one follows from the others
    away = (t - c)[used]
    spread = (_multinomial(t[used]) + _multinomial(c[used])) / 2
    if not len(used):
        return 0.0
    if np.linalg.matrix_rank(spread, hermitian=True) < len(used):
        return 0.0 if np.allclose(away, 0) else None
    return float(math.sqrt(max(float(away @ np.linalg.solve(spread, away)), 0.0)))


def is_shifted(difference: float | None, n: int, n_development: int) -> bool:
    """Whether a standardised difference exceeds 0.25 and twice what chance gives groups of these sizes."""
    if difference is None or not min(n, n_development):
        return False
    return abs(difference) > max(SHIFTED, 2 * math.sqrt(1 / n + 1 / n_development))


def _shares(counts: Mapping[str, int], levels: list[str]) -> FloatArray:
    found = np.array([counts.get(level, 0) for level in levels], dtype=float)
    return found / found.sum()


def _multinomial(share: FloatArray) -> FloatArray:
    return np.diag(share) - np.outer(share, share)
