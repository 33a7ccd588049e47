"""The U-Net in two or three dimensions: plain convolutions, instance norm, strided down, transposed up.

Instance norm, because batches are small: a case is then seen alike alone and among others. MONAI's U-Nets are the
same network behind an import of seconds; this one adds strides that leave a thin axis whole.

Reference: Ronneberger O, Fischer P, Brox T. U-Net. MICCAI 2015. doi:10.1007/978-3-319-24574-4_28
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from segmentation.plan import SegmenterPlan

_CONV: dict[int, type[nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
_NORM: dict[int, type[nn.Module]] = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
_UP: dict[int, type[nn.Module]] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_LEAK = 0.01


class UNet(nn.Module):
    """(batch, `inputs`, *spatial) to class scores (batch, `classes`, *spatial), not normalised.

    `channels` are those of each level, `strides` the steps between them, one number an axis. Each spatial size must
    be a multiple of the product of its strides.
    """

    def __init__(self, inputs: int, classes: int, channels: Sequence[int], strides: Sequence[Sequence[int]]) -> None:
        super().__init__()
        dims = len(strides[0])
        steps = [(1,) * dims, *(tuple(stride) for stride in strides)]
        ins = (inputs, *channels[:-1])
        self.down = nn.ModuleList(_block(dims, i, o, stride) for i, o, stride in zip(ins, channels, steps, strict=True))
        pairs = list(zip(channels[:-1], channels[1:], steps[1:], strict=True))
        self.lift = nn.ModuleList(_UP[dims](deep, flat, stride, stride) for flat, deep, stride in pairs)
        self.up = nn.ModuleList(_block(dims, 2 * flat, flat, (1,) * dims) for flat, _, _ in pairs)
        self.head = _CONV[dims](channels[0], classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        seen = []
        for block in self.down:
            image = block(image)
            seen.append(image)
        levels = zip(reversed(self.lift), reversed(self.up), reversed(seen[:-1]), strict=True)
        for lift, block, skip in levels:
            image = block(torch.cat([lift(image), skip], dim=1))
        return self.head(image)


def _block(dims: int, inputs: int, outputs: int, stride: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, step in ((inputs, tuple(stride)), (outputs, (1,) * dims)):
        layers += [
            _CONV[dims](i, outputs, 3, stride=step, padding=1, bias=False),
            _NORM[dims](outputs, affine=True),
            nn.LeakyReLU(_LEAK, inplace=True),
        ]
    return nn.Sequential(*layers)


def unet(plan: SegmenterPlan) -> UNet:
    """The U-Net that a plan asks for; its first weights come from torch's global generator."""
    inputs = 1 if plan.dimensions == 3 else 1 + 2 * plan.neighbours
    return UNet(inputs, 1 + len(plan.regions), plan.channels, plan.strides)
