"""A block of a case as one token: the columns of a table block, or what an encoder saw and what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from outcome.models.network.data import Shape
from outcome.models.network.encoder_options import USUAL, EncoderOptions
from outcome.models.network.encoders import build_encoder
from outcome.models.network.modulation import Modulation
from outcome.models.network.region_pooling import Change
from outcome.models.network.region_statistics import region_statistics, statistics_count

WIDTH = 16  # numbers a token
FARTHEST = 4.0  # spreads; one odd mask must not carry a score away
MadeFor = Callable[[int], Modulation]  # a modulation of so many maps


class TableToken(nn.Module):
    """The columns of a block as one token."""

    def __init__(self, columns: tuple[int, ...]) -> None:
        super().__init__()
        self.columns = list(columns)
        self.layer = nn.Sequential(nn.Linear(len(columns), WIDTH), nn.ReLU())

    def forward(self, table: Tensor) -> Tensor:
        token: Tensor = self.layer(table[:, self.columns])
        return token


@dataclass(frozen=True, eq=False)
class Seen:
    """What an image gives n cases: a token (n, WIDTH), a direct word (n, outputs), and its linear path (n,)."""

    token: Tensor
    direct: Tensor
    linear: Tensor


class ImageToken(nn.Module):
    """A crop as one token: what the encoder saw and what was measured, in units of the training cases' spread."""

    centre: Tensor
    spread: Tensor
    coefficients: Tensor

    def __init__(
        self,
        shape: Shape,
        encoder: str,
        outputs: int,
        modulation: MadeFor | None = None,
        options: EncoderOptions = USUAL,
    ) -> None:
        super().__init__()
        encoder_module: Any = build_encoder(encoder, shape[0], shape[1:], options)
        self.encoder = encoder_module
        self.modulation = None if modulation is None else modulation(int(encoder_module.maps))
        self.measured = statistics_count(shape[0])
        seen = int(encoder_module.features)
        features = seen + self.measured
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.register_buffer("coefficients", torch.zeros(self.measured))
        self.layer = nn.Sequential(nn.Linear(features, WIDTH), nn.ReLU())
        self.direct = nn.Linear(seen, outputs, bias=False)

    def forward(
        self, crop: Tensor, record: Tensor, numbers: Tensor | None = None, encoded: Tensor | None = None
    ) -> Seen:
        """`record` (n, r) holds the table blocks' tokens side by side, which a modulation reads.

        `numbers` are the crop's region statistics (n, measured), `encoded` what the encoder gives (n, features); each
        is made here where not handed over.
        """
        measured = self.in_units(region_statistics(crop) if numbers is None else numbers)
        centre, spread = self.centre[self.measured :], self.spread[self.measured :]
        features = ((self.encoder(crop, self._change(record)) if encoded is None else encoded) - centre) / spread
        token = self.layer(torch.cat([measured, features], dim=1))
        return Seen(token, self.direct(features), (measured * self.coefficients).sum(dim=1))

    def encode(self, crop: Tensor) -> Tensor | None:
        """What the encoder gives (n, features), None where that depends on the record too."""
        encoded: Tensor | None = self.encoder(crop, None) if self.modulation is None else None
        return encoded

    def _change(self, record: Tensor) -> Change | None:
        modulation = self.modulation
        return None if modulation is None else lambda maps: modulation(maps, record)

    def in_units(self, numbers: Tensor) -> Tensor:
        """Region statistics (n, measured) in units of the training cases' spread."""
        centre, spread = self.centre[: self.measured], self.spread[: self.measured]
        return ((numbers - centre) / spread).clamp(-FARTHEST, FARTHEST)
