"""An image as classical methods read it, and the way there and back: upright axes, the settings' voxels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.classical.settings import ClassicalSettings
from segmentation.errors import ImageRefusal
from segmentation.images.grids import locate
from segmentation.images.orientation import upright, upright_spacing
from segmentation.images.reading import read_mask
from segmentation.images.scans import read_scan
from segmentation.learning.training_case import TrainingCase
from segmentation.preparation.intensities import SCALES
from segmentation.preparation.preprocess import resample
from segmentation.types import Grid, Mask, Shape, Volume

Floats = npt.NDArray[np.float32]
Classes = npt.NDArray[np.uint8]
KEPT_BYTES = 2**30  # examples beyond this are read from disk again each time


@dataclass(frozen=True, eq=False)
class Scene:
    """Channels (channels, X, Y, Z) along the patient's axes, scaled; spacing in mm; `low` and `high` tell which part of
    the whole image this is, from 0 to 1 along each axis."""

    image: Floats
    spacing_mm: tuple[float, float, float]
    low: tuple[float, float, float] = (0.0, 0.0, 0.0)
    high: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def shape(self) -> Shape:
        _, x, y, z = self.image.shape
        return x, y, z

    def positions(self) -> tuple[npt.NDArray[np.float64], ...]:
        """Where voxel centres lie along each axis of the whole image, from 0 to 1; arrays that broadcast."""
        along = [
            low + (np.arange(n) + 0.5) / n * (high - low)
            for n, low, high in zip(self.shape, self.low, self.high, strict=True)
        ]
        return along[0][:, None, None], along[1][None, :, None], along[2][None, None, :]

    def plane(self, number: int) -> Scene:
        """One axial slice of a whole scene."""
        n = self.shape[2]
        low, high = (*self.low[:2], number / n), (*self.high[:2], (number + 1) / n)
        return Scene(self.image[..., number : number + 1], self.spacing_mm, low, high)

    def flat(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Without the axes of one voxel, (X, Y) of a slice: erosion would leave nothing of them."""
        return array.reshape([n for n in self.shape if n > 1] or [1])

    def steps_mm(self) -> tuple[float, ...]:
        """Spacing of the axes that `flat` keeps."""
        return tuple(step for step, n in zip(self.spacing_mm, self.shape, strict=True) if n > 1)


@dataclass(frozen=True, eq=False)
class Example:
    """A training case: its scene and the class of every voxel there."""

    scene: Scene
    classes: Classes


class Examples:
    """Training cases by id, as often as asked; kept in memory where they are small.

    Raises ImageRefusal where a case cannot be read, with its name.
    """

    def __init__(self, cases: Sequence[TrainingCase], settings: ClassicalSettings) -> None:
        self._cases, self._settings = sorted(cases, key=lambda case: case.case_id), settings
        self._kept: list[Example] = []
        self._bytes = 0

    def __iter__(self) -> Iterator[Example]:
        yield from list(self._kept)
        for case in self._cases[len(self._kept) :]:
            example = _example(case, self._settings)
            self._bytes += example.scene.image.nbytes + example.classes.nbytes
            if self._bytes <= KEPT_BYTES:
                self._kept.append(example)
            yield example


def scene_of(scan: Sequence[Volume], settings: ClassicalSettings) -> Scene:
    """Raises ImageRefusal: `wrong_channels`, `non_finite`, `constant_image`."""
    if len(scan) != len(settings.inputs):
        raise ImageRefusal(
            "wrong_channels",
            "The image has another number of channels than the method reads.",
            expected=f"{len(settings.inputs)}: {', '.join(settings.inputs)}",
            found=str(len(scan)),
            next_step="hand over every sequence, in this order",
        )
    grid = scan[0].grid
    size = inner_shape(grid, settings)
    image = np.stack([_scaled(channel, size, settings) for channel in scan])
    return Scene(image, settings.voxel or upright_spacing(grid))


def inner_shape(grid: Grid, settings: ClassicalSettings) -> Shape:
    """How many voxels along x, y, z an image has at the settings' spacing."""
    shape = [0, 0, 0]
    for n, (ras, _) in zip(grid.shape, grid.axes, strict=True):
        shape[ras] = n
    if settings.voxel is not None:
        spacing = upright_spacing(grid)
        shape = [max(1, round(n * a / b)) for n, a, b in zip(shape, spacing, settings.voxel, strict=True)]
    return shape[0], shape[1], shape[2]


def classes_of(mask: Mask, grid: Grid, settings: ClassicalSettings) -> Classes:
    """The class of every voxel of the scene: the one that covers most of it. `mask` may be a crop of the image."""
    whole = np.zeros(grid.shape, dtype=mask.labels.dtype)
    whole[locate(mask.grid, grid)] = mask.labels
    labels = settings.class_labels
    numbers = np.zeros(int(whole.max()) + 1, dtype=np.uint8)
    for number, label in enumerate(labels):
        numbers[label : label + 1] = number
    return _fitted(upright(numbers[whole], grid), inner_shape(grid, settings), len(labels))


def mask_of(classes: Classes, grid: Grid, settings: ClassicalSettings) -> Mask:
    """The classes of a scene as a mask on the image's own grid."""
    labels = np.array(settings.class_labels)
    filed = np.zeros(grid.shape, dtype=np.uint8 if labels.max() < 256 else np.uint16, order="F")
    view = upright(filed, grid)
    x, y, z = view.shape
    view[:] = labels[_fitted(classes, (x, y, z), len(labels))]
    return Mask(filed, grid.affine, settings.regions)


def _fitted(classes: Classes, size: Shape, count: int) -> Classes:
    """Classes on another number of voxels over the same extent: at each the class that covers most of it."""
    if classes.shape == size:
        return np.ascontiguousarray(classes)
    out, best = np.zeros(size, dtype=np.uint8), resample(classes == 0, size)
    for number in range(1, count):
        cover = resample(classes == number, size)
        wins = cover > best
        out[wins], best[wins] = number, cover[wins]
    return out


def _scaled(channel: Volume, size: Shape, settings: ClassicalSettings) -> Floats:
    low, high = float(channel.array.min()), float(channel.array.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        step = "fill the missing voxels in the source, or leave the image out"
        raise ImageRefusal("non_finite", "The image has holes.", expected="finite voxels", found="none", next_step=step)
    if low == high:
        found, step = f"{low:g} everywhere", "check the export of the series"
        raise ImageRefusal(
            "constant_image", "The image shows nothing.", expected="voxels that differ", found=found, next_step=step
        )
    array = resample(upright(channel.array, channel.grid), size)
    return np.ascontiguousarray(SCALES[settings.intensity](array), dtype=np.float32)


def _example(case: TrainingCase, settings: ClassicalSettings) -> Example:
    try:
        scan = read_scan(case.images)
        classes = classes_of(read_mask(case.mask, settings.regions), scan[0].grid, settings)
        return Example(scene_of(scan, settings), classes)
    except ImageRefusal as error:
        message = f"case {case.case_id}: {error.message}"
        raise ImageRefusal(
            error.code, message, expected=error.expected, found=error.found, next_step=error.next_step
        ) from error
