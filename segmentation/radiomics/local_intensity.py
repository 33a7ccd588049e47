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

    Formula, unit and IBSI code of each: `dictionary.explain("loc_")`, or `segmentation features loc_`.
    """
    rows = ball_rows(spacing)
    image, first = surroundings[window], window[0].start
    top = image[inside].max()
    reach = int(rows[:, 0].max())
    corner = np.array([part.start for part in window[1:]], dtype=np.int64)
    # Running sums of the planes that the ball touches now; plane k lies at k modulo their number.
    ring = np.zeros((2 * reach + 1, surroundings.shape[1], surroundings.shape[2] + 1))
    best, ready = np.full(2, -np.inf), max(0, first - reach)
    for k in range(first, window[0].stop):
        last = min(len(surroundings), k + reach + 1)
        for plane in range(ready, last):
            np.cumsum(surroundings[plane], axis=1, dtype=np.float64, out=ring[plane % len(ring), :, 1:])
        ready = last
        held = rows[(rows[:, 0] >= -k) & (rows[:, 0] < len(surroundings) - k)]
        held[:, 0] = (held[:, 0] + k) % len(ring)
        _raise_means(ring, (inside[k - first], image[k - first] == top), corner, held, best)
    return {"loc_peak_loc": float(best[0]), "loc_peak_glob": float(best[1])}


def ball_rows(spacing: Floats) -> Ints:
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
def _raise_means(
    ring: Floats,
    centres: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]],
    corner: Ints,
    rows: Ints,
    best: Floats,
) -> None:  # pragma: no cover - compiled
    """Raise to the means found in a plane: `best` about a voxel of the highest intensity, and about any voxel."""
    inside, highest = centres
    for j in range(inside.shape[0]):
        for i in range(inside.shape[1]):
            if inside[j, i]:
                mean = _mean_about(ring, corner[0] + j, corner[1] + i, rows)
                best[1] = max(best[1], mean)
                if highest[j, i]:
                    best[0] = max(best[0], mean)


@numba.njit(cache=True)
def _mean_about(ring: Floats, j: int, i: int, rows: Ints) -> float:  # pragma: no cover - compiled
    """The mean over the part of the ball about a voxel that lies in the image; `rows` name their plane in `ring`."""
    n_j, n_i = ring.shape[1], ring.shape[2] - 1
    total, count = 0.0, 0
    for r in range(rows.shape[0]):
        b = j + rows[r, 1]
        if 0 <= b < n_j:
            low, high = max(0, i - rows[r, 2]), min(n_i, i + rows[r, 2] + 1)
            row = ring[rows[r, 0], b]
            total += row[high] - row[low]
            count += high - low
    return total / count
