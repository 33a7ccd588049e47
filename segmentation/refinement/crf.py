"""A dense conditional random field over class scores, by mean field: voxels that are near and look alike agree.

Energy: minus log probability of each voxel's class, and for each pair of voxels with different classes (Potts)

    k(i, j) = smoothness * g(d, smoothness_mm) / S + appearance * g(d, appearance_mm) g(dI, contrast) / A

with g(x, s) = exp(-x^2 / 2 s^2), d the distance in mm, dI that of all channels' intensities. S and A are the sums of
the spatial factors over a voxel's window, so that weights mean the same at any spacing.

The sums over pairs are exact within a window (an ellipsoid in mm, `reach` standard deviations of the wider kernel) and
leave out what lies beyond, as convolutional fields do; the paper's permutohedral lattice is approximate everywhere and
needs compiled code. Every voxel is updated at once; each sum is taken in one order, so threads change no bit.

References: Krähenbühl P, Koltun V. NIPS 2011. arXiv:1210.5644. Teichmann M, Cipolla R. 2018. arXiv:1805.04777
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
import torch

from segmentation.refinement.settings import CrfSettings

Floats = npt.NDArray[np.float32]
Offset = tuple[int, ...]
Part = tuple[slice, ...]

_LEAST = 1e-6  # probability that no class falls below


def refine_scores(
    scores: Floats, image: Floats, spacing_mm: tuple[float, ...], settings: CrfSettings, *, device: str = "cpu"
) -> Floats:
    """Scores after the field, log probabilities (classes, *spatial), from a network's scores of the same shape.

    `image` (channels, *spatial) holds what the network read, `spacing_mm` one number a spatial axis (two or three).
    """
    unary = torch.log_softmax(torch.from_numpy(np.ascontiguousarray(scores)).to(device), dim=0)
    unary = unary.clamp(min=math.log(_LEAST))
    seen = torch.from_numpy(np.ascontiguousarray(image)).to(device)
    with torch.inference_mode():
        refined = mean_field(unary, seen, spacing_mm, settings)
    return refined.cpu().numpy()


def mean_field(
    unary: torch.Tensor, image: torch.Tensor, spacing_mm: tuple[float, ...], settings: CrfSettings
) -> torch.Tensor:
    """Log probabilities after the steps of mean field; `unary` are log probabilities (classes, *spatial)."""
    kernels = window(spacing_mm, tuple(unary.shape[1:]), settings)
    log_q = unary
    for _ in range(settings.steps):
        q = torch.softmax(log_q, dim=0)
        message = torch.zeros_like(q)
        for offset, near, alike in kernels:
            _exchange(message, q, image, offset, (near, alike, settings.contrast))
        # Potts: what agrees with a class is not paid for; a term common to all classes drops out.
        log_q = torch.log_softmax(unary + message, dim=0)
    return log_q


def window(
    spacing_mm: tuple[float, ...], shape: tuple[int, ...], settings: CrfSettings
) -> list[tuple[Offset, float, float]]:
    """One of each pair of opposite offsets (voxels) with the weights of the two kernels in space.

    Axes of one voxel have no offsets, and offsets longer than the image are counted in the sums all the same.
    """
    smooth, alike = widths_mm(spacing_mm, shape, settings)
    reach_mm = settings.reach * max(smooth, alike)
    found = []
    for offset in _half(spacing_mm, shape, reach_mm):
        far = sum((n * step) ** 2 for n, step in zip(offset, spacing_mm, strict=True))
        found.append((offset, math.exp(-far / (2 * smooth**2)), math.exp(-far / (2 * alike**2))))
    # Both ways of each pair; a lone voxel has none.
    total_smooth = 2 * sum(near for _, near, _ in found) or 1.0
    total_alike = 2 * sum(alike for _, _, alike in found) or 1.0
    return [
        (offset, settings.smoothness * a / total_smooth, settings.appearance * b / total_alike)
        for offset, a, b in found
    ]


def widths_mm(spacing_mm: tuple[float, ...], shape: tuple[int, ...], settings: CrfSettings) -> tuple[float, float]:
    """Standard deviations of the two kernels in space; 0 in the settings: one and two edges of the finest voxel."""
    finest = min([step for step, n in zip(spacing_mm, shape, strict=True) if n > 1] or [1.0])
    return settings.smoothness_mm or finest, settings.appearance_mm or 2 * finest


def _half(spacing_mm: tuple[float, ...], shape: tuple[int, ...], reach_mm: float) -> Iterator[Offset]:
    steps = [int(reach_mm / step + 1e-9) if n > 1 else 0 for step, n in zip(spacing_mm, shape, strict=True)]
    nothing = (0,) * len(shape)
    for offset in product(*(range(-most, most + 1) for most in steps)):
        far = math.hypot(*(n * step for n, step in zip(offset, spacing_mm, strict=True)))
        if offset > nothing and far <= reach_mm * (1 + 1e-9):
            yield offset


def _exchange(
    message: torch.Tensor, q: torch.Tensor, image: torch.Tensor, offset: Offset, kernel: tuple[float, float, float]
) -> None:
    """What the voxels of each pair at this offset tell each other is added to `message`."""
    near, alike, contrast = kernel
    here, there = _parts(offset, tuple(q.shape[1:]))
    if any(part.stop <= part.start for part in here):
        return
    unlike = ((image[(slice(None), *here)] - image[(slice(None), *there)]) ** 2).sum(dim=0)
    weight = near + alike * torch.exp(unlike / (-2 * contrast**2))
    message[(slice(None), *here)] += weight * q[(slice(None), *there)]
    message[(slice(None), *there)] += weight * q[(slice(None), *here)]


def _parts(offset: Offset, shape: tuple[int, ...]) -> tuple[Part, Part]:
    """The voxels that have a neighbour at this offset, and those neighbours."""
    here = tuple(slice(max(0, -n), size - max(0, n)) for n, size in zip(offset, shape, strict=True))
    there = tuple(slice(part.start + n, part.stop + n) for part, n in zip(here, offset, strict=True))
    return here, there
