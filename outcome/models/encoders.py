"""What reads a crop: a thin 3-D residual network (MONAI), or a 2-D backbone of timm over slices in three planes.

A crop is (n, 1 + regions, X, Y, Z). Each encoder gives (n, features); a `change` is done to its mixed maps
(n, maps, cells) before they are summed up. torch, MONAI and timm cost seconds to import, so this module stands behind
`outcome.models.network` and only networks load it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from outcome.errors import ConfigRefusal
from outcome.models.region_pooling import CELLS_AT_LEAST, RegionPooling, cell_places, grid_places

PLANES = (8, 16, 32)  # channels of the 3-D stages; a few hundred cases feed no more
POOLED = 8  # maps after mixing
CELL = 4  # voxels along each axis of a cell of the pooling grid
SLICES = 3  # slices in each of the three planes
DEPTHS = (1, 2, 3)  # which of timm's maps are read: strides 4, 8 and 16
GROUPS = 4

Change = Callable[[Tensor], Tensor]


class VolumeEncoder(nn.Module):
    """MONAI's 3-D residual network, three stages at strides 2, 4 and 8, group norm: no case touches another."""

    kind = "3d"

    def __init__(self, channels: int, size: Sequence[int], _backbone: str) -> None:
        super().__init__()
        first = nn.Conv3d(channels, PLANES[0], 3, stride=2, padding=1, bias=False)
        self.stem = nn.Sequential(first, nn.GroupNorm(GROUPS, PLANES[0]), nn.ReLU())
        steps = zip((PLANES[0], *PLANES), PLANES, (1, 2, 2), strict=False)
        self.stages = nn.ModuleList(_residual_block(before, after, stride) for before, after, stride in steps)
        grid = [max(CELLS_AT_LEAST, n // CELL) for n in size]
        places = grid_places([cell_places(cells) for cells in grid])
        self.pooling = RegionPooling((PLANES[0], *PLANES), channels, places, POOLED)
        self.features, self.maps = self.pooling.features, POOLED

    @property
    def cam_layer(self) -> nn.Module:
        """The layer whose maps (n, POOLED, x, y, z) a heat map weighs; region statistics do not pass through it."""
        return self.pooling.mix

    def forward(self, crop: Tensor, change: Change | None = None) -> Tensor:
        to_grid = self.pooling.brought_to_grid
        x = self.stem(crop)
        maps = [to_grid(x)]
        for stage in self.stages:
            x = stage(x)
            maps.append(to_grid(x))
        return self.pooling(maps, to_grid(crop), change)


class SliceEncoder(nn.Module):
    """A 2-D backbone of timm, the same for slices along z, y and x (axial, coronal, sagittal), untrained weights."""

    kind = "2.5d"

    def __init__(self, channels: int, size: Sequence[int], backbone: str) -> None:
        super().__init__()
        self.slices = slice_places(size)
        self.body = _timm_backbone(backbone, channels)
        cells = max(CELLS_AT_LEAST, max(size) // CELL)
        places = torch.cat([_slice_cells(axis, place, size, cells) for axis, place in self.slices])
        self.pooling = RegionPooling(self.body.feature_info.channels(), channels, places, POOLED)
        self.features, self.maps = self.pooling.features, POOLED

    @property
    def cam_layer(self) -> nn.Module:
        """The layer whose maps (n * slices, POOLED, g, g) a heat map weighs, slices in the order of `slices`."""
        return self.pooling.mix

    def forward(self, crop: Tensor, change: Change | None = None) -> Tensor:
        to_grid = self.pooling.brought_to_grid
        parts: list[list[Tensor]] = []
        for axis in (2, 1, 0):
            places = [place for along, place in self.slices if along == axis]
            view = torch.stack([crop.select(axis + 2, place) for place in places], dim=1)
            flat = view.flatten(0, 1)
            joined = [to_grid(x).unflatten(0, view.shape[:2]) for x in (*self.body(flat), flat)]
            parts.append(joined)
        *maps, view = (torch.cat(same, dim=1).flatten(0, 1) for same in zip(*parts, strict=True))
        return self.pooling(maps, view, change)


def _residual_block(before: int, after: int, stride: int) -> nn.Module:
    """MONAI's basic block; its whole network would put batch norm into the blocks whatever norm it is told."""
    from monai.networks.nets.resnet import ResNetBlock  # after the cure, see `build_encoder`

    norm = ("group", {"num_groups": GROUPS})
    shorter = nn.Conv3d(before, after, 1, stride=stride) if (before, stride) != (after, 1) else None
    block: nn.Module = ResNetBlock(before, after, spatial_dims=3, stride=stride, downsample=shorter, norm=norm)
    return block


def slice_places(size: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """(axis, index) of every slice read: the middle of each of `SLICES` + 1 parts' borders, along z, then y, then x."""
    return tuple((axis, round(size[axis] * (i + 1) / (SLICES + 1))) for axis in (2, 1, 0) for i in range(SLICES))


def _slice_cells(axis: int, place: int, size: Sequence[int], cells: int) -> Tensor:
    """(1, 3, cells, cells): the place of each cell of a slice."""
    along = [cell_places(cells)] * 3
    along[axis] = torch.tensor([(place + 0.5) * 2 / size[axis] - 1])
    return grid_places(along).squeeze(axis + 2)


def build_encoder(name: str, channels: int, size: Sequence[int]) -> nn.Module:
    """An encoder by its name in a study file: `resnet_3d`, or `timm:` and the name of a backbone.

    Raises ConfigRefusal for a name that none goes by.
    """
    family, _, backbone = name.partition(":")
    if family not in ENCODERS or (family == "timm") != bool(backbone):
        raise ConfigRefusal(
            "no image encoder goes by this name",
            expected="resnet_3d, or timm:NAME",
            found=name,
            next_step="correct training.network.encoder in the study file",
        )
    cure()
    return ENCODERS[family](channels, size, backbone)


def cure() -> None:
    """Let timm, MONAI and Lightning be imported beside any build of torchvision."""
    from segmentation.torchvision_cure import cure_torchvision  # segmentation enters where networks are made only

    cure_torchvision()


def _timm_backbone(name: str, channels: int) -> Any:
    import timm  # after the cure, see `build_encoder`

    try:
        return timm.create_model(name, pretrained=False, in_chans=channels, features_only=True, out_indices=DEPTHS)
    except (RuntimeError, ValueError, AttributeError, IndexError, AssertionError) as error:
        raise ConfigRefusal(
            "timm has no backbone of this name that gives maps at several scales",
            expected="a convolutional backbone, such as timm:resnet10t",
            found=f"timm:{name} ({type(error).__name__})",
            next_step="choose another one in training.network.encoder",
        ) from error


ENCODERS: dict[str, Callable[[int, Sequence[int], str], nn.Module]] = {
    "resnet_3d": VolumeEncoder,
    "timm": SliceEncoder,
}
