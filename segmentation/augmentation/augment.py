"""Patches of training images as a scanner and a patient might have varied them.

How much is the plan's `augmentation`. Mirrored only where it says so: organs are not alike on both sides, and a liver
on the left is no patient. Everything random is drawn in `draw_variation` from the generator that is passed, and applied
in `cut`: place, turn, scale and bending in one interpolation (MONAI's transforms interpolate one after another).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from segmentation.augmentation.brightness import changed, unevenness
from segmentation.augmentation.elastic import Bending, bending
from segmentation.augmentation.settings import AXES
from segmentation.augmentation.variation import Matrix, Triple, Variation
from segmentation.planning.plan import SegmenterPlan
from segmentation.types import Shape

FLIP_SHARE = 0.5  # of patches, along each axis that may be mirrored


@dataclass(frozen=True, eq=False)
class Source:
    """A training case as the network sees it, in memory: `image` (channels, X, Y, Z) with 0 for what lies outside (the
    plan's `fill` taken away), `classes` (X, Y, Z) uint8, and for each class where some of its voxels are, (n, 3)."""

    case_id: str
    patient_id: str
    image: torch.Tensor
    classes: torch.Tensor
    spots: Mapping[int, npt.NDArray[np.intp]]
    spacing_mm: tuple[float, float, float]


def draw_variation(source: Source, plan: SegmenterPlan, rng: np.random.Generator) -> Variation:
    """Everything random about one patch. Numbers are drawn in one order whatever the settings, the later ones last."""
    asked = plan.augmentation
    middle = _start(source, plan, rng) + (np.array(patch_size(plan)) - 1) / 2
    in_space = bool(rng.random() < asked.space)
    angles, scale = _turn(rng, plan) if in_space else ((0.0, 0.0, 0.0), 1.0)
    chosen = rng.random(4) < asked.intensity
    drawn = (
        log_uniform(rng, asked.gain), rng.normal(0, asked.shift), log_uniform(rng, asked.gamma),
        rng.uniform(0, asked.noise),
    )  # fmt: skip
    neutral = (1.0, 0.0, 1.0, 0.0)
    gain, shift, gamma, noise = (a if use else b for use, a, b in zip(chosen, drawn, neutral, strict=True))
    plain = Variation(middle, np.eye(3), gain, shift, gamma, noise, int(rng.integers(2**31)), angles, scale)
    further = _further(plain, plan, rng, in_space)
    matrix = turning(angles, scale, plan.dimensions, source.spacing_mm)
    for axis in further.flipped:
        matrix[:, AXES.index(axis)] *= -1
    return replace(further, matrix=matrix, middle=middle + np.array(further.moved))


def _further(plain: Variation, plan: SegmenterPlan, rng: np.random.Generator, in_space: bool) -> Variation:
    """With what few plans ask for."""
    asked, flat = plan.augmentation, plan.dimensions == 2
    flips, moves = rng.random(3) < FLIP_SHARE, rng.uniform(-1, 1, 3) * asked.translation * patch_size(plan)
    seeds, chosen = rng.integers(2**31, size=2), rng.random(3) < asked.intensity
    blur, bias = rng.uniform(0, asked.blur), rng.uniform(0, asked.bias)
    coarser = log_uniform(rng, (1.0, asked.low_resolution))
    x, y, z = (float(length) * in_space for length in moves)
    return replace(
        plain,
        flipped=tuple(axis for axis, flip in zip(AXES, flips, strict=True) if flip and axis in asked.flip),
        moved=(x, y, 0.0 if flat else z),
        elastic_mm=asked.elastic_mm * in_space,
        elastic_seed=int(seeds[0]),
        blur=_within(float(blur * chosen[0]), 0.0, flat),
        bias=float(bias * chosen[1]),
        bias_seed=int(seeds[1]),
        low_resolution=_within(coarser if chosen[2] else 1.0, 1.0, flat),
    )


def cut(source: Source, plan: SegmenterPlan, variation: Variation) -> tuple[torch.Tensor, torch.Tensor]:
    """The patch as the network reads it (channels, *spatial), and its classes (*spatial) int64."""
    bent = bending(variation, patch_size(plan), source.spacing_mm, plan.dimensions)
    image = _sampled(source.image, plan, variation, bent, "bilinear")
    classes = _sampled(source.classes[None], plan, variation, bent, "nearest")[0].long()
    field = unevenness(variation, patch_size(plan))
    channels = (changed(channel, variation, field, number) for number, channel in enumerate(image))
    image = torch.stack(list(channels)) + plan.fill
    if plan.dimensions == 3:
        return image, classes
    return image.permute(0, 3, 1, 2).flatten(0, 1), classes[:, :, plan.neighbours]


def patch_size(plan: SegmenterPlan) -> Shape:
    """Voxels that a patch is cut from: a 2-D network's slice with its neighbours."""
    x, y, z = plan.patch
    return (x, y, z) if plan.dimensions == 3 else (x, y, 1 + 2 * plan.neighbours)


def _start(source: Source, plan: SegmenterPlan, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Index of the patch's first voxel: within the image where the patch fits, around it where not."""
    size, shape = np.array(patch_size(plan)), np.array(source.image.shape[1:])
    low, high = np.minimum(0, shape - size), np.maximum(0, shape - size)
    if plan.dimensions == 2:
        low[2], high[2] = -plan.neighbours, shape[2] - 1 - plan.neighbours
    start = rng.integers(low, high + 1)
    if source.spots and rng.random() < plan.foreground:
        spots = source.spots[sorted(source.spots)[rng.integers(len(source.spots))]]
        spot = spots[rng.integers(len(spots))]
        inside = rng.integers(size // 4, np.maximum(size - size // 4, size // 4 + 1))
        if plan.dimensions == 2:
            inside[2] = plan.neighbours
        start = np.clip(spot - inside, low, high)
    return start


def _within(value: float, neutral: float, flat: bool) -> Triple:
    """Along every axis; in 2-D not across slices, whose distance is not that of pixels."""
    return value, value, neutral if flat else value


def _turn(rng: np.random.Generator, plan: SegmenterPlan) -> tuple[Triple, float]:
    """Angles about x, y and z in degrees (2-D: about z alone) and one scale."""
    most = plan.augmentation.turn_degrees
    x, y, z = (float(angle) for angle in rng.uniform(-most, most, 3))
    scale = log_uniform(rng, plan.augmentation.scale)
    return ((0.0, 0.0, z) if plan.dimensions == 2 else (x, y, z)), scale


def turning(angles_degrees: Triple, scale: float, dimensions: int, spacing_mm: Triple) -> Matrix:
    """A rotation in mm about every axis and one scale (2-D: within the slice), as a matrix on voxels."""
    stretch = np.diag([1 / scale] * 3)
    if dimensions == 2:
        stretch[2, 2] = 1
    rotation = np.eye(3)
    for axis, angle in enumerate(np.radians(angles_degrees)):
        a, b = (other for other in range(3) if other != axis)
        step = np.eye(3)
        step[a, a] = step[b, b] = math.cos(angle)
        step[a, b], step[b, a] = -math.sin(angle), math.sin(angle)
        rotation = rotation @ step
    spacing = np.array(spacing_mm)
    return np.asarray((rotation @ stretch) * spacing[None, :] / spacing[:, None])


def log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(math.log(bounds[0]), math.log(bounds[1]))))


def _sampled(volume: torch.Tensor, plan: SegmenterPlan, variation: Variation, bent: Bending, mode: str) -> torch.Tensor:
    """One pass of interpolation for place, turn, scale and bending of (channels, X, Y, Z); 0 outside, float32."""
    size = np.array(patch_size(plan))
    reach = np.abs(variation.matrix) @ (size / 2) + (0 if bent is None else bent.abs().amax(dim=(0, 1, 2)).numpy())
    low = np.clip(np.floor(variation.middle - reach), 0, np.array(volume.shape[1:]) - 1).astype(int)
    high = np.clip(np.ceil(variation.middle + reach) + 1, low + 1, volume.shape[1:]).astype(int)
    box = volume[(slice(None), *(slice(a, b) for a, b in zip(low, high, strict=True)))].float()
    length = np.array(box.shape[1:])
    # In units of half the box, as torch counts; torch names the last axis first.
    linear = variation.matrix * size[None, :] / length[:, None]
    offset = (2 * (variation.middle - low) + 1) / length - 1
    theta = torch.tensor(np.column_stack([linear[::-1, ::-1], offset[::-1]])[None], dtype=torch.float32)
    grid = functional.affine_grid(theta, [1, 1, *size.tolist()], align_corners=False)
    if bent is not None:
        grid = grid + (bent * torch.tensor(2 / length, dtype=torch.float32)).flip(-1)
    return functional.grid_sample(box[None], grid, mode=mode, align_corners=False)[0]
