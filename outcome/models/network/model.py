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
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from outcome.features.crops import IMAGE_PREFIX
from outcome.models.fitted import Said
from outcome.models.inputs import Inputs
from outcome.models.network.beyond_score import said_by
from outcome.models.network.data import Batch, Shape, one_case, with_crops
from outcome.models.network.embedded_table import Categories, require_inside, table_tokens
from outcome.models.network.encoder_options import USUAL, EncoderOptions
from outcome.models.network.fit_record import FitRecord
from outcome.models.network.fusion import FUSIONS
from outcome.models.network.heads import HEADS
from outcome.models.network.outcomes import Head
from outcome.models.network.reading import read_batches
from outcome.models.network.tokens import WIDTH, ImageToken, MadeFor
from outcome.models.one_thread import one_thread
from outcome.models.state import State
from outcome.types import FloatArray

LARGEST_SIDE = 1024  # voxels
OF_ANY_SIZE = "timm:"  # encoders among which are some of gigabytes; the others are small


@dataclass(frozen=True)
class Design:
    """What a network is made of; with the weights it is the whole network.

    `tables` maps a block to its matrix columns, `images` a block to the shape of its crops, `edges` are the
    numbers its head is made of, see `outcome.models.network.head_choice`; `mask` and `slices` as in `EncoderOptions`.
    `categories` holds the columns that each categorical variable has in each table block, where they are embedded.
    """

    tables: Mapping[str, tuple[int, ...]]
    images: Mapping[str, Shape]
    encoder: str
    fusion: str
    head: str
    edges: tuple[float, ...] = ()
    mask: str = USUAL.mask
    slices: str = USUAL.slices
    categories: Categories | None = None  # None: every table block goes through one linear layer

    def __post_init__(self) -> None:
        for name, known in (("fusion", FUSIONS), ("head", HEADS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {sorted(known)}, found {getattr(self, name)!r}")
        require_inside(self.tables, self.categories)
        self._refuse_impossible()
        _ = self.options

    def _refuse_impossible(self) -> None:
        """Raises ValueError for columns that are told of twice or not at all, and for images that nobody has."""
        columns = sorted(column for block in self.tables.values() for column in block)
        if columns != list(range(len(columns))):
            raise ValueError(f"each of {len(columns)} table columns is told of once")
        for block, shape in self.images.items():
            if len(shape) != 4 or not all(1 <= length <= LARGEST_SIDE for length in shape):
                raise ValueError(f"crops of {block} are (1 + regions, X, Y, Z), found {tuple(shape)}")

    @property
    def options(self) -> EncoderOptions:
        """What the encoders are told. Raises ValueError for what they do not know."""
        return EncoderOptions(self.mask, self.slices)

    @property
    def columns(self) -> int:
        return sum(len(columns) for columns in self.tables.values())

    def to_json(self) -> dict[str, Any]:
        tables, images = ({k: list(v) for k, v in part.items()} for part in (self.tables, self.images))
        told = {**asdict(self), "tables": tables, "images": images, "edges": list(self.edges)}
        if self.categories is not None:
            told["categories"] = {k: [list(columns) for columns in v] for k, v in self.categories.items()}
        usual = {
            **asdict(USUAL),
            "categories": None,
        }  # left out, so that files which never named them stay as they were
        return {name: value for name, value in told.items() if name not in usual or value != usual[name]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Design:
        tables, images = ({k: tuple(v) for k, v in data[part].items()} for part in ("tables", "images"))
        told = {**data, "tables": tables, "images": images, "edges": tuple(data["edges"])}
        if "categories" in data:
            told["categories"] = {k: tuple(map(tuple, v)) for k, v in data["categories"].items()}
        return cls(**told)


class FusionNetwork(nn.Module):
    """All paths of a design; the outputs (n, outputs) are what its head reads."""

    coefficients: Tensor
    intercept: Tensor

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.head: Head = HEADS[design.head](design.edges)
        self.tables = table_tokens(design.tables, design.categories)
        shapes, told, change = design.images.values(), self.head.case_outputs, _modulation(design)
        self.images = nn.ModuleList(ImageToken(shape, design.encoder, told, change, design.options) for shape in shapes)
        self.image_blocks = tuple(design.images)
        blocks = len(self.tables) + len(self.images)
        self.fusion = FUSIONS[design.fusion].join(blocks, WIDTH)
        self.absent = nn.Parameter(torch.zeros(blocks, WIDTH)) if self.fusion.reads_absent else None
        self.output = nn.Linear(WIDTH, told, bias=self.head.has_level)
        shared = self.head.outputs - told
        self.shared = nn.Parameter(torch.zeros(shared)) if shared else None
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
        joined, linear, _ = self.paths(batch, kept)
        return self.with_linear(joined, linear)

    def joined(self, batch: Batch, kept: Tensor | None = None) -> Tensor:
        """(n, outputs): the joined path and the level, without the linear path."""
        return self.paths(batch, kept)[0]

    def with_linear(self, joined: Tensor, linear: Tensor) -> Tensor:
        """The linear path (n,) added to the outputs that rise with the event."""
        event = self.head.event_outputs
        return torch.cat([joined[:, :event] + linear[:, None], joined[:, event:]], dim=1)

    def level(self) -> Tensor:
        """(outputs,): what the joined path says of a case of which nothing is known to it."""
        case = self.output.weight.new_zeros(len(self.output.weight)) if self.output.bias is None else self.output.bias
        return case if self.shared is None else torch.cat([case, self.shared])

    def set_level(self, level: Tensor) -> None:
        """Set what `level` gives; a head without a level keeps none."""
        with torch.no_grad():
            if self.output.bias is not None:
                self.output.bias.copy_(level[: len(self.output.bias)])
            if self.shared is not None:
                self.shared.copy_(level[-len(self.shared) :])

    def paths(self, batch: Batch, kept: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """The joined path (n, outputs), the linear path (n,), and the fused tokens (n, WIDTH)."""
        present = batch.present if kept is None else batch.present & kept
        table, tokens = batch.table, [token(batch.table) for token in self.tables]
        linear = (table * self.coefficients).sum(dim=1) + self.intercept
        direct = table.new_zeros(len(table), self.head.case_outputs)
        record = self._known(tokens, present).flatten(1) if tokens else table.new_zeros(len(table), 0)
        for i, (block, image) in enumerate(zip(self.image_blocks, self.images, strict=True), start=len(tokens)):
            token, rows = table.new_zeros(len(table), WIDTH), torch.nonzero(batch.present[:, i])[:, 0]
            if len(rows):
                seen = image(batch.images[block], record[rows], batch.measured.get(block), batch.seen.get(block))
                token = token.index_copy(0, rows, seen.token)
                direct = direct.index_add(0, rows, seen.direct * present[rows, i, None])
                linear = linear.index_add(0, rows, seen.linear)
            tokens.append(token)
        fused = self.fusion(self._known(tokens, present), present)
        joined = self.output(fused) + direct
        if self.shared is not None:
            joined = torch.cat([joined, self.shared.expand(len(table), -1)], dim=1)
        return joined, linear, fused

    def _known(self, tokens: list[Tensor], present: Tensor) -> Tensor:
        """(n, tokens, WIDTH): the first blocks' tokens, an absent block's replaced."""
        instead = tokens[0].new_zeros(1) if self.absent is None else self.absent[: len(tokens)]
        return torch.where(present[:, : len(tokens), None], torch.stack(tokens, dim=1), instead)


def _modulation(design: Design) -> MadeFor | None:
    """How the record changes maps in this design; without a table block there is no record."""
    made = FUSIONS[design.fusion].modulation
    return None if made is None or not design.tables else partial(made, WIDTH * len(design.tables))


@dataclass(frozen=True, eq=False)
class NetworkScorer:
    """A trained network on the CPU. `notes` says in plain words what a reader of the training should know."""

    design: Design
    module: FusionNetwork
    notes: tuple[str, ...] = ()
    record: FitRecord | None = None  # what the ladder tells of the fit; None where there is nothing to tell

    @property
    def uses_filters(self) -> bool:
        """Whether the joined path adds anything; else images are read as measured region numbers alone."""
        return any(bool(layer.weight.any()) for layer in self.module.last_layers())

    @property
    def encoder_kind(self) -> str:
        """ "3d" or "2.5d"; "" where the network reads no image."""
        encoders: list[Any] = [image.encoder for image in self.module.image_tokens()]
        return next((str(encoder.kind) for encoder in encoders), "")

    def cam_layers(self, sequence: str) -> tuple[nn.Module]:
        """The last layer of a sequence's encoder whose maps still have a place in the crop. Raises KeyError."""
        places = {name.removeprefix(IMAGE_PREFIX): i for i, name in enumerate(self.design.images)}
        encoder: Any = self.module.image_tokens()[places[sequence]].encoder
        return (encoder.cam_layer,)

    def tensors(self, inputs: Inputs, i: int) -> Batch:
        """Case i as the network reads it. Raises DataRefusal for a crop of another shape."""
        return one_case(inputs, i, tuple(self.design.tables), self.design.images)

    def batches(self, inputs: Inputs) -> Iterator[Batch]:
        """Each case as the network reads it, one after the other, see `tensors`; a case's images are read once."""
        images = dict(zip(self.design.images, self.module.image_tokens(), strict=True))
        return read_batches(images, inputs, partial(self.tensors, inputs))

    def forward_case(self, inputs: Inputs, i: int, crops: Mapping[str, Tensor] | None = None) -> Tensor:
        """The score of case i, with its graph. Raises DataRefusal for a crop of another shape.

        `crops` (1, 1 + regions, X, Y, Z) stand in for the case's own, by sequence.
        """
        return self.score_batch(with_crops(self.tensors(inputs, i), crops))[0]

    def score_batch(self, batch: Batch) -> Tensor:
        """The scores (n,) of a batch, with their graph."""
        return self.module.head.score(self.module(batch))

    def score(self, X: Inputs) -> FloatArray:
        """Log odds, log relative hazard, log(-log(1 - cumulative incidence)), mean grade, or amount, by the head.

        Shape (n,), higher is riskier or larger; a duration as log1p of its days.
        """
        if X.matrix.shape[1] != self.design.columns:
            raise ValueError(f"{self.design.columns} table columns were learned, found {X.matrix.shape[1]}")
        with torch.no_grad(), one_thread():
            return np.array([float(self.score_batch(batch)[0]) for batch in self.batches(X)], dtype=float)

    def outputs(self, X: Inputs) -> Tensor:
        """(n, outputs): what the head reads of each case, for heads that say more than a score."""
        with torch.no_grad(), one_thread():
            return torch.cat([self.module(batch) for batch in self.batches(X)])

    def said(self, X: Inputs) -> Said | None:
        """Chances of grades or quantiles, by the head; None for yes/no and times (`beyond_score`)."""
        return said_by(self.module.head, list(self.outputs(X).split(1)))

    def to_state(self) -> State:
        numbers = {"type": "network", "design": self.design.to_json(), "notes": list(self.notes)}
        told = {"record": self.record.to_json()} if self.record else {}
        weights = {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.module.state_dict().items()}
        return State({**numbers, **told}, weights)

    @classmethod
    def from_state(cls, state: State) -> NetworkScorer:
        design = Design.from_json(state.numbers["design"])
        with torch.random.fork_rng(devices=[]):
            if design.encoder.startswith(OF_ANY_SIZE):
                with torch.device("meta"):  # no memory is taken for a network that these weights are not of
                    _refuse_other_weights(FusionNetwork(design), state)
            module = FusionNetwork(design)
        _refuse_other_weights(module, state)
        module.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.arrays.items()})
        record = FitRecord.from_json(state.numbers["record"]) if "record" in state.numbers else None
        return cls(design, module.eval(), tuple(state.numbers["notes"]), record)


def _refuse_other_weights(module: FusionNetwork, state: State) -> None:
    """Raises ValueError where the arrays are not all of a network's weights, in its shapes."""
    wanted = {name: _lasting(tuple(tensor.shape)) for name, tensor in module.state_dict().items()}
    found = {name: _lasting(array.shape) for name, array in state.arrays.items()}
    other = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if other:
        raise ValueError(f"{len(other)} of {len(wanted)} weights are not this network's, such as {other[0][:60]}")


def _lasting(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A single number, such as a count of batches, is written as an array of one."""
    return (1,) if shape == () else shape
