"""Several endpoints learned at once: further heads on the fused tokens of one network, their losses weighed.

With L_k the loss of endpoint k and s_k its log variance, learned too, the loss of a batch is the sum over endpoints of
exp(-s_k) L_k + s_k: for every kind of loss twice the form that Kendall, Gal & Cipolla 2018,
doi:10.1109/CVPR.2018.00781, give for two regressions (their eq. 7, L / (2 variance) + log variance / 2 for each). Its
least lies at exp(-s) = 1 / L. Departures: s keeps within `LARGEST` of 0, since the loss of a normal distribution may be
negative and then has no least; it begins at 0 and learns faster than the network, without weight decay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from outcome.models.network.cox_memory import CoxMemory
from outcome.models.network.fit_record import FitRecord
from outcome.models.network.tasks import Task
from outcome.models.network.tokens import WIDTH

LARGEST = 3.0  # weights lie between 0.05 and 20
FASTER = 10.0  # the learning rate of log variances over that of the network


def weighted_total(losses: Tensor, log_variances: Tensor) -> Tensor:
    """The sum over tasks (k,) of exp(-s) L + s."""
    bounded = log_variances.clamp(-LARGEST, LARGEST)
    return (torch.exp(-bounded) * losses + bounded).sum()


class AuxiliaryHead(nn.Module):
    """The outputs (b, outputs) of one more head, from the fused tokens (b, WIDTH); begins at the head's level."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        head, level = task.head, task.level()
        self.output = nn.Linear(WIDTH, head.case_outputs, bias=head.has_level)
        nn.init.zeros_(self.output.weight)
        if head.has_level:
            self.output.bias = nn.Parameter(level[: head.case_outputs].clone())
        self.shared = nn.Parameter(level[head.case_outputs :].clone())

    def forward(self, fused: Tensor) -> Tensor:
        return torch.cat([self.output(fused), self.shared.expand(len(fused), -1)], dim=1)


class JointLoss(nn.Module):
    """The loss of a batch over the own task and the auxiliary ones, and what happened on the way.

    A task of which a batch says nothing (no known outcome; no event for a Cox head) has no part in that batch's loss.
    """

    def __init__(self, own: Task, auxiliary: Sequence[Task] = (), memory: int | None = None) -> None:
        """`memory`: how many cases a Cox head remembers, see `cox_memory`; None: those of the batch alone."""
        super().__init__()
        self.tasks = (own, *auxiliary)
        self.memories = [CoxMemory(memory) if memory and task.has_risk_sets else None for task in self.tasks]
        self.heads = nn.ModuleList(AuxiliaryHead(task) for task in auxiliary)
        self.log_variances = nn.Parameter(torch.zeros(len(self.tasks))) if auxiliary else None
        self.batches = 0
        self.silent = [0] * len(self.tasks)

    def forward(self, raw: Tensor, fused: Tensor, rows: Tensor) -> Tensor:
        """`raw` (b, outputs) of the own head, `fused` (b, WIDTH) its tokens, `rows` (b,) the cases, on the CPU."""
        self.batches += 1
        places, losses = [], []
        for place, outputs in enumerate([raw, *(head(fused) for head in self.heads)]):
            loss = self._loss(place, outputs, rows)
            if loss is not None:
                places.append(place)
                losses.append(loss)
        if not losses:
            return raw.sum() * 0.0
        if self.log_variances is None:
            return losses[0]
        return weighted_total(torch.stack(losses), self.log_variances[places])

    @property
    def compares_cases(self) -> bool:
        """Whether any head learns from comparing the cases of a batch."""
        return any(task.has_risk_sets for task in self.tasks)

    def events_beside(self, rows: npt.NDArray[np.int_]) -> npt.NDArray[np.int_] | None:
        """Of how many auxiliary Cox heads each of these rows has the event; None without such a head."""
        timed = [task for task in self.tasks[1:] if task.has_risk_sets]
        if not timed:
            return None
        counted = torch.stack([task.learns & (task.outcomes.cause == 1) for task in timed]).sum(dim=0)
        return np.asarray(counted.numpy()[rows])

    def groups(self, learned: list[nn.Parameter], rate: float, decay: float) -> list[dict[str, Any]]:
        """What the optimiser learns: these weights and, where there are some, the log variances."""
        own = {"params": learned, "lr": rate, "weight_decay": decay}
        if self.log_variances is None:
            return [own]
        return [own, {"params": [self.log_variances], "lr": FASTER * rate, "weight_decay": 0.0}]

    def record(self, left_out: dict[str, str]) -> FitRecord:
        """What is told of the fit; `left_out` as of `auxiliary_tasks`."""
        names = [task.endpoint for task in self.tasks]
        silent = {name: count for name, count in zip(names, self.silent, strict=True) if count}
        if self.log_variances is None:
            return FitRecord(self.batches, {}, left_out, silent)
        weights = torch.exp(-self.log_variances.detach().cpu().clamp(-LARGEST, LARGEST)).tolist()
        return FitRecord(self.batches, dict(zip(names, weights, strict=True)), left_out, silent)

    def _loss(self, place: int, outputs: Tensor, rows: Tensor) -> Tensor | None:
        task, memory = self.tasks[place], self.memories[place]
        known, known_rows = task.in_batch(outputs, rows)
        seen, seen_rows = memory.beside(known, known_rows) if memory else (known, known_rows)
        if memory:
            memory.keep(known, known_rows)
        outcomes = task.outcomes.take(seen_rows).to(outputs.device)
        if task.teaches(outcomes):
            return task.head.loss(seen, outcomes)
        self.silent[place] += int(task.has_risk_sets)
        return None
