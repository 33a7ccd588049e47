"""SegNet: the decoder puts each value back where the encoder's pooling found the highest one; nothing else is carried.

The norms of `layers` stand for the paper's batch norms.

Reference: Badrinarayanan V, Kendall A, Cipolla R. IEEE TPAMI 2017;39:2481-95. doi:10.1109/TPAMI.2016.2644615
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from segmentation.networks.layers import CONV, block
from segmentation.networks.resizing import pooled, unpooled
from segmentation.planning.plan import SegmenterPlan


class SegNet(nn.Module):
    """(batch, inputs, *spatial) to class scores of the same size, which is a multiple of the strides' product."""

    def __init__(self, inputs: int, classes: int, channels: Sequence[int], strides: Sequence[Sequence[int]]) -> None:
        super().__init__()
        dims, ones = len(strides[0]), (1,) * len(strides[0])
        self.strides = [tuple(stride) for stride in strides]
        ins = (inputs, *channels[:-1])
        self.down = nn.ModuleList(block(i, o, ones) for i, o in zip(ins, channels, strict=True))
        # A pooling's places fit the channels that went into it.
        self.bottom = block(channels[-1], channels[-2], ones, repeats=1)
        outs = (channels[0], *channels[:-2])
        self.up = nn.ModuleList(block(i, o, ones) for i, o in zip(channels[:-1], outs, strict=True))
        self.head = CONV[dims](channels[0], classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        maps, places = self.down[0](image), list[torch.Tensor]()
        for number, stride in enumerate(self.strides, start=1):
            maps, chosen = pooled(maps, stride)
            places.append(chosen)
            maps = self.down[number](maps)
        maps = self.bottom(maps)
        for level, stride in zip(reversed(self.up), reversed(self.strides), strict=True):
            maps = level(unpooled(maps, places.pop(), stride))
        return self.head(maps)


def segnet(plan: SegmenterPlan) -> SegNet:
    """The SegNet that a plan asks for."""
    return SegNet(plan.channels_read, plan.outputs, plan.channels, plan.strides)
