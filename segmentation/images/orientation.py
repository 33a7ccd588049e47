"""Arrays along the patient's axes and back, without a copy."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from segmentation.types import Grid, Window


def upright(array: npt.NDArray[Any], grid: Grid) -> npt.NDArray[Any]:
    """A view with the axes growing to the patient's right, anterior and superior."""
    order = [ras for ras, _ in grid.axes]
    turned = array[tuple(slice(None, None, sign) for _, sign in grid.axes)]
    return turned.transpose([order.index(ras) for ras in range(3)])


def as_filed(array: npt.NDArray[Any], grid: Grid) -> npt.NDArray[Any]:
    """The inverse of `upright`: a view in the array axes of `grid`."""
    back = array.transpose([ras for ras, _ in grid.axes])
    return back[tuple(slice(None, None, sign) for _, sign in grid.axes)]


def upright_spacing(grid: Grid) -> tuple[float, float, float]:
    """Voxel spacing along x, y, z, mm."""
    steps = {ras: step for (ras, _), step in zip(grid.axes, grid.spacing_mm, strict=True)}
    return steps[0], steps[1], steps[2]


def filed_window(window: Window, grid: Grid) -> Window:
    """The part of the file's array that three slices of the upright one name."""
    parts = []
    for n, (ras, sign) in zip(grid.shape, grid.axes, strict=True):
        part = window[ras]
        parts.append(slice(part.start, part.stop) if sign > 0 else slice(n - part.stop, n - part.start))
    i, j, k = parts
    return i, j, k
