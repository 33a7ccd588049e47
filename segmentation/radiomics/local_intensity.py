"""How intense a region is at its peak: the IBSI local intensity family (9ST6), means over a ball of 1 cm3.

The ball looks at all voxels of the image, in or outside the region. Sums along a row come from running sums, so the
cost per voxel is that of the ball's rows, not of its voxels.

Reference: Zwanenburg et al., Radiology 2020, doi:10.1148/radiol.2020191145; definitions arXiv:1612.07003, 3.2.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from segmentation.types import Window

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BALL_RADIUS_MM = (3 / (4 * math.pi)) ** (1 / 3) * 10


def local_intensity_features(
    surroundings: npt.NDArray[Any], window: Window, inside: npt.NDArray[np.bool_], spacing: Floats
) -> dict[str, float]:
    """Both loc_ features by tag, in the image's unit.

    `surroundings` (K', J', I') is the image in and around the region's box `window`, as far as the ball reaches or to
    the image's edge; `inside` (K, J, I) is the intensity mask in that box, with at least one voxel; `spacing` (3,) mm.
    """
    running = np.zeros((*surroundings.shape[:2], surroundings.shape[2] + 1), dtype=np.float64)
    np.cumsum(surroundings, axis=2, dtype=np.float64, out=running[:, :, 1:])
    corner = np.array([part.start for part in window], dtype=np.int64)
    image = surroundings[window]
    top = image[inside].max()
    rows = _ball_rows(spacing)
    at_top = _highest_mean(running, inside & (image == top), corner, rows)
    anywhere = _highest_mean(running, inside, corner, rows)
    return {"loc_peak_loc": float(at_top), "loc_peak_glob": float(anywhere)}


def _ball_rows(spacing: Floats) -> Ints:
    """Rows of the ball: steps along K and J, and how far the row goes both ways along I, (n, 3)."""
    reach_k, reach_j = (int(BALL_RADIUS_MM / step) for step in spacing[:2])
    rows = []
    for k in range(-reach_k, reach_k + 1):
        for j in range(-reach_j, reach_j + 1):
            left = BALL_RADIUS_MM**2 - (k * spacing[0]) ** 2 - (j * spacing[1]) ** 2
            if left >= 0:
                rows.append((k, j, int(math.sqrt(left) / spacing[2])))
    return np.array(rows, dtype=np.int64)


@numba.njit(cache=True)
def _highest_mean(
    running: Floats, centres: npt.NDArray[np.bool_], corner: Ints, rows: Ints
) -> float:  # pragma: no cover - compiled
    best = -np.inf
    for k in range(centres.shape[0]):
        for j in range(centres.shape[1]):
            for i in range(centres.shape[2]):
                if centres[k, j, i]:
                    best = max(best, _mean_about(running, corner[0] + k, corner[1] + j, corner[2] + i, rows))
    return best


@numba.njit(cache=True)
def _mean_about(running: Floats, k: int, j: int, i: int, rows: Ints) -> float:  # pragma: no cover - compiled
    """The mean over the part of the ball about a voxel that lies in the image."""
    n_k, n_j, n_i = running.shape[0], running.shape[1], running.shape[2] - 1
    total, count = 0.0, 0
    for r in range(rows.shape[0]):
        a, b = k + rows[r, 0], j + rows[r, 1]
        if 0 <= a < n_k and 0 <= b < n_j:
            low, high = max(0, i - rows[r, 2]), min(n_i, i + rows[r, 2] + 1)
            total += running[a, b, high] - running[a, b, low]
            count += high - low
    return total / count
