"""Are small regions outlined worse? Cases sorted by the region's given volume, in thirds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segmentation.metrics.catalogue import Measured
from segmentation.metrics.estimates import Estimate, PatientDraws

GROUPS = 3
FEWEST = 6  # cases: below, thirds of them tell nothing


@dataclass(frozen=True)
class SizeGroup:
    """Cases whose region is of similar given size: its range, how often nothing of it was found, and mean Dice."""

    smallest: float
    largest: float
    n: int
    missed: int  # cases without a shared voxel
    dice: Estimate

    def to_json(self) -> dict[str, Any]:
        sizes = {"smallest": self.smallest, "largest": self.largest}
        return {**sizes, "n": self.n, "missed": self.missed, "dice": self.dice.to_json()}


def by_size(
    sizes: Sequence[float], dice: Sequence[float], patients: Sequence[str], seed: int = 0
) -> tuple[SizeGroup, ...]:
    """Thirds of the cases that hold a region, smallest first; empty with fewer than six.

    `sizes` are given volumes (ml, or voxels), 0 where the region is absent: those cases are left out.
    """
    held = np.array([place for place, size in enumerate(sizes) if size > 0], dtype=int)
    if len(held) < FEWEST:
        return ()
    order = held[np.argsort(np.asarray(sizes, dtype=float)[held], kind="stable")]
    groups = []
    for places in np.array_split(order, GROUPS):
        scores = [dice[place] for place in places]
        mean = PatientDraws([patients[place] for place in places], seed).mean([Measured(score) for score in scores])
        ends = float(sizes[places[0]]), float(sizes[places[-1]])
        groups.append(SizeGroup(*ends, len(places), sum(score == 0 for score in scores), mean))
    return tuple(groups)
