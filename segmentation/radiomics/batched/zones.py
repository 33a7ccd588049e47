"""Zones of equal grey level in many regions at once, with their sizes and their distances to the border."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from segmentation.radiomics.batched.boxes import BoxVoxels, directions
from segmentation.radiomics.batched.levels import LevelBoxes
from segmentation.radiomics.texture.tally import Cells

_FACES = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


@dataclass(frozen=True, eq=False)
class ZoneList:
    """Every zone of all regions, (n,) each."""

    case: Tensor
    part: Tensor  # its slice, or 0 in a volume
    level: Tensor  # from 1
    size: Tensor  # voxels
    distance: Tensor  # smallest over its voxels: 1 on the border of the region


def find_zones(levels: LevelBoxes, outline: Tensor, flat: bool) -> ZoneList:
    """The zones of each region; `outline` is the line of the masks whose border distances are measured to."""
    voxels = levels.voxels
    root = _roots(levels, flat)
    size = torch.bincount(root, minlength=len(root))
    distance = border_distance(levels.boxes.voxels(outline), outline, flat)[voxels.places].long()
    nearest = torch.full_like(distance, torch.iinfo(torch.int64).max).scatter_reduce_(0, root, distance, "amin")
    first = torch.nonzero(size).reshape(-1)
    return ZoneList(voxels.case[first], voxels.part(flat)[first], levels.level[first], size[first], nearest[first])


def zones_by(levels: LevelBoxes, zones: ZoneList, other: Tensor, flat: bool) -> list[Cells]:
    """Of each region the zones by grey level and `other` (size or distance, from 1), as the kernels count them."""
    most = torch.ones(len(levels.n_bins), dtype=torch.int64, device=other.device)
    most.scatter_reduce_(0, zones.case, other, "amax")
    tables = levels.tables(flat, most.tolist())
    tallies = tables.tally(tables.keys(zones.case, zones.part, zones.level, other))
    voxels = levels.voxels_by_part(flat)
    return [Cells(*tallies[region], shape, voxels[region]) for region, shape in enumerate(tables.shapes)]


def _roots(levels: LevelBoxes, flat: bool) -> Tensor:
    """For each voxel the first voxel of its zone, as numbers among the voxels, (n,)."""
    voxels = levels.voxels
    number = torch.zeros(levels.line.shape, dtype=torch.int32, device=levels.line.device)
    number[voxels.places] = torch.arange(len(voxels.places), dtype=torch.int32, device=levels.line.device)
    root = torch.arange(len(voxels.places), device=levels.line.device)
    for step in levels.boxes.steps(directions(flat)):
        ahead = voxels.places + voxels.own(step)
        touches = torch.nonzero(levels.at(ahead) == levels.level).reshape(-1)
        root = _joined(root, touches, number.index_select(0, ahead.index_select(0, touches)).long())
    return root


def _joined(root: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Zones that touch made one: the later root points to the earliest it touches, and chains are cut short."""
    while True:
        a, b = root.index_select(0, one), root.index_select(0, other)
        apart = torch.nonzero(a != b).reshape(-1)
        if not len(apart):
            return root
        one, other, a, b = (part.index_select(0, apart) for part in (one, other, a, b))
        root = root.scatter_reduce(0, torch.maximum(a, b), torch.minimum(a, b), "amin")
        root = _shortened(root)


def _shortened(root: Tensor) -> Tensor:
    """Every voxel pointing at the root of its tree."""
    while True:
        further = root.index_select(0, root)
        if torch.equal(further, root):
            return root
        root = further


def border_distance(outlined: BoxVoxels, outline: Tensor, flat: bool) -> Tensor:
    """Steps through faces to leave the mask, 1 on its border, 0 outside, over the line; within slices where `flat`.

    By eroding the mask until nothing is left: a voxel survives while all its face neighbours do.
    """
    faces = [outlined.own(step) for step in outlined.boxes.steps(_FACES[1:] if flat else _FACES)]
    places, alive = outlined.places, outline > 0
    distance = torch.zeros(outline.shape, dtype=torch.int32, device=outline.device)
    while len(places):
        distance[places] += 1
        both = [alive.index_select(0, places + sign * face) for face in faces for sign in (1, -1)]
        stays = torch.stack(both).all(dim=0)
        alive.index_copy_(0, places, stays)
        kept = torch.nonzero(stays).reshape(-1)
        places, faces = places.index_select(0, kept), [face.index_select(0, kept) for face in faces]
    return distance
