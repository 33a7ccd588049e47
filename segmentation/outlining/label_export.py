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

import numpy as np
import numpy.typing as npt
from scipy import sparse

from segmentation.device import cores
from segmentation.outlining.label_cells import fill_cells, fill_voxels, winners
from segmentation.preparation.preprocess import AxisWeights, Floats, axis_weights, label_slabs
from segmentation.types import Shape, Window

_ROUNDING = 32 * float(np.finfo(np.float32).eps)  # five times what three interpolations can lose of the largest score
_PARTS = 8  # a core
_SMALL = 2**18  # voxels: a frame's labels take less time than threads take to begin

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

    `scores` are (classes, X, Y, Z); `labels` are those of the classes. With `part_of`, scores cover that part alone of
    a coarse grid: what it does not determine keeps what `out` holds. Where an axis gets coarser, or a score is not
    finite, a slab of interpolated scores is held instead (64 MB). Returns the part of `out` that was filled.
    """
    grid = part_of.whole if part_of else scores.shape[1:]
    box = part_of.box if part_of else tuple(slice(0, n) for n in grid)
    weights = [axis_weights(old, new) for old, new in zip(grid, out.shape, strict=True)]
    inner, window = _restricted(weights, box, out.shape)
    view = out[window]
    if 0 in view.shape:
        return window
    low, high = float(scores.min()), float(scores.max())
    if np.isfinite([low, high]).all() and all(_finer(one) for one in inner):
        if any(one is not None for one in inner):
            _write_cells(scores, view, labels, (inner, max(abs(low), abs(high))))
        else:
            _write_voxels(scores, view, labels)
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
        list(pool.map(lambda part: winners(scores[:, part], best[part], margin), rows))
        block = (x.longest, y.longest, z.longest)

        def fill(part: slice) -> None:
            tables = (x.cells[part], y.cells, z.cells)
            fill_cells(scores, best, (*tables, x.weights, y.weights, z.weights), (names, margin, block), out)

        list(pool.map(fill, _shares(len(x.cells))))


def _write_voxels(scores: Floats, out: npt.NDArray[Any], labels: Sequence[int]) -> None:
    """The same on the scores' own grid: nothing to interpolate."""
    names = np.array(labels, dtype=out.dtype)
    if out.size <= _SMALL:
        fill_voxels(scores, names, out)
        return
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(lambda part: fill_voxels(scores[:, part], names, out[part]), _shares(len(out))))


def _shares(length: int) -> list[slice]:
    step = -(-length // (_PARTS * cores()))
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]
