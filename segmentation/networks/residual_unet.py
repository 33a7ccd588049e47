"""The U-Net with a residual encoder: more blocks on the way down, one convolution a level on the way up.

Reference: Isensee F et al. nnU-Net Revisited. MICCAI 2024. doi:10.1007/978-3-031-72114-4_47
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from segmentation.networks.layers import CONV, LEAK, block, convolution, norm
from segmentation.networks.unet import UNet, form_of
from segmentation.planning.plan import SegmenterPlan

_PUBLISHED = (1, 3, 4, 6, 6, 6, 6, 6)  # blocks a level of the residual presets
_POOL: dict[int, type[nn.Module]] = {2: nn.AvgPool2d, 3: nn.AvgPool3d}


class ResidualBlock(nn.Module):
    """Two convolutions added to what came in; where size or channels change, to its average and a projection."""

    def __init__(self, inputs: int, outputs: int, stride: Sequence[int]) -> None:
        super().__init__()
        dims, step = len(stride), tuple(stride)
        self.first = block(inputs, outputs, step, repeats=1)
        self.second = nn.Sequential(convolution(outputs, outputs, (1,) * dims), norm(dims, outputs))
        self.act = nn.LeakyReLU(LEAK, inplace=True)
        way: list[nn.Module] = [_POOL[dims](step, step)] if max(step) > 1 else []
        if inputs != outputs:
            way += [CONV[dims](inputs, outputs, 1, bias=False), norm(dims, outputs)]
        self.way = nn.Sequential(*way)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.act(self.second(self.first(maps)) + self.way(maps))


def residual_unet(plan: SegmenterPlan) -> UNet:
    """The residual-encoder U-Net that a plan asks for; option `blocks` a level, 0: as many as published."""
    asked = plan.option("blocks")

    def encoder(level: int, inputs: int, outputs: int, stride: Sequence[int]) -> nn.Module:
        dims, layers = len(stride), list[nn.Module]()
        if level == 0:  # the stem
            layers.append(block(inputs, outputs, stride, repeats=1))
            inputs = outputs
        layers.append(ResidualBlock(inputs, outputs, stride))
        more = (asked or _PUBLISHED[level]) - 1
        layers += [ResidualBlock(outputs, outputs, (1,) * dims) for _ in range(more)]
        return nn.Sequential(*layers)

    return UNet(form_of(plan, decoding=1), encoder)
