"""Many boxes of voxels one after another in one line of device memory, so that nothing is spent on padding them alike.

Each box is (K, J, I) in C order with a border of zeros as wide as its voxels look, so that no step from a voxel leads
into another box. A step is a number of places in the line, and differs from box to box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Ints = npt.NDArray[np.int64]
Move = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Boxes:
    """Where the boxes lie in the line: `sizes` (n, 3) along K, J, I without the border of `reach` voxels."""

    sizes: Ints
    reach: int
    device: str

    @cached_property
    def padded(self) -> Ints:
        """Sizes with the border, (n, 3)."""
        return self.sizes + 2 * self.reach

    @cached_property
    def starts(self) -> Ints:
        """Where each box begins, and where the last one ends, (n + 1,)."""
        return np.concatenate([[0], np.cumsum(self.padded.prod(axis=1))]).astype(np.int64)

    def filled(self, blocks: Sequence[npt.NDArray[Any]], dtype: type[np.generic]) -> Tensor:
        """One block for each box, laid in the line; zeros between them."""
        line = np.zeros(int(self.starts[-1]), dtype=dtype)
        for block, start, padded in zip(blocks, self.starts, self.padded, strict=False):
            room = line[start : start + padded.prod()].reshape(padded)
            room[tuple(slice(self.reach, self.reach + n) for n in block.shape)] = block
        return torch.from_numpy(line).to(self.device)

    def steps(self, moves: Sequence[Move]) -> Tensor:
        """Each move along K, J, I as a step in the line of each box, (moves, n)."""
        _, j, i = self.padded.T
        strides = np.stack([j * i, i, np.ones_like(i)])
        return self.tensor(np.array(moves, dtype=np.int64) @ strides)

    def tensor(self, numbers: npt.ArrayLike) -> Tensor:
        """Whole numbers on the device."""
        return torch.from_numpy(np.asarray(numbers, dtype=np.int64)).to(self.device)

    def voxels(self, line: Tensor) -> BoxVoxels:
        """The voxels that are not zero."""
        return BoxVoxels(self, torch.nonzero(line).reshape(-1))


@dataclass(frozen=True, eq=False)
class BoxVoxels:
    """Some voxels of the boxes, as ascending places in the line."""

    boxes: Boxes
    places: Tensor  # (n,) int64

    @cached_property
    def case(self) -> Tensor:
        """The box of each voxel, (n,)."""
        return torch.bucketize(self.places, self.boxes.tensor(self.boxes.starts[1:]), right=True)

    @cached_property
    def slab(self) -> Tensor:
        """The index along K in the padded box, (n,)."""
        _, j, i = self.boxes.padded.T
        inside = self.places - self.boxes.tensor(self.boxes.starts)[self.case]
        return torch.div(inside, self.boxes.tensor(j * i)[self.case], rounding_mode="floor")

    @cached_property
    def bounds(self) -> Ints:
        """Where the voxels of each box begin and end, (boxes + 1,)."""
        found = torch.searchsorted(self.places, self.boxes.tensor(self.boxes.starts))
        ends: Ints = found.cpu().numpy()
        return ends

    def own(self, steps: Tensor) -> Tensor:
        """For each voxel the step of its box, (n,); `steps` (boxes,)."""
        return steps.index_select(0, self.case)

    def part(self, flat: bool) -> Tensor:
        """The slice of each voxel in its box where `flat`, else 0, (n,)."""
        return self.slab - self.boxes.reach if flat else torch.zeros_like(self.places)


def neighbours(reach: int, flat: bool) -> list[Move]:
    """Moves to every voxel within `reach` (Chebyshev), both ways, ascending; within a slice where `flat`."""
    along = range(-reach, reach + 1)
    return [move for move in product((0,) if flat else along, along, along) if any(move)]


def directions(flat: bool) -> list[Move]:
    """One of each pair of opposite moves to a next voxel: 4 in a slice, 13 in a volume, in the order of the kernels."""
    moves = neighbours(1, flat)
    return moves[len(moves) // 2 :]
