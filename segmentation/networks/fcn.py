"""FCN-8s: class scores of three depths, brought up by learned interpolation and added.

With six levels it is FCN-8s as published (strides 32, 16 and 8, then eight times up at once); with fewer levels the
three deepest are added. We put norms (`layers.norm`) after the convolutions, and the plan's channels for VGG's.

Reference: Long J, Shelhamer E, Darrell T. CVPR 2015. doi:10.1109/CVPR.2015.7298965
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from segmentation.networks.layers import CONV, UP, block
from segmentation.networks.resizing import pooled
from segmentation.planning.plan import SegmenterPlan

_DEPTHS = 3


class FCN(nn.Module):
    """(batch, inputs, *spatial) to class scores of the same size, which is a multiple of the strides' product."""

    def __init__(self, inputs: int, classes: int, channels: Sequence[int], strides: Sequence[Sequence[int]]) -> None:
        super().__init__()
        dims, ones = len(strides[0]), (1,) * len(strides[0])
        self.strides = [tuple(stride) for stride in strides]
        ins = (inputs, *channels[:-1])
        self.levels = nn.ModuleList(block(i, o, ones) for i, o in zip(ins, channels, strict=True))
        depths = min(_DEPTHS, len(channels))
        self.scores = nn.ModuleList(CONV[dims](width, classes, 1) for width in channels[-depths:])
        steps = list(self.strides[len(channels) - depths :])
        rest = [math.prod(by) for by in zip(*self.strides[: len(channels) - depths], strict=True)] or list(ones)
        self.up = nn.ModuleList(_interpolation(classes, step) for step in (*steps, rest))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        seen = []
        for number, level in enumerate(self.levels):
            image = level(pooled(image, self.strides[number - 1])[0] if number else image)
            seen.append(image)
        scores = [head(maps) for head, maps in zip(self.scores, seen[-len(self.scores) :], strict=True)]
        total = scores.pop()
        while scores:
            total = self.up[len(scores) - 1](total) + scores.pop()
        return self.up[-1](total)


def _interpolation(classes: int, stride: Sequence[int]) -> nn.Module:
    """Learned upsampling that starts as the linear one, each class for itself."""
    dims = len(stride)
    size = [2 * by if by > 1 else 1 for by in stride]
    layer = UP[dims](classes, classes, size, tuple(stride), [by // 2 for by in stride], bias=False)
    kernel = torch.ones((1,) * dims, device="cpu")
    for axis, (length, by) in enumerate(zip(size, stride, strict=True)):
        line = 1 - (torch.arange(length, device="cpu") - (length - 1) / 2).abs() / by
        kernel = kernel * line.reshape([-1 if other == axis else 1 for other in range(dims)])
    with torch.no_grad():
        weight = layer.get_parameter("weight")
        weight.zero_()
        for n in range(classes):
            weight[n, n] = kernel.to(weight)
    return layer


def fcn(plan: SegmenterPlan) -> FCN:
    """The FCN that a plan asks for."""
    return FCN(plan.channels_read, plan.outputs, plan.channels, plan.strides)
