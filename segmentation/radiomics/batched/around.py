"""What surrounds every voxel, for the two families that compare a voxel with all its neighbours at once."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from segmentation.radiomics.batched.boxes import neighbours
from segmentation.radiomics.batched.levels import LevelBoxes
from segmentation.radiomics.batched.tables import Tables, Tally
from segmentation.radiomics.texture.neighbourhood import Neighbourhoods
from segmentation.radiomics.texture.tally import Cells


def neighbourhoods(levels: LevelBoxes, flat: bool, coarseness: int) -> list[Neighbourhoods]:
    """Of each region what `read_neighbourhoods` reads; levels up to `coarseness` apart are alike."""
    voxels, level = levels.voxels, levels.level
    moves = neighbours(levels.boxes.reach, flat)
    tables = levels.tables(flat, [len(moves) + 1] * len(levels.n_bins))
    like, number, total = _compared(levels, flat, coarseness)
    row = tables.rows_before(voxels.case, voxels.part(flat)) + (level - 1) * (len(moves) + 1)
    dependent = tables.tally(row + like)
    valid = tables.tally(row + number)
    apart = _sums(tables, row + number, (number * level - total).abs())
    by_part = levels.voxels_by_part(flat)
    return [
        Neighbourhoods(
            Cells(*dependent[region], shape, by_part[region]),
            _full(valid[region], shape)[:, :, 1:].sum(axis=2),
            _full(apart[region], shape)[:, :, 1:] @ (1 / np.arange(1, shape[2])),
        )
        for region, shape in enumerate(tables.shapes)
    ]


def _compared(levels: LevelBoxes, flat: bool, coarseness: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each voxel its like neighbours, its neighbours in the region and the sum of their levels, (n,) each."""
    voxels, level = levels.voxels, levels.level
    like, number, total = (torch.zeros_like(level) for _ in range(3))
    for step in levels.boxes.steps(neighbours(levels.boxes.reach, flat)):
        other = levels.at(voxels.places + voxels.own(step))
        there = other > 0
        like += there & ((other - level).abs() <= coarseness)
        number += there
        total += other
    return like, number, total


def _sums(tables: Tables, keys: Tensor, numbers: Tensor) -> list[Tally]:
    """The sum of `numbers` over each key that occurs, by region. Whole numbers: no order of adding changes them."""
    found, place = torch.unique(keys, return_inverse=True)
    sums = torch.zeros_like(found).index_add_(0, place, numbers)
    return tables.split(found, sums)


def _full(tally: Tally, shape: tuple[int, int, int]) -> np.ndarray:
    table = np.zeros(int(np.prod(shape)), dtype=np.int64)
    table[tally[0]] = tally[1]
    return table.reshape(shape)
