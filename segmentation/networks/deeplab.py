"""DeepLab V3+: the deepest maps seen at several distances at once, joined with fine ones once.

In 2-D over a timm encoder whose deepest maps stay at a sixteenth; in 3-D over plain convolutions whose deepest level is
spread instead of strided. The paper's rates 6, 12, 18 are for images of 513 pixels; ours are for windows a quarter as
wide. Norms are over groups of channels of one case.

Reference: Chen L-C et al. ECCV 2018. doi:10.1007/978-3-030-01234-2_49
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from segmentation.networks.layers import CONV, PLAIN, Kernel, block, grouped
from segmentation.networks.resizing import resized
from segmentation.networks.timm_unet import encoder_of, levels_of
from segmentation.planning.plan import SegmenterPlan

_FINE = 4  # stride of the encoder's maps that are joined
_DEEP = 16


class Pyramid(nn.Module):
    """Maps seen voxel by voxel, at each of some distances, and on the whole, joined into `width` channels."""

    def __init__(self, dims: int, inputs: int, width: int, rates: Sequence[int]) -> None:
        super().__init__()
        ones = (1,) * dims
        kernels = (Kernel(1), *(Kernel(3, dilation=rate) for rate in rates))
        self.views = nn.ModuleList(grouped(inputs, width, ones, kernel) for kernel in kernels)
        self.whole = grouped(inputs, width, ones, Kernel(1))
        self.joined = grouped(width * (len(kernels) + 1), width, ones, Kernel(1))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        mean = self.whole(maps.flatten(2).mean(dim=2).reshape(*maps.shape[:2], *[1] * (maps.dim() - 2)))
        return self.joined(torch.cat([*(view(maps) for view in self.views), mean.expand(-1, -1, *maps.shape[2:])], 1))


class DeepLab(nn.Module):
    """(batch, inputs, *spatial) to class scores of the same size. `encoder` gives a list of maps: the fine ones first,
    the deep ones last, of `encoded` channels; `kept` are how many channels of each go on."""

    def __init__(
        self, encoder: nn.Module, encoded: tuple[int, int], kept: tuple[int, int], rates: Sequence[int], classes: int,
        dims: int,
    ) -> None:  # fmt: skip
        super().__init__()
        ones, (fine, width) = (1,) * dims, kept
        self.encoder = encoder
        self.pyramid = Pyramid(dims, encoded[1], width, rates)
        self.fine = grouped(encoded[0], fine, ones, Kernel(1))
        self.refined = nn.Sequential(grouped(width + fine, width, ones), grouped(width, width, ones))
        self.head = CONV[dims](width, classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        maps = self.encoder(image)
        fine = self.fine(maps[0])
        joined = torch.cat([resized(self.pyramid(maps[-1]), fine.shape[2:]), fine], dim=1)
        return resized(self.head(self.refined(joined)), image.shape[2:])


class PlainEncoder(nn.Module):
    """Blocks level by level, the deepest spread by its stride instead of taking it: gives the second level's maps (of
    two levels, the first's) and the deepest's."""

    def __init__(self, inputs: int, channels: Sequence[int], strides: Sequence[Sequence[int]]) -> None:
        super().__init__()
        ones = (1,) * len(strides[0])
        steps = [ones, *(tuple(stride) for stride in strides[:-1]), ones]
        kernels = [*[PLAIN] * (len(channels) - 1), Kernel(dilation=2)]
        ins = (inputs, *channels[:-1])
        self.levels = nn.ModuleList(block(*level) for level in zip(ins, channels, steps, kernels, strict=True))
        self.fine = self.fine_level(channels)

    @staticmethod
    def fine_level(channels: Sequence[int]) -> int:
        return min(1, len(channels) - 2)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        seen = []
        for level in self.levels:
            image = level(image)
            seen.append(image)
        return [seen[self.fine], image]


def _of(plan: SegmenterPlan, encoder: nn.Module, encoded: tuple[int, int]) -> DeepLab:
    """The pyramid has the plan's last number of channels; its first is what is kept of the fine maps."""
    kept = (plan.channels[0], plan.channels[-1])
    return DeepLab(encoder, encoded, kept, plan.option("rates"), plan.outputs, plan.dimensions)


def deeplab_2d(plan: SegmenterPlan) -> DeepLab:
    """DeepLab V3+ over the plan's timm encoder (options `encoder`, `weights`, `rates`). Raises as `encoder_of`."""
    levels = levels_of(plan, output_stride=_DEEP)
    fine = next((n for n, (stride, _) in enumerate(levels) if stride == _FINE), 0)
    chosen = (fine, len(levels) - 1)
    encoder = encoder_of(plan, output_stride=_DEEP, out_indices=chosen)
    return _of(plan, encoder, (levels[chosen[0]][1], levels[chosen[1]][1]))


def deeplab_3d(plan: SegmenterPlan) -> DeepLab:
    """DeepLab V3+ over a plain 3-D encoder of the plan's channels (option `rates`)."""
    encoder = PlainEncoder(plan.channels_read, plan.channels, plan.strides)
    fine = PlainEncoder.fine_level(plan.channels)
    return _of(plan, encoder, (plan.channels[fine], plan.channels[-1]))
