"""One region in two masks of one image, cut to the box that holds it in either."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.images.grids import grid_differences
from segmentation.types import Mask

Bools = npt.NDArray[np.bool_]
Box = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]  # first voxel and one past the last, in the whole grid


@dataclass(frozen=True, eq=False)
class RegionPair:
    """Where a region, or a union of regions, lies in a given mask (`truth`) and in another one (`drawn`).

    Both arrays show the same box of the whole grid: the smallest that holds the region in either, of no voxel where
    neither holds it; Fortran order. `shape` is the whole grid's.
    """

    truth: Bools  # (I, J, K)
    drawn: Bools  # (I, J, K)
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]

    @property
    def voxel_ml(self) -> float:
        return math.prod(self.spacing_mm) / 1000.0

    @cached_property
    def n_truth(self) -> int:
        return int(np.count_nonzero(self.truth))

    @cached_property
    def n_drawn(self) -> int:
        return int(np.count_nonzero(self.drawn))

    @cached_property
    def both(self) -> int:
        """Voxels in both: true positives."""
        return int(np.count_nonzero(self.truth & self.drawn))

    @property
    def neither(self) -> int:
        """Voxels of the whole image in neither: true negatives."""
        return math.prod(self.shape) - self.n_truth - self.n_drawn + self.both


def region_pair(truth: Mask, drawn: Mask, labels: int | Iterable[int]) -> RegionPair:
    """A label, or the union of several, in two masks; either mask may be the crop of a larger one.

    Raises ImageRefusal (`grid_mismatch`) where the whole grids of the two differ.
    """
    wanted = [labels] if isinstance(labels, int | np.integer) else sorted(labels)
    whole = truth.source or truth.grid
    _refuse_other_grid(whole, drawn.source or drawn.grid)
    parts = [(inside(mask, wanted), np.asarray(mask.offset)) for mask in (truth, drawn)]
    boxes = [box for part, offset in parts if (box := box_of(part, offset)) is not None]
    low = np.min([box[0] for box in boxes], axis=0) if boxes else np.zeros(3, dtype=np.intp)
    high = np.max([box[1] for box in boxes], axis=0) if boxes else low
    first, second = (on_box(part, offset, low, high) for part, offset in parts)
    return RegionPair(first, second, whole.spacing_mm, whole.shape)


def _refuse_other_grid(first: Any, second: Any) -> None:
    differences = grid_differences(first, second)
    if differences:
        raise ImageRefusal(
            "grid_mismatch",
            "The two masks do not lie on one grid.",
            expected="the same shape, spacing, direction and origin",
            found="; ".join(differences),
            next_step="compare masks of one image, in the image's own grid",
        )


def inside(mask: Mask, labels: Sequence[int]) -> Bools:
    """Whether each voxel of a mask, or of its crop, holds one of the labels."""
    if len(labels) == 1:
        return np.asarray(mask.labels == labels[0])
    return np.isin(mask.labels, list(labels))


def box_of(part: Bools, offset: npt.NDArray[np.intp]) -> Box | None:
    """The box of the true voxels in the whole grid; None where there are none."""
    low, high = np.zeros(3, dtype=np.intp), np.zeros(3, dtype=np.intp)
    for axis, others in enumerate(((1, 2), (0, 2), (0, 1))):
        places = np.flatnonzero(part.any(axis=others))
        if not len(places):
            return None
        low[axis], high[axis] = places[0] + offset[axis], places[-1] + 1 + offset[axis]
    return low, high


def on_box(part: Bools, offset: npt.NDArray[np.intp], low: npt.NDArray[np.intp], high: npt.NDArray[np.intp]) -> Bools:
    """A crop's voxels on a box of the whole grid; false where the crop does not reach."""
    out = np.zeros(high - low, dtype=bool, order="F")
    start, end = np.maximum(low, offset), np.minimum(high, offset + part.shape)
    if (end > start).all():
        target = tuple(slice(a, b) for a, b in zip(start - low, end - low, strict=True))
        source = tuple(slice(a, b) for a, b in zip(start - offset, end - offset, strict=True))
        out[target] = part[source]
    return out
