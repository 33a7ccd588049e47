"""Several networks that differ in their seed alone, read as one: the mean of their outputs goes into one head.

Hansen & Salamon 1990, doi:10.1109/34.58871; Lakshminarayanan, Pritzel & Blundell 2017 (deep ensembles), Advances in
Neural Information Processing Systems 30. Departure: those average predicted probabilities. Here the numbers that the
head reads are averaged (log odds, log relative hazards, logits of intervals, median and steps): the scale on which each
network learned, so that score, quantiles and chances of grades come of one head and agree. A gaussian spread is the
geometric mean of the networks' spreads; that they disagree does not widen it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from outcome.models.fitted import Said, Scorer
from outcome.models.inputs import Inputs
from outcome.models.network.beyond_score import said_by
from outcome.models.network.data import with_crops
from outcome.models.network.model import Design, NetworkScorer
from outcome.models.network.outcomes import Head
from outcome.models.one_thread import one_thread
from outcome.models.state import State
from outcome.types import FloatArray

SEED_ENSEMBLE = "seed_ensemble"


def fit_seeds(fit: Callable[[int], NetworkScorer], count: int, seed: int) -> Scorer:
    """`fit(seed)` for so many seeds, the first of them `seed` itself; one network alone is handed on as it is.

    Each seed also draws which cases are left aside to weigh the joined path, so that together the networks learn from
    all of them.
    """
    if count == 1:
        return fit(seed)
    others = [int(np.random.default_rng([seed, number]).integers(2**31)) for number in range(1, count)]
    return SeedEnsembleScorer(tuple(fit(each) for each in (seed, *others)))


@dataclass(frozen=True, eq=False)
class SeedEnsembleScorer:
    """Networks of one design, on the CPU. Raises ValueError for fewer than two, or designs that differ."""

    members: tuple[NetworkScorer, ...]

    def __post_init__(self) -> None:
        if len(self.members) < 2 or any(member.design != self.design for member in self.members):
            raise ValueError(f"two or more networks of one design are read as one, found {len(self.members)}")

    @property
    def design(self) -> Design:
        return self.members[0].design

    @property
    def notes(self) -> tuple[str, ...]:
        """What each network's training has to say."""
        count = len(self.members)
        return tuple(f"Network {i} of {count}: {note}" for i, m in enumerate(self.members, start=1) for note in m.notes)

    @property
    def uses_filters(self) -> bool:
        """Whether the joined path of any of them adds anything."""
        return any(member.uses_filters for member in self.members)

    @property
    def encoder_kind(self) -> str:
        """ "3d" or "2.5d"; "" where the networks read no image."""
        return self.members[0].encoder_kind

    def cam_layers(self, sequence: str) -> tuple[nn.Module, ...]:
        """Of each network the layer that a heat map looks at. Raises KeyError."""
        return tuple(layer for member in self.members for layer in member.cam_layers(sequence))

    def forward_case(self, inputs: Inputs, i: int, crops: Mapping[str, Tensor] | None = None) -> Tensor:
        """The score of case i, with its graph, as `NetworkScorer.forward_case`."""
        batch = with_crops(self.members[0].tensors(inputs, i), crops)
        return self._head.score(torch.stack([member.module(batch) for member in self.members]).mean(dim=0))[0]

    def score(self, X: Inputs) -> FloatArray:
        """The head's score of the networks' mean outputs, shape (n,), on the scale of `NetworkScorer.score`."""
        if X.matrix.shape[1] != self.design.columns:
            raise ValueError(f"{self.design.columns} table columns were learned, found {X.matrix.shape[1]}")
        with torch.no_grad(), one_thread():
            return np.array([float(self._head.score(raw)[0]) for raw in self._all_raw(X)], dtype=float)

    def outputs(self, X: Inputs) -> Tensor:
        """(n, outputs): the networks' mean outputs, which the head reads."""
        with torch.no_grad(), one_thread():
            return torch.cat(list(self._all_raw(X)))

    def said(self, X: Inputs) -> Said | None:
        """Chances of grades or quantiles, by the head; None for yes/no and times (`beyond_score`)."""
        return said_by(self._head, list(self.outputs(X).split(1)))

    def to_state(self) -> State:
        parts = [member.to_state() for member in self.members]
        arrays = {name: array for i, part in enumerate(parts) for name, array in part.under(str(i)).items()}
        numbers: dict[str, Any] = {"type": SEED_ENSEMBLE, "members": [dict(part.numbers) for part in parts]}
        return State(numbers, arrays)

    @classmethod
    def from_state(cls, state: State) -> SeedEnsembleScorer:
        told = enumerate(state.numbers["members"])
        return cls(tuple(NetworkScorer.from_state(state.part(numbers, str(i))) for i, numbers in told))

    @property
    def _head(self) -> Head:
        return self.members[0].module.head

    def _all_raw(self, X: Inputs) -> Iterator[Tensor]:
        """(1, outputs): the mean outputs of each case, in order."""
        for batches in zip(*(member.batches(X) for member in self.members), strict=True):
            made = [member.module(batch) for member, batch in zip(self.members, batches, strict=True)]
            yield torch.stack(made).mean(dim=0)
