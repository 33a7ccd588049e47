"""What the last numbers of a network mean: log odds, log relative hazard, or hazards of intervals by cause.

A head takes `raw` (n, outputs) and says the loss on outcomes and the score of a case; higher is riskier.
`Outcomes` holds what the loss reads, one row a case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from outcome.types import FloatArray, Target

INTERVALS = 8
CAUSES = 2  # the event, and the competing event
SURE = 1e-7  # cumulative incidences are kept this far from 0 and 1 before the logarithms


@dataclass(frozen=True, eq=False)
class Outcomes:
    """binary: `value` 0/1. time to event: `time` (days) and `cause` (0 censored, 1 event, 2 competing). Each (n,)."""

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
    def has_level(self) -> bool:
        """Whether a constant added to an output changes the loss."""

    def loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        """What training makes small: the mean negative log likelihood of a batch."""

    def total_loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        """The same, summed up."""

    def score(self, raw: Tensor) -> Tensor:
        """The score (n,) of each case."""

    def level(self, outcomes: Outcomes) -> Tensor:
        """The outputs (outputs,) that fit the outcomes best where nothing is known of a case, before any path."""


@dataclass(frozen=True)
class BinaryHead:
    """Log odds; the loss is the mean binary cross-entropy."""

    edges: tuple[float, ...] = ()
    outputs = 1
    event_outputs = 1
    has_level = True

    def loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return functional.binary_cross_entropy_with_logits(raw[:, 0], outcomes.value)

    def total_loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return self.loss(raw, outcomes) * len(raw)

    def score(self, raw: Tensor) -> Tensor:
        return raw[:, 0]

    def level(self, outcomes: Outcomes) -> Tensor:
        return torch.zeros(1)  # the linear path has an intercept


@dataclass(frozen=True)
class CoxHead:
    """Log relative hazard of the event; a competing event counts as censoring at its time.

    The loss is the negative log partial likelihood over the cases of a batch, ties by Breslow, over its events.
    Katzman et al. 2018 (DeepSurv), doi:10.1186/s12874-018-0482-1.
    """

    edges: tuple[float, ...] = ()
    outputs = 1
    event_outputs = 1
    has_level = False

    def loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        score, event = raw[:, 0], outcomes.cause == 1
        at_risk = outcomes.time[None, :] >= outcomes.time[:, None]
        of_set = torch.logsumexp(score[None, :].masked_fill(~at_risk, -torch.inf), dim=1)
        return ((of_set - score) * event).sum() / event.sum().clamp(min=1)

    def total_loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return self.loss(raw, outcomes) * (outcomes.cause == 1).sum()

    def score(self, raw: Tensor) -> Tensor:
        return raw[:, 0]

    def level(self, outcomes: Outcomes) -> Tensor:
        return torch.zeros(1)


@dataclass(frozen=True)
class DiscreteTimeHead:
    """In each interval: event, competing event or neither, as a softmax over the two logits and 0.

    Interval k holds times above `edges[k - 1]` and up to `edges[k]`. A case censored inside an interval has survived
    those before it. The score is log(-log(1 - F)), F the cumulative incidence of the event at the last edge: it rises
    with F, and where hazards are proportional it is a log relative hazard.
    Tutz & Schmid 2016, doi:10.1007/978-3-319-28158-2; Gensheimer & Narasimhan 2019, doi:10.7717/peerj.6257.
    """

    edges: tuple[float, ...]
    has_level = True

    @property
    def outputs(self) -> int:
        return CAUSES * len(self.edges)

    @property
    def event_outputs(self) -> int:
        return len(self.edges)

    def loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        chances = self._log_chances(raw)
        place, cause, lived = self._lived(outcomes)
        happened = chances.gather(1, place[:, None, None].expand(-1, 1, CAUSES + 1))[:, 0]
        own = happened.gather(1, cause[:, None])[:, 0] * (cause > 0)
        return -(own + (chances[:, :, 0] * lived).sum(dim=1)).mean()

    def total_loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return self.loss(raw, outcomes) * len(raw)

    def score(self, raw: Tensor) -> Tensor:
        chances = self._log_chances(raw.double())
        before = torch.cumsum(chances[:, :, 0], dim=1) - chances[:, :, 0]
        incidence = torch.exp(before + chances[:, :, 1]).sum(dim=1).clamp(SURE, 1 - SURE)
        return torch.log(-torch.log1p(-incidence))

    def level(self, outcomes: Outcomes) -> Tensor:
        place, cause, lived = self._lived(outcomes)
        spent = lived.sum(dim=0)
        happened = [((place[:, None] == torch.arange(len(self.edges))) & (cause == c)[:, None]).sum(0) for c in (1, 2)]
        return torch.cat([torch.log((count + 0.5) / (spent + 0.5)) for count in happened])

    def _lived(self, outcomes: Outcomes) -> tuple[Tensor, Tensor, Tensor]:
        """The interval of each case's time, its cause (0 after the last edge), and (n, k) intervals survived."""
        edges = torch.tensor(self.edges, device=outcomes.time.device)
        place = torch.searchsorted(edges, outcomes.time.contiguous())
        cause = outcomes.cause * (place < len(edges))
        lived = torch.arange(len(edges), device=place.device)[None, :] < place[:, None]
        return place.clamp(max=len(edges) - 1), cause, lived.to(outcomes.time)

    def _log_chances(self, raw: Tensor) -> Tensor:
        """(n, k, 3): log chance of neither, event and competing event in each interval."""
        logits = raw.unflatten(1, (CAUSES, len(self.edges))).transpose(1, 2)
        return torch.log_softmax(torch.cat([torch.zeros_like(logits[:, :, :1]), logits], dim=2), dim=2)


def interval_edges(target: Target, intervals: int = INTERVALS) -> tuple[float, ...]:
    """Ends of the intervals in days: equally many events of the kind of interest in each, the last event last."""
    days: FloatArray = target.time_days[target.event == 1]
    ends = np.quantile(days, np.arange(1, intervals + 1) / intervals, method="inverted_cdf")
    # days as the network sees them, so that a time on an edge falls into the interval that ends there
    return tuple(float(end) for end in np.unique(ends.astype(np.float32)))


HEADS: dict[str, Callable[[tuple[float, ...]], Head]] = {
    "binary": BinaryHead,
    "cox": CoxHead,
    "discrete_time": DiscreteTimeHead,
}
