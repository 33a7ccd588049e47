"""The features that run-length, zone and dependence matrices share: short or long, dark or bright, even or uneven.

With r_ij the count of grey level i and length (size, distance, dependence) j, N_s their sum and p_ij = r_ij / N_s.
References: Galloway 1975, doi:10.1016/S0146-664X(75)80008-6; arXiv:1612.07003, 3.7 to 3.9 and 3.11.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from segmentation.radiomics.texture.aggregation import divided
from segmentation.radiomics.texture.tally import Cells, tally

Floats = npt.NDArray[np.float64]

# What each value is, in the order in which every family names its own.
KINDS = (
    "short emphasis",
    "long emphasis",
    "low level emphasis",
    "high level emphasis",
    "short low level emphasis",
    "short high level emphasis",
    "long low level emphasis",
    "long high level emphasis",
    "level non-uniformity",
    "normalised level non-uniformity",
    "length non-uniformity",
    "normalised length non-uniformity",
    "percentage",
    "level variance",
    "length variance",
    "entropy",
    "energy",
)


def emphasis_features(cells: Cells, stems: Sequence[str]) -> dict[str, Floats]:
    """The features of KINDS under the names `stems`, one value a matrix; NaN for a matrix without a count."""
    total = cells.sums(cells.counts.astype(np.float64))
    p = cells.counts / total[cells.matrix]
    values = [*_emphases(cells, p), *_uniformities(cells, total)]
    values += [divided(total, cells.voxels.astype(np.float64))]
    values += [_variance(cells, p, cells.row), _variance(cells, p, cells.column)]
    values += [-cells.sums(p * np.log2(p)), cells.sums(p * p)]
    empty = total == 0
    return {stem: np.where(empty, np.nan, value) for stem, value in zip(stems, values, strict=False)}


def _emphases(cells: Cells, p: Floats) -> list[Floats]:
    level, length = cells.row.astype(np.float64) ** 2, cells.column.astype(np.float64) ** 2
    weights = (1 / length, length, 1 / level, level)
    crossed = (1 / (level * length), level / length, length / level, level * length)
    return [cells.sums(p * weight) for weight in (*weights, *crossed)]


def _uniformities(cells: Cells, total: Floats) -> list[Floats]:
    by_level = _squares(cells, cells.row, cells.shape[1])
    by_length = _squares(cells, cells.column, cells.shape[2])
    return [divided(square, total**power) for square in (by_level, by_length) for power in (1, 2)]


def _squares(cells: Cells, index: npt.NDArray[np.int64], n: int) -> Floats:
    """For each matrix the sum of the squared marginal counts over `index`, which runs from 1 to n."""
    keys, counts = tally(cells.matrix * n + index - 1, cells.shape[0] * n, cells.counts)
    total: Floats = np.bincount(keys // n, counts.astype(np.float64) ** 2, cells.shape[0]).astype(np.float64)
    return total


def _variance(cells: Cells, p: Floats, index: npt.NDArray[np.int64]) -> Floats:
    centre = cells.sums(p * index)
    return cells.sums(p * (index - centre[cells.matrix]) ** 2)
