"""The largest width of a region within the planes of the voxel grid, on the vertices of its surface mesh.

A vertex lies half a voxel from a voxel centre along one axis. In a plane through voxel centres these are the centres
at the outline, moved half a voxel within the plane; in a plane half-way between two layers they are the centres of
voxels that lie in one layer but not in the other. Only the two ends of each row of voxels can be farthest apart.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


def plane_diameter(block: Bytes, spacing: Floats, axis: int) -> float:
    """The largest distance of two mesh vertices in one plane across `axis`, in the unit of `spacing` (3,).

    `block` (K, J, I) holds 0 and 1 and a border of 0.
    """
    order = [axis, *(other for other in range(3) if other != axis)]
    layers = np.ascontiguousarray(block.transpose(order))
    edge_j, edge_i = spacing[order[1:]].tolist()
    return math.sqrt(_widest(layers, edge_j, edge_i))


@numba.njit(cache=True)
def _widest(layers: Bytes, edge_j: float, edge_i: float) -> float:  # pragma: no cover - compiled
    """The square of the largest distance within a layer or half-way between two."""
    ends = np.empty((layers.shape[1], 3), dtype=np.int64)
    best = 0.0
    for k in range(1, layers.shape[0]):
        n = _row_ends(layers[k], layers[k - 1], False, ends)
        best = max(best, _farthest(ends[:n], edge_j, edge_i, 1))
        n = _row_ends(layers[k], layers[k - 1], True, ends)
        best = max(best, _farthest(ends[:n], edge_j, edge_i, 0))
    return best


@numba.njit(cache=True)
def _row_ends(layer: Bytes, before: Bytes, between: bool, ends: Ints) -> int:  # pragma: no cover - compiled
    """Write j, first i and last i of each row of the layer, or of the voxels in which two layers differ."""
    n = 0
    for j in range(layer.shape[0]):
        first = -1
        for i in range(layer.shape[1]):
            held = layer[j, i] != before[j, i] if between else layer[j, i] != 0
            if held:
                if first < 0:
                    first = i
                    ends[n, 0], ends[n, 1] = j, i
                ends[n, 2] = i
        n += first >= 0
    return n


@numba.njit(cache=True)
def _farthest(ends: Ints, edge_j: float, edge_i: float, moved: int) -> float:  # pragma: no cover - compiled
    """The largest squared distance of row ends, each `moved` (0 or 1) times half a voxel along j or along i."""
    best = 0.0
    for p in range(ends.shape[0]):
        for q in range(p + 1):
            j = float(ends[p, 0] - ends[q, 0])
            i = float(max(ends[p, 2] - ends[q, 1], ends[q, 2] - ends[p, 1]))
            half = moved / 2
            along_j = ((j + moved) * edge_j) ** 2 + (i * edge_i) ** 2
            along_i = (j * edge_j) ** 2 + ((i + moved) * edge_i) ** 2
            both = ((j + half) * edge_j) ** 2 + ((i + half) * edge_i) ** 2
            best = max(best, along_j, along_i, both)
    return best
