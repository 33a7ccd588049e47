"""From an image as filed to what a network reads: upright axes, the plan's voxels, scaled intensities. And back.

Resampling is linear, one axis at a time; a coarser grid averages over a triangle as wide as its voxels, so that
noise and thin structures do not alias. Sparse products on one thread: the same bits on every run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from segmentation.errors import ImageRefusal
from segmentation.images.grids import locate
from segmentation.images.orientation import as_filed, upright, upright_spacing
from segmentation.planning.plan import SegmenterPlan
from segmentation.preparation.intensities import SCALES, constant_image
from segmentation.preparation.steps import image_steps, prepared, region_of_interest
from segmentation.types import Grid, Mask, Shape, Volume, Window

Floats = npt.NDArray[np.float32]
Classes = npt.NDArray[np.uint8]
AxisWeights = tuple[sparse.csr_matrix | None, ...]  # along x, y, z: (new, old), or None where nothing changes

_SLAB_BYTES = 2**26


def network_shape(grid: Grid, plan: SegmenterPlan) -> Shape:
    """How many voxels along x, y, z an image has once it is resampled to the plan's spacing."""
    shape = [0, 0, 0]
    for n, (ras, _) in zip(grid.shape, grid.axes, strict=True):
        shape[ras] = n
    if plan.voxel is None:
        return shape[0], shape[1], shape[2]
    x, y, z = (
        max(1, round(n * step / voxel)) for n, step, voxel in zip(shape, upright_spacing(grid), plan.voxel, strict=True)
    )
    return x, y, z


def prepare_image(volume: Volume, plan: SegmenterPlan) -> Floats:
    """What the network reads of an image, (X, Y, Z) along the patient's axes.

    Raises ImageRefusal for one slice where blocks are meant (`not_3d`), voxels that are not finite (`non_finite`) and
    images without contrast (`constant_image`).
    """
    _check_image(volume, plan)
    array = resample(upright(volume.array, volume.grid), network_shape(volume.grid, plan))
    return SCALES[plan.intensity](array)


def prepare_scan(scan: Sequence[Volume], plan: SegmenterPlan) -> Floats:
    """What the network reads of an image's channels, (channels, X, Y, Z) along the patient's axes, after the plan's
    steps of preparation. Beside what the step crop leaves lies the plan's `fill`.

    Raises ImageRefusal as `prepare_image` and `preparation.prepared`, and `wrong_channels` where there are not as many
    as the plan has inputs.
    """
    part, box = prepare_part(scan, plan)
    size = network_shape(scan[0].grid, plan)
    if part.shape[1:] == size:
        return part
    whole = np.full((len(part), *size), plan.fill, dtype=np.float32)
    whole[(slice(None), *box)] = part
    return whole


def prepare_part(scan: Sequence[Volume], plan: SegmenterPlan) -> tuple[Floats, Window]:
    """As `prepare_scan`, what the step crop leaves alone, and where it lies among the network's voxels (without that
    step: everywhere). Intensities are scaled by what is left."""
    if len(scan) != len(plan.inputs):
        raise ImageRefusal(
            "wrong_channels",
            "The image has another number of channels than the network reads.",
            expected=f"{len(plan.inputs)}: {', '.join(plan.inputs)}",
            found=str(len(scan)),
            next_step="hand over every sequence, in this order",
        )
    for channel in scan:
        _check_image(channel, plan)
    changed, _ = prepared(scan, image_steps(plan.preparation))
    grid = changed[0].grid
    size = network_shape(grid, plan)
    arrays = np.stack([resample(upright(channel.array, grid), size) for channel in changed])
    box = region_of_interest(arrays, plan.voxel or upright_spacing(grid), plan.preparation)
    scale = SCALES[plan.intensity]
    return np.stack([scale(np.ascontiguousarray(array[box])) for array in arrays]), box


def prepare_mask(mask: Mask, image: Grid, plan: SegmenterPlan) -> Classes:
    """The class of every voxel that the network sees (0 background, then the regions by label), (X, Y, Z).

    A voxel takes the class that covers most of it. `mask` may be a crop; it must lie on the grid of the image
    (ImageRefusal `grid_mismatch`).
    """
    window = locate(mask.grid, image)
    shape, size = image.shape, network_shape(image, plan)
    best, classes = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.uint8)
    total = np.zeros(size, dtype=np.float32)
    for number, label in enumerate(plan.class_labels[1:], start=1):
        inside = np.zeros(shape, dtype=np.float32)
        inside[window] = mask.labels == label
        cover = resample(upright(inside, image), size)
        total += cover
        wins = cover > best
        classes[wins], best[wins] = number, cover[wins]
    classes[best < 1 - total] = 0
    return classes


def label_slabs(
    scores: Floats, size: Shape, labels: tuple[int, ...], weights: AxisWeights | None = None
) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
    """The label with the highest score at every voxel of a finer (or coarser) grid, a few planes of z at a time.

    `scores` (classes, X, Y, Z); yields the planes' place and their labels (x, y, planes). Scores are interpolated
    linearly (`weights` along each axis; default: over the same extent), so borders are smooth; only one slab of them is
    ever held. `label_export` gives the same labels faster.
    """
    names = np.array(labels, dtype=np.uint8 if max(labels) < 256 else np.uint16)
    across = weights or tuple(axis_weights(old, new) for old, new in zip(scores.shape[1:], size, strict=True))
    per_plane = 4 * len(scores) * max(size[0], scores.shape[1]) * max(size[1], scores.shape[2])
    planes = max(1, _SLAB_BYTES // per_plane)
    for start in range(0, size[2], planes):
        part = slice(start, min(start + planes, size[2]))
        slab = scores[..., part] if across[2] is None else _along(scores, across[2][part], 3)
        for axis in (2, 1):
            one = across[axis - 1]
            slab = slab if one is None else _along(slab, one, axis)
        yield part, names[slab.argmax(axis=0)]


def resample(array: npt.NDArray[Any], size: Shape) -> Floats:
    """The same field of view in another number of voxels, float32; linear."""
    # The axis that shrinks most goes first: less is left for the others.
    for axis in sorted(range(3), key=lambda axis: size[axis] / array.shape[axis]):
        weights = axis_weights(array.shape[axis], size[axis])
        array = array if weights is None else _along(array, weights, axis)
    return np.ascontiguousarray(array, dtype=np.float32)


def axis_weights(old: int, new: int) -> sparse.csr_matrix | None:
    """How each of `new` samples is made of `old` ones over the same extent, (new, old); None where nothing changes."""
    if old == new:
        return None
    scale = old / new
    centre, reach = (np.arange(new) + 0.5) * scale - 0.5, max(1.0, scale)
    first = np.floor(centre - reach).astype(int)
    places = first[:, None] + np.arange(int(np.ceil(2 * reach)) + 2)
    weight = np.clip(1 - np.abs(places - centre[:, None]) / reach, 0, None)
    weight[(places < 0) | (places >= old)] = 0
    weight /= weight.sum(axis=1, keepdims=True)
    rows = np.broadcast_to(np.arange(new)[:, None], places.shape)
    used = weight > 0
    entries = (weight[used].astype(np.float32), (rows[used], places[used]))
    return sparse.csr_matrix(entries, shape=(new, old))


def _along(array: npt.NDArray[Any], weights: sparse.csr_matrix, axis: int) -> Floats:
    """A sparse product along one axis."""
    moved = np.moveaxis(array, axis, 0)
    flat = np.ascontiguousarray(moved.reshape(len(moved), -1), dtype=np.float32)
    out = (weights @ flat).reshape(weights.shape[0], *moved.shape[1:])
    return np.moveaxis(out, 0, axis)


def _check_image(volume: Volume, plan: SegmenterPlan) -> None:
    array = volume.array
    if plan.dimensions == 3 and min(array.shape) == 1:
        raise ImageRefusal(
            "not_3d",
            "The image is a single slice, and the network reads blocks.",
            expected="two or more voxels along each axis",
            found=str(array.shape),
            next_step="train a 2-D network (unet_2d), or hand over the whole series",
        )
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        step = "fill the missing voxels in the source, or leave the image out"
        raise ImageRefusal("non_finite", "The image has holes.", expected="finite voxels", found="none", next_step=step)
    if low == high:
        raise constant_image(f"{low:g} everywhere")


__all__ = [
    "SCALES", "as_filed", "axis_weights", "label_slabs", "network_shape", "prepare_image", "prepare_mask",
    "prepare_part", "prepare_scan", "resample", "upright", "upright_spacing",
]  # fmt: skip
