"""The fusion network: a linear path from the table, and a joined path from the tokens of all blocks, to one score.

    table columns, region statistics ─ ridge ──────────────────────┐
    clinical ─────────────────────────── token ┐                   + ─ head ─ score
    genomics ─────────────────────────── token ├─ fusion ─ output ─┘
    image:ct ─ encoder, region statistics ─ token ┘

The joined path starts at nothing, so that training begins at the simple model and learns what it leaves unexplained. A block that a case lacks gives a
learned token instead; scores are made one case at a time on one CPU thread, so a batch changes no bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from outcome.features.crops import IMAGE_PREFIX
from outcome.models.encoders import build_encoder
from outcome.models.fusion import FUSIONS
from outcome.models.heads import HEADS, Head
from outcome.models.inputs import Inputs
from outcome.models.network_data import Batch, Shape, one_case
from outcome.models.region_statistics import region_statistics, statistics_count
from outcome.models.state import Array, State
from outcome.types import FloatArray

WIDTH = 16  # numbers a token
FARTHEST = 4.0  # spreads; one odd mask must not carry a score away


@dataclass(frozen=True)
class Design:
    """What a network is made of; with the weights it is the whole network.

    `tables` maps a block to its matrix columns, `images` a block to the shape of its crops, `edges` are the ends of a
    discrete-time head's intervals in days.
    """

    tables: Mapping[str, tuple[int, ...]]
    images: Mapping[str, Shape]
    encoder: str
    fusion: str
    head: str
    edges: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name, known in (("fusion", FUSIONS), ("head", HEADS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {sorted(known)}, found {getattr(self, name)!r}")

    @property
    def columns(self) -> int:
        return sum(len(columns) for columns in self.tables.values())

    def to_json(self) -> dict[str, Any]:
        tables, images = ({k: list(v) for k, v in part.items()} for part in (self.tables, self.images))
        return {**asdict(self), "tables": tables, "images": images, "edges": list(self.edges)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Design:
        tables, images = ({k: tuple(v) for k, v in data[part].items()} for part in ("tables", "images"))
        return cls(**{**data, "tables": tables, "images": images, "edges": tuple(data["edges"])})


class TableToken(nn.Module):
    """The columns of a block as one token."""

    def __init__(self, columns: tuple[int, ...]) -> None:
        super().__init__()
        self.columns = list(columns)
        self.layer = nn.Sequential(nn.Linear(len(columns), WIDTH), nn.ReLU())

    def forward(self, table: Tensor) -> Tensor:
        token: Tensor = self.layer(table[:, self.columns])
        return token


class ImageToken(nn.Module):
    """A crop as one token: what the encoder saw and what was measured, in units of the training cases' spread."""

    centre: Tensor
    spread: Tensor
    coefficients: Tensor

    def __init__(self, shape: Shape, encoder: str) -> None:
        super().__init__()
        self.encoder = build_encoder(encoder, shape[0], shape[1:])
        self.measured = statistics_count(shape[0])
        features = int(self.encoder.features) + self.measured
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.register_buffer("coefficients", torch.zeros(self.measured))
        self.layer = nn.Sequential(nn.Linear(features, WIDTH), nn.ReLU())

    def forward(self, crop: Tensor, numbers: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The token (n, WIDTH), and what the image adds to the linear path (n,); `numbers` are made where absent."""
        measured = self.in_units(region_statistics(crop) if numbers is None else numbers)
        centre, spread = self.centre[self.measured :], self.spread[self.measured :]
        seen = (self.encoder(crop) - centre) / spread
        return self.layer(torch.cat([measured, seen], dim=1)), (measured * self.coefficients).sum(dim=1)

    def in_units(self, numbers: Tensor) -> Tensor:
        """Region statistics (n, measured) in units of the training cases' spread."""
        centre, spread = self.centre[: self.measured], self.spread[: self.measured]
        return ((numbers - centre) / spread).clamp(-FARTHEST, FARTHEST)


class FusionNetwork(nn.Module):
    """All paths of a design; `raw` (n, outputs) is what a head reads."""

    coefficients: Tensor
    intercept: Tensor

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.head: Head = HEADS[design.head](design.edges)
        self.tables = nn.ModuleList(TableToken(columns) for columns in design.tables.values())
        self.images = nn.ModuleList(ImageToken(shape, design.encoder) for shape in design.images.values())
        self.image_blocks = tuple(design.images)
        blocks = len(self.tables) + len(self.images)
        self.absent = nn.Parameter(torch.zeros(blocks, WIDTH))
        self.fusion = FUSIONS[design.fusion](blocks, WIDTH)
        self.output = nn.Linear(WIDTH, self.head.outputs, bias=self.head.has_level)
        self.register_buffer("coefficients", torch.zeros(design.columns))
        self.register_buffer("intercept", torch.zeros(1))
        for parameter in self.output.parameters():
            nn.init.zeros_(parameter)

    def forward(self, batch: Batch, kept: Tensor | None = None, linear: Tensor | None = None) -> Tensor:
        """(n, outputs). `kept` (n, blocks) hides blocks of a case; `linear` (n,) stands for the linear path."""
        present = batch.present if kept is None else batch.present & kept
        tokens, path = self._tokens(batch)
        joined = self.fusion(torch.where(present[:, :, None], tokens, self.absent), present)
        raw: Tensor = self.output(joined)
        path = path if linear is None else linear
        event = self.head.event_outputs
        return torch.cat([raw[:, :event] + path[:, None], raw[:, event:]], dim=1)

    def _tokens(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(n, blocks, WIDTH), zeros where an image is not there, and the linear path (n,)."""
        tokens = [token(batch.table) for token in self.tables]
        path = (batch.table * self.coefficients).sum(dim=1) + self.intercept
        there = batch.present[:, len(self.tables) :]
        for i, (block, encode) in enumerate(zip(self.image_blocks, self.images, strict=True)):
            rows = torch.nonzero(there[:, i])[:, 0]
            empty = batch.table.new_zeros(len(batch.table), WIDTH)
            if len(rows):
                token, added = encode(batch.images[block], batch.measured.get(block))
                empty, path = empty.index_copy(0, rows, token), path.index_add(0, rows, added)
            tokens.append(empty)
        return torch.stack(tokens, dim=1), path


@dataclass(frozen=True, eq=False)
class NetworkScorer:
    """A trained network on the CPU. `notes` says in plain words what a reader of the training should know."""

    design: Design
    module: FusionNetwork
    notes: tuple[str, ...] = ()

    @property
    def encoder_kind(self) -> str:
        """ "3d" or "2.5d"; "" where the network reads no image."""
        return next((str(token.encoder.kind) for token in self.module.images), "")

    def cam_layer(self, sequence: str) -> nn.Module:
        """The last layer of a sequence's encoder whose maps still have a place in the crop. Raises KeyError."""
        places = {name.removeprefix(IMAGE_PREFIX): i for i, name in enumerate(self.design.images)}
        encoder: Any = self.module.images[places[sequence]].encoder
        layer: nn.Module = encoder.cam_layer
        return layer

    def tensors(self, inputs: Inputs, i: int) -> Batch:
        """Case i as the network reads it. Raises DataRefusal for a crop of another shape."""
        return one_case(inputs, i, tuple(self.design.tables), self.design.images)

    def forward_case(self, inputs: Inputs, i: int) -> Tensor:
        """The score of case i, with its graph. Raises DataRefusal for a crop of another shape."""
        return self.score_batch(self.tensors(inputs, i))[0]

    def score_batch(self, batch: Batch) -> Tensor:
        """The scores (n,) of a batch, with their graph."""
        return self.module.head.score(self.module(batch))

    def score(self, X: Inputs) -> FloatArray:
        """Log odds, log relative hazard, or log(-log(1 - cumulative incidence)); shape (n,), higher is riskier."""
        if X.matrix.shape[1] != self.design.columns:
            raise ValueError(f"{self.design.columns} table columns were learned, found {X.matrix.shape[1]}")
        with torch.no_grad(), one_thread():
            return np.array([float(self.forward_case(X, i)) for i in range(len(X))], dtype=float)

    def to_state(self) -> State:
        numbers = {"type": "network", "design": self.design.to_json(), "notes": list(self.notes)}
        return State(numbers, {name: _array(tensor) for name, tensor in self.module.state_dict().items()})

    @classmethod
    def from_state(cls, state: State) -> NetworkScorer:
        design = Design.from_json(state.numbers["design"])
        with torch.random.fork_rng(devices=[]):
            module = FusionNetwork(design)
        module.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.arrays.items()})
        return cls(design, module.eval(), tuple(state.numbers["notes"]))


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums in one order whatever the machine's number of cores; the caller's setting is restored."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _array(tensor: Tensor) -> Array:
    return tensor.detach().cpu().numpy().copy()
