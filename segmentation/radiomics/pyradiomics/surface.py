"""Volume and area of the surface mesh of PyRadiomics, without building the mesh.

It differs from ours in three ways. One table of triangles is used as it is instead of the mean over mirrored axes, so
that the answer depends on how a file stores its axes. Only half of the table is used: a cube with one certain corner
inside takes the triangles of its complement, which leaves holes between cubes that touch by an edge. And the volume is
the sum of tetrahedra from the corner of the padded box; with holes it depends on that corner.
"""

from __future__ import annotations

from functools import cache

import numba
import numpy as np
import numpy.typing as npt

from segmentation.radiomics.mesh import form_triangles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Bit of the corner at (1, 1, 0) along the axes of a block, by which PyRadiomics halves its table.
_DECIDING_BIT = 1 << 6


def peer_volume_and_area(block: npt.NDArray[np.uint8], spacing: Floats) -> tuple[float, float]:
    """Volume (cubed unit of `spacing`) and area (squared); `block` (K, J, I) holds 0 and 1 and a border of 0."""
    places = np.zeros((256, 4), dtype=np.int64)
    _sum_places(block, places)
    forms, triangles = _triangles()
    corners = triangles * spacing
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
    count = places[forms, 3]
    # A tetrahedron from the corner of the box has a third of the flux of the position through its far side.
    centre = places[forms, :3] * spacing + count[:, None] * corners.mean(axis=1)
    return float((normal * centre).sum()) / 3, float(count @ np.sqrt((normal**2).sum(axis=1)))


@cache
def _triangles() -> tuple[Ints, Floats]:
    """Triangles of all forms: form (n,), corners (n, 3, 3) in a unit cube, facing out."""
    found = [
        form_triangles(255 - form)[:, ::-1] if form & _DECIDING_BIT else form_triangles(form) for form in range(256)
    ]
    return np.repeat(np.arange(256), [len(each) for each in found]), np.concatenate(found)


@numba.njit(cache=True)
def _sum_places(block: npt.NDArray[np.uint8], places: Ints) -> None:  # pragma: no cover - compiled
    """For each form of a cube, the sum of its places k, j, i and how often it occurs: (256, 4)."""
    for k in range(block.shape[0] - 1):
        for j in range(block.shape[1] - 1):
            r00, r01, r10, r11 = block[k, j], block[k, j + 1], block[k + 1, j], block[k + 1, j + 1]
            before = np.int64(0)
            for i in range(block.shape[2]):
                # Four corners of this column at bits 1, 3, 5, 7; those of the column before move down one bit.
                now = np.int64(2) * r00[i] + np.int64(8) * r01[i] + np.int64(32) * r10[i] + np.int64(128) * r11[i]
                if i > 0:
                    found = places[now | (before >> np.int64(1))]
                    found[0] += k
                    found[1] += j
                    found[2] += i - 1
                    found[3] += 1
                before = now
