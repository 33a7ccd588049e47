"""One region cut out of a mask, as the numbers that every shape feature is computed from.

A region is kept as runs: maximal rows of voxels along the first array axis. They are a hundredth of the voxels,
and counts, moments, hulls and pieces can all be had from them exactly, in whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from segmentation.images.label_scan import empty_bounds, scan_boxes
from segmentation.radiomics.hull import Hull, mesh_hull
from segmentation.radiomics.mesh import mesh_volume_and_area
from segmentation.types import Mask, Window

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class RegionVoxels:
    """The voxels of one region. Axes are reversed, (K, J, I), so that memory runs along the last axis.

    `block` is padded by one background voxel on every side. `spacing` follows the axes of `block`: mm, or 1, 1, 1
    where no spacing was published. `window` is the region's box in the mask, (I, J, K).
    """

    block: Bytes  # (K + 2, J + 2, I + 2), 0 or 1, C order
    spacing: npt.NDArray[np.float64]  # (3,) along K, J, I
    window: Window
    n_voxels: int

    @cached_property
    def runs(self) -> Ints:
        """Rows of voxels, shape (n, 4): k, j, first i, last i (inclusive), in the index of `block`; sorted."""
        return _runs(self.block)

    @cached_property
    def piece_sizes(self) -> Ints:
        """Voxels of each connected piece, largest first; pieces touch by face, edge or corner (26 neighbours)."""
        roots = connect_runs(self.runs, *self.block.shape[:2])
        lengths = self.runs[:, 3] - self.runs[:, 2] + 1
        sizes = np.bincount(roots, weights=lengths).astype(np.int64)
        return -np.sort(-sizes[sizes > 0])

    @cached_property
    def mesh(self) -> tuple[float, float]:
        """Volume and area of the surface mesh, in powers of the unit of `spacing`."""
        return mesh_volume_and_area(self.block, self.spacing)

    @cached_property
    def hull(self) -> Hull:
        """The convex hull of the surface mesh."""
        return mesh_hull(self.runs, self.spacing)

    @property
    def size(self) -> npt.NDArray[np.float64]:
        """Edges of the box along the axes of `block`, in units of `spacing`."""
        return (np.array(self.block.shape) - 2) * self.spacing


def cut_regions(mask: Mask, *, units_mm: bool = True) -> dict[str, RegionVoxels | None]:
    """Each named region of a mask, or None where it has no voxel."""
    boxes, counts = label_boxes(mask)
    spacing = np.array(mask.grid.spacing_mm[::-1]) if units_mm else np.ones(3)
    cut: dict[str, RegionVoxels | None] = {}
    for name, label in mask.regions.items():
        cut[name] = _cut(mask.labels, label, boxes[label], spacing, int(counts[label])) if counts[label] else None
    return cut


def label_boxes(mask: Mask) -> tuple[Ints, Ints]:
    """For each label its box k0, k1, j0, j1, i0, i1 (half-open) and its number of voxels: (n, 6) and (n,)."""
    n = int(np.iinfo(mask.labels.dtype).max) + 1
    boxes, counts = empty_bounds(n), np.zeros(n, dtype=np.int64)
    scan_boxes(mask.labels.T, boxes, counts)
    return boxes, counts


def _cut(labels: npt.NDArray[Any], label: int, box: Ints, spacing: npt.NDArray[np.float64], n: int) -> RegionVoxels:
    k0, k1, j0, j1, i0, i1 = box.tolist()
    block = np.zeros((k1 - k0 + 2, j1 - j0 + 2, i1 - i0 + 2), dtype=np.uint8)
    block[1:-1, 1:-1, 1:-1] = labels.T[k0:k1, j0:j1, i0:i1] == label
    return RegionVoxels(block, spacing, (slice(i0, i1), slice(j0, j1), slice(k0, k1)), n)


def _runs(block: Bytes) -> Ints:
    runs = np.empty((_count_runs(block), 4), dtype=np.int64)
    _fill_runs(block, runs)
    return runs


@numba.njit(cache=True)
def _count_runs(block: Bytes) -> int:  # pragma: no cover - compiled
    n = 0
    for a in range(1, block.shape[0] - 1):
        for b in range(1, block.shape[1] - 1):
            row = block[a, b]
            for c in range(1, row.shape[0]):
                n += row[c] > row[c - 1]
    return n


@numba.njit(cache=True)
def _fill_runs(block: Bytes, runs: Ints) -> None:  # pragma: no cover - compiled
    n = 0
    for a in range(1, block.shape[0] - 1):
        for b in range(1, block.shape[1] - 1):
            row = block[a, b]
            for c in range(1, row.shape[0]):
                if row[c] > row[c - 1]:
                    runs[n, 0], runs[n, 1], runs[n, 2] = a, b, c
                elif row[c] < row[c - 1]:
                    runs[n, 3] = c - 1
                    n += 1


@numba.njit(cache=True)
def connect_runs(runs: Ints, n_a: int, n_b: int) -> Ints:  # pragma: no cover - compiled
    """For each run the index of the first run of its piece, (n,). Runs in touching rows join when they touch."""
    parent = np.arange(runs.shape[0])
    row_start = np.zeros(n_a * n_b + 1, dtype=np.int64)
    for r in range(runs.shape[0]):
        row_start[runs[r, 0] * n_b + runs[r, 1] + 1] += 1
    row_start = np.cumsum(row_start)
    for row in range(n_a * n_b):
        if row_start[row] == row_start[row + 1]:
            continue
        a, b = row // n_b, row % n_b
        # The padding makes every neighbour row exist.
        for other in ((a - 1) * n_b + b - 1, (a - 1) * n_b + b, (a - 1) * n_b + b + 1, row - 1):
            _join_rows(runs, parent, row_start[row], row_start[row + 1], row_start[other], row_start[other + 1])
    for r in range(parent.shape[0]):
        parent[r] = _root(parent, r)
    return parent


@numba.njit(cache=True)
def labels_of_runs(
    runs: Ints, labels: npt.NDArray[Any], bits: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:  # pragma: no cover - compiled
    """For each run the `bits` of all labels in it, joined by "or", (n,); `labels` is `block` without padding."""
    held = np.zeros(runs.shape[0], dtype=np.uint64)
    for r in range(runs.shape[0]):
        row = labels[runs[r, 0] - 1, runs[r, 1] - 1]
        for c in range(runs[r, 2] - 1, runs[r, 3]):
            held[r] |= bits[row[c]]
    return held


@numba.njit(cache=True)
def _join_rows(runs: Ints, parent: Ints, p: int, p_end: int, q: int, q_end: int) -> None:  # pragma: no cover - compiled
    while p < p_end and q < q_end:
        if runs[p, 2] <= runs[q, 3] + 1 and runs[q, 2] <= runs[p, 3] + 1:
            x, y = _root(parent, p), _root(parent, q)
            parent[max(x, y)] = min(x, y)
        if runs[p, 3] < runs[q, 3]:
            p += 1
        else:
            q += 1


@numba.njit(cache=True)
def _root(parent: Ints, r: int) -> int:  # pragma: no cover - compiled
    while parent[r] != r:
        parent[r] = parent[parent[r]]
        r = parent[r]
    return r
