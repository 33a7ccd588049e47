"""What reads a crop as a whole, in 3-D: a thin residual, dense or shifted-window network of MONAI's parts, or a U-Net's
way down.

Each gives its maps finest first. Norms are of one case alone, so that no case touches another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from torch import Tensor, nn
from torch.nn import functional

from outcome.models.network.attention_pooling import CellAttention
from outcome.models.network.encoder_options import EncoderOptions
from outcome.models.network.region_pooling import CELLS_AT_LEAST, Change, RegionPooling, cell_places, grid_places

PLANES = (8, 16, 32)  # channels of the residual stages; a few hundred cases feed no more
POOLED = 8  # maps after mixing
CELL = 4  # voxels along each axis of a cell of the pooling grid
GROUPS = 4
GROWTH, DENSE_LAYERS, WIDER = 8, (4, 4), 2  # maps a dense layer adds, layers of each block, bottleneck in growths
SWIN_WIDTH, SWIN_DEPTHS, SWIN_HEADS, WINDOW = 12, (2, 2), (3, 6), 4
UNET_WIDTHS, LEAK = (16, 32, 64), 0.01
_PLACES = "relative_position_index"


class VolumeEncoder(nn.Module):
    """(n, channels, X, Y, Z) to (n, features): the maps of `levels`, summed up over the crop and its regions.

    A kind of encoder adds its own layers, which read `self.read` channels, then its pooling by `pool`.
    """

    kind = "3d"
    pooling: RegionPooling

    def __init__(self, channels: int, size: Sequence[int], options: EncoderOptions) -> None:
        super().__init__()
        self.size = tuple(size)
        self.use, self.regions = options.use, channels - 1
        self.read = self.use.channels(channels)

    def pool(self, maps: Sequence[int]) -> None:
        """The pooling of maps of so many channels each."""
        grid = [max(CELLS_AT_LEAST, n // CELL) for n in self.size]
        places = grid_places([cell_places(cells) for cells in grid])
        weighing = [CellAttention(1 + self.regions, POOLED)] if self.use.attends else []
        self.pooling = RegionPooling(maps, self.read, self.regions, places, POOLED, weighing)
        self.features, self.maps = self.pooling.features, POOLED

    @property
    def cam_layer(self) -> nn.Module:
        """The layer whose maps (n, POOLED, x, y, z) a heat map weighs; region statistics do not pass through it."""
        return self.pooling.mix

    def levels(self, image: Tensor) -> Iterator[Tensor]:
        """The maps of every stage, each (n, c, x, y, z) of its own size, finest first.

        One after the other: in which order maps are made and used decides how gradients are summed, to the last bit.
        """
        raise NotImplementedError

    def forward(self, crop: Tensor, change: Change | None = None) -> Tensor:
        to_grid, read = self.pooling.brought_to_grid, self.use.read(crop)
        maps = [to_grid(x) for x in self.levels(read)]
        return self.pooling(maps, to_grid(read), to_grid(crop[:, 1:]), change)


class ResidualEncoder(VolumeEncoder):
    """Residual blocks, three stages at strides 2, 4 and 8, group norm. He et al. 2016, doi:10.1109/CVPR.2016.90."""

    def __init__(self, channels: int, size: Sequence[int], _backbone: str, options: EncoderOptions) -> None:
        super().__init__(channels, size, options)
        first = nn.Conv3d(self.read, PLANES[0], 3, stride=2, padding=1, bias=False)
        self.stem = nn.Sequential(first, nn.GroupNorm(GROUPS, PLANES[0]), nn.ReLU())
        steps = zip((PLANES[0], *PLANES), PLANES, (1, 2, 2), strict=False)
        self.stages = nn.ModuleList(_residual_block(before, after, stride) for before, after, stride in steps)
        self.pool((PLANES[0], *PLANES))

    def levels(self, image: Tensor) -> Iterator[Tensor]:
        return _one_by_one(self.stem, self.stages, image)


class DenseEncoder(VolumeEncoder):
    """Dense blocks, in which each layer reads all before it, at strides 4 and 8 over a stem at 2; group norm.

    Huang et al. 2017, doi:10.1109/CVPR.2017.243. Departures: two blocks, three dimensions, norms of one case.
    """

    def __init__(self, channels: int, size: Sequence[int], _backbone: str, options: EncoderOptions) -> None:
        super().__init__(channels, size, options)
        from monai.networks.nets.densenet import DenseNet  # after the cure, see `outcome.models.network.encoders`

        norm = ("group", {"num_groups": GROUPS})
        whole = DenseNet(3, self.read, 1, GROWTH, GROWTH, DENSE_LAYERS, WIDER, norm=norm)
        parts = list(whole.features.children())  # stem of 3, pooling, block, transition, block, norm
        self.stem = nn.Sequential(*parts[:3])
        self.stages = nn.ModuleList([nn.Sequential(*parts[3:5]), nn.Sequential(*parts[5:], nn.ReLU())])
        first = GROWTH * (1 + DENSE_LAYERS[0])
        self.pool((GROWTH, first, first // 2 + GROWTH * DENSE_LAYERS[1]))

    def levels(self, image: Tensor) -> Iterator[Tensor]:
        return _one_by_one(self.stem, self.stages, image)


class SwinEncoder(VolumeEncoder):
    """Attention within windows that shift from layer to layer: patches at stride 2, then two stages to 4 and 8.

    Liu et al. 2021, doi:10.1109/ICCV48922.2021.00986. Departures: two stages, three dimensions, and each map's numbers
    at a place are brought to mean 0 and variance 1 before they are pooled, as MONAI's Swin UNETR does.
    """

    def __init__(self, channels: int, size: Sequence[int], _backbone: str, options: EncoderOptions) -> None:
        super().__init__(channels, size, options)
        from monai.networks.nets.swin_unetr import (
            SwinTransformer,  # after the cure, see `outcome.models.network.encoders`
        )

        windows, patches = (WINDOW,) * 3, (2,) * 3
        whole = SwinTransformer(
            self.read, SWIN_WIDTH, windows, patches, SWIN_DEPTHS, SWIN_HEADS, downsample="mergingv2"
        )
        self.stem = whole.patch_embed
        self.stages = nn.ModuleList([*whole.layers1, *whole.layers2])
        _keep_tables_out_of_the_weights(self)
        self.pool([SWIN_WIDTH * 2**level for level in range(3)])

    def levels(self, image: Tensor) -> Iterator[Tensor]:
        for x in _one_by_one(self.stem, self.stages, image):
            yield functional.layer_norm(x.movedim(1, -1), x.shape[1:2]).movedim(-1, 1)


class UnetEncoder(VolumeEncoder):
    """The way down of a U-Net at strides 1, 2 and 4: plain convolutions, a norm of each map by itself, leaky ReLU.

    Its weights are named and shaped as those of the plain 3-D U-Net of `segmentation train` with its usual channels, so
    that it can begin with such a model. Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28.
    """

    def __init__(self, channels: int, size: Sequence[int], _backbone: str, options: EncoderOptions) -> None:
        super().__init__(channels, size, options)
        steps = zip((self.read, *UNET_WIDTHS), UNET_WIDTHS, (1, 2, 2), strict=False)
        self.down = nn.ModuleList(_plain_block(before, after, stride) for before, after, stride in steps)
        self.pool(UNET_WIDTHS)

    def levels(self, image: Tensor) -> Iterator[Tensor]:
        return _one_by_one(self.down[0], self.down[1:], image)


def _plain_block(before: int, after: int, stride: int) -> nn.Sequential:
    layers = list[nn.Module]()
    for inputs, step in ((before, stride), (after, 1)):
        convolution = nn.Conv3d(inputs, after, 3, stride=step, padding=1, bias=False)
        layers += [convolution, nn.InstanceNorm3d(after, affine=True), nn.LeakyReLU(LEAK)]
    return nn.Sequential(*layers)


def _one_by_one(stem: nn.Module, stages: Iterable[nn.Module], image: Tensor) -> Iterator[Tensor]:
    """What the stem and then each stage makes of the one before."""
    x = stem(image)
    yield x
    for stage in stages:
        x = stage(x)
        yield x


def _residual_block(before: int, after: int, stride: int) -> nn.Module:
    """MONAI's basic block; its whole network would put batch norm into the blocks whatever norm it is told."""
    from monai.networks.nets.resnet import ResNetBlock  # after the cure, see `outcome.models.network.encoders`

    norm = ("group", {"num_groups": GROUPS})
    shorter = nn.Conv3d(before, after, 1, stride=stride) if (before, stride) != (after, 1) else None
    block: nn.Module = ResNetBlock(before, after, spatial_dims=3, stride=stride, downsample=shorter, norm=norm)
    return block


def _keep_tables_out_of_the_weights(network: nn.Module) -> None:
    """Which places see each other follows from the window's size; a table read from a file could point anywhere."""
    for module in network.modules():
        table: Tensor | None = module._buffers.get(_PLACES)
        if table is not None:
            module.register_buffer(_PLACES, table, persistent=False)


VOLUME_ENCODERS: dict[str, Callable[[int, Sequence[int], str, EncoderOptions], VolumeEncoder]] = {
    "resnet_3d": ResidualEncoder,
    "densenet_3d": DenseEncoder,
    "swin_3d": SwinEncoder,
    "unet_3d": UnetEncoder,
}
