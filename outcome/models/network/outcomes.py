"""What a network's loss reads of n cases, and what its head has to say: a loss, a score, a level to begin at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from outcome.types import Target


@dataclass(frozen=True, eq=False)
class Outcomes:
    """`value` 0/1 (binary), a grade (ordinal) or an amount in units of the training cases; each (n,).

    Time to event: `time` (days) and `cause` (0 censored, 1 event, 2 competing).
    """

    value: Tensor
    time: Tensor
    cause: Tensor

    @classmethod
    def of(cls, target: Target) -> Outcomes:
        value, time = (torch.from_numpy(np.nan_to_num(x)).float() for x in (target.value, target.time_days))
        return cls(value, time, torch.from_numpy(np.nan_to_num(target.event)).long())

    def take(self, rows: Tensor) -> Outcomes:
        return Outcomes(self.value[rows], self.time[rows], self.cause[rows])

    def to(self, device: torch.device) -> Outcomes:
        return Outcomes(self.value.to(device), self.time.to(device), self.cause.to(device))


class Head(Protocol):
    """What a network's last numbers mean."""

    @property
    def outputs(self) -> int:
        """How many numbers a case."""

    @property
    def event_outputs(self) -> int:
        """The first so many rise with the event's hazard: the linear path adds to these."""

    @property
    def case_outputs(self) -> int:
        """The first so many differ from case to case; the others are learned once for all cases."""

    @property
    def has_level(self) -> bool:
        """Whether a constant added to an output changes the loss."""

    def loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        """What training makes small: the mean negative log likelihood of a batch."""

    def total_loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        """The same, summed up."""

    def score(self, raw: Tensor) -> Tensor:
        """The score (n,) of each case."""

    def level(self, outcomes: Outcomes, linear: Tensor) -> Tensor:
        """The outputs (outputs,) with which the joined path begins; `linear` (n,) is the linear path of the cases."""
