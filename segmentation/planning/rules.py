"""A plan from the data, by stated rules: what the images look like decides network, voxels, patch and intensity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from segmentation.datasets.dataset import Dataset
from segmentation.errors import ImageRefusal
from segmentation.images.grids import locate
from segmentation.images.reading import read_mask
from segmentation.images.scans import read_scan, scan_grid
from segmentation.learning.training_case import TrainingCase
from segmentation.networks import NETWORKS
from segmentation.planning.fingerprint import AIR_HU, Fingerprint, Survey, fingerprint
from segmentation.planning.plan import SegmenterPlan
from segmentation.planning.plan_files import completed, is_whole
from segmentation.preparation.preprocess import upright_spacing
from segmentation.types import Shape

MOST_VOXELS = 128  # along an axis of the median image; coarser voxels keep larger ones in reach of a processor
MOST_PATCH = 64
FLAT = 3.0  # voxels this many times as thick as wide are read slice by slice
STEPS, RATE = 2000, 2e-3
_CHANNELS = {3: (16, 32, 64, 128), 2: (16, 32, 64, 128, 256)}
_BATCH = {3: 2, 2: 16}
_LOSS_OF_SLICES = "batch_dice_and_cross_entropy"  # most slices hold no region, and have no Dice of their own
_PERCENTILES = (0.5, 50.0, 99.5)


def survey(case: TrainingCase) -> Survey:
    """Read one case whole. Raises ImageRefusal for files that cannot be vouched for or do not lie on one grid."""
    grid = scan_grid(case.images)
    mask = read_mask(case.mask, {"any": 1})
    locate(mask.source or mask.grid, grid)
    ones = int((mask.labels == 1).sum())
    voxels = {int(label): int(count) for label, count in mask.unnamed.items()} | ({1: ones} if ones else {})
    sizes = {ras: n for n, (ras, _) in zip(grid.shape, grid.axes, strict=True)}
    scan = read_scan(case.images)
    lowest = min(float(channel.array.min()) for channel in scan)
    whole = read_mask(case.mask, {str(label): label for label in voxels}) if voxels else mask
    values = scan[0].array[locate(whole.grid, grid)][whole.labels > 0]
    shape = (sizes[0], sizes[1], sizes[2])
    inside = (*np.percentile(values, _PERCENTILES).tolist(), float(values.mean()), float(values.std()))
    return Survey(
        case, shape, upright_spacing(grid), frozenset(voxels), lowest, len(scan), voxels, inside if voxels else ()
    )


def default_plan(
    found: Sequence[Survey],
    *,
    network: str | None = "unet_3d",
    regions: Mapping[str, int] | None = None,
    ct: bool | None = None,
    steps: int = STEPS,
    seed: int = 0,
) -> SegmenterPlan:
    """A plan for these cases: median spacing (coarser where the median image is large), a patch as large as the median
    image (at most `MOST_PATCH` voxels an axis), every label of the masks as a region.

    `network` None: `unet_2d` where voxels are `FLAT` times as thick as wide or images have one slice, else `unet_3d`.
    `regions` and `ct` say what the files cannot; without `ct` images with voxels below `AIR_HU` are taken for CT.

    Raises ImageRefusal (`nothing_to_learn`) where no mask holds a label.
    """
    labels = sorted(set().union(*(one.labels for one in found)))
    named = dict(regions or {str(label): label for label in labels})
    if not labels:
        expected, step = "a label above 0 in at least one mask", "check the masks"
        raise ImageRefusal("nothing_to_learn", "The masks are empty.", expected=expected, found="0", next_step=step)
    seen = fingerprint(found, ct=ct)
    network = fitting_network(seen) if network is None else network
    slices = 1 if seen.shape[2] > 1 else 0
    start = SegmenterPlan(network, named, "z_score", None, (64, 64, 64), (8, 16), slices, steps, 1, RATE, seed)
    voxel, shape = _voxel_and_shape(seen)
    channels = _CHANNELS[start.dimensions]
    multiple = NETWORKS[network].multiple or 2 ** (len(channels) - 1)
    return replace(
        start,
        intensity="hu" if seen.modality == "ct" else "z_score",
        voxel=voxel,
        patch=_patch(shape, multiple, start.dimensions),
        channels=channels,
        loss=start.loss if start.dimensions == 3 or start.own_loss else _LOSS_OF_SLICES,
        batch=_BATCH[start.dimensions],
        inputs=seen.channel_names,
    )


def plan_from(
    said: Mapping[str, Any], found: Sequence[Survey], dataset: Dataset, network: str | None = None
) -> SegmenterPlan:
    """The plan that `said` names by field; where it is not whole the rest is the default for these cases.

    Raises ImageRefusal as `default_plan`, and `bad_plan`.
    """
    if is_whole(said):
        return SegmenterPlan.from_json(said)
    derived = default_plan(found, network=said.get("network", network), regions=dataset.regions, ct=dataset.ct)
    if len(dataset.channels) == len(derived.inputs):
        derived = replace(derived, inputs=dataset.channels)
    return completed(said, derived)


def fitting_network(seen: Fingerprint) -> str:
    """The U-Net that reads slices where a block would hardly see across them, else the one that reads blocks."""
    return "unet_2d" if seen.anisotropy >= FLAT or min(seen.shape) <= 1 else "unet_3d"


def within_memory(plan: SegmenterPlan, budget_bytes: float, *, device: str = "cpu") -> SegmenterPlan:
    """The plan, or one with a smaller batch and then a smaller patch, whose training step fits into so many bytes.

    Raises ImageRefusal (`too_large`) where not even the smallest does. See `memory` for what is counted.
    """
    from segmentation.planning.memory import step_memory  # torch takes seconds to import

    while (needed := step_memory(plan, device=device).total) > budget_bytes:
        smaller = _smaller(plan)
        if smaller is None:
            raise ImageRefusal(
                "too_large",
                "No patch is small enough for the memory.",
                expected=f"at most {budget_bytes / 1e9:.2f} GB",
                found=f"about {needed / 1e9:.2f} GB for patches of {plan.patch}",
                next_step="allow more memory, take fewer channels, or a 2-D network",
            )
        plan = smaller
    return plan


def _smaller(plan: SegmenterPlan) -> SegmenterPlan | None:
    """Half the batch; with one patch left, its longest side by one multiple less. None at the smallest."""
    if plan.batch > 1:
        return replace(plan, batch=plan.batch // 2)
    step = NETWORKS[plan.network].multiple or 2 ** (len(plan.channels) - 1)
    sides = list(plan.patch)
    axis = int(np.argmax(sides))
    sides[axis] -= step
    if sides[axis] < max(8, 2 * step):
        return None
    return replace(plan, patch=(sides[0], sides[1], sides[2]))


def _voxel_and_shape(seen: Fingerprint) -> tuple[tuple[float, float, float], list[float]]:
    extent = np.array(seen.extent_mm)
    voxel = np.maximum(seen.spacing_mm, extent / MOST_VOXELS)
    x, y, z = (float(round(length, 4)) for length in voxel)
    return (x, y, z), (extent / voxel).tolist()


def _patch(shape: Sequence[float], by: int, dimensions: int) -> Shape:
    """The median image rounded up to what the levels can halve, within bounds; a flat slab for 2-D networks."""
    most = MOST_PATCH if dimensions == 3 else 2 * MOST_PATCH
    x, y, z = (max(by, 8, min(most, math.ceil(n / by) * by)) for n in shape)
    return x, y, z if dimensions == 3 else 1


__all__ = ["AIR_HU", "Survey", "default_plan", "fitting_network", "plan_from", "survey", "within_memory"]
