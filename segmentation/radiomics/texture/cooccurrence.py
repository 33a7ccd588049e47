"""How often two grey levels lie next to each other: the grey level co-occurrence matrix, GLCM (IBSI LFYI).

References: Haralick et al. 1973, doi:10.1109/TSMC.1973.4309314; arXiv:1612.07003, 3.6.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from segmentation.radiomics.texture.aggregation import divided
from segmentation.radiomics.texture.levels import GreyLevels, narrowest
from segmentation.radiomics.texture.tally import Cells, Floats, Ints, interleave, tally


def cooccurrences(levels: GreyLevels) -> Cells:
    """Pairs of neighbours at distance `levels.reach`, by slice or volume and direction; row <= column.

    The matrix of IBSI is symmetric: a pair of unlike levels stands in two of its cells, a pair of equal levels twice
    in one. Here each pair is kept once, and `cooccurrence_features` knows it.
    """
    n = levels.n_bins
    shape = (len(levels.voxels), n, n)
    keys = np.empty(len(levels.inside), dtype=narrowest(math.prod(shape)))
    parts = []
    for step in levels.directions * levels.reach:
        used = _pair_keys(levels.line, levels.inside, levels.bounds, (step, n), keys)
        parts.append(tally(keys[:used], math.prod(shape)))
    return interleave(parts, shape, levels.voxels)


@numba.njit(cache=True)
def _pair_keys(
    line: npt.NDArray[Any], inside: npt.NDArray[Any], bounds: Ints, step_bins: tuple[int, int], keys: npt.NDArray[Any]
) -> int:  # pragma: no cover - compiled
    """Write the key of every pair along one direction; the number of pairs."""
    step, n = step_bins
    used = 0
    for part in range(bounds.shape[0] - 1):
        base = np.int64(part) * n * n - n - 1
        for t in range(bounds[part], bounds[part + 1]):
            place = int(inside[t])
            a, b = np.int64(line[place]), np.int64(line[place + step])
            keys[used] = base + min(a, b) * n + max(a, b)
            used += int(b > 0)
    return used


def cooccurrence_features(cells: Cells) -> dict[str, Floats]:
    """All GLCM features, one value a matrix; NaN for a matrix without a pair and where the divisor is zero.

    Formula, unit and IBSI code of each: `dictionary.explain("cm_")`, or `segmentation features cm_`.
    """
    pairs = cells.sums(cells.counts.astype(np.float64))
    share = cells.counts / pairs[cells.matrix]
    same = cells.row == cells.column
    p = np.where(same, share, share / 2)  # probability of one cell of the symmetric matrix
    times = np.where(same, 1.0, 2.0)  # how many of its cells are alike
    entropy = -cells.sums(times * p * np.log2(p))
    apart, together, level = (_marginal(cells, share, kind) for kind in ("apart", "together", "level"))
    features = {
        "cm_joint_max": _largest(cells, p),
        "cm_joint_entr": entropy,
        "cm_energy": cells.sums(times * p * p),
        **_apart_features(apart, cells.shape[1]),
        **_together_features(together),
        **_level_features(apart, together, level, entropy),
    }
    return {stem: np.where(pairs > 0, value, np.nan) for stem, value in features.items()}


def _largest(cells: Cells, p: Floats) -> Floats:
    most = np.zeros(cells.shape[0])
    np.maximum.at(most, cells.matrix, p)
    return most


def _marginal(cells: Cells, share: Floats, kind: str) -> Floats:
    """Probabilities of k = |i - j| (`apart`), i + j (`together`) or i (`level`), each from 0: (matrices, k)."""
    n_matrices, n, _ = cells.shape
    if kind == "level":
        size = n + 1
        either = np.concatenate([cells.matrix * size + cells.row, cells.matrix * size + cells.column])
        sums = np.bincount(either, np.tile(share / 2, 2), n_matrices * size)
    else:
        size, index = (n, cells.column - cells.row) if kind == "apart" else (2 * n + 1, cells.column + cells.row)
        sums = np.bincount(cells.matrix * size + index, share, n_matrices * size)
    return sums.astype(np.float64).reshape(n_matrices, size)


def _apart_features(p: Floats, n_bins: int) -> dict[str, Floats]:
    k = np.arange(p.shape[1], dtype=np.float64)
    mean = p @ k
    return {
        "cm_diff_avg": mean,
        "cm_diff_var": _moment(p, k, 2),
        "cm_diff_entr": _entropy(p),
        "cm_contrast": p @ k**2,
        "cm_dissimilarity": mean,
        "cm_inv_diff": p @ (1 / (1 + k)),
        "cm_inv_diff_norm": p @ (1 / (1 + k / n_bins)),
        "cm_inv_diff_mom": p @ (1 / (1 + k**2)),
        "cm_inv_diff_mom_norm": p @ (1 / (1 + (k / n_bins) ** 2)),
        "cm_inv_var": p[:, 1:] @ (1 / k[1:] ** 2),
    }


def _together_features(p: Floats) -> dict[str, Floats]:
    k = np.arange(p.shape[1], dtype=np.float64)
    variance = _moment(p, k, 2)
    return {
        "cm_sum_avg": p @ k,
        "cm_sum_var": variance,
        "cm_sum_entr": _entropy(p),
        "cm_clust_tend": variance,
        "cm_clust_shade": _moment(p, k, 3),
        "cm_clust_prom": _moment(p, k, 4),
    }


def _level_features(apart: Floats, together: Floats, level: Floats, joint: Floats) -> dict[str, Floats]:
    """Features of the marginal distribution. As the matrix is symmetric, HXY1 = HXY2 = 2 HX.

    Products come from sums and differences: 4 i j = (i + j)^2 - (i - j)^2, and so for deviations from the mean.
    """
    i, k = np.arange(level.shape[1], dtype=np.float64), np.arange(together.shape[1], dtype=np.float64)
    contrast = apart @ np.arange(apart.shape[1], dtype=np.float64) ** 2
    variance = _moment(level, i, 2)
    alone = _entropy(level)
    known = np.maximum(2 * alone - joint, 0)
    constant = (level > 0).sum(axis=1) < 2
    return {
        "cm_joint_avg": level @ i,
        "cm_joint_var": variance,
        "cm_corr": divided((_moment(together, k, 2) - contrast) / 4, np.where(constant, 0, variance)),
        "cm_auto_corr": (together @ k**2 - contrast) / 4,
        "cm_info_corr1": divided(joint - 2 * alone, np.where(constant, 0, alone)),
        "cm_info_corr2": np.sqrt(1 - np.exp(-2 * known)),
    }


def _moment(p: Floats, k: Floats, power: int) -> Floats:
    centred: Floats = ((k - (p @ k)[:, None]) ** power * p).sum(axis=1)
    return centred


def _entropy(p: Floats) -> Floats:
    bits: Floats = -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=1)
    return bits
