"""Local intensity of a region on the device: means over a ball of 1 cm3 about every voxel, from running sums of rows.

Rows are added in the order of the processor, so that whole intensities give equal peaks.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from segmentation.radiomics.local_intensity import ball_rows
from segmentation.radiomics.processing import PreparedRegion

Rows = list[list[int]]
Room = tuple[slice, ...]


def local_peaks(region: PreparedRegion, device: str) -> dict[str, float]:
    """Both loc_ features of a region with at least one voxel, as `local_intensity_features` gives them."""
    image = torch.from_numpy(region.surroundings.astype(np.float64)).to(device)
    inside = torch.from_numpy(region.intensity).to(device)
    rows = ball_rows(region.spacing)
    total = _row_sums(image, region.window, rows)
    known = _row_sums(torch.ones_like(image), region.window, rows) if _cut_off(region, rows) else _size(rows)
    mean = (total / known)[inside]
    values = image[region.window][inside]
    at_top, anywhere = torch.stack([mean[values == values.max()].max(), mean.max()]).tolist()
    return {"loc_peak_loc": at_top, "loc_peak_glob": anywhere}


def _size(rows: np.ndarray) -> float:
    """Voxels of a whole ball."""
    return float((2 * rows[:, 2] + 1).sum())


def _cut_off(region: PreparedRegion, rows: np.ndarray) -> bool:
    """Does the ball about some voxel of the box leave the image?"""
    ends = zip(region.window, region.surroundings.shape, np.abs(rows).max(axis=0).tolist(), strict=True)
    return any(part.start < reach or part.stop + reach > n for part, n, reach in ends)


def _row_sums(image: Tensor, window: Room, rows: np.ndarray) -> Tensor:
    """The sum of the ball about each voxel of the window, as far as it lies in the image, (K, J, I)."""
    k, j, i = np.abs(rows).max(axis=0).tolist()
    # A running sum that goes on beyond both ends of a row; beyond other faces rows of zeros.
    running = torch.cumsum(pad(image, (i + 1, i, j, j, k, k)), dim=2)
    starts = [part.start for part in window]
    shape = [part.stop - part.start for part in window]
    total = torch.zeros(shape, dtype=image.dtype, device=image.device)
    for row_k, row_j, half in rows.tolist():
        a, b, c = starts[0] + k + row_k, starts[1] + j + row_j, starts[2] + i
        line = running[a : a + shape[0], b : b + shape[1]]
        total += line[:, :, c + half + 1 : c + half + 1 + shape[2]] - line[:, :, c - half : c - half + shape[2]]
    return total
