"""Maps within boxes, and masks of boxes back in the image, by products of matrices.

A linear sample of a box is a sum along one axis after the other, so it is two products of matrices: deterministic on
every device, forwards and backwards, and quick on a processor. torchvision's own operator has compiled code that is
not everywhere, and beside it a slow one.

Boxes are (boxes, 4) in voxels of the image, as torchvision has them: first column, first row, behind the last column,
behind the last row. Rows are the image's first axis (x here), columns its second.
"""

from __future__ import annotations

import torch

SAMPLES = 2  # places along each axis that a bin's mean is taken over


def aligned(maps: torch.Tensor, boxes: torch.Tensor, scale: float, bins: int) -> torch.Tensor:
    """Means of maps (channels, x, y) in bins x bins parts of each box: (boxes, channels, bins, bins).

    `scale` is the maps' size over the image's. Boxes lie in the image. Equals torchvision's `roi_align` with
    `aligned=True` and two samples.

    Reference: He K et al. Mask R-CNN. ICCV 2017. doi:10.1109/ICCV.2017.322
    """
    rows, columns = _samplers(boxes * scale, bins, maps.shape[1:])
    channels, height, width = maps.shape
    flat = maps.transpose(0, 1).reshape(height, channels * width)
    along = (rows.reshape(-1, height) @ flat).reshape(len(boxes), bins * channels, width)
    return (along @ columns.transpose(1, 2)).reshape(len(boxes), bins, channels, bins).transpose(1, 2)


def aligned_masks(masks: torch.Tensor, boxes: torch.Tensor, bins: int) -> torch.Tensor:
    """The same for a mask of its own a box: (boxes, x, y) to (boxes, bins, bins)."""
    rows, columns = _samplers(boxes, bins, masks.shape[1:])
    return rows @ masks @ columns.transpose(1, 2)


def pasted(shares: torch.Tensor, boxes: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Shares (boxes, bins, bins) of boxes at the image's voxels, (boxes, x, y), linearly; 0 outside the box."""
    bins = shares.shape[-1]
    rows = _spread(boxes[:, 1], boxes[:, 3], bins, shape[0])
    columns = _spread(boxes[:, 0], boxes[:, 2], bins, shape[1])
    return rows @ shares @ columns.transpose(1, 2)


def _samplers(boxes: torch.Tensor, bins: int, shape: torch.Size) -> tuple[torch.Tensor, torch.Tensor]:
    height, width = shape
    return _sampler(boxes[:, 1], boxes[:, 3], bins, height), _sampler(boxes[:, 0], boxes[:, 2], bins, width)


def _sampler(first: torch.Tensor, behind: torch.Tensor, bins: int, length: int) -> torch.Tensor:
    """What each bin takes of each place, (boxes, bins, length)."""
    steps = (torch.arange(bins * SAMPLES, device=first.device) + 0.5) / SAMPLES
    place = first[:, None] - 0.5 + steps * ((behind - first) / bins)[:, None]
    return _hats(place.clamp(0, length - 1), length).reshape(len(first), bins, SAMPLES, length).mean(dim=2)


def _spread(first: torch.Tensor, behind: torch.Tensor, bins: int, length: int) -> torch.Tensor:
    """What each place takes of each bin, (boxes, length, bins)."""
    centre = torch.arange(length, device=first.device) + 0.5
    inside = (centre >= first[:, None]) & (centre <= behind[:, None])
    size = (behind - first).clamp(min=1e-3)[:, None]
    place = (centre - first[:, None]) / size * bins - 0.5
    return _hats(place.clamp(0, bins - 1), bins) * inside[..., None]


def _hats(place: torch.Tensor, length: int) -> torch.Tensor:
    """Linear weights of the whole numbers below `length` for places between them; a new last axis."""
    whole = torch.arange(length, device=place.device)
    return (1 - (place[..., None] - whole).abs()).clamp(min=0)
