"""The U-Net whose shortcuts pass through gates that what comes up from below opens, place by place.

MONAI's has batch norms and keeps its gates to itself; these can be read (`gate_maps`). We gate every level, as MONAI
does, on the maps lifted to the level's own size; the paper gates on the coarser ones and leaves the finest free.

Reference: Schlemper J et al. Med Image Anal 2019;53:197-207. doi:10.1016/j.media.2019.01.012
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from segmentation.networks.inception_unet import WIDE, Inception
from segmentation.networks.layers import CONV, block, norm
from segmentation.networks.resizing import resized
from segmentation.networks.unet import UNet, form_of
from segmentation.planning.plan import SegmenterPlan


class Gate(nn.Module):
    """How far a shortcut is open at each place, (batch, 1, *spatial) in [0, 1]; 1 lets all through."""

    def __init__(self, dims: int, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 2)
        self.signal = nn.Sequential(CONV[dims](channels, inner, 1, bias=False), norm(dims, inner))
        self.shortcut = nn.Sequential(CONV[dims](channels, inner, 1, bias=False), norm(dims, inner))
        self.opening = CONV[dims](inner, 1, 1)

    def forward(self, lifted: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.opening(functional.relu(self.signal(lifted) + self.shortcut(skip))))


class AttentionUNet(UNet):
    """A U-Net with gates."""

    def gate_maps(self, image: torch.Tensor) -> torch.Tensor:
        """How far each level's gate opens on an image: (batch, levels, *spatial) in [0, 1], the finest level first,
        each at the image's own size. Nothing is remembered between calls."""
        _, openings = self._decoded(image)
        return torch.cat([resized(opening, image.shape[2:]) for opening in reversed(openings)], dim=1)


def attention_unet(plan: SegmenterPlan) -> AttentionUNet:
    """The Attention U-Net that a plan asks for.

    Option `multiscale`: every level on the way down looks one, three and five voxels wide at once.
    """
    several = plan.option("multiscale")

    def encoder(level: int, inputs: int, outputs: int, stride: Sequence[int]) -> nn.Module:
        if several:
            return Inception(inputs, outputs, stride, WIDE["dilated"], 0.0)
        return block(inputs, outputs, stride)

    return AttentionUNet(form_of(plan), encoder, lambda channels: Gate(plan.dimensions, channels))
