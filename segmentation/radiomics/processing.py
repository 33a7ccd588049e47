"""From image and mask to the voxels that features are computed from: cut, resampled, rounded, re-segmented.

Only the region's box with its surroundings is ever resampled. Arrays here are (K, J, I) along the patient's z, y, x,
so that memory runs along x and a slice is `array[k]`, however the file stores its axes.

Reference: IBSI reference manual, arXiv:1612.07003, chapter 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.images.grids import locate
from segmentation.preparation.preprocess import upright
from segmentation.radiomics.filtering import response, seen_box
from segmentation.radiomics.grid import REACH, AxisGrid, axis_grid, sample
from segmentation.radiomics.region import RegionVoxels
from segmentation.radiomics.resegment import intensity_mask
from segmentation.radiomics.settings import RadiomicsSettings
from segmentation.types import Grid, Mask, Volume, Window

Bools = npt.NDArray[np.bool_]
Box = list[tuple[int, int]]

# The ball of 1 cm3 about a voxel, which local intensity looks at, and a little for rounding.
SURROUNDINGS_MM = 6.21
_HALF = 0.5 - 1e-6  # interpolated covers are float32: a half must not fall below one half


@dataclass(frozen=True, eq=False)
class PreparedRegion:
    """A region on the grid that it is measured on; boxes are tight around the morphological mask."""

    morphological: Bools  # (K, J, I), the region as outlined
    intensity: Bools  # (K, J, I), what re-segmentation keeps of it
    surroundings: npt.NDArray[
        Any
    ]  # (K', J', I'), float, the image (or its response to the filter) in and around the box
    window: Window  # the box in `surroundings`
    spacing: npt.NDArray[np.float64]  # (3,) mm, along K, J, I

    @property
    def image(self) -> npt.NDArray[Any]:
        """Intensities in the box, (K, J, I)."""
        return self.surroundings[self.window]

    @cached_property
    def values(self) -> npt.NDArray[Any]:
        """Intensities of the intensity mask, (n,), float64."""
        return self.image[self.intensity].astype(np.float64)

    @cached_property
    def outlined(self) -> RegionVoxels:
        """The morphological mask as shape features read it."""
        return _voxels(self.morphological, self.spacing)

    @cached_property
    def counted(self) -> RegionVoxels:
        """The intensity mask in the same box."""
        if self.intensity is self.morphological:
            return self.outlined
        return _voxels(self.intensity, self.spacing)


def prepare(
    settings: RadiomicsSettings, image: Volume, mask: Mask, region: str, whole: Grid | None = None
) -> PreparedRegion | None:
    """The region on its new grid, or None where it has no voxel (there).

    `whole` is the image's full grid where `image` is only the part that `reading_window` names: grids are aligned at
    the centre of the full one.

    Raises ImageRefusal where image and mask lie on different grids (`grid_mismatch`), where the part of the image is
    too small (`window_too_small`), and for voxels that are not finite (`non_finite`).
    """
    whole = _upright_grid(whole or image.grid)
    locate(mask.grid, image.grid)
    labels = upright(mask.labels, mask.grid).T
    start, axes = _start(_upright_grid(mask.grid), whole), _axes(settings, whole)
    outlined = _outlined(labels == mask.regions[region], start, axes, settings.interpolation.mask)
    if outlined is None:
        return None
    morphological, box = outlined
    spacing = _spacing(axes, whole)
    wide = _widened(settings, axes, box, spacing)
    seen = _seen(settings, axes, wide, spacing)
    values = _intensities(settings, image, whole, axes, seen)
    intensity = intensity_mask(values[_inside(box, seen)], morphological, settings.resegmentation)
    if settings.filter is not None:
        values = response(settings.filter, values, spacing.tolist())[_inside(wide, seen)]
    return PreparedRegion(morphological, intensity, values, _inside(box, wide), spacing)


def reading_window(settings: RadiomicsSettings, mask: Grid, whole: Grid) -> Window:
    """The part of an image, as slices of its index, that regions anywhere in a mask's grid need to be measured."""
    if settings.profile == "pyradiomics":
        return locate(mask, whole)
    straight = _upright_grid(whole)
    start, shape = _start(_upright_grid(mask), straight), _upright_grid(mask).shape[::-1]
    axes = _axes(settings, straight)
    box = [axis.covering(s, s + n) for axis, s, n in zip(axes, start, shape, strict=True)]
    spacing = _spacing(axes, straight)
    needed = _needed(settings, axes, _seen(settings, axes, _widened(settings, axes, box, spacing), spacing))[::-1]
    window = []
    for n, (ras, sign) in zip(whole.shape, whole.axes, strict=True):
        low, high = needed[ras]
        window.append(slice(low, high) if sign > 0 else slice(n - high, n - low))
    return window[0], window[1], window[2]


def _outlined(inside: Bools, start: Sequence[int], axes: Sequence[AxisGrid], method: str) -> tuple[Bools, Box] | None:
    """The region on the new grid, cut tight, and its box there; `inside` begins at old voxel `start`."""
    found = _box(inside)
    if found is None:
        return None
    box = [axis.covering(a + s, b + s) for axis, (a, b), s in zip(axes, found, start, strict=True)]
    part, offset = _with_rim(inside, found, start, axes)
    cover = sample(part, offset, axes, box, method) >= _HALF
    tight = _box(cover)
    if tight is None:
        return None
    kept = np.ascontiguousarray(cover[tuple(slice(a, b) for a, b in tight)])
    return kept, [(a + low, a + high) for (a, _), (low, high) in zip(box, tight, strict=True)]


def _with_rim(
    inside: Bools, box: Box, start: Sequence[int], axes: Sequence[AxisGrid]
) -> tuple[npt.NDArray[np.uint8], list[int]]:
    """The region's box as bytes and its place in the image, with one layer of background where the image goes on."""
    rim = [(int(s + a > 0), int(s + b < axis.n_old)) for axis, (a, b), s in zip(axes, box, start, strict=True)]
    part = np.pad(_u8(inside[tuple(slice(a, b) for a, b in box)]), rim)
    return part, [s + a - low for (a, _), s, (low, _) in zip(box, start, rim, strict=True)]


def _intensities(
    settings: RadiomicsSettings, image: Volume, whole: Grid, axes: Sequence[AxisGrid], box: Box
) -> npt.NDArray[Any]:
    """The image on the new grid in a box of it, rounded where asked."""
    needed = _needed(settings, axes, box)
    start = _start(_upright_grid(image.grid), whole)
    array = upright(image.array, image.grid).T
    held = [(s, s + n) for s, n in zip(start, array.shape, strict=True)]
    if any(a < s or b > e for (a, b), (s, e) in zip(needed, held, strict=True)):
        raise _too_small(needed, held)
    part = array[tuple(slice(a - s, b - s) for (a, b), s in zip(needed, start, strict=True))]
    _check_finite(part)
    values = sample(part, [a for a, _ in needed], axes, box, settings.interpolation.image)
    if settings.interpolation.round_intensities:
        np.rint(values, out=values)
    return values


def _inside(box: Box, wide: Box) -> Window:
    """A box as slices of a wider one."""
    k, j, i = (slice(a - w, b - w) for (a, b), (w, _) in zip(box, wide, strict=True))
    return k, j, i


def _axes(settings: RadiomicsSettings, whole: Grid) -> list[AxisGrid]:
    """Axes z, y, x of the new grid."""
    wanted: list[float | None] = list(settings.grid.spacing_mm or (None, None, None))
    wanted = wanted if len(wanted) == 3 else [*wanted, None]
    return [axis_grid(n, s, w) for n, s, w in zip(whole.shape, whole.spacing_mm, wanted, strict=True)][::-1]


def _spacing(axes: Sequence[AxisGrid], whole: Grid) -> npt.NDArray[np.float64]:
    """Distance of new voxels along z, y, x, mm."""
    return np.array([step * axis.step for step, axis in zip(whole.spacing_mm[::-1], axes, strict=True)])


def _widened(settings: RadiomicsSettings, axes: Sequence[AxisGrid], box: Box, spacing: npt.NDArray[np.float64]) -> Box:
    """The box and what local intensity, if it is measured, sees around it."""
    if "local_intensity" not in settings.families:
        return box
    around = [math.floor(SURROUNDINGS_MM / step) for step in spacing]
    return [(max(0, a - r), min(axis.n, b + r)) for axis, (a, b), r in zip(axes, box, around, strict=True)]


def _seen(settings: RadiomicsSettings, axes: Sequence[AxisGrid], box: Box, spacing: npt.NDArray[np.float64]) -> Box:
    """What the filter, if there is one, sees of the new grid."""
    if settings.filter is None:
        return box
    return seen_box(settings.filter, box, [axis.n for axis in axes], spacing.tolist())


def _needed(settings: RadiomicsSettings, axes: Sequence[AxisGrid], box: Box) -> Box:
    reach = REACH[settings.interpolation.image]
    # An axis that keeps its voxels needs no neighbours, whatever the rule for the others.
    return [axis.sources(a, b, reach if axis.step != 1 else 0) for axis, (a, b) in zip(axes, box, strict=True)]


def _upright_grid(grid: Grid) -> Grid:
    """The same voxels with axes growing along the patient's x, y, z."""
    affine, shape = grid.affine.copy(), [0, 0, 0]
    for axis, (n, (ras, sign)) in enumerate(zip(grid.shape, grid.axes, strict=True)):
        affine[:3, ras], shape[ras] = sign * grid.affine[:3, axis], n
        if sign < 0:
            affine[:3, 3] += grid.affine[:3, axis] * (n - 1)
    return Grid((shape[0], shape[1], shape[2]), affine)


def _start(part: Grid, whole: Grid) -> list[int]:
    return [window.start for window in locate(part, whole)][::-1]


def _box(inside: Bools) -> Box | None:
    """Half-open bounds of the true voxels along each axis, or None where there is none."""
    box: Box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        places = np.flatnonzero(inside.any(axis=others))
        if not len(places):
            return None
        box.append((int(places[0]), int(places[-1]) + 1))
    return box


def _voxels(inside: Bools, spacing: npt.NDArray[np.float64]) -> RegionVoxels:
    block = np.pad(_u8(inside), 1)
    i, j, k = (slice(0, n) for n in inside.shape[::-1])
    return RegionVoxels(block, spacing, (i, j, k), int(np.count_nonzero(inside)))


def _u8(inside: Bools) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(inside).view(np.uint8)


def _check_finite(part: npt.NDArray[Any]) -> None:
    if np.issubdtype(part.dtype, np.floating) and not np.isfinite(part).all():
        raise ImageRefusal(
            "non_finite",
            "The image has holes in or around the region.",
            expected="finite voxels",
            found=f"{int((~np.isfinite(part)).sum())} that are not",
            next_step="fill the missing voxels in the source, or leave the image out",
        )


def _too_small(needed: Box, held: Box) -> ImageRefusal:
    return ImageRefusal(
        "window_too_small",
        "The part of the image does not hold what the region needs.",
        expected=f"voxels {needed[::-1]} along x, y, z",
        found=str(held[::-1]),
        next_step="read the window that reading_window names, or the whole image",
    )
