"""Where one mask errs: how much of what is wrong lies near the given border, and on which side of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from segmentation.metrics import RegionPair, region_pair
from segmentation.metrics.pair import Bools
from segmentation.types import Mask


@dataclass(frozen=True)
class Errors:
    """Voxels of one region in one case: given, too many, too few, and of the wrong ones those near the given border."""

    given: int
    added: int
    left_out: int
    near: int

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    @property
    def near_share(self) -> float | None:
        """Share of the wrong voxels near the border; None without any, or without a border."""
        wrong = self.added + self.left_out
        return self.near / wrong if wrong and self.given else None


def errors_of(truth: Mask, drawn: Mask, labels: int | Iterable[int], reach: float, *, in_mm: bool = True) -> Errors:
    """The wrong voxels of a region, and those with a voxel of the border's other side at most `reach` away.

    Distances run between the middles of voxels in mm (else in voxels), so a voxel at the border is one voxel away from
    the other side. Where the given mask does not hold the region, there is no border and nothing is near.
    """
    pair = region_pair(truth, drawn, labels)
    added, left_out = pair.drawn & ~pair.truth, pair.truth & ~pair.drawn
    near = 0
    if pair.n_truth and (added.any() or left_out.any()):
        near = int(np.count_nonzero((added | left_out) & _near_border(pair, reach, in_mm)))
    return Errors(pair.n_truth, int(added.sum()), int(left_out.sum()), near)


def _near_border(pair: RegionPair, reach: float, in_mm: bool) -> Bools:
    spacing = pair.spacing_mm if in_mm else (1.0, 1.0, 1.0)
    wide = np.pad(pair.truth, [(int(size > 1),) * 2 for size in pair.shape])  # the region may fill its box
    inner, outer = (distance_transform_edt(side, sampling=spacing) for side in (wide, ~wide))
    found = np.where(wide, inner, outer) <= reach * (1 + 1e-9)
    cut = tuple(slice(1, -1) if size > 1 else slice(None) for size in pair.shape)
    return np.asarray(found[cut])
