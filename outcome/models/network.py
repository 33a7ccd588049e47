"""The fusion network: a linear path from the table, and a joined path from the tokens of all blocks, to one score.

    table columns, region statistics ─ elastic net ─────────────────────┐
    clinical ───────────────────────────── token ┐                      │
    genomics ───────────────────────────── token ├─ fusion ── output ── + ─ head ─ score
    image:ct ─ encoder, region statistics ─ token ┘                     │
                   └──────────────────────────────────────── direct ────┘

Outputs and direct start at nothing: training begins at the simple model and learns what it leaves unexplained. A
block that a case lacks gives a learned token instead. Scores are made one case at a time on one CPU thread, so a
batch changes no bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, cast

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

    def __init__(self, shape: Shape, encoder: str, outputs: int) -> None:
        super().__init__()
        encoder_module: Any = build_encoder(encoder, shape[0], shape[1:])
        self.encoder = encoder_module
        self.measured = statistics_count(shape[0])
        seen = int(encoder_module.features)
        features = seen + self.measured
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.register_buffer("coefficients", torch.zeros(self.measured))
        self.layer = nn.Sequential(nn.Linear(features, WIDTH), nn.ReLU())
        self.direct = nn.Linear(seen, outputs, bias=False)

    def forward(self, crop: Tensor, numbers: Tensor | None = None) -> Seen:
        """`numbers` are the crop's region statistics (n, measured), made here where not handed over."""
        measured = self.in_units(region_statistics(crop) if numbers is None else numbers)
        centre, spread = self.centre[self.measured :], self.spread[self.measured :]
        features = (self.encoder(crop) - centre) / spread
        token = self.layer(torch.cat([measured, features], dim=1))
        return Seen(token, self.direct(features), (measured * self.coefficients).sum(dim=1))

    def in_units(self, numbers: Tensor) -> Tensor:
        """Region statistics (n, measured) in units of the training cases' spread."""
        centre, spread = self.centre[: self.measured], self.spread[: self.measured]
        return ((numbers - centre) / spread).clamp(-FARTHEST, FARTHEST)


class FusionNetwork(nn.Module):
    """All paths of a design; the outputs (n, outputs) are what its head reads."""

    coefficients: Tensor
    intercept: Tensor

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.head: Head = HEADS[design.head](design.edges)
        self.tables = nn.ModuleList(TableToken(columns) for columns in design.tables.values())
        shapes = design.images.values()
        self.images = nn.ModuleList(ImageToken(shape, design.encoder, self.head.outputs) for shape in shapes)
        self.image_blocks = tuple(design.images)
        blocks = len(self.tables) + len(self.images)
        self.absent = nn.Parameter(torch.zeros(blocks, WIDTH))
        self.fusion = FUSIONS[design.fusion](blocks, WIDTH)
        self.output = nn.Linear(WIDTH, self.head.outputs, bias=self.head.has_level)
        self.register_buffer("coefficients", torch.zeros(design.columns))
        self.register_buffer("intercept", torch.zeros(1))
        for layer in self.last_layers():
            nn.init.zeros_(layer.weight)

    def last_layers(self) -> list[nn.Linear]:
        """The layers whose weights say how much the joined path adds."""
        return [self.output, *(image.direct for image in self.image_tokens())]

    def image_tokens(self) -> list[ImageToken]:
        """The tokens of the image blocks, in the order of `image_blocks`."""
        return [cast(ImageToken, image) for image in self.images]

    def forward(self, batch: Batch, kept: Tensor | None = None) -> Tensor:
        """(n, outputs): all paths. `kept` (n, blocks) hides blocks of a case from the joined path."""
        joined, linear = self._paths(batch, kept)
        return self.with_linear(joined, linear)

    def joined(self, batch: Batch, kept: Tensor | None = None) -> Tensor:
        """(n, outputs): the joined path and the level, without the linear path."""
        return self._paths(batch, kept)[0]

    def with_linear(self, joined: Tensor, linear: Tensor) -> Tensor:
        """The linear path (n,) added to the outputs that rise with the event."""
        event = self.head.event_outputs
        return torch.cat([joined[:, :event] + linear[:, None], joined[:, event:]], dim=1)

    def _paths(self, batch: Batch, kept: Tensor | None) -> tuple[Tensor, Tensor]:
        present = batch.present if kept is None else batch.present & kept
        table, tokens = batch.table, [token(batch.table) for token in self.tables]
        linear = (table * self.coefficients).sum(dim=1) + self.intercept
        direct = table.new_zeros(len(table), self.head.outputs)
        for i, (block, image) in enumerate(zip(self.image_blocks, self.images, strict=True), start=len(tokens)):
            token, rows = table.new_zeros(len(table), WIDTH), torch.nonzero(batch.present[:, i])[:, 0]
            if len(rows):
                seen = image(batch.images[block], batch.measured.get(block))
                token = token.index_copy(0, rows, seen.token)
                direct = direct.index_add(0, rows, seen.direct * present[rows, i, None])
                linear = linear.index_add(0, rows, seen.linear)
            tokens.append(token)
        known = torch.where(present[:, :, None], torch.stack(tokens, dim=1), self.absent)
        return self.output(self.fusion(known, present)) + direct, linear


@dataclass(frozen=True, eq=False)
class NetworkScorer:
    """A trained network on the CPU. `notes` says in plain words what a reader of the training should know."""

    design: Design
    module: FusionNetwork
    notes: tuple[str, ...] = ()

    @property
    def uses_filters(self) -> bool:
        """Whether the joined path adds anything; else images are read as measured region numbers alone."""
        return any(bool(layer.weight.any()) for layer in self.module.last_layers())

    @property
    def encoder_kind(self) -> str:
        """ "3d" or "2.5d"; "" where the network reads no image."""
        encoders: list[Any] = [image.encoder for image in self.module.image_tokens()]
        return next((str(encoder.kind) for encoder in encoders), "")

    def cam_layer(self, sequence: str) -> nn.Module:
        """The last layer of a sequence's encoder whose maps still have a place in the crop. Raises KeyError."""
        places = {name.removeprefix(IMAGE_PREFIX): i for i, name in enumerate(self.design.images)}
        encoder: Any = self.module.image_tokens()[places[sequence]].encoder
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
