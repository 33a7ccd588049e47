"""Yes/no endpoints with few events: losses under which the events are not outvoted.

Both change what the network takes for probable: its log odds are no longer those of the cases. Calibration, which is
always fitted afterwards on inner out-of-fold scores, sets them right; what may change is the ranking alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional

from outcome.models.network.outcomes import Outcomes

GAMMA = 2.0
LARGEST_LEVEL = 10.0


@dataclass(frozen=True)
class WeightedHead:
    """Log odds; cross-entropy in which cases with and without the event weigh the same in all.

    `edges`: the weight of a case without and with the event, each by the inverse share of its outcome, 1 on average.
    King & Zeng 2001, doi:10.1093/oxfordjournals.pan.a004868.
    """

    edges: tuple[float, ...]
    outputs = 1
    event_outputs = 1
    case_outputs = 1
    has_level = True

    def loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        without, with_event = self.edges
        weight = torch.where(outcomes.value == 1, with_event, without)
        return functional.binary_cross_entropy_with_logits(raw[:, 0], outcomes.value, weight=weight)

    def total_loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return self.loss(raw, outcomes) * len(raw)

    def score(self, raw: Tensor) -> Tensor:
        return raw[:, 0]

    def level(self, outcomes: Outcomes, linear: Tensor) -> Tensor:
        """The linear path was fitted without weights; with them all log odds are higher by the ratio of the weights."""
        without, with_event = self.edges
        return torch.full((1,), math.log(with_event / without))


@dataclass(frozen=True)
class FocalHead:
    """Log odds; cross-entropy of a case times (1 - chance of what happened)², so that easy cases have little say.

    Lin et al. 2017, doi:10.1109/ICCV.2017.324. Departure: no weight of the classes beside it.
    """

    edges: tuple[float, ...] = ()
    outputs = 1
    event_outputs = 1
    case_outputs = 1
    has_level = True

    def loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        entropy = functional.binary_cross_entropy_with_logits(raw[:, 0], outcomes.value, reduction="none")
        return ((1 - torch.exp(-entropy)) ** GAMMA * entropy).mean()

    def total_loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return self.loss(raw, outcomes) * len(raw)

    def score(self, raw: Tensor) -> Tensor:
        return raw[:, 0]

    def level(self, outcomes: Outcomes, linear: Tensor) -> Tensor:
        """The constant beside the linear path of least focal loss: a path that had to learn it would earn by it."""
        raw, case_outcomes = linear.double(), Outcomes(outcomes.value.double(), outcomes.time, outcomes.cause)

        def loss(constant: float) -> float:
            return float(self.loss((raw + constant)[:, None], case_outcomes))

        found = minimize_scalar(loss, bounds=(-LARGEST_LEVEL, LARGEST_LEVEL), method="bounded")
        return torch.full((1,), float(found.x))
