"""Volume and area of a region's surface mesh without building the mesh.

Marching cubes looks at cubes of eight neighbouring voxel centres. In a binary mask a cube has one of 256 forms, and
each form always contributes the same triangles. So it is enough to count how often each form occurs in each slab
(whole numbers, independent of any order) and to multiply by a table of areas and fluxes.

Where we depart from a plain mesh: a cube face with two opposite corners inside can be cut in two ways, and a polygon
in space can be triangulated in several. A table picks one of them by the direction of the axes, so that a mirrored
mask would measure differently. We average the table over the 48 mirrorings and permutations of the axes; results
then do not depend on how a file stores its axes, and stay within the IBSI tolerances.

References: Lorensen & Cline 1987, doi:10.1145/37402.37422; Zwanenburg et al. 2020, doi:10.1148/radiol.2020191145.
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import permutations, product

import numba
import numpy as np
import numpy.typing as npt
from skimage.measure import marching_cubes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_CORNERS = np.array(list(product((0, 1), repeat=3)))  # corner n is bit n of a form, (8, 3)
_SYMMETRIES = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]


def mesh_volume_and_area(block: npt.NDArray[np.uint8], spacing: Floats) -> tuple[float, float]:
    """Volume (cubed unit of `spacing`) and area (squared) of the surface half-way between in and outside voxels.

    `block` holds 0 and 1 and a border of 0; `spacing` (3,) follows its axes.
    """
    counts = np.zeros((block.shape[0] - 1, 256), dtype=np.int64)
    _count_forms(block, counts)
    return volume_and_area_of_forms(counts, spacing)


def volume_and_area_of_forms(counts: Ints, spacing: Floats) -> tuple[float, float]:
    """`mesh_volume_and_area` from how often each form of a cube occurs in each slab, (slabs, 256).

    Corner (x, y, z) of a cube is bit 4x + 2y + z of its form.
    """
    outward, local, area = _tables(tuple(spacing.tolist()))
    total = counts.sum(axis=0)
    place = (np.arange(len(counts)) * spacing[0]) @ counts
    return float(place @ outward + total @ local), float(total @ area)


@lru_cache(maxsize=16)
def _tables(spacing: tuple[float, float, float]) -> tuple[Floats, Floats, Floats]:
    """What one cube of each form adds, (256,) each: flux of (1, 0, 0), flux of (x, 0, 0) from its corner, area.

    By the divergence theorem for the field (x, 0, 0), the volume is the sum of the second plus the cube's place
    times the first.
    """
    forms, triangles = _triangles()
    corners = triangles * np.array(spacing)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / (2.0 * len(_SYMMETRIES))
    flux = normal[:, 0] * corners[:, :, 0].mean(axis=1)
    outward, local, area = (_per_form(forms, part) for part in (normal[:, 0], flux, np.sqrt((normal**2).sum(axis=1))))
    return outward, local, area


def _per_form(forms: Ints, parts: Floats) -> Floats:
    sums: Floats = np.bincount(forms, weights=parts, minlength=256).astype(np.float64)
    return sums


@cache
def _triangles() -> tuple[Ints, Floats]:
    """Triangles of all forms under all symmetries: form (n,), corners (n, 3, 3) in a unit cube, facing out."""
    plain = [form_triangles(form) for form in range(256)]
    plain_forms = np.repeat(np.arange(256), [len(found) for found in plain])
    parts = [_mirrored(plain_forms, np.concatenate(plain), order, signs) for order, signs in _SYMMETRIES]
    return np.concatenate([forms for forms, _ in parts]), np.concatenate([triangles for _, triangles in parts])


def form_triangles(form: int) -> Floats:
    """Triangles of one cube by marching cubes, (n, 3, 3), facing out of the region."""
    if form in (0, 255):
        return np.zeros((0, 3, 3))
    cube = ((form >> np.arange(8)) & 1).reshape(2, 2, 2).astype(float)
    vertices, faces, _, _ = marching_cubes(cube, 0.5, method="lorensen")
    # skimage turns its triangles towards the higher values.
    return vertices[faces].astype(float)[:, ::-1]


def _mirrored(forms: Ints, triangles: Floats, order: tuple[int, ...], signs: tuple[int, ...]) -> tuple[Ints, Floats]:
    """The same triangles in a cube whose axes are permuted and flipped, and the forms they then belong to."""
    sign = np.array(signs)
    corners = np.where(sign > 0, _CORNERS[:, order], 1 - _CORNERS[:, order])  # where each corner goes, (8, 3)
    bit = corners @ np.array([4, 2, 1])
    moved_forms = (((forms[:, None] >> np.arange(8)) & 1) << bit).sum(axis=1)
    moved = np.where(sign > 0, triangles[..., order], 1 - triangles[..., order])
    turns = round(float(np.linalg.det(np.eye(3)[list(order)]))) * int(sign.prod())
    return moved_forms, moved if turns > 0 else moved[:, ::-1]


@numba.njit(cache=True)
def _count_forms(block: npt.NDArray[np.uint8], counts: Ints) -> None:  # pragma: no cover - compiled
    """Count the form of every cube, by slab of the first axis."""
    n_a, n_b, n_c = block.shape
    for a in range(n_a - 1):
        slab = counts[a]
        for b in range(n_b - 1):
            r00, r01, r10, r11 = block[a, b], block[a, b + 1], block[a + 1, b], block[a + 1, b + 1]
            before = np.int64(0)
            for c in range(n_c):
                # Four corners of this column at bits 1, 3, 5, 7; those of the column before move down one bit.
                now = np.int64(2) * r00[c] + np.int64(8) * r01[c] + np.int64(32) * r10[c] + np.int64(128) * r11[c]
                slab[now | (before >> np.int64(1))] += c > 0
                before = now
