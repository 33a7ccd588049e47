"""Grey levels of a region as the kernels read them: one padded line of memory, and the neighbours as steps in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal

Ints = npt.NDArray[np.int64]

MAX_BINS = np.iinfo(np.uint16).max
N_DIRECTIONS = {True: 4, False: 13}  # in a slice, in a volume


@dataclass(frozen=True, eq=False)
class GreyLevels:
    """The grey levels of a region, padded with 0 on every side by `reach` voxels.

    With `flat` neighbours lie in the same slice (first axis) and every slice has matrices of its own; without it the
    region is one volume. A pair of directions m and -m counts as one direction.
    """

    block: npt.NDArray[Any]  # (K + 2 reach, J + 2 reach, I + 2 reach), uint8 or uint16, 1..n_bins, 0 outside; C order
    n_bins: int
    reach: int  # Chebyshev distance up to which a voxel is a neighbour
    flat: bool

    @property
    def line(self) -> npt.NDArray[Any]:
        """The block as one line of memory."""
        return self.block.reshape(-1)

    @cached_property
    def inside(self) -> npt.NDArray[Any]:
        """Places in `line` of the voxels of the region, ascending, (n_voxels,); int32 where that is wide enough."""
        places = np.empty(int(np.count_nonzero(self.line)), dtype=narrowest(self.line.size))
        _fill_places(self.line, places)
        return places

    @cached_property
    def bounds(self) -> Ints:
        """Where each slice (or the volume) begins and ends in `inside`, (n_parts + 1,)."""
        if not self.flat:
            return np.array([0, len(self.inside)])
        slab = self.block.shape[1] * self.block.shape[2]
        return np.searchsorted(self.inside, np.arange(self.reach, len(self.block) - self.reach + 1) * slab)

    @cached_property
    def voxels(self) -> Ints:
        """Voxels of each slice, or of the volume, (n_parts,)."""
        return np.diff(self.bounds)

    @cached_property
    def directions(self) -> Ints:
        """Steps in `line` to the next voxel along each direction: 4 in a slice, 13 in a volume."""
        return self._steps(1)[-N_DIRECTIONS[self.flat] :]

    @cached_property
    def neighbours(self) -> Ints:
        """Steps in `line` to every voxel within `reach`, both ways."""
        return self._steps(self.reach)

    def _steps(self, reach: int) -> Ints:
        along = range(-reach, reach + 1)
        moves = np.array([m for m in product((0,) if self.flat else along, along, along) if any(m)])
        _, n_j, n_i = self.block.shape
        return moves @ np.array([n_j * n_i, n_i, 1])


def narrowest(n: int) -> type[np.signedinteger[Any]]:
    """The smaller integer type that can index n things: half the memory for nearly every region."""
    return np.int32 if n <= np.iinfo(np.int32).max else np.int64


@numba.njit(cache=True)
def _fill_places(line: npt.NDArray[Any], places: npt.NDArray[Any]) -> None:  # pragma: no cover - compiled
    n = 0
    for place in range(line.shape[0]):
        if line[place]:
            places[n] = place
            n += 1


def padded(bins: npt.NDArray[Any], n_bins: int, reach: int, flat: bool) -> GreyLevels:
    """Grey levels (K, J, I), 1..n_bins and 0 outside the region, made ready for the kernels.

    Raises ImageRefusal where the array is not a volume, a level lies outside 0..n_bins or there are too many bins.
    """
    check_levels(bins, n_bins)
    block = np.zeros([n + 2 * reach for n in bins.shape], dtype=np.uint8 if n_bins < 256 else np.uint16)
    block[tuple(slice(reach, reach + n) for n in bins.shape)] = bins
    return GreyLevels(block, n_bins, reach, flat)


def check_levels(bins: npt.NDArray[Any], n_bins: int) -> None:
    """Raises ImageRefusal where texture cannot be counted on these grey levels; see `padded`."""
    if bins.ndim != 3 or not np.issubdtype(bins.dtype, np.integer):
        raise ImageRefusal(
            "bad_bins",
            "Grey levels are not a volume of whole numbers.",
            expected="integers (K, J, I)",
            found=f"{bins.dtype} {bins.shape}",
        )
    if not 1 <= n_bins <= MAX_BINS:
        raise ImageRefusal(
            "bad_bins",
            "Texture cannot be counted with this number of bins.",
            expected=f"1 to {MAX_BINS}",
            found=str(n_bins),
            next_step="choose wider bins or fewer of them",
        )
    low, high = (int(bins.min()), int(bins.max())) if bins.size else (0, 0)
    if low < 0 or high > n_bins:
        raise ImageRefusal(
            "bad_bins", "A grey level is out of range.", expected=f"0 to {n_bins}", found=f"{low} to {high}"
        )
