"""What lies along lines: neighbouring pairs of grey levels, and runs of one grey level, in every direction."""

from __future__ import annotations

import torch
from torch import Tensor

from segmentation.radiomics.batched.boxes import directions
from segmentation.radiomics.batched.levels import LevelBoxes
from segmentation.radiomics.batched.tables import Tables, Tally
from segmentation.radiomics.texture.tally import Cells, interleave


def pairs(levels: LevelBoxes, flat: bool) -> list[Cells]:
    """Of each region the pairs of neighbours, as `cooccurrences` counts them: row <= column."""
    voxels, level = levels.voxels, levels.level
    tables = levels.tables(flat, levels.n_bins)
    before = tables.rows_before(voxels.case, voxels.part(flat))
    width = tables.columns(voxels.case)
    by_direction = []
    for step in levels.boxes.steps(directions(flat)) * levels.boxes.reach:
        other = levels.at(voxels.places + voxels.own(step))
        key = before + (torch.minimum(level, other) - 1) * width + torch.maximum(level, other) - 1
        by_direction.append(tables.tally(key[other > 0]))
    return _by_region(levels, flat, tables, by_direction)


def runs(levels: LevelBoxes, flat: bool) -> list[Cells]:
    """Of each region the runs, as `run_lengths` counts them."""
    voxels, level = levels.voxels, levels.level
    tables = levels.tables(flat, levels.boxes.padded.max(axis=1).tolist())
    row = tables.rows_before(voxels.case, voxels.part(flat)) + (level - 1) * tables.columns(voxels.case)
    by_direction = []
    for step in levels.boxes.steps(directions(flat)):
        along = voxels.own(step)
        length = _length_from(levels, along)
        first = levels.at(voxels.places - along) != level
        by_direction.append(tables.tally((row + length - 1)[first]))
    return _by_region(levels, flat, tables, by_direction)


def _length_from(levels: LevelBoxes, along: Tensor) -> Tensor:
    """How many voxels of one grey level follow one another from each voxel on, itself included, (n,).

    By doubling: a run known to go on for `width` voxels goes on for as long as is known of the voxel after them.
    """
    places = levels.voxels.places
    length = torch.zeros(levels.line.shape, dtype=torch.int32, device=levels.line.device)
    length[places] = 1
    width = 1
    while len(places):
        ahead = places + width * along
        goes_on = _where(levels.line.index_select(0, ahead) == levels.line.index_select(0, places))
        places, along, ahead = (part.index_select(0, goes_on) for part in (places, along, ahead))
        total = length.index_select(0, places) + length.index_select(0, ahead)
        length.index_copy_(0, places, total)
        width *= 2
        open_ended = _where(total == width)
        places, along = places.index_select(0, open_ended), along.index_select(0, open_ended)
    return length.index_select(0, levels.voxels.places).long()


def _where(holds: Tensor) -> Tensor:
    return torch.nonzero(holds).reshape(-1)


def _by_region(levels: LevelBoxes, flat: bool, tables: Tables, by_direction: list[list[Tally]]) -> list[Cells]:
    voxels = levels.voxels_by_part(flat)
    return [
        interleave([tallies[region] for tallies in by_direction], shape, voxels[region])
        for region, shape in enumerate(tables.shapes)
    ]
