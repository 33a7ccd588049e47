"""The inception U-Net: every level looks one, three and five voxels wide at once, in two or three dimensions.

Norms (`layers.norm`), leaky ReLU and spatial dropout; with `heads` in the plan, nested regions. The width of five is
had in one of three ways: a kernel of 5, one of 3 with voxels two apart, or kernels of 5 along one axis after the other.

References: Szegedy C et al. CVPR 2015. doi:10.1109/CVPR.2015.7298594. Ronneberger O et al. MICCAI 2015.
doi:10.1007/978-3-319-24574-4_28
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from segmentation.networks.layers import CONV, LEAK, PLAIN, Kernel, convolution, norm
from segmentation.networks.randomness import SpatialDropout
from segmentation.networks.unet import UNet, form_of
from segmentation.planning.plan import SegmenterPlan

WIDE: dict[str, Kernel] = {
    "plain": Kernel(5),
    "dilated": Kernel(3, dilation=2),
    "factorised": Kernel(5, factorised=True),
}


class Inception(nn.Module):
    """(batch, inputs, *spatial) to (batch, outputs, *spatial / stride).

    A quarter of the outputs comes from a kernel of 1, half from 3 and the rest from `wide`, the last two after a kernel
    of 1 that halves the channels. The sum of the block's maps and its input (brought to their number and size) leaves.
    """

    def __init__(self, inputs: int, outputs: int, stride: Sequence[int], wide: Kernel, dropout: float) -> None:
        super().__init__()
        dims, ones = len(stride), (1,) * len(stride)
        quarter = max(1, outputs // 4)
        shares = (quarter, max(1, outputs - 2 * quarter), quarter)
        middle = max(1, inputs // 2)

        def branch(share: int, kernel: Kernel) -> nn.Sequential:
            narrowed = convolution(inputs, middle, ones, Kernel(1))
            return nn.Sequential(
                narrowed,
                norm(dims, middle),
                nn.LeakyReLU(LEAK),
                convolution(middle, share, stride, kernel),
            )

        self.point = convolution(inputs, shares[0], stride, Kernel(1))
        self.near = branch(shares[1], PLAIN)
        self.far = branch(shares[2], wide)
        self.joined = nn.Sequential(
            norm(dims, sum(shares)),
            nn.LeakyReLU(LEAK),
            SpatialDropout(dropout),
            convolution(sum(shares), outputs, ones, PLAIN),
            norm(dims, outputs),
        )
        self.short = CONV[dims](inputs, outputs, 1, tuple(stride), bias=False)
        self.leave = nn.LeakyReLU(LEAK)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        branches = torch.cat([self.point(image), self.near(image), self.far(image)], dim=1)
        return self.leave(self.joined(branches) + self.short(image))


def inception_unet(plan: SegmenterPlan) -> UNet:
    """The inception U-Net that a plan asks for.

    Options: `wide` is how five voxels are seen (plain, dilated, factorised), `dropout` the share of channels that a
    block leaves out in training.
    """
    wide, dropout = WIDE[plan.option("wide")], float(plan.option("dropout"))

    def level(_: int, inputs: int, outputs: int, stride: Sequence[int]) -> nn.Module:
        return Inception(inputs, outputs, stride, wide, dropout)

    return UNet(form_of(plan), level, decoder=level)
