"""The segmentation networks by name. The builders import torch when called, so that naming a network costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from segmentation.plan import SegmenterPlan


@dataclass(frozen=True)
class NetworkFamily:
    """`dimensions` is 2 where axial slices are read (with their neighbours as channels), 3 where blocks are."""

    dimensions: int
    build: Callable[[SegmenterPlan], nn.Module]


def _unet(plan: SegmenterPlan) -> nn.Module:
    from segmentation.networks.unet import unet  # torch takes seconds to import

    return unet(plan)


NETWORKS = {
    "unet_2d": NetworkFamily(2, _unet),
    "unet_3d": NetworkFamily(3, _unet),
}
