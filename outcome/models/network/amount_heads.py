"""What the last numbers of a network mean for grades and amounts: log odds of each grade, quantiles, mean and spread.

Amounts are learned in units of the training cases (`head_choice`); `edges` holds centre and spread.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from outcome.models.network.cumulative_odds import cumulative_levels
from outcome.models.network.outcomes import Outcomes

STEP_AT_LEAST = 1e-3  # between neighbouring thresholds or quantiles
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
MIDDLE = 2  # the median's place
# mean pinball loss of the standard normal's own quantiles: in these units a loss of 1 says nothing is known of a case
NORMAL_PINBALL = 0.277098417926924
LOG_SPREADS = 4.0  # log spreads stay within this of 0


@dataclass(frozen=True)
class CumulativeHead:
    """Log odds of reaching each grade: of the second by the case, of each next one less by a step the same for all.

    `edges` are the grades that occurred in training, rising; a grade that did not gets no chance. The score is the
    mean grade, which rises with the log odds. With two grades this is the binary head.
    McCullagh 1980, J R Stat Soc B 42:109-42 (proportional odds).
    """

    edges: tuple[float, ...]
    event_outputs = 1
    case_outputs = 1
    has_level = True

    @property
    def outputs(self) -> int:
        return len(self.edges) - 1

    def reached(self, raw: Tensor) -> Tensor:
        """(n, grades - 1): log odds of each grade but the lowest, or a higher one; falling."""
        return torch.cat([raw[:, :1], raw[:, :1] - _steps(raw[:, 1:]).cumsum(dim=1)], dim=1)

    def at_least(self, raw: Tensor) -> Tensor:
        """(n, grades): the chance of each grade or a higher one, 1 for the lowest; in double precision."""
        reached = torch.sigmoid(self.reached(raw.double()))
        return torch.cat([torch.ones_like(reached[:, :1]), reached], dim=1)

    def chances(self, raw: Tensor) -> Tensor:
        """(n, grades): the chance of each grade; they sum to 1."""
        return torch.exp(self._log_chances(raw))

    def loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return -self._log_chances(raw).gather(1, self._place(outcomes)[:, None]).mean()

    def total_loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return self.loss(raw, outcomes) * len(raw)

    def score(self, raw: Tensor) -> Tensor:
        rises = torch.tensor(np.diff(self.edges), device=raw.device)
        return self.edges[0] + (torch.sigmoid(self.reached(raw.double())) * rises).sum(dim=1)

    def level(self, outcomes: Outcomes, linear: Tensor) -> Tensor:
        levels = cumulative_levels(linear.double().numpy(), self._place(outcomes).numpy(), len(self.edges))
        return torch.cat([torch.from_numpy(levels[:1]), _before_steps(torch.from_numpy(-np.diff(levels)))]).float()

    def _place(self, outcomes: Outcomes) -> Tensor:
        return torch.searchsorted(torch.tensor(self.edges, device=outcomes.value.device), outcomes.value.contiguous())

    def _log_chances(self, raw: Tensor) -> Tensor:
        """By s(a) - s(b) = s(a) s(-b) (1 - exp(b - a)), s the logistic function: no small difference of large ones."""
        reached, sure = self.reached(raw), torch.zeros_like(raw[:, :1])
        between = torch.log(-torch.expm1(-_steps(raw[:, 1:])))
        reach = torch.cat([sure, functional.logsigmoid(reached)], dim=1)
        stop = torch.cat([functional.logsigmoid(-reached), sure], dim=1)
        return reach + stop + torch.cat([sure, between.expand(len(raw), -1), sure], dim=1)


@dataclass(frozen=True)
class QuantileHead:
    """The quantiles `QUANTILES` of an amount, which cannot cross: the median, and steps of at least 0 away from it.

    The loss is the mean pinball loss over quantiles, in units in which knowing nothing of a normal amount costs 1 a
    case, so that a gain is one of log likelihood (of an asymmetric Laplace distribution). The score is the median.
    Koenker & Bassett 1978, doi:10.2307/1913643.
    """

    edges: tuple[float, ...]
    outputs = len(QUANTILES)
    event_outputs = 1
    case_outputs = len(QUANTILES)
    has_level = True

    def quantiles(self, raw: Tensor) -> Tensor:
        """(n, quantiles), rising, on the modelled scale: a duration as log1p of its days."""
        centre, spread = self.edges
        return centre + spread * self._quantiles(raw)

    def loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return pinball(outcomes.value[:, None] - self._quantiles(raw), QUANTILES).mean() / NORMAL_PINBALL

    def total_loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return self.loss(raw, outcomes) * len(raw)

    def score(self, raw: Tensor) -> Tensor:
        return self.edges[0] + self.edges[1] * raw[:, 0].double()

    def level(self, outcomes: Outcomes, linear: Tensor) -> Tensor:
        left = (outcomes.value - linear).double()
        found = torch.quantile(left, torch.tensor(QUANTILES, dtype=torch.float64))
        steps = torch.diff(found)
        steps = torch.cat([steps[:MIDDLE].flip(0), steps[MIDDLE:]])
        return torch.cat([found[MIDDLE : MIDDLE + 1], _before_steps(steps)]).float()

    @staticmethod
    def _quantiles(raw: Tensor) -> Tensor:
        """In units of the training cases. After the median, `raw` holds steps down and then steps up."""
        down, up = _steps(raw[:, 1 : 1 + MIDDLE]), _steps(raw[:, 1 + MIDDLE :])
        median = raw[:, :1]
        return torch.cat([median - down.cumsum(dim=1).flip(1), median, median + up.cumsum(dim=1)], dim=1)


@dataclass(frozen=True)
class GaussianHead:
    """Mean and log spread of an amount, both by the case; the loss is the normal's negative log likelihood.

    The score is the mean, on the modelled scale. Nix & Weigend 1994, Proc IEEE ICNN 1:55-60.
    """

    edges: tuple[float, ...]
    outputs = 2
    event_outputs = 1
    case_outputs = 2
    has_level = True

    def spread(self, raw: Tensor) -> Tensor:
        """(n,): the standard deviation on the modelled scale."""
        return self.edges[1] * torch.exp(self._log_spread(raw))

    def loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        log_spread = self._log_spread(raw)
        away = (outcomes.value - raw[:, 0]) * torch.exp(-log_spread)
        return (away**2 / 2 + log_spread).mean() + math.log(2 * math.pi) / 2

    def total_loss(self, raw: Tensor, outcomes: Outcomes) -> Tensor:
        return self.loss(raw, outcomes) * len(raw)

    def score(self, raw: Tensor) -> Tensor:
        return self.edges[0] + self.edges[1] * raw[:, 0].double()

    def level(self, outcomes: Outcomes, linear: Tensor) -> Tensor:
        left = outcomes.value - linear
        spread = left.std(correction=0).clamp(min=math.exp(-LOG_SPREADS))
        return torch.stack([left.mean(), torch.log(spread)])

    @staticmethod
    def _log_spread(raw: Tensor) -> Tensor:
        return raw[:, 1].clamp(-LOG_SPREADS, LOG_SPREADS)


def pinball(above: Tensor, quantiles: tuple[float, ...]) -> Tensor:
    """(n, quantiles): the pinball loss of outcomes so far `above` (n, quantiles) what was said, or below it (< 0)."""
    level = torch.tensor(quantiles, dtype=above.dtype, device=above.device)
    return torch.maximum(level * above, (level - 1) * above)


def _steps(raw: Tensor) -> Tensor:
    return functional.softplus(raw) + STEP_AT_LEAST


def _before_steps(steps: Tensor) -> Tensor:
    """What `_steps` makes these of, or the smallest ones it makes."""
    return torch.log(torch.expm1((steps - STEP_AT_LEAST).clamp(min=STEP_AT_LEAST)))
