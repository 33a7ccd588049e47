"""One channel of a patch as another scanner might have shown it: blur, resolution, gamma, gain, unevenness, noise."""

from __future__ import annotations

import numpy as np
import torch
from numpy.polynomial import legendre
from scipy import ndimage

from segmentation.augmentation.elastic import along_axes
from segmentation.augmentation.variation import Triple, Variation
from segmentation.networks.resizing import resized
from segmentation.types import Shape

_DEGREE = 3  # of the polynomial that a bias field is


def changed(image: torch.Tensor, variation: Variation, field: torch.Tensor | None, channel: int) -> torch.Tensor:
    """The channel (x, y, z) with the variation's changes; `field` is its bias field, its noise is its own."""
    image = _coarser(_blurred(image, variation.blur), variation.low_resolution)
    low, high = image.min(), image.max()
    if variation.gamma != 1:
        span = (high - low).clamp(min=1e-6)
        image = ((image - low) / span) ** variation.gamma * span + low
    image = image * variation.gain + variation.shift
    if field is not None:
        floor = image.min()  # a field multiplies what is above the background
        image = (image - floor) * field + floor
    if variation.noise:
        generator = torch.Generator().manual_seed(variation.noise_seed + channel)
        image = image + variation.noise * torch.randn(image.shape, generator=generator)
    return image


def unevenness(variation: Variation, size: Shape) -> torch.Tensor | None:
    """The bias field of a patch, (x, y, z), between exp(-bias) and exp(bias), by polynomials up to degree 3; None
    without one."""
    if not variation.bias:
        return None
    rng = np.random.default_rng(variation.bias_seed)
    lines = [legendre.legvander(np.linspace(-1, 1, n), _DEGREE).astype(np.float64) for n in size]
    weights = rng.normal(size=(_DEGREE + 1,) * 3)
    degree = np.add.outer(np.add.outer(np.arange(_DEGREE + 1), np.arange(_DEGREE + 1)), np.arange(_DEGREE + 1))
    weights[(degree > _DEGREE) | (degree == 0)] = 0
    field = along_axes(weights, lines)
    return torch.from_numpy(np.exp(variation.bias * field / np.abs(field).max()).astype(np.float32))


def _blurred(image: torch.Tensor, voxels: Triple) -> torch.Tensor:
    if not any(voxels):
        return image
    return torch.from_numpy(ndimage.gaussian_filter(image.numpy(), voxels, mode="nearest"))


def _coarser(image: torch.Tensor, times: Triple) -> torch.Tensor:
    """Sampled that many times coarser and back, as a scan with thicker voxels looks after resampling."""
    size = [max(1, round(n / coarser)) for n, coarser in zip(image.shape, times, strict=True)]
    if size == list(image.shape):
        return image
    return resized(resized(image[None, None], size), image.shape)[0, 0]
