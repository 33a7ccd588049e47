"""Counts in the cells of many matrices at once, kept as the cells that are not zero.

A matrix of grey levels against run lengths or zone sizes is nearly empty, and with many bins a full one would need
far more memory than the image. So kernels write one key a find, keys are counted, and only cells that occur are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# A full table is counted faster than keys are sorted; it may be as long as the keys, or this long.
_SMALL_TABLE = 65_536


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells that are not zero of `shape[0]` matrices: `keys` are flat indices into `shape`, each once."""

    keys: Ints  # (n,)
    counts: Ints  # (n,)
    shape: tuple[int, int, int]  # matrices, rows (grey levels from 1), columns (from 1)
    voxels: Ints  # (matrices,) how many voxels each matrix was counted over

    @property
    def matrix(self) -> Ints:
        """The matrix of each cell, (n,)."""
        return self.keys // (self.shape[1] * self.shape[2])

    @property
    def row(self) -> Ints:
        """The grey level of each cell, from 1, (n,)."""
        return self.keys // self.shape[2] % self.shape[1] + 1

    @property
    def column(self) -> Ints:
        """The other index of each cell, from 1, (n,)."""
        return self.keys % self.shape[2] + 1

    def merged(self, group: Ints, n_groups: int) -> Cells:
        """Matrices of the same `group` (matrices,) added up; their voxels add up too."""
        each = self.shape[1] * self.shape[2]
        shape = (n_groups, *self.shape[1:])
        keys, counts = tally(group[self.matrix] * each + self.keys % each, n_groups * each, self.counts)
        return Cells(keys, counts, shape, np.bincount(group, self.voxels, n_groups).astype(np.int64))

    def sums(self, weights: Floats) -> Floats:
        """The sum of `weights` (n,) over the cells of each matrix, (matrices,)."""
        total: Floats = np.bincount(self.matrix, weights, self.shape[0]).astype(np.float64)
        return total


def tally(keys: npt.NDArray[Any], n_keys: int, counts: Ints | None = None) -> tuple[Ints, Ints]:
    """The keys that occur, ascending, and how often each does (or the sum of its `counts`)."""
    if n_keys > max(_SMALL_TABLE, len(keys)):
        return _sorted_tally(keys, counts)
    if counts is None:
        number = np.zeros(n_keys, dtype=np.int32)
        _count(keys, number)
        found = np.flatnonzero(number)
        return found, number[found].astype(np.int64)
    sums = np.zeros(n_keys, dtype=np.int64)
    _add(keys, counts, sums)
    found = np.flatnonzero(sums)
    return found, sums[found]


def _sorted_tally(keys: npt.NDArray[Any], counts: Ints | None) -> tuple[Ints, Ints]:
    if counts is None:
        found, number = np.unique(keys, return_counts=True)
        return found.astype(np.int64), number.astype(np.int64)
    found, place = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(found), dtype=np.int64)
    _add(place, counts, sums)
    return found.astype(np.int64), sums


@numba.njit(cache=True)
def _count(keys: npt.NDArray[Any], table: npt.NDArray[np.int32]) -> None:  # pragma: no cover - compiled
    for t in range(keys.shape[0]):
        table[keys[t]] += 1


@numba.njit(cache=True)
def _add(keys: npt.NDArray[Any], counts: Ints, table: Ints) -> None:  # pragma: no cover - compiled
    for t in range(keys.shape[0]):
        table[keys[t]] += counts[t]


def interleave(parts: list[tuple[Ints, Ints]], shape: tuple[int, int, int], voxels: Ints) -> Cells:
    """Tallies of D directions, each over (n_parts, rows, columns), as matrices in the order part 0 direction 0, 1, ..

    `shape` and `voxels` are those of one direction.
    """
    n_parts, rows, columns = shape
    each, n = rows * columns, len(parts)
    keys = np.concatenate([(keys // each * n + d) * each + keys % each for d, (keys, _) in enumerate(parts)])
    counts = np.concatenate([counts for _, counts in parts])
    return Cells(keys, counts, (n_parts * n, rows, columns), np.repeat(voxels, n))
