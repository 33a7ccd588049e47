"""Where new voxels lie on an old grid: grids whose centres coincide, one axis at a time, and values found there.

Reference: IBSI reference manual, arXiv:1612.07003, 2.4 (grid dimensions 026Q, centre alignment QCY4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

ORDER = {"nearest": 0, "linear": 1, "cubic": 3}
# How many old voxels on either side an interpolated value looks at. A spline looks at all; after 16 the weight of
# the next is below 1e-9.
REACH = {"nearest": 1, "linear": 1, "cubic": 16}
# Spacings come as float32: 60 slices of 3.0000001 mm make 90 voxels of 2 mm, not 91.
_ROUNDING = 1e-4


@dataclass(frozen=True)
class AxisGrid:
    """One axis of a new grid over an old one: `n` new voxels, the first at old index `first`, `step` apart."""

    n_old: int
    n: int
    first: float
    step: float

    def covering(self, start: int, stop: int) -> tuple[int, int]:
        """The new voxels (half-open) whose value depends on the old ones from `start` to `stop`, by linear rules."""
        low = 0 if start == 0 else max(0, math.ceil((start - 1 - self.first) / self.step))
        high = self.n if stop == self.n_old else min(self.n, math.floor((stop - self.first) / self.step) + 1)
        return low, max(low, high)

    def sources(self, start: int, stop: int, reach: int) -> tuple[int, int]:
        """The old voxels (half-open) that the new ones from `start` to `stop` look at."""
        low = math.floor(self.first + start * self.step) - reach
        high = math.ceil(self.first + (stop - 1) * self.step) + reach + 1
        return min(max(0, low), self.n_old - 1), max(1, min(self.n_old, high))


def axis_grid(n_old: int, spacing: float, wanted: float | None) -> AxisGrid:
    """An axis resampled to `wanted` mm about its centre; as it is where that is None or its own spacing.

    The new grid has ceil(n s / s') voxels: it may stick out by less than one, where the edge voxels are extended.
    """
    if wanted is None or abs(wanted / spacing - 1) < _ROUNDING:
        return AxisGrid(n_old, n_old, 0.0, 1.0)
    n, step = math.ceil(n_old * spacing / wanted - _ROUNDING), wanted / spacing
    return AxisGrid(n_old, n, (n_old - 1) / 2 - (n - 1) / 2 * step, step)


def sample(
    array: npt.NDArray[Any],
    offset: Sequence[int],
    axes: Sequence[AxisGrid],
    box: Sequence[tuple[int, int]],
    method: str,
) -> npt.NDArray[Any]:
    """Values of the new voxels of `box`, by nearest, linear or cubic spline interpolation; float32 at least.

    `array` is the part of the old grid that begins at `offset`; beyond its edges the edge voxels are extended.
    """
    kind = np.result_type(array.dtype, np.float32)
    if all(axis.step == 1 and axis.first == 0 for axis in axes):
        part = tuple(slice(a - o, b - o) for (a, b), o in zip(box, offset, strict=True))
        return np.array(array[part], dtype=kind, order="C")
    start = [axis.first + a * axis.step - o for axis, (a, _), o in zip(axes, box, offset, strict=True)]
    return ndimage.affine_transform(
        array,
        np.array([axis.step for axis in axes]),
        offset=start,
        output_shape=tuple(b - a for a, b in box),
        output=kind,
        order=ORDER[method],
        mode="nearest",
    )
