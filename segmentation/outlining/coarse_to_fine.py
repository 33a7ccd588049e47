"""A coarse network finds where the regions lie; a fine one outlines them there, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segmentation.errors import ImageRefusal
from segmentation.outlining.inference import PLAIN, Outlining, Segmenter, empty_labels
from segmentation.outlining.label_export import CoarsePart, write_labels
from segmentation.outlining.model import Model
from segmentation.preparation.preprocess import network_shape, upright, upright_spacing
from segmentation.types import Finding, Mask, Shape, Volume, Window

MARGIN_MM = 20.0
Sides = list[tuple[bool, bool]]  # of each axis: is the first, is the last side touched


@dataclass(frozen=True, eq=False)
class CoarseToFine:
    """Two networks in turn. The box is that of all coarse regions with `margin_mm` around.

    No region is lost in silence: where the coarse network finds nothing, or the fine one nothing in the box, the whole
    image is outlined; where an outline reaches a side of the box that is not the image's, the box grows there by half
    of itself and is outlined again; and a finding tells what happened. A second region far from all that the coarse
    network saw stays unseen: its recall bounds the whole.
    """

    coarse: Model
    fine: Segmenter
    margin_mm: float = MARGIN_MM

    def __post_init__(self) -> None:
        if self.coarse.inputs != self.fine.inputs:
            raise ImageRefusal(
                "ensemble_mismatch",
                "The coarse network reads other inputs than the fine one.",
                expected=", ".join(self.fine.inputs),
                found=", ".join(self.coarse.inputs),
                next_step="name two networks that were trained on the same sequences",
            )

    @property
    def name(self) -> str:
        """`<coarse name>+<fine name>`."""
        return f"{self.coarse.name}+{self.fine.name}"

    @property
    def regions(self) -> dict[str, int]:
        """Names and labels of what it draws."""
        return self.fine.regions

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the channels that it reads, in their order."""
        return self.fine.inputs

    def segment(self, image: Volume | Sequence[Volume], *, limit_bytes: int | None = None) -> Mask:
        """The regions on the whole grid of an image. Raises ImageRefusal as `Segmenter.segment`."""
        scan = (image,) if isinstance(image, Volume) else tuple(image)
        return self.outline(scan, limit_bytes=limit_bytes)[0]

    def outline(
        self, scan: Sequence[Volume], how: Outlining = PLAIN, *, limit_bytes: int | None = None
    ) -> tuple[Mask, list[Finding]]:
        """The mask, and what happened on the way."""
        findings = self.fine.check(scan, self.fine.predicted_bytes(scan[0].grid), limit_bytes)
        seen = self.coarse.segment(scan, limit_bytes=limit_bytes)
        whole = network_shape(scan[0].grid, self.fine.plan)
        box = _box_of(seen, whole, self.fine.plan.patch, self.margin_mm)
        mask, told = self._within(scan, how, box or _everything(whole))
        if box is None:
            told = [Finding("whole_image_outlined", "note", "the coarse network found no region: all was outlined")]
        lost = [name for name in self.regions if _holds(seen, name) and not _holds(mask, name)]
        if lost:
            message = f"{', '.join(lost)}: found by the coarse network and not by the fine one"
            told.append(Finding("region_lost", "review", message))
        return mask, [*findings, *told]

    def _within(self, scan: Sequence[Volume], how: Outlining, box: Window) -> tuple[Mask, list[Finding]]:
        """The mask of a box, grown until no outline reaches an inner side of it."""
        grid, plan = scan[0].grid, self.fine.plan
        told: list[Finding] = []
        whole = network_shape(grid, plan)
        while True:
            labels = empty_labels(grid, plan)
            view = upright(labels, grid)
            window = write_labels(self.fine.scores(scan, how, box), view, plan.class_labels, CoarsePart(box, whole))
            mask = Mask(labels, grid.affine, plan.regions)
            if box == _everything(whole):
                return mask, told
            if not labels.any():
                box, message = _everything(whole), "the box of the coarse network holds no region: all was outlined"
                told.append(Finding("whole_image_outlined", "note", message))
                continue
            sides = _touched(view, window)
            if not any(first or last for first, last in sides):
                return mask, told
            box = _grown(box, sides, whole)
            told.append(
                Finding("box_grown", "note", "an outline reached a side of the coarse network's box, which grew")
            )


def _everything(whole: Shape) -> Window:
    x, y, z = (slice(0, n) for n in whole)
    return x, y, z


def _holds(mask: Mask, name: str) -> bool:
    return name in mask.regions and bool((mask.labels == mask.regions[name]).any())


def _box_of(mask: Mask, whole: Shape, patch: Shape, margin_mm: float) -> Window | None:
    """The box around all regions in the fine network's voxels, at least a patch large; None without any."""
    seen, spacing = upright(mask.labels, mask.grid), upright_spacing(mask.grid)
    if not seen.any():
        return None
    parts = []
    for axis in range(3):
        lines = np.flatnonzero(seen.any(axis=tuple(other for other in range(3) if other != axis)))
        scale, margin = whole[axis] / seen.shape[axis], margin_mm / spacing[axis]
        start, stop = (lines[0] - margin) * scale, (lines[-1] + 1 + margin) * scale
        parts.append(_at_least(int(np.floor(start)), int(np.ceil(stop)), patch[axis], whole[axis]))
    return parts[0], parts[1], parts[2]


def _at_least(start: int, stop: int, length: int, size: int) -> slice:
    start, stop = max(0, start), min(size, stop)
    missing = max(0, min(length, size) - (stop - start))
    start = max(0, min(start - missing // 2, size - (stop - start) - missing))
    return slice(start, max(stop, min(size, start + length)))


def _touched(labels: np.ndarray, window: tuple[slice, ...]) -> Sides:
    """Which sides of a window an outline reaches that are not the image's own."""
    sides = []
    for axis, part in enumerate(window):
        first, last = (np.take(labels, index, axis=axis).any() for index in (part.start, part.stop - 1))
        sides.append((bool(first) and part.start > 0, bool(last) and part.stop < labels.shape[axis]))
    return sides


def _grown(box: Window, sides: Sides, whole: Shape) -> Window:
    parts = []
    for part, (first, last), size in zip(box, sides, whole, strict=True):
        more = max(1, (part.stop - part.start) // 2)
        parts.append(slice(max(0, part.start - more * first), min(size, part.stop + more * last)))
    return parts[0], parts[1], parts[2]
