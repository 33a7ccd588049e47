"""The convex hull of a region's surface mesh, from the mask alone.

Every mesh vertex lies half a voxel from a voxel centre along one axis, and on each line of voxels only the two ends
matter. The hull of the mesh is therefore the hull of the outermost voxel centres, each moved half a voxel both ways
along each axis: thousands of points instead of a million vertices, and the same hull.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Below this many candidates a first hull of the voxel centres costs more than it saves.
_WORTH_REDUCING = 300


@dataclass(frozen=True, eq=False)
class Hull:
    """Volume, area and largest width of a convex hull, in powers of the unit of `spacing`; its corners and faces."""

    volume: float
    area: float
    diameter: float
    corners: Floats  # (n, 3), along the axes of `spacing`
    outward: Floats  # (m, 3), unit vectors across the faces, one for each of their triangles
    triangle_areas: Floats  # (m,)


def mesh_hull(runs: Ints, spacing: Floats) -> Hull:
    """The convex hull of the mesh around the voxels of `runs` (n, 4): k, j, first i, last i; sorted."""
    centres = _slice_hulls(runs) * spacing
    if len(centres) > _WORTH_REDUCING:
        centres = _hull_vertices(centres)
    steps = np.concatenate([np.diag(spacing), -np.diag(spacing)]) / 2
    hull = ConvexHull((centres[:, None, :] + steps).reshape(-1, 3))
    corners = hull.points[hull.vertices]
    a, b, c = np.swapaxes(hull.points[hull.simplices], 0, 1)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    outward = hull.equations[:, :3]
    return Hull(float(hull.volume), float(hull.area), _largest_distance(corners), corners, outward, areas)


def _hull_vertices(points: Floats) -> Floats:
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:
        # Voxel centres in one plane have no hull; their half-voxel neighbours do.
        return points


def _slice_hulls(runs: Ints) -> Ints:
    """Voxels (k, j, i) that are corners of the two-dimensional hull of their slice, (n, 3)."""
    out = np.empty((2 * len(runs), 3), dtype=np.int64)
    return out[: _fill_slice_hulls(runs, out)]


@numba.njit(cache=True)
def _fill_slice_hulls(runs: Ints, out: Ints) -> int:  # pragma: no cover - compiled
    """Chains of the lowest and of the highest i over j in each slice (monotone chains); the number of points."""
    n, start = 0, 0
    while start < runs.shape[0]:
        end = start
        while end < runs.shape[0] and runs[end, 0] == runs[start, 0]:
            end += 1
        for side in (1, -1):
            first = n
            r = start
            while r < end:
                extreme = runs[r, 2] if side == 1 else runs[r, 3]
                row = runs[r, 1]
                while r < end and runs[r, 1] == row:
                    extreme = min(extreme, runs[r, 2]) if side == 1 else max(extreme, runs[r, 3])
                    r += 1
                while n - first >= 2 and side * _turn(out[n - 2], out[n - 1], row, extreme) <= 0:
                    n -= 1
                out[n, 0], out[n, 1], out[n, 2] = runs[start, 0], row, extreme
                n += 1
        start = end
    return n


@numba.njit(cache=True)
def _turn(p: Ints, q: Ints, row: int, extreme: int) -> int:  # pragma: no cover - compiled
    return (q[1] - p[1]) * (extreme - p[2]) - (q[2] - p[2]) * (row - p[1])


@numba.njit(cache=True)
def _largest_distance(points: Floats) -> float:  # pragma: no cover - compiled
    best = 0.0
    for p in range(points.shape[0]):
        for q in range(p):
            square = 0.0
            for axis in range(3):
                square += (points[p, axis] - points[q, axis]) ** 2
            best = max(best, square)
    return np.sqrt(best)
