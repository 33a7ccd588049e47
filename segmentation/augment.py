"""Patches of training images as a scanner and a patient might have varied them.

Never mirrored: organs are not alike on both sides, and a liver on the left is no patient. Everything random is drawn
in `draw_variation` from the generator that is passed, and applied in `cut`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from segmentation.plan import SegmenterPlan
from segmentation.types import Shape

FOREGROUND_SHARE = 0.5  # of patches that are placed on a region
_TURN_DEGREES, _SCALE = 15.0, (0.85, 1.2)
_GAIN, _SHIFT, _GAMMA, _NOISE = (0.8, 1.25), 0.1, (0.7, 1.5), 0.1
_CHANCE_SPACE, _CHANCE_INTENSITY = 0.5, 0.3

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Source:
    """A training case as the network sees it, in memory: `image` (X, Y, Z) with 0 for what lies outside (the plan's
    `fill` taken away), `classes` (X, Y, Z) uint8, and for each class where some of its voxels are, (n, 3)."""

    case_id: str
    patient_id: str
    image: torch.Tensor
    classes: torch.Tensor
    spots: Mapping[int, npt.NDArray[np.intp]]
    spacing_mm: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Variation:
    """Where a patch lies (index of its middle) and how it is turned, stretched and changed in brightness."""

    middle: Matrix  # (3,) voxels
    matrix: Matrix  # (3, 3) patch voxels to image voxels
    gain: float = 1.0
    shift: float = 0.0
    gamma: float = 1.0
    noise: float = 0.0
    noise_seed: int = 0


def draw_variation(source: Source, plan: SegmenterPlan, rng: np.random.Generator) -> Variation:
    """Everything random about one patch."""
    size = patch_size(plan)
    middle = _start(source, plan, rng) + (np.array(size) - 1) / 2
    matrix = np.eye(3)
    if rng.random() < _CHANCE_SPACE:
        matrix = _turn(rng, plan.dimensions, source.spacing_mm)
    chosen = rng.random(4) < _CHANCE_INTENSITY
    drawn = (_log_uniform(rng, _GAIN), rng.normal(0, _SHIFT), _log_uniform(rng, _GAMMA), rng.uniform(0, _NOISE))
    neutral = (1.0, 0.0, 1.0, 0.0)
    gain, shift, gamma, noise = (a if use else b for use, a, b in zip(chosen, drawn, neutral, strict=True))
    return Variation(middle, matrix, gain, shift, gamma, noise, int(rng.integers(2**31)))


def cut(source: Source, plan: SegmenterPlan, variation: Variation) -> tuple[torch.Tensor, torch.Tensor]:
    """The patch as the network reads it (channels, *spatial), and its classes (*spatial) int64."""
    image = _sampled(source.image, plan, variation, "bilinear")
    classes = _sampled(source.classes, plan, variation, "nearest").long()
    image = _brightness(image, variation) + plan.fill
    if plan.dimensions == 3:
        return image[None], classes
    return image.permute(2, 0, 1), classes[:, :, plan.neighbours]


def patch_size(plan: SegmenterPlan) -> Shape:
    """Voxels that a patch is cut from: a 2-D network's slice with its neighbours."""
    x, y, z = plan.patch
    return (x, y, z) if plan.dimensions == 3 else (x, y, 1 + 2 * plan.neighbours)


def _start(source: Source, plan: SegmenterPlan, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Index of the patch's first voxel: within the image where the patch fits, around it where not."""
    size, shape = np.array(patch_size(plan)), np.array(source.image.shape)
    low, high = np.minimum(0, shape - size), np.maximum(0, shape - size)
    if plan.dimensions == 2:
        low[2], high[2] = -plan.neighbours, shape[2] - 1 - plan.neighbours
    start = rng.integers(low, high + 1)
    if source.spots and rng.random() < FOREGROUND_SHARE:
        spots = source.spots[sorted(source.spots)[rng.integers(len(source.spots))]]
        spot = spots[rng.integers(len(spots))]
        inside = rng.integers(size // 4, np.maximum(size - size // 4, size // 4 + 1))
        if plan.dimensions == 2:
            inside[2] = plan.neighbours
        start = np.clip(spot - inside, low, high)
    return start


def _turn(rng: np.random.Generator, dimensions: int, spacing_mm: tuple[float, float, float]) -> Matrix:
    """A rotation in mm about every axis (2-D: about z), and one scale, as a matrix on voxels."""
    angles = np.radians(rng.uniform(-_TURN_DEGREES, _TURN_DEGREES, 3))
    scale = 1 / _log_uniform(rng, _SCALE)
    stretch = np.diag([scale] * 3)
    if dimensions == 2:
        angles[:2], stretch[2, 2] = 0, 1
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = (other for other in range(3) if other != axis)
        step = np.eye(3)
        step[a, a] = step[b, b] = math.cos(angle)
        step[a, b], step[b, a] = -math.sin(angle), math.sin(angle)
        rotation = rotation @ step
    spacing = np.array(spacing_mm)
    return (rotation @ stretch) * spacing[None, :] / spacing[:, None]


def _log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(math.log(bounds[0]), math.log(bounds[1]))))


def _sampled(volume: torch.Tensor, plan: SegmenterPlan, variation: Variation, mode: str) -> torch.Tensor:
    """One pass of interpolation for place, turn and scale; 0 outside, float32."""
    size = np.array(patch_size(plan))
    reach = np.abs(variation.matrix) @ (size / 2)
    low = np.clip(np.floor(variation.middle - reach), 0, np.array(volume.shape) - 1).astype(int)
    high = np.clip(np.ceil(variation.middle + reach) + 1, low + 1, volume.shape).astype(int)
    box = volume[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].float()
    length = np.array(box.shape)
    # In units of half the box, as torch counts; torch names the last axis first.
    linear = variation.matrix * size[None, :] / length[:, None]
    offset = (2 * (variation.middle - low) + 1) / length - 1
    theta = torch.tensor(np.column_stack([linear[::-1, ::-1], offset[::-1]])[None], dtype=torch.float32)
    grid = functional.affine_grid(theta, [1, 1, *size.tolist()], align_corners=False)
    return functional.grid_sample(box[None, None], grid, mode=mode, align_corners=False)[0, 0]


def _brightness(image: torch.Tensor, variation: Variation) -> torch.Tensor:
    if variation.gamma != 1:
        low, high = image.min(), image.max()
        span = (high - low).clamp(min=1e-6)
        image = ((image - low) / span) ** variation.gamma * span + low
    image = image * variation.gain + variation.shift
    if variation.noise:
        generator = torch.Generator().manual_seed(variation.noise_seed)
        image = image + variation.noise * torch.randn(image.shape, generator=generator)
    return image
