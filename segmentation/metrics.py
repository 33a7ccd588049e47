"""How well two masks agree."""

from __future__ import annotations

import numpy as np

from segmentation.errors import ImageRefusal
from segmentation.grids import grid_differences
from segmentation.types import Mask


def dice(first: Mask, second: Mask, label: int) -> float:
    """How far two masks overlap in one label: twice the shared voxels over the sum of both; in [0, 1], higher agrees.

    Either mask may be the crop of a larger one. Where neither holds the label Dice is 1 by convention (they agree that
    there is nothing); where only one does it is 0.

    Raises ImageRefusal (`grid_mismatch`) where the whole grids of the two differ.

    Reference: Dice LR. Ecology 1945;26:297-302. doi:10.2307/1932409
    """
    differences = grid_differences(first.source or first.grid, second.source or second.grid)
    if differences:
        raise ImageRefusal(
            "grid_mismatch",
            "The two masks do not lie on one grid.",
            expected="the same shape, spacing, direction and origin",
            found="; ".join(differences),
            next_step="compare masks of one image, in the image's own grid",
        )
    total = int((first.labels == label).sum()) + int((second.labels == label).sum())
    return 1.0 if total == 0 else 2.0 * _shared(first, second, label) / total


def dice_by_region(first: Mask, second: Mask) -> dict[str, float]:
    """Dice of every region that the first mask names (see `dice`), by name."""
    return {name: dice(first, second, label) for name, label in first.regions.items()}


def _shared(first: Mask, second: Mask, label: int) -> int:
    """Voxels that hold the label in both, wherever each was cropped to."""
    starts = np.maximum(first.offset, second.offset)
    ends = np.minimum(*(np.add(mask.offset, mask.grid.shape) for mask in (first, second)))
    if (ends <= starts).any():
        return 0
    parts = []
    for mask in (first, second):
        low, high = starts - mask.offset, ends - mask.offset
        parts.append(mask.labels[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] == label)
    return int(np.logical_and(*parts).sum())
