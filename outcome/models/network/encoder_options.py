"""What an image encoder is told beside its name: how the regions enter, and how slices are joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

MARGIN = 2  # voxels around the regions that `crop` leaves
MEAN, ATTENTION = "mean", "attention"
SLICE_POOLINGS = (MEAN, ATTENTION)


@dataclass(frozen=True)
class MaskUse:
    """`read` makes of crops (n, 1 + regions, X, Y, Z) what the encoder reads, in `channels` of 1 + regions.

    Whatever it reads, its maps are summed up by region; where it `attends`, the regions are where it begins to look.
    """

    read: Callable[[Tensor], Tensor]
    channels: Callable[[int], int]
    attends: bool = False


def beside(crop: Tensor) -> Tensor:
    """The image and the regions as further channels."""
    return crop


def cut_out(crop: Tensor) -> Tensor:
    """The image is 0 farther than `MARGIN` voxels along any axis from every region; regions as further channels.

    0 is the middle of either scale, and what convolutions meet beyond the border of a crop.
    """
    any_region = crop[:, 1:].amax(dim=1, keepdim=True)
    near = functional.max_pool3d(any_region, 2 * MARGIN + 1, stride=1, padding=MARGIN)
    return torch.cat([crop[:, :1] * near, crop[:, 1:]], dim=1)


def image_alone(crop: Tensor) -> Tensor:
    """The image without the regions."""
    return crop[:, :1]


MASKS: dict[str, MaskUse] = {
    "channel": MaskUse(beside, lambda channels: channels),
    "crop": MaskUse(cut_out, lambda channels: channels),
    "attention": MaskUse(image_alone, lambda _: 1, attends=True),
}


@dataclass(frozen=True)
class EncoderOptions:
    """`mask`: one of `MASKS`; `slices`: one of `SLICE_POOLINGS`. Raises ValueError for others."""

    mask: str = "channel"
    slices: str = MEAN

    def __post_init__(self) -> None:
        for name, known in (("mask", tuple(MASKS)), ("slices", SLICE_POOLINGS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {known}, found {getattr(self, name)!r}")

    @property
    def use(self) -> MaskUse:
        """How the regions enter."""
        return MASKS[self.mask]


USUAL = EncoderOptions()
