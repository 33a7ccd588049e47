"""Keys counted on the device, and each region given its own cells back, as the kernels of the processor count them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from segmentation.radiomics.batched.boxes import Ints

# A full table of this many cells is counted faster than keys are sorted.
_SMALL_TABLE = 4_194_304

Shape = tuple[int, int, int]
Tally = tuple[Ints, Ints]


@dataclass(frozen=True, eq=False)
class Tables:
    """The matrices of each region: `shapes` are parts, rows (from 1), columns (from 1). Keys number all their cells."""

    shapes: Sequence[Shape]
    device: str

    @cached_property
    def starts(self) -> Ints:
        """The first key of each region, and one past the last, (n + 1,)."""
        return np.concatenate([[0], np.cumsum([np.prod(shape, dtype=np.int64) for shape in self.shapes])])

    def rows_before(self, case: Tensor, part: Tensor) -> Tensor:
        """Key of the first cell of the matrix of each find, (n,); `case` is its region."""
        size = self._each([rows * columns for _, rows, columns in self.shapes])
        return self._each(self.starts[:-1])[case] + part * size[case]

    def columns(self, case: Tensor) -> Tensor:
        """How many columns the matrices of each find's region have, (n,)."""
        return self._each([columns for _, _, columns in self.shapes])[case]

    def keys(self, case: Tensor, part: Tensor, row: Tensor, column: Tensor) -> Tensor:
        """The key of each find from its part (from 0), row and column (from 1), (n,)."""
        return self.rows_before(case, part) + (row - 1) * self.columns(case) + column - 1

    def tally(self, keys: Tensor) -> list[Tally]:
        """For each region the cells that occur, ascending and numbered within the region, and how often."""
        n = int(self.starts[-1])
        if n <= max(_SMALL_TABLE, len(keys)):
            number = torch.bincount(keys, minlength=n)
            found = torch.nonzero(number).reshape(-1)
            return self.split(found, number[found])
        return self.split(*torch.unique(keys, return_counts=True))

    def split(self, keys: Tensor, counts: Tensor) -> list[Tally]:
        """Ascending keys and a number for each, by region, on the processor."""
        found, number = keys.cpu().numpy(), counts.cpu().numpy()
        cuts = np.searchsorted(found, self.starts)
        return [
            (found[a:b] - start, number[a:b]) for a, b, start in zip(cuts[:-1], cuts[1:], self.starts, strict=False)
        ]

    def _each(self, numbers: Sequence[int] | Ints) -> Tensor:
        return torch.from_numpy(np.asarray(numbers, dtype=np.int64)).to(self.device)
