"""Image and region as they would lie on the grid had the patient turned or shifted a little."""

from __future__ import annotations

import numba
import numpy as np

from segmentation.radiomics.robustness.scene import Bools, Floats, Matrix, Scene

_HALF = 0.5 - 1e-6  # half a voxel covered is inside; interpolation weights carry rounding errors


def moved(
    scene: Scene, voxels: Floats | None, inside: Bools, shift: Matrix, turn: float
) -> tuple[Floats | None, Bools]:
    """Image and region turned by `turn` radians about the patient's z and shifted by voxels; trilinear.

    A voxel belongs to the region where at least half of it does (trilinear weights); at least one voxel stays.
    """
    matrix, offset = _source_of(scene, shift, turn)
    cover = sampled(inside.astype(np.float32), matrix, offset)
    region: Bools = cover >= min(_HALF, float(cover.max()))
    return None if voxels is None else sampled(np.ascontiguousarray(voxels), matrix, offset), region


def _source_of(scene: Scene, shift: Matrix, turn: float) -> tuple[Matrix, Matrix]:
    """Where a voxel of the moved scene comes from: index -> matrix @ index + offset."""
    cosine, sine = np.cos(turn), np.sin(turn)
    back = np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
    to_mm = scene.affine[:3, :3]
    # Without a turn the product must be exact, or a shift by whole voxels would blur.
    matrix = np.linalg.inv(to_mm) @ back @ to_mm if turn else np.eye(3)
    return matrix, scene.centre - matrix @ (scene.centre + shift)


@numba.njit(cache=True)
def sampled(array: Floats, matrix: Matrix, offset: Matrix) -> Floats:  # pragma: no cover - compiled
    """`array` (two voxels or more along each axis) at matrix @ index + offset, trilinear; edges are repeated."""
    out = np.empty_like(array)
    n_i, n_j, n_k = array.shape
    for i in range(n_i):
        for j in range(n_j):
            start = matrix[:, 0] * i + matrix[:, 1] * j + offset
            for k in range(n_k):
                p, x = _split(start[0] + matrix[0, 2] * k, n_i)
                q, y = _split(start[1] + matrix[1, 2] * k, n_j)
                r, z = _split(start[2] + matrix[2, 2] * k, n_k)
                near = _between(array[p, q, r], array[p, q, r + 1], array[p, q + 1, r], array[p, q + 1, r + 1], y, z)
                p += 1
                far = _between(array[p, q, r], array[p, q, r + 1], array[p, q + 1, r], array[p, q + 1, r + 1], y, z)
                out[i, j, k] = near + x * (far - near)
    return out


@numba.njit(cache=True, inline="always")
def _split(place: float, n: int) -> tuple[int, float]:  # pragma: no cover - compiled
    """The voxel below a place within 0 to n - 1, and how far beyond it the place lies, 0 to 1."""
    place = min(max(place, 0.0), n - 1.0)
    first = min(int(place), n - 2)
    return first, place - first


@numba.njit(cache=True, inline="always")
def _between(a: float, b: float, c: float, d: float, y: float, z: float) -> float:  # pragma: no cover - compiled
    low = a + z * (b - a)
    return low + y * (c + z * (d - c) - low)
