"""The block of tissue around a region, cut along the patient's axes: what image networks read.

The block is the same whatever way a file stores its axes: x grows to the patient's right, y to anterior, z to
superior. Positions and lengths are in the units of the affines: mm, or voxels of the file where no mm were published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import affine_transform, gaussian_filter1d

from segmentation.errors import ImageRefusal
from segmentation.images.grids import locate
from segmentation.images.reading import read_header, read_image
from segmentation.types import Grid, Mask, Shape, Volume, Window

Crop = npt.NDArray[np.float32]  # (1 + regions, X, Y, Z): the scaled image, then one 0/1 channel a region

HU_WINDOW = (-160.0, 240.0)  # soft tissue
MOST_SD = 5.0
# Half of a voxel, less what rounding of positions can do: else a flipped file could answer otherwise at a tie.
HALF = 0.5 - 1e-4
# Blocks coarser than the file by less than this are interpolated as they are: a blur would cost more than aliasing.
COARSER = 1.25
_FWHM = 2.355  # of a Gaussian, in its standard deviations
_TRUNCATE = 3.0


@dataclass(frozen=True)
class Intensity:
    """How an image's numbers become a network's: (value - centre) / spread, cut at +-limit; `outside` the image."""

    centre: float
    spread: float
    limit: float
    outside: float

    def apply(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        scaled = (values.astype(np.float32) - np.float32(self.centre)) / np.float32(self.spread)
        return np.clip(scaled, -self.limit, self.limit)


def crop_grid(mask: Mask, *, region: str, size: Shape, extent: Sequence[float]) -> Grid:
    """Where a crop's voxels lie: `size` voxels over `extent`, along the patient's x, y and z, around a region.

    The middle is that of the region's bounding box along the patient's axes. Raises ImageRefusal for an unknown
    region and (`empty_region`) one without a voxel.
    """
    voxel = np.asarray(extent, dtype=float) / np.asarray(size)
    affine = np.diag([*voxel, 1.0])
    affine[:3, 3] = region_middle(mask, region) - voxel * (np.asarray(size) - 1) / 2
    return Grid(size, affine)


def region_middle(mask: Mask, region: str) -> npt.NDArray[np.float64]:
    """The middle of a region's bounding box along the patient's axes, RAS, shape (3,). Raises as `crop_grid`."""
    if region not in mask.regions:
        raise ImageRefusal("no_regions", "Unknown region.", expected=f"one of {sorted(mask.regions)}", found=region)
    inside = mask.labels == mask.regions[region]
    j, k = np.nonzero(inside.any(axis=0))
    if not len(j):
        raise ImageRefusal(
            "empty_region",
            f"The mask has no voxel of {region!r}, around which the block is cut.",
            expected=f"at least one voxel of label {mask.regions[region]}",
            found="none",
            next_step="correct the mask or the label number under mask.regions; else the case goes without this block",
        )
    rows = inside[:, j, k]
    first, last = rows.argmax(axis=0), len(rows) - 1 - rows[::-1].argmax(axis=0)
    # A row's ends are enough: positions change linearly along it.
    ends = np.stack([np.concatenate([first, last]), np.tile(j, 2), np.tile(k, 2)])
    places = mask.affine[:3, :3] @ ends + mask.affine[:3, 3:]
    middle: npt.NDArray[np.float64] = (places.min(axis=1) + places.max(axis=1)) / 2
    return middle


def region_crop(image: Volume, mask: Mask, *, region: str, size: Shape, extent: Sequence[float], scale: str) -> Crop:
    """The block around a region: float32 (1 + regions, X, Y, Z), the image and a 0/1 channel a region, by name.

    Channels are sorted by the regions' names, for JSON keeps no other order. `scale` "hu": the soft-tissue window
    -160 to 240 HU becomes -1 to 1; outside the image is air, -1. "z_score": mean 0 and standard deviation 1 over the
    image's voxels other than 0, cut at 5; outside is 0. Images are smoothed where the block is coarser than the file,
    then interpolated linearly; masks are interpolated linearly and cut at one half.

    Raises ImageRefusal for an unknown or empty region, a mask on another grid than the image (`grid_mismatch`), and
    an image of one value (`flat_image`).
    """
    locate(mask.grid, image.grid)
    target = crop_grid(mask, region=region, size=size, extent=extent)
    window = _covering(image.grid, target)
    part = Volume(image.array[window], image.grid.part(window).affine)
    return _sampled(part, mask, target, _intensity(scale, image.array))


def read_region_crop(path: Path, mask: Mask, *, region: str, size: Shape, extent: Sequence[float], scale: str) -> Crop:
    """`region_crop` of a file. Of an image in HU only the block is held; "z_score" needs the whole image's mean.

    Raises ImageRefusal as `region_crop`, and for a file that cannot be vouched for.
    """
    if scale != "hu":
        return region_crop(read_image(path), mask, region=region, size=size, extent=extent, scale=scale)
    grid = read_header(path).grid
    locate(mask.grid, grid)
    target = crop_grid(mask, region=region, size=size, extent=extent)
    return _sampled(read_image(path, window=_covering(grid, target)), mask, target, _hu())


def quantised(crop: Crop) -> Crop:
    """The crop with its image rounded to half precision, as a file keeps it: 0.1 HU, or 0.002 standard deviations."""
    kept = crop.copy()
    kept[0] = crop[0].astype(np.float16)
    return kept


def _sampled(image: Volume, mask: Mask, target: Grid, intensity: Intensity) -> Crop:
    to_index = np.linalg.inv(image.affine) @ target.affine
    scaled = intensity.apply(image.array)
    blur = _blur(to_index)
    if any(blur):
        # What is smeared over the border counts too, as it would if the file went on with nothing in it.
        scaled = np.pad(scaled, [(_reach(sigma), _reach(sigma)) for sigma in blur], constant_values=intensity.outside)
        to_index[:3, 3] += [_reach(sigma) for sigma in blur]
        for axis, sigma in enumerate(blur):
            if sigma:
                scaled = gaussian_filter1d(
                    scaled, sigma, axis, mode="constant", cval=intensity.outside, truncate=_TRUNCATE
                )
    channels = [_interpolated(scaled, to_index, target.shape, intensity.outside), *_mask_channels(mask, target)]
    return np.stack(channels).astype(np.float32)


def _mask_channels(mask: Mask, target: Grid) -> list[npt.NDArray[np.float32]]:
    window = _covering(mask.grid, target)
    labels = mask.labels[window]
    to_index = np.linalg.inv(mask.grid.part(window).affine) @ target.affine
    return [
        (_interpolated((labels == mask.regions[name]).astype(np.float32), to_index, target.shape, 0.0) > HALF).astype(
            np.float32
        )
        for name in sorted(mask.regions)
    ]


def _interpolated(
    array: npt.NDArray[np.float32], to_index: npt.NDArray[np.float64], shape: Shape, outside: float
) -> npt.NDArray[np.float32]:
    # "grid-constant" goes over to `outside` within a voxel of the border: rounding then cannot decide what is there.
    result: npt.NDArray[np.float32] = affine_transform(
        array, to_index[:3, :3], to_index[:3, 3], shape, np.float32, order=1, mode="grid-constant", cval=outside
    )
    return result


def _blur(to_index: npt.NDArray[np.float64]) -> list[float]:
    """For each array axis the standard deviation, in voxels, that widens a voxel to the block's; 0 for none."""
    coarser = np.sqrt((to_index[:3, :3] ** 2).sum(axis=1))
    return [float(np.sqrt(ratio**2 - 1) / _FWHM) if ratio > COARSER else 0.0 for ratio in coarser]


def _reach(sigma: float) -> int:
    """How far, in voxels, smoothing and interpolation look."""
    return int(np.ceil(_TRUNCATE * sigma)) + 2


def _covering(grid: Grid, target: Grid) -> Window:
    """The part of a grid that the block's values depend on; at least one voxel, also where it lies beside the grid."""
    to_index = np.linalg.inv(grid.affine) @ target.affine
    reach = np.array([_reach(sigma) for sigma in _blur(to_index)])
    corners = np.indices((2, 2, 2)).reshape(3, -1) * (np.asarray(target.shape) - 1)[:, None]
    places = to_index[:3, :3] @ corners + to_index[:3, 3:]
    low = np.floor(places.min(axis=1)).astype(int) - reach
    high = np.ceil(places.max(axis=1)).astype(int) + reach + 1
    start = np.clip(low, 0, np.asarray(grid.shape) - 1)
    stop = np.clip(high, start + 1, grid.shape)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return i, j, k


def _hu() -> Intensity:
    low, high = HU_WINDOW
    return Intensity((low + high) / 2, (high - low) / 2, 1.0, -1.0)


def _z_score(array: npt.NDArray[Any]) -> Intensity:
    """Mean and standard deviation of the voxels other than 0, plane by plane so that no second image is held."""
    n, total, squares = 0, 0.0, 0.0
    for plane in np.moveaxis(array, -1, 0):
        values = plane[plane != 0].astype(np.float64)
        n, total, squares = n + len(values), total + float(values.sum()), squares + float((values**2).sum())
    mean = total / n if n else 0.0
    spread = float(np.sqrt(max(squares / n - mean**2, 0.0))) if n else 0.0
    if not spread > 1e-6 * max(1.0, abs(mean)):
        raise ImageRefusal(
            "flat_image",
            "The image shows nothing: all its voxels other than 0 have one value.",
            expected="different intensities",
            found=f"{n} voxels other than 0",
            next_step="export the image again, or leave it out",
        )
    return Intensity(mean, spread, MOST_SD, 0.0)


def _intensity(scale: str, array: npt.NDArray[Any]) -> Intensity:
    if scale not in ("hu", "z_score"):
        raise ImageRefusal("bad_scale", "Unknown intensity scale.", expected="hu or z_score", found=scale)
    return _hu() if scale == "hu" else _z_score(array)
