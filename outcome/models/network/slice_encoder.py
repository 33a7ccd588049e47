"""What reads a crop slice by slice: a 2-D backbone of timm, the same for slices along z, y and x."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from outcome.errors import ConfigRefusal
from outcome.models.network.attention_pooling import CellAttention, SliceAttention
from outcome.models.network.encoder_options import ATTENTION, EncoderOptions
from outcome.models.network.region_pooling import CELLS_AT_LEAST, Change, RegionPooling, cell_places, grid_places
from outcome.models.network.volume_encoders import CELL, POOLED

SLICES = 3  # slices in each of the three planes
DEPTHS = (1, 2, 3)  # which of timm's maps are read: strides 4, 8 and 16


class SliceEncoder(nn.Module):
    """A 2-D backbone of timm, the same for slices along z, y and x (axial, coronal, sagittal), untrained weights."""

    kind = "2.5d"

    def __init__(self, channels: int, size: Sequence[int], backbone: str, options: EncoderOptions) -> None:
        super().__init__()
        self.backbone, self.size, self.slices = backbone, tuple(size), slice_places(size)
        self.use, regions = options.use, channels - 1
        self.read = self.use.channels(channels)
        self.body = timm_backbone(backbone, self.read)
        cells = max(CELLS_AT_LEAST, max(size) // CELL)
        places = torch.cat([_slice_cells(axis, place, size, cells) for axis, place in self.slices])
        weighing: list[nn.Module] = [CellAttention(1 + regions, POOLED)] if self.use.attends else []
        if options.slices == ATTENTION:
            weighing.append(SliceAttention(len(self.slices), POOLED))
        maps = self.body.feature_info.channels()
        self.pooling = RegionPooling(maps, self.read, regions, places, POOLED, weighing)
        self.features, self.maps = self.pooling.features, POOLED

    @property
    def cam_layer(self) -> nn.Module:
        """The layer whose maps (n * slices, POOLED, g, g) a heat map weighs, slices in the order of `slices`."""
        return self.pooling.mix

    def forward(self, crop: Tensor, change: Change | None = None) -> Tensor:
        read = self.use.read(crop)
        view, masks = (self._on_grid(image, lambda flat: [flat])[0] for image in (read, crop[:, 1:]))
        return self.pooling(self.levels(read), view, masks, change)

    def levels(self, image: Tensor) -> list[Tensor]:
        """The body's maps (n * slices, c, g, g) on the common grid, finest first, slices in the order of `slices`."""
        return self._on_grid(image, self.body)

    def _on_grid(self, image: Tensor, made: Callable[[Tensor], list[Tensor]]) -> list[Tensor]:
        """What is made of the slices (n * slices, c, rows, columns) of each plane, on the common grid."""
        parts: list[list[Tensor]] = []
        for axis in (2, 1, 0):
            places = [place for along, place in self.slices if along == axis]
            view = torch.stack([image.select(axis + 2, place) for place in places], dim=1)
            parts.append(
                [self.pooling.brought_to_grid(x).unflatten(0, view.shape[:2]) for x in made(view.flatten(0, 1))]
            )
        return [torch.cat(same, dim=1).flatten(0, 1) for same in zip(*parts, strict=True)]


def slice_places(size: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """(axis, index) of every slice read: the middle of each of `SLICES` + 1 parts' borders, along z, then y, then x."""
    return tuple((axis, round(size[axis] * (i + 1) / (SLICES + 1))) for axis in (2, 1, 0) for i in range(SLICES))


def _slice_cells(axis: int, place: int, size: Sequence[int], cells: int) -> Tensor:
    """(1, 3, cells, cells): the place of each cell of a slice."""
    along = [cell_places(cells)] * 3
    along[axis] = torch.tensor([(place + 0.5) * 2 / size[axis] - 1])
    return grid_places(along).squeeze(axis + 2)


def timm_backbone(name: str, channels: int, weights: Mapping[str, Tensor] | None = None) -> Any:
    """timm's backbone of this name, giving maps at `DEPTHS`; nothing is looked up on the web.

    Weights are random, or those given of the whole backbone by timm's names; its first layer is fitted to `channels`.
    Raises ConfigRefusal for a name that timm does not know, or a backbone without such maps.
    """
    import timm  # after the cure, see `outcome.models.network.encoders`

    try:
        if not timm.is_model(name):  # a name with an address in it would be fetched
            raise LookupError(name)
        given: dict[str, Any] = {"pretrained_cfg_overlay": {"state_dict": dict(weights)}} if weights else {}
        return timm.create_model(
            name, pretrained=bool(weights), in_chans=channels, features_only=True, out_indices=DEPTHS, **given
        )
    except (RuntimeError, ValueError, AttributeError, LookupError, AssertionError) as error:
        raise ConfigRefusal(
            "timm has no backbone of this name that gives maps at several scales",
            expected="a convolutional backbone, such as timm:resnet10t",
            found=f"timm:{name} ({type(error).__name__})",
            next_step="choose another one in training.network.encoder",
        ) from error
