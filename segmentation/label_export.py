"""The label with the highest score at every voxel of a finer grid, without the scores of that grid.

Under linear interpolation a cell between coarse voxels is decided where all its corners have one winner. Elsewhere only
classes compete whose largest corner reaches the largest smallest corner of any. So most voxels cost a look at a byte,
the others a few classes of many, and nothing of the fine grid is held but its labels. The arithmetic is that of
`preprocess.label_slabs`, number by number, so the labels are the same to the last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from scipy import sparse

from segmentation.device import cores
from segmentation.preprocess import AxisWeights, Floats, axis_weights, label_slabs
from segmentation.types import Shape, Window

_UNDECIDED = 255  # above every class number
_ROUNDING = 32 * float(np.finfo(np.float32).eps)  # five times what three interpolations can lose of the largest score
_PARTS = 8  # a core

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CoarsePart:
    """A box of a coarse grid of `whole` voxels."""

    box: Window
    whole: Shape


def write_labels(
    scores: Floats, out: npt.NDArray[Any], labels: Sequence[int], part_of: CoarsePart | None = None
) -> tuple[slice, ...]:
    """Fill `out` (x, y, z) with the label whose linearly interpolated score is highest; a tie takes the first class.

    `scores` are (classes, X, Y, Z); `labels` are those of the classes. With `part_of`, scores cover that part alone of a
    coarse grid: what it does not determine keeps what `out` holds. Where an axis gets coarser, or a score is not finite,
    a slab of interpolated scores is held instead (64 MB). Returns the part of `out` that was filled.
    """
    grid = part_of.whole if part_of else scores.shape[1:]
    box = part_of.box if part_of else tuple(slice(0, n) for n in grid)
    weights = [axis_weights(old, new) for old, new in zip(grid, out.shape, strict=True)]
    inner, window = _restricted(weights, box, out.shape)
    view = out[window]
    if 0 in view.shape:
        return window
    low, high = float(scores.min()), float(scores.max())
    if all(_finer(one) for one in inner) and np.isfinite([low, high]).all():
        _write_cells(scores, view, labels, (inner, max(abs(low), abs(high))))
        return window
    for part, slab in label_slabs(scores, view.shape, tuple(labels), inner):
        view[:, :, part] = slab
    return window


@dataclass(frozen=True, eq=False)
class _Axis:
    """Cells along one axis: their two coarse voxels, the fine voxels in them, and the weights of those."""

    cells: Ints  # (n, 4): first and last coarse voxel, first fine voxel, and the one after the last
    weights: Floats  # (fine voxels, 2)

    @property
    def longest(self) -> int:
        """Fine voxels of the fullest cell."""
        return int((self.cells[:, 3] - self.cells[:, 2]).max())


def _restricted(
    weights: Sequence[sparse.csr_matrix | None], box: Sequence[slice], shape: Sequence[int]
) -> tuple[AxisWeights, tuple[slice, ...]]:
    """The weights of those fine voxels that the box determines, and where they lie."""
    inner, window = [], []
    for one, part, size in zip(weights, box, shape, strict=True):
        if one is None or (part.start == 0 and part.stop == one.shape[1]):
            inner.append(one)
            window.append(part if one is None else slice(0, size))
            continue
        first, last = one.indices[one.indptr[:-1]], one.indices[one.indptr[1:] - 1]
        rows = np.flatnonzero((first >= part.start) & (last < part.stop))
        inside = slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) else slice(0, 0)
        inner.append(one[inside, part])
        window.append(inside)
    return tuple(inner), tuple(window)


def _finer(weights: sparse.csr_matrix | None) -> bool:
    return weights is None or int(np.diff(weights.indptr).max()) <= 2


def _axis(weights: sparse.csr_matrix | None, size: int) -> _Axis:
    if weights is None:
        first = last = np.arange(size)
        pair = np.repeat(np.array([[1, 0]], dtype=np.float32), size, axis=0)
    else:
        weights.sort_indices()
        start, stop = weights.indptr[:-1], weights.indptr[1:] - 1
        first, last = weights.indices[start], weights.indices[stop]
        second = np.where(start == stop, np.float32(0), weights.data[stop])
        pair = np.stack([weights.data[start], second], axis=1).astype(np.float32)
    changes = np.flatnonzero((np.diff(first) != 0) | (np.diff(last) != 0)) + 1
    begins = np.concatenate([[0], changes])
    ends = np.concatenate([changes, [size]])
    return _Axis(np.stack([first[begins], last[begins], begins, ends], axis=1).astype(np.int64), pair)


def _write_cells(scores: Floats, out: npt.NDArray[Any], labels: Sequence[int], how: tuple[AxisWeights, float]) -> None:
    weights, largest = how
    x, y, z = (_axis(one, size) for one, size in zip(weights, out.shape, strict=True))
    margin = np.float32(_ROUNDING * largest + float(np.finfo(np.float32).tiny))
    best = np.empty(scores.shape[1:], dtype=np.uint8)
    names = np.array(labels, dtype=out.dtype)
    with ThreadPoolExecutor(cores()) as pool:
        rows = _shares(len(best))
        list(pool.map(lambda part: _winners(scores[:, part], best[part], margin), rows))
        block = (x.longest, y.longest, z.longest)

        def fill(part: slice) -> None:
            tables = (x.cells[part], y.cells, z.cells)
            _fill(scores, best, (*tables, x.weights, y.weights, z.weights), (names, margin, block), out)

        list(pool.map(fill, _shares(len(x.cells))))


def _shares(length: int) -> list[slice]:
    step = -(-length // (_PARTS * cores()))
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


@numba.njit(cache=True, nogil=True)
def _winners(scores: Any, best: Any, margin: Any) -> None:  # pragma: no cover - compiled
    """The class that leads every other by more than rounding could undo, or `_UNDECIDED`."""
    classes, xs, ys, zs = scores.shape
    first, second = np.empty(zs, np.float32), np.empty(zs, np.float32)
    for x in range(xs):
        for y in range(ys):
            first[:], second[:] = -np.inf, -np.inf
            winner = best[x, y]
            winner[:] = 0
            for c in range(classes):
                for z in range(zs):
                    value = scores[c, x, y, z]
                    if value > first[z]:
                        second[z], first[z], winner[z] = first[z], value, c
                    elif value > second[z]:
                        second[z] = value
            for z in range(zs):
                if first[z] - second[z] <= margin:
                    winner[z] = _UNDECIDED


@numba.njit(cache=True, nogil=True)
def _fill(scores: Any, best: Any, tables: Any, about: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Every fine voxel of some cells along x."""
    cells_x, cells_y, cells_z, wx, wy, wz = tables
    names, margin, block = about
    classes, zs = scores.shape[0], scores.shape[3]
    largest, floor = np.empty((classes, zs), np.float32), np.empty(len(cells_z), np.float32)
    undecided = np.empty(len(cells_z), np.bool_)
    rivals = np.empty(classes, np.int64)
    top, win = np.empty(block, np.float32), np.empty(block, np.int64)
    corner = np.empty((2, 2, 2), np.float32)
    for cell_x in cells_x:
        x0, x1, fx0, fx1 = cell_x
        for cell_y in cells_y:
            y0, y1, fy0, fy1 = cell_y
            low, high = zs, -1
            for n in range(len(cells_z)):
                z0, z1, fz0, fz1 = cells_z[n]
                one = best[x0, y0, z0]
                same = one != _UNDECIDED
                same = same and best[x0, y0, z1] == one and best[x0, y1, z0] == one and best[x0, y1, z1] == one
                same = same and best[x1, y0, z0] == one and best[x1, y0, z1] == one
                same = same and best[x1, y1, z0] == one and best[x1, y1, z1] == one
                undecided[n] = not same
                if same:
                    out[fx0:fx1, fy0:fy1, fz0:fz1] = names[one]
                else:
                    low, high = min(low, z0), max(high, z1)
            if high < 0:
                continue
            floor[:] = -np.inf
            for c in range(classes):
                for z in range(low, high + 1):
                    a, b, d, e = scores[c, x0, y0, z], scores[c, x0, y1, z], scores[c, x1, y0, z], scores[c, x1, y1, z]
                    largest[c, z] = max(max(a, b), max(d, e))
            _raise_floor(scores, (x0, x1, y0, y1), cells_z, undecided, floor)
            for n in range(len(cells_z)):
                if not undecided[n]:
                    continue
                z0, z1, fz0, fz1 = cells_z[n]
                count = 0
                for c in range(classes):
                    if max(largest[c, z0], largest[c, z1]) >= floor[n] - margin:
                        rivals[count] = c
                        count += 1
                for r in range(count):
                    c = rivals[r]
                    corner[0, 0, 0], corner[0, 0, 1] = scores[c, x0, y0, z0], scores[c, x0, y0, z1]
                    corner[0, 1, 0], corner[0, 1, 1] = scores[c, x0, y1, z0], scores[c, x0, y1, z1]
                    corner[1, 0, 0], corner[1, 0, 1] = scores[c, x1, y0, z0], scores[c, x1, y0, z1]
                    corner[1, 1, 0], corner[1, 1, 1] = scores[c, x1, y1, z0], scores[c, x1, y1, z1]
                    place = (fx0, fx1, fy0, fy1, fz0, fz1)
                    _compete(corner, (r == 0, c), place, (wx, wy, wz), (top, win))
                for i in range(fx1 - fx0):
                    for j in range(fy1 - fy0):
                        for k in range(fz1 - fz0):
                            out[fx0 + i, fy0 + j, fz0 + k] = names[win[i, j, k]]


@numba.njit(cache=True, nogil=True)
def _raise_floor(
    scores: Any, rows: Any, cells_z: Any, undecided: Any, floor: Any
) -> None:  # pragma: no cover - compiled
    """For every undecided cell: the largest, over classes, of the smallest of its corners."""
    x0, x1, y0, y1 = rows
    for c in range(scores.shape[0]):
        for n in range(len(cells_z)):
            if undecided[n]:
                z0, z1 = cells_z[n, 0], cells_z[n, 1]
                a = min(scores[c, x0, y0, z0], scores[c, x0, y0, z1])
                b = min(scores[c, x0, y1, z0], scores[c, x0, y1, z1])
                d = min(scores[c, x1, y0, z0], scores[c, x1, y0, z1])
                e = min(scores[c, x1, y1, z0], scores[c, x1, y1, z1])
                floor[n] = max(floor[n], min(min(a, b), min(d, e)))


@numba.njit(cache=True, nogil=True)
def _compete(corner: Any, who: Any, place: Any, weights: Any, held: Any) -> None:  # pragma: no cover - compiled
    """One class in one cell: interpolated along z, then y, then x as the sparse products do, against the best so far."""
    first, number = who
    fx0, fx1, fy0, fy1, fz0, fz1 = place
    wx, wy, wz = weights
    top, win = held
    for k in range(fz1 - fz0):
        p, q = wz[fz0 + k, 0], wz[fz0 + k, 1]
        a = p * corner[0, 0, 0] + q * corner[0, 0, 1]
        b = p * corner[0, 1, 0] + q * corner[0, 1, 1]
        c = p * corner[1, 0, 0] + q * corner[1, 0, 1]
        d = p * corner[1, 1, 0] + q * corner[1, 1, 1]
        for j in range(fy1 - fy0):
            r, s = wy[fy0 + j, 0], wy[fy0 + j, 1]
            left, right = r * a + s * b, r * c + s * d
            for i in range(fx1 - fx0):
                value = wx[fx0 + i, 0] * left + wx[fx0 + i, 1] * right
                if first or value > top[i, j, k]:
                    top[i, j, k], win[i, j, k] = value, number
