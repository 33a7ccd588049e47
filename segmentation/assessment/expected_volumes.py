"""How large a region is in the cases that a segmenter learned from: what another mask of it is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from segmentation.errors import ImageRefusal
from segmentation.types import Mask

FEWEST = 5  # cases that hold a region: below, their range tells nothing
WIDER = 2.0  # patients differ more than the few who were seen


@dataclass(frozen=True)
class VolumeRange:
    """Volumes of a region that raise no question, ml, and how many cases they come from."""

    low_ml: float
    high_ml: float
    n: int

    def __post_init__(self) -> None:
        if not 0 < self.low_ml <= self.high_ml:
            found = f"{self.low_ml} to {self.high_ml} ml"
            raise ImageRefusal("bad_volumes", "No range of volumes.", expected="0 < low <= high", found=found)


def expected_volumes(masks: Iterable[Mask]) -> dict[str, VolumeRange]:
    """For each region half the smallest to twice the largest volume of the masks that hold it.

    Regions that fewer than five masks hold have no range. The masks must be those a segmenter learned from, never those
    it is judged by.
    """
    volumes: dict[str, list[float]] = {}
    for mask in masks:
        for name, label in mask.regions.items():
            voxels = int((mask.labels == label).sum())
            if voxels:
                volumes.setdefault(name, []).append(voxels * mask.grid.voxel_ml)
    return {
        name: VolumeRange(min(found) / WIDER, max(found) * WIDER, len(found))
        for name, found in volumes.items()
        if len(found) >= FEWEST
    }


def volumes_to_json(ranges: Mapping[str, VolumeRange]) -> dict[str, Any]:
    return {name: {"low_ml": one.low_ml, "high_ml": one.high_ml, "n": one.n} for name, one in sorted(ranges.items())}


def volumes_from_json(data: Mapping[str, Any]) -> dict[str, VolumeRange]:
    """The inverse of `volumes_to_json`. Raises ImageRefusal (`bad_volumes`)."""
    try:
        return {name: VolumeRange(float(o["low_ml"]), float(o["high_ml"]), int(o["n"])) for name, o in data.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ImageRefusal):
            raise
        found = type(error).__name__
        raise ImageRefusal(
            "bad_volumes", "No ranges of volumes.", expected="low_ml, high_ml, n", found=found
        ) from error
