"""Grey levels of many regions on the device, and what the texture families ask of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from segmentation.radiomics.batched.boxes import Boxes, BoxVoxels, Ints
from segmentation.radiomics.batched.tables import Shape, Tables

_NARROW = np.iinfo(np.int16).max


@dataclass(frozen=True, eq=False)
class LevelBoxes:
    """Grey levels 1..n_bins of each region, 0 outside, with the distance that neighbours are looked for in."""

    boxes: Boxes
    line: Tensor  # int16 or int32
    n_bins: tuple[int, ...]

    @cached_property
    def voxels(self) -> BoxVoxels:
        """The voxels of the regions."""
        return self.boxes.voxels(self.line)

    @cached_property
    def level(self) -> Tensor:
        """The grey level of each voxel, (n,) int64."""
        return self.at(self.voxels.places)

    def at(self, places: Tensor) -> Tensor:
        """The grey levels at some places of the line, int64."""
        return self.line.index_select(0, places).long()

    def parts(self, flat: bool) -> Ints:
        """How many slices (or volumes) with matrices of their own each region has, (regions,)."""
        return self.boxes.sizes[:, 0] if flat else np.ones(len(self.n_bins), dtype=np.int64)

    def tables(self, flat: bool, columns: Sequence[int]) -> Tables:
        """Matrices of grey levels against `columns` of each region."""
        parts = self.parts(flat).tolist()
        shapes: list[Shape] = list(zip(parts, self.n_bins, columns, strict=True))
        return Tables(shapes, self.boxes.device)

    def voxels_by_part(self, flat: bool) -> list[Ints]:
        """For each region the voxels of its slices, or of the volume."""
        if not flat:
            return [np.array([n]) for n in np.diff(self.voxels.bounds)]
        first = np.concatenate([[0], np.cumsum(self.parts(flat))])
        place = self.boxes.tensor(first)[self.voxels.case] + self.voxels.part(flat)
        counts: Ints = torch.bincount(place, minlength=int(first[-1])).cpu().numpy()
        return [counts[a:b] for a, b in pairwise(first)]


def lay_levels(bins: Sequence[npt.NDArray[Any]], n_bins: Sequence[int], reach: int, device: str) -> LevelBoxes:
    """Grey levels (K, J, I) of each region, laid out on the device."""
    boxes = Boxes(np.array([block.shape for block in bins], dtype=np.int64), reach, device)
    narrow = max(n_bins) <= _NARROW
    return LevelBoxes(boxes, boxes.filled(bins, np.int16 if narrow else np.int32), tuple(n_bins))
