"""Maps at another size, by operations that are deterministic on every device.

torch's own trilinear interpolation and unpooling refuse to run, or to be trained, under deterministic algorithms on a
GPU; unpooling also on the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.nn import functional


def resized(maps: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """(batch, channels, *spatial) at another spatial size, linearly along each axis; equals torch's interpolation
    with `align_corners=False`."""
    for axis, length in enumerate(size, start=2):
        if maps.shape[axis] != length:
            weights = _weights(maps.shape[axis], int(length)).to(maps)
            maps = torch.tensordot(maps, weights, dims=([axis], [1])).movedim(-1, axis)
    return maps.contiguous()


def pooled(maps: torch.Tensor, stride: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """The highest value of each window, and where it was: `chosen` (like `maps` cut into windows, the window last) is
    true there alone. Of equal values the first counts. Windows do not overlap; sizes are multiples of them."""
    windows = _windows(maps, stride)
    chosen = windows.argmax(dim=-1, keepdim=True) == torch.arange(windows.shape[-1], device=maps.device)
    return (windows * chosen).sum(dim=-1), chosen


def unpooled(maps: torch.Tensor, chosen: torch.Tensor, stride: Sequence[int]) -> torch.Tensor:
    """Each value back at the place where `pooled` found the highest one, 0 around it."""
    dims = len(stride)
    spread = (maps[..., None] * chosen).unflatten(-1, tuple(stride))
    order = [0, 1]
    for axis in range(dims):
        order += [2 + axis, 2 + dims + axis]
    sizes = [n * by for n, by in zip(maps.shape[2:], stride, strict=True)]
    return spread.permute(order).reshape(*maps.shape[:2], *sizes)


def highest_around(maps: torch.Tensor, steps: Sequence[int]) -> torch.Tensor:
    """The highest of a voxel and the two `steps` voxels away along each axis (0: an axis is left alone): a pooling of
    windows of three at every voxel. Beyond the border there is nothing."""
    for axis, step in enumerate(steps, start=2):
        if step:
            around = [0, 0] * (maps.dim() - 1 - axis) + [step, step]
            wide, length = functional.pad(maps, around, value=-math.inf), maps.shape[axis]
            before, after = (wide.narrow(axis, start, length) for start in (0, 2 * step))
            maps = torch.maximum(torch.maximum(maps, before), after)
    return maps


def _windows(maps: torch.Tensor, stride: Sequence[int]) -> torch.Tensor:
    dims, shape = len(stride), list(maps.shape[:2])
    for length, step in zip(maps.shape[2:], stride, strict=True):
        shape += [length // step, step]
    inner = [3 + 2 * axis for axis in range(dims)]
    outer = [2 + 2 * axis for axis in range(dims)]
    return maps.reshape(shape).permute(0, 1, *outer, *inner).flatten(2 + dims)


def _weights(before: int, after: int) -> torch.Tensor:
    """What each new place takes of each old one, (after, before)."""
    place = ((torch.arange(after, device="cpu") + 0.5) * before / after - 0.5).clamp(0, before - 1)
    low = place.floor().long().clamp(max=before - 1)
    high = (low + 1).clamp(max=before - 1)
    share = place - low
    rows = torch.arange(after, device="cpu")
    weights = torch.zeros(after, before, device="cpu")
    weights[rows, low] += 1 - share
    weights[rows, high] += share
    return weights
