"""How well two masks agree."""

from __future__ import annotations

from collections.abc import Iterable

from segmentation.metrics.catalogue import METRICS, Measured, Metric, Settings, compare
from segmentation.metrics.pair import RegionPair, region_pair
from segmentation.types import Mask


def dice(first: Mask, second: Mask, label: int | Iterable[int]) -> float:
    """How far two masks overlap in one label, or in the union of several: twice the shared voxels over the sum of both.

    In [0, 1], higher agrees. Either mask may be the crop of a larger one. Where neither holds the label Dice is 1 by
    convention (they agree that there is nothing); where only one does it is 0.

    Raises ImageRefusal (`grid_mismatch`) where the whole grids of the two differ.

    Reference: Dice LR. Ecology 1945;26:297-302. doi:10.2307/1932409
    """
    pair = region_pair(first, second, label)
    total = pair.n_truth + pair.n_drawn
    return 2.0 * pair.both / total if total else 1.0


def dice_by_region(first: Mask, second: Mask) -> dict[str, float]:
    """Dice of every region that the first mask names (see `dice`), by name."""
    return {name: dice(first, second, label) for name, label in first.regions.items()}


__all__ = [
    "METRICS",
    "Measured",
    "Metric",
    "RegionPair",
    "Settings",
    "compare",
    "dice",
    "dice_by_region",
    "region_pair",
]
