"""What the heads of a network learn while it is fitted: its own endpoint, and auxiliary endpoints of the same cases.

All that a head is made of (units, grades, intervals, level) is learned from the rows that the network learns from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from outcome.models.linear import Params
from outcome.models.network.head_choice import head_for, head_numbers, in_units
from outcome.models.network.heads import HEADS, CoxHead
from outcome.models.network.outcomes import Head, Outcomes
from outcome.types import BoolArray, EndpointKind, Target


@dataclass(frozen=True, eq=False)
class Task:
    """One endpoint and the head that learns it; `learns` (n,) says which rows it may learn from, all known."""

    endpoint: str
    kind: EndpointKind
    head: Head
    outcomes: Outcomes
    learns: Tensor

    def in_batch(self, raw: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (b, outputs) and rows (b,) of a batch, those alone that the head may learn from."""
        learns = self.learns[rows]
        return (raw, rows) if learns.all() else (raw[learns.to(raw.device)], rows[learns])

    @property
    def has_risk_sets(self) -> bool:
        """Whether the loss compares the cases of a batch, so that a batch without an event says nothing."""
        return isinstance(self.head, CoxHead)

    def teaches(self, outcomes: Outcomes) -> bool:
        """Whether these outcomes have anything to say: some case, and for a Cox head some event."""
        return bool((outcomes.cause == 1).any()) if self.has_risk_sets else len(outcomes.cause) > 0

    def level(self) -> Tensor:
        """(outputs,): what the head says of a case of which nothing is known."""
        rows = torch.nonzero(self.learns)[:, 0]
        known = self.outcomes.take(rows)
        constant = _log_odds(known.value) if self.kind is EndpointKind.BINARY else 0.0
        level = self.head.level(known, torch.full((len(rows),), constant))
        event = self.head.event_outputs
        return torch.cat([level[:event] + constant, level[event:]])


def auxiliary_tasks(
    joint: Sequence[Target], params: Params, learned_from: BoolArray
) -> tuple[tuple[Task, ...], dict[str, str]]:
    """The tasks of auxiliary endpoints, and why others are left out, by endpoint.

    `joint`: each endpoint's outcomes (n,), NaN where unknown; `learned_from` (n,) the rows of the network's own
    training. The head of each kind is the one that the params name. Raises ValueError for a kind without a head.
    """
    tasks, left_out = list[Task](), dict[str, str]()
    for target in joint:
        learns = target.known & learned_from
        known = target.take(learns)
        reason = nothing_to_learn(known)
        if reason:
            left_out[target.endpoint] = reason
            continue
        name = head_for(target.kind, params)
        numbers = head_numbers(name, known)
        outcomes = Outcomes.of(in_units(name, numbers, target))
        tasks.append(Task(target.endpoint, target.kind, HEADS[name](numbers), outcomes, torch.from_numpy(learns)))
    return tuple(tasks), left_out


def nothing_to_learn(known: Target) -> str:
    """Why these known outcomes teach nothing, or ""."""
    if not len(known):
        return "no known outcome among the cases learned from"
    if known.kind is EndpointKind.TIME_TO_EVENT:
        return "" if np.any(known.event == 1) else "no event among the cases learned from"
    return "" if np.ptp(known.value) > 0 else "one outcome in all cases learned from"


def _log_odds(value: Tensor) -> float:
    share = float(value.double().mean())
    return float(np.log(share / (1 - share)))
