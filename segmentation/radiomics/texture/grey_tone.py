"""How much a voxel differs from the mean around it: the neighbourhood grey tone difference matrix, NGTDM (IBSI IPET).

References: Amadasun & King 1989, doi:10.1109/21.44046; arXiv:1612.07003, 3.10.
"""

from __future__ import annotations

import numba
import numpy as np

from segmentation.radiomics.texture.catalogue import stems
from segmentation.radiomics.texture.tally import Floats, Ints

# The value IBSI gives to coarseness where grey levels do not differ at all.
MOST_COARSE = 1e6

STEMS = stems("ngt")


def grey_tone_features(counts: Ints, differences: Floats) -> dict[str, Floats]:
    """All NGTDM features, one value a matrix, from n_i and s_i, (matrices, n_bins) each; NaN where n_i is 0 for all i.

    Busyness is NaN as well where two or more levels have the same product of level and probability.

    Formula, unit and IBSI code of each: `dictionary.explain("ngt_")`, or `segmentation features ngt_`.
    """
    values = np.full((len(counts), len(STEMS)), np.nan)
    for row, n, s in zip(values, counts, differences, strict=True):
        levels = np.flatnonzero(n)
        if len(levels):
            row[:] = _features((levels + 1).astype(np.float64), n[levels].astype(np.float64), s[levels])
    return dict(zip(STEMS, values.T, strict=True))


def _features(level: Floats, n: Floats, s: Floats) -> tuple[float, float, float, float, float]:
    """The five features of one matrix, from the levels that occur."""
    n_voxels, n_levels = float(n.sum()), len(level)
    p: Floats = np.asarray(n / n_voxels, dtype=np.float64)
    change = float(p @ s)
    coarseness = 1 / change if change > 0 else MOST_COARSE
    if n_levels == 1:  # IBSI: no contrast and no busyness with one grey level; the two sums over pairs are zero as well
        return coarseness, 0.0, 0.0, 0.0, 0.0
    spread = 2 * float(p @ (level - p @ level) ** 2)
    busy, complexity, strength = _over_pairs(level, n, s)
    return (
        coarseness,
        spread / (n_levels * (n_levels - 1)) * float(s.sum()) / n_voxels,
        change * n_voxels / busy if busy > 0 else np.nan,
        complexity / n_voxels,
        strength / n_voxels / float(s.sum()) if s.sum() > 0 else 0.0,
    )


@numba.njit(cache=True)
def _over_pairs(level: Floats, n: Floats, s: Floats) -> tuple[float, float, float]:  # pragma: no cover - compiled
    """The sums over ordered pairs of levels in busyness, complexity and strength, of counts instead of probabilities.

    Counts times levels are whole numbers, so that a busyness divisor of zero is found to be exactly zero.
    """
    busy, complexity, strength = 0.0, 0.0, 0.0
    for a in range(level.shape[0]):
        for b in range(a):
            apart = level[a] - level[b]
            both = n[a] + n[b]
            busy += 2 * abs(level[a] * n[a] - level[b] * n[b])
            complexity += 2 * apart * (n[a] * s[a] + n[b] * s[b]) / both
            strength += 2 * both * apart**2
    return busy, complexity, strength
