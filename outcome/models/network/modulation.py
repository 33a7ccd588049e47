"""How the record changes what is seen in an image: each map is scaled and shifted by numbers made of the record.

A modulation takes maps (n, c, cells) and the record (n, r), the tokens of all table blocks side by side, to maps of the
same shape. It begins by changing nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

BOTTLENECK = 8  # numbers between record and maps; of four, enough can die to lose half of what there is to learn


class Modulation(nn.Module):
    """maps * (1 + scale) + shift, scale and shift (n, c) made by `layer` of whatever it is told of a case."""

    def __init__(self, told: int, maps: int) -> None:
        super().__init__()
        last = nn.Linear(BOTTLENECK, 2 * maps)
        self.layer = nn.Sequential(nn.Linear(told, BOTTLENECK), nn.ReLU(), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def changed(self, maps: Tensor, told: Tensor) -> Tensor:
        """The maps after scale and shift."""
        scale, shift = self.layer(told)[:, :, None].chunk(2, dim=1)
        return maps * (1 + scale) + shift

    def forward(self, maps: Tensor, record: Tensor) -> Tensor:
        raise NotImplementedError


class ScaledByRecord(Modulation):
    """Feature-wise linear modulation: scale and shift from the record alone.

    Perez et al. 2018, doi:10.1609/aaai.v32i1.11671. Departure: once, after the last convolution and its ReLU.
    """

    def __init__(self, record: int, maps: int) -> None:
        super().__init__(record, maps)

    def forward(self, maps: Tensor, record: Tensor) -> Tensor:
        return self.changed(maps, record)


class AffineByRecordAndMaps(Modulation):
    """Dynamic affine transform: scale and shift from the record and from the mean of each map.

    Pölsterl et al. 2021, doi:10.1007/978-3-030-87240-3_66. Departure: after the last convolution, not inside a block.
    """

    def __init__(self, record: int, maps: int) -> None:
        super().__init__(record + maps, maps)

    def forward(self, maps: Tensor, record: Tensor) -> Tensor:
        return self.changed(maps, torch.cat([record, maps.mean(dim=2)], dim=1))
