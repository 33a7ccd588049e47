"""The patch CNN: what is the voxel in the middle of a patch? Asked of every voxel at once, without loss.

A classifier of patches halves its maps between stages. Asked at every voxel its halvings become poolings of stride 1,
and whatever follows looks twice as far apart: the score map holds, voxel by voxel, what the classifier says of the
patch around it (nearer to the border than half a patch, of a patch with zeros inside the network). No norms over the
image, for the same reason. The patch is `receptive_field` voxels wide. The paper has three convolutions a stage and
two dense layers.

Reference: Pereira S et al. IEEE Trans Med Imaging 2016;35:1240-51. doi:10.1109/TMI.2016.2538465
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from segmentation.networks.layers import CONV, LEAK
from segmentation.networks.resizing import highest_around
from segmentation.planning.plan import SegmenterPlan

_CONVOLUTIONS = 2  # a stage


class PatchCNN(nn.Module):
    """(batch, inputs, *spatial) to class scores of the same size. Each channel but the last is a stage of two
    convolutions and a pooling; the last is the dense layer's."""

    def __init__(self, inputs: int, classes: int, channels: Sequence[int], strides: Sequence[Sequence[int]]) -> None:
        super().__init__()
        dims = len(strides[0])
        self.steps = [tuple(stride) for stride in strides]
        self.spacings = _spacings(self.steps)
        self.layers = nn.ModuleList()
        for width, spacing in zip(channels[:-1], self.spacings, strict=False):
            for before in (inputs, *[width] * (_CONVOLUTIONS - 1)):
                self.layers.append(_spread(dims, before, width, spacing))
            inputs = width
        self.dense = _spread(dims, inputs, channels[-1], self.spacings[-1])
        self.head = CONV[dims](channels[-1], classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        for number, layer in enumerate(self.layers, start=1):
            image = functional.leaky_relu(layer(image), LEAK, inplace=True)
            stage, within = divmod(number, _CONVOLUTIONS)
            if not within:
                image = highest_around(image, self._pooling(stage - 1))
        return self.head(functional.leaky_relu(self.dense(image), LEAK, inplace=True))

    def _pooling(self, stage: int) -> list[int]:
        """How far apart the three voxels of a stage's pooling lie; 0 along axes that are not halved."""
        pairs = zip(self.spacings[stage], self.steps[stage], strict=True)
        return [apart * (step > 1) for apart, step in pairs]

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """Sides of the patch that decides one voxel."""
        sides = [1 + 2 * apart for apart in self.spacings[-1]]
        for stride, spacing in zip(self.steps, self.spacings, strict=False):
            for axis, (step, apart) in enumerate(zip(stride, spacing, strict=True)):
                sides[axis] += 2 * apart * (_CONVOLUTIONS + (step > 1))
        return tuple(sides)


def _spacings(strides: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """How far apart a stage's voxels lie, stage by stage, and those of the dense layer."""
    found = [(1,) * len(strides[0])]
    for stride in strides:
        found.append(tuple(apart * step for apart, step in zip(found[-1], stride, strict=True)))
    return found


def _spread(dims: int, inputs: int, outputs: int, spacing: Sequence[int]) -> nn.Module:
    layer = CONV[dims](inputs, outputs, 3, padding=tuple(spacing), dilation=tuple(spacing))
    # Without norms the signal has to keep its size by the first weights.
    nn.init.kaiming_normal_(layer.get_parameter("weight"), LEAK)
    nn.init.zeros_(layer.get_parameter("bias"))
    return layer


def cnn(plan: SegmenterPlan) -> PatchCNN:
    """The patch CNN that a plan asks for."""
    return PatchCNN(plan.channels_read, plan.outputs, plan.channels, plan.strides)
