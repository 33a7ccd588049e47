"""Small changes of a crop that leave its meaning: shifts by a voxel or two, contrast, brightness.

No flips and no turns: left and right, head and feet mean something in a body.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from outcome.models.network.data import Batch

SHIFT = 1  # voxels along each axis, at most
CONTRAST = 0.1  # standard deviations of the factor and of the addition
BRIGHTNESS = 0.05


def augmented(batch: Batch, rng: np.random.Generator) -> Batch:
    """The same cases, their crops changed a little, what was measured before kept; nothing handed in is changed."""
    images = {block: changed(crops, rng) for block, crops in batch.images.items()}
    return replace(batch, images=images)


def changed(crops: Tensor, rng: np.random.Generator) -> Tensor:
    """Crops (n, 1 + regions, X, Y, Z) changed a little, their regions moved along with the image."""
    if not len(crops):
        return crops
    moved = torch.stack([_shifted(crop, rng.integers(-SHIFT, SHIFT + 1, 3)) for crop in crops])
    factor = torch.from_numpy(1 + CONTRAST * rng.standard_normal(len(crops))).to(crops)
    offset = torch.from_numpy(BRIGHTNESS * rng.standard_normal(len(crops))).to(crops)
    moved[:, 0] = moved[:, 0] * factor[:, None, None, None] + offset[:, None, None, None]
    return moved


def _shifted(crop: Tensor, by: np.ndarray) -> Tensor:
    """Moved by whole voxels; the border's voxels fill what comes in."""
    for axis, step in enumerate(by.tolist(), start=1):
        if step:
            places = (torch.arange(crop.shape[axis]) - step).clamp(0, crop.shape[axis] - 1)
            crop = crop.index_select(axis, places)
    return crop
