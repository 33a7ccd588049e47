"""Convolutions of small maps kept in full precision, where a processor trains in bf16.

The fast library beneath torch (2.13, processors with bf16 instructions) leaves parts of the gradient of a 3-D
convolution's weights unwritten where the kernel reaches over more voxels than the map has along an axis, as 3 × 3 × 3
over 2 × 2 × 2 does at the deepest level of a network: what stood in that memory becomes the gradient, and now and then
a neighbour's memory is overwritten. Values and the gradient of the map itself are right, so outlining needs no guard.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn


def guard_small_maps(network: nn.Module) -> None:
    """Every convolution of `network` computes in full precision where its kernel reaches beyond the map it is given."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            module.forward = partial(_forward, module)  # type: ignore[method-assign]


def _forward(convolution: Any, image: torch.Tensor) -> Any:
    plain = type(convolution).forward
    if not _beyond(convolution, image.shape[2:]):
        return plain(convolution, image)
    with torch.autocast(image.device.type, enabled=False):
        return plain(convolution, image.float())


def _beyond(convolution: Any, sizes: torch.Size) -> bool:
    """Whether from one end of the kernel to its other end is farther than the map is wide, along any axis."""
    reaches = [(taps - 1) * step for taps, step in zip(convolution.kernel_size, convolution.dilation, strict=True)]
    return any(reach >= size for reach, size in zip(reaches, sizes, strict=True))
