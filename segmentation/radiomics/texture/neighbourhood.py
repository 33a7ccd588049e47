"""One pass over every voxel's neighbours, for the two families that compare a voxel with all of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from segmentation.radiomics.texture.levels import GreyLevels
from segmentation.radiomics.texture.tally import Cells, Floats, Ints


@dataclass(frozen=True, eq=False)
class Neighbourhoods:
    """What surrounds the voxels of each slice, or of the volume, by grey level from 1."""

    dependent: Cells  # voxels by level and number of like neighbours plus one
    valid: Ints  # (n_parts, n_bins) voxels with at least one neighbour in the region: n_i
    difference: Floats  # (n_parts, n_bins) over those, the sum of |level - mean of the neighbours' levels|: s_i


def read_neighbourhoods(levels: GreyLevels, coarseness: int) -> Neighbourhoods:
    """What surrounds each voxel; levels up to `coarseness` apart are alike."""
    shape = (len(levels.voxels), levels.n_bins, len(levels.neighbours) + 1)
    valid, difference = np.zeros(shape[:2], dtype=np.int64), np.zeros(shape[:2])
    keys, counts = [], []
    for part in range(shape[0]):
        tables = np.zeros((3, *shape[1:]), dtype=np.int64)
        voxels = levels.inside[levels.bounds[part] : levels.bounds[part + 1]]
        _read(levels.line, voxels, levels.neighbours, coarseness, tables)
        found = np.flatnonzero(tables[0])
        keys.append(found + part * tables[0].size)
        counts.append(tables[0].reshape(-1)[found])
        valid[part] = tables[1, :, 1:].sum(axis=1)
        difference[part] = tables[2, :, 1:] @ (1 / np.arange(1, shape[2]))
    return Neighbourhoods(Cells(np.concatenate(keys), np.concatenate(counts), shape, levels.voxels), valid, difference)


@numba.njit(cache=True)
def _read(
    line: npt.NDArray[Any], voxels: npt.NDArray[Any], steps: Ints, coarseness: int, tables: Ints
) -> None:  # pragma: no cover - compiled
    """Fill (3, n_bins, n_neighbours + 1): voxels by like neighbours; voxels by number w of neighbours in the region;
    over these, the sum of |w level - sum of the neighbours' levels|. Whole numbers: no order of reading changes them.
    """
    dependent, valid, difference = tables[0], tables[1], tables[2]
    for t in range(voxels.shape[0]):
        place = int(voxels[t])
        level = np.int64(line[place])
        like, around, total = 0, 0, np.int64(0)
        for s in range(steps.shape[0]):
            other = np.int64(line[place + steps[s]])
            like += int((other > 0) & (abs(other - level) <= coarseness))
            around += int(other > 0)
            total += other
        dependent[level - 1, like] += 1
        valid[level - 1, around] += 1
        difference[level - 1, around] += abs(around * level - total)
