"""What the last numbers of a network mean: log odds, log relative hazard, or hazards of intervals by cause.

A head takes `raw` (n, outputs) and says the loss on outcomes and the score of a case; higher is riskier. Heads of
grades and amounts stand in `amount_heads`, those for rare events in `imbalance_heads`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from outcome.models.network.amount_heads import CumulativeHead, GaussianHead, QuantileHead
from outcome.models.network.imbalance_heads import FocalHead, WeightedHead
from outcome.models.network.outcomes import Head, Outcomes

CAUSES = 2  # the event, and the competing event
SURE = 1e-7  # cumulative incidences are kept this far from 0 and 1 before the logarithms


@dataclass(frozen=True)
class BinaryHead:
    """Log odds; the loss is the mean binary cross-entropy."""

    edges: tuple[float, ...] = ()
    outputs = 1
    event_outputs = 1
    case_outputs = 1
    has_level = True

    def loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return functional.binary_cross_entropy_with_logits(raw[:, 0], outcomes.value)

    def total_loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return self.loss(raw, outcomes) * len(raw)

    def score(self, raw: Tensor) -> Tensor:
        return raw[:, 0]

    def level(self, outcomes: Outcomes, linear: Tensor) -> Tensor:
        return torch.zeros(1)  # the linear path has an intercept


@dataclass(frozen=True)
class CoxHead:
    """Log relative hazard of the event; a competing event counts as censoring at its time.

    The loss is the negative log partial likelihood over the cases of a batch, over its events. Ties by Efron, as in
    `outcome.models.cox`: of d tied events the l-th sees the others, and itself, with weight 1 - l/d.
    Katzman et al. 2018 (DeepSurv), doi:10.1186/s12874-018-0482-1; Efron 1977, doi:10.1080/01621459.1977.10480613.
    """

    edges: tuple[float, ...] = ()
    outputs = 1
    event_outputs = 1
    case_outputs = 1
    has_level = False

    def loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        score, event = raw[:, 0], outcomes.cause == 1
        at_risk = outcomes.time[None, :] >= outcomes.time[:, None]
        tied = (outcomes.time[None, :] == outcomes.time[:, None]) & event[None, :] & event[:, None]
        share = tied.tril(-1).sum(dim=1) / tied.sum(dim=1).clamp(min=1)
        weight = torch.log1p(-share.to(score))[:, None] * tied
        of_set = torch.logsumexp((score[None, :] + weight).masked_fill(~at_risk, -torch.inf), dim=1)
        return ((of_set - score) * event).sum() / event.sum().clamp(min=1)

    def total_loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return self.loss(raw, outcomes) * (outcomes.cause == 1).sum()

    def score(self, raw: Tensor) -> Tensor:
        return raw[:, 0]

    def level(self, outcomes: Outcomes, linear: Tensor) -> Tensor:
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

    @property
    def case_outputs(self) -> int:
        return self.outputs

    def loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        chances = self._log_chances(raw)
        place, cause, lived = self._lived(outcomes)
        happened = chances.gather(1, place[:, None, None].expand(-1, 1, CAUSES + 1))[:, 0]
        own = happened.gather(1, cause[:, None])[:, 0] * (cause > 0)
        return -(own + (chances[:, :, 0] * lived).sum(dim=1)).mean()

    def total_loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return self.loss(raw, outcomes) * len(raw)

    def incidence(self, raw: Tensor) -> Tensor:
        """(n, intervals, 2): the cumulative incidence of event and competing event at each edge, in double precision.

        Both and the chance of neither sum to 1 at every edge.
        """
        chances = self._log_chances(raw.double())
        before = torch.cumsum(chances[:, :, 0], dim=1) - chances[:, :, 0]
        return torch.exp(before[:, :, None] + chances[:, :, 1:]).cumsum(dim=1)

    def score(self, raw: Tensor) -> Tensor:
        chances = self._log_chances(raw.double())
        before = torch.cumsum(chances[:, :, 0], dim=1) - chances[:, :, 0]
        incidence = torch.exp(before + chances[:, :, 1]).sum(dim=1).clamp(SURE, 1 - SURE)
        return torch.log(-torch.log1p(-incidence))

    def level(self, outcomes: Outcomes, linear: Tensor) -> Tensor:
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


# by the name in a study file; the numbers a head is made of are those of `outcome.models.network.head_choice`
HEADS: dict[str, Callable[[tuple[float, ...]], Head]] = {
    "binary": BinaryHead,
    "weights": WeightedHead,
    "focal": FocalHead,
    "cox": CoxHead,
    "discrete_time": DiscreteTimeHead,
    "cumulative": CumulativeHead,
    "quantiles": QuantileHead,
    "gaussian": GaussianHead,
}
