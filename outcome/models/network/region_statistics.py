"""What can be measured of each region of a crop without learning: place, brightness, contrast and roughness.

A few hundred outcomes cannot teach a network to tell a coarse texture from a fine one; they can weigh a measured
roughness. These numbers stand beside the learned encoder and feed both the linear path and the image's token.
Roughness at a lag is the log of the mean squared step between voxels so far apart inside the region, relative to the
variance inside the region: it falls as texture gets coarser, whatever its contrast. What is left of the variance once
neighbours are averaged falls with noise, which roughness at the shortest lag takes for texture.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LAGS = (1, 2, 3)  # voxels along an axis
FLOOR = 1e-4  # the variance of a region of one voxel, in squared units of the scaled image
# middle, its distance along each axis and in all, share, brightness, contrast, roughness, variance left
NUMBERS = 3 + 3 + 1 + 1 + 1 + 1 + len(LAGS) + 1


def statistics_count(channels: int) -> int:
    """How many numbers a crop of so many channels gives."""
    return NUMBERS * (channels - 1)


def region_statistics(crop: Tensor) -> Tensor:
    """(n, 1 + regions, X, Y, Z) to (n, NUMBERS * regions); differentiable; finite for empty regions too."""
    image, masks = crop[:, :1], crop[:, 1:]
    total = masks.sum(dim=(2, 3, 4))
    middle = _middle(masks, total)
    brightness = _mean(image, masks)
    variance = _variance(image, masks)
    place = [middle.flatten(1), middle.abs().flatten(1), torch.sqrt((middle**2).sum(dim=2) + FLOOR)]
    rough = [torch.log((_step(image, masks, lag) + FLOOR) / variance) for lag in LAGS]
    left = torch.log(_variance(_averaged(image, masks), masks) / variance)
    share = torch.log(total / crop[0, 0].numel() + FLOOR)
    return torch.cat([*place, share, brightness, torch.log(variance), *rough, left], dim=1)


def _middle(masks: Tensor, total: Tensor) -> Tensor:
    """(n, regions, 3): the centre of mass, from -1 to 1 along each axis of the crop; 0 for an empty region."""
    places = []
    for axis in (2, 3, 4):
        others = tuple(a for a in (2, 3, 4) if a != axis)
        size = masks.shape[axis]
        along = ((torch.arange(size) + 0.5) * 2 / size - 1).to(masks)
        places.append((masks.sum(dim=others) * along).sum(dim=2) / total.clamp(min=1))
    return torch.stack(places, dim=2)


def _mean(values: Tensor, masks: Tensor) -> Tensor:
    """(n, regions): the mean inside each region; 0 for an empty one."""
    return (values * masks).sum(dim=(2, 3, 4)) / masks.sum(dim=(2, 3, 4)).clamp(min=1)


def _variance(values: Tensor, masks: Tensor) -> Tensor:
    """(n, regions): the variance inside each region, never 0."""
    return _mean((values - _mean(values, masks)[:, :, None, None, None]) ** 2, masks) + FLOOR


def _averaged(image: Tensor, masks: Tensor) -> Tensor:
    """(n, regions, X, Y, Z): at each voxel the mean of those of its 27 neighbours that lie in the region."""
    within = functional.avg_pool3d(masks, 3, stride=1, padding=1)
    return functional.avg_pool3d(image * masks, 3, stride=1, padding=1) / within.clamp(min=1e-6)


def _step(image: Tensor, masks: Tensor, lag: int) -> Tensor:
    """(n, regions): the mean squared step between voxels a lag apart that both lie in the region, over all axes."""
    squared, counted = image.new_zeros(masks.shape[:2]), image.new_zeros(masks.shape[:2])
    for axis in (2, 3, 4):
        size = image.shape[axis] - lag
        both = masks.narrow(axis, 0, size) * masks.narrow(axis, lag, size)
        step = image.narrow(axis, lag, size) - image.narrow(axis, 0, size)
        squared = squared + (step**2 * both).sum(dim=(2, 3, 4))
        counted = counted + both.sum(dim=(2, 3, 4))
    return squared / counted.clamp(min=1)
