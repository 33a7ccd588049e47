"""The steps by which a network learns, in one process or in several: AdamW under a one-cycle schedule.

The steps end where the schedule ends or, with watch cases (`stopping`), earlier: the schedule is that of all epochs.
Watch cases are the fit's own; nothing looks at cases held out of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from outcome.models.linear import Params
from outcome.models.network.augmentation import augmented
from outcome.models.network.batches import dealt_batches, kept_blocks
from outcome.models.network.data import PART, Batch, CaseStack
from outcome.models.network.joint import JointLoss
from outcome.models.network.model import FusionNetwork
from outcome.models.network.outcomes import Outcomes
from outcome.models.network.shares import Both, Share
from outcome.models.network.stopping import Stopping, Watch
from outcome.models.network.tokens import WIDTH
from outcome.models.network.tuning import FULL
from outcome.types import BoolArray

COX_BATCH_AT_LEAST = 32  # without a memory a partial likelihood compares cases within a batch
WHOLE = Share()
WHOLE_NUMBERS = ("epochs", "batch", "memory", "patience")
CLIP = 1.0  # the longest step of the gradient, in units of the loss


@dataclass(frozen=True)
class Course:
    """How long and how boldly to learn."""

    epochs: int = 12
    batch: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    block_dropout: float = 0.2
    tuning: str = FULL
    memory: int | None = None
    patience: int | None = None

    @classmethod
    def of(cls, params: Params) -> Course:
        """From the rung's params; whole numbers may come as floats."""
        told: dict[str, Any] = {name: params[name] for name in cls.__dataclass_fields__ if name in params}
        whole: dict[str, Any] = {name: int(told[name]) for name in WHOLE_NUMBERS if told.get(name) is not None}
        return cls(**(told | whole))


@dataclass(frozen=True, eq=False)
class Learning:
    """A network with its cases, their outcomes, and the linear path's score of each (n,) made without the case."""

    module: FusionNetwork
    stack: CaseStack
    outcomes: Outcomes
    linear: Tensor


@dataclass(frozen=True, eq=False)
class Steps:
    """What the steps are made of: which rows, (n,) events, how long, and what draws batches and augmentation.

    `watch` says when they end before that; its rows are none of `rows`. None: they do not.
    """

    rows: npt.NDArray[np.int_]
    event: BoolArray
    course: Course
    rng: np.random.Generator
    watch: Watch | None = None


@dataclass(frozen=True, eq=False)
class _Reader:
    """What a network that learns says of its cases, each process reading its share."""

    learning: Learning
    learner: Any
    share: Share
    device: torch.device

    def outputs(self, rows: Tensor, batch: Batch, kept: Tensor) -> Both:
        """The outputs (b, outputs) and fused tokens (b, WIDTH) of these rows, of which a batch was made."""
        module = self.learning.module
        joined, fused = self.share.outputs(self._paths, batch, kept, (module.head.outputs, WIDTH), self.device)
        return module.with_linear(joined, self.learning.linear[rows].to(self.device)), fused

    @torch.no_grad()
    def own_loss(self, rows: Tensor) -> float:
        """The mean loss of these rows together, by the own head: all blocks kept, crops as they are."""
        raw = []
        for part in rows.split(PART):
            batch = self.learning.stack.batch(part)
            raw.append(self.outputs(part, batch, torch.ones_like(batch.present))[0])
        outcomes = self.learning.outcomes.take(rows).to(self.device)
        return self.share.first(self.learning.module.head.loss(torch.cat(raw), outcomes))

    def _paths(self, batch: Batch, kept: Tensor) -> Both:
        joined, _, fused = self.learner.paths(_moved(batch, self.device), kept.to(self.device))
        return joined, fused


def take_steps(learning: Learning, loss: JointLoss, steps: Steps, device: str, share: Share = WHOLE) -> list[float]:
    """Learn from the rows of the steps; module and loss end on the CPU. Returns the loss of every batch.

    With watch cases, whose losses stand in `steps.watch` afterwards, both end as they stood after the best epoch.
    Of several processes each calls this with its share, the same network, loss and steps; all end with one network.
    """
    from outcome.models.network.fabric import local_fabric  # seconds that only training pays

    course, rng = steps.course, steps.rng
    fabric = local_fabric(device, 1 if share.count == 1 or device == "cpu" else [share.rank])
    module = learning.module
    loss.to(fabric.device)
    own, beside = _learning(module.parameters()), _learning(loss.heads.parameters())
    groups = loss.groups([*own, *beside], course.learning_rate, course.weight_decay)
    common = [*beside, *(weight for group in groups[1:] for weight in group["params"])]
    optimizer = torch.optim.AdamW(groups, course.learning_rate)
    learner, optimizer = fabric.setup(module, optimizer)
    learner.mark_forward_method("paths")
    plan = _plan(loss, steps)
    rates = [group["lr"] for group in optimizer.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=sum(map(len, plan)) + 1)
    reader = _Reader(learning, learner, share, fabric.device)
    stopping = _stopping(reader, loss, steps.watch)
    told = []
    for part in _until_enough(plan, stopping):
        batch = augmented(learning.stack.batch(part), rng)
        kept = torch.from_numpy(kept_blocks(learning.stack.present[part].numpy(), course.block_dropout, rng))
        raw, fused = reader.outputs(part, batch, kept)
        optimizer.zero_grad()
        total = loss(raw, fused, part)
        if total.requires_grad:  # not where a share is empty
            fabric.backward(total)
        share.add_gradients(own, common)
        torch.nn.utils.clip_grad_norm_([*own, *beside], CLIP)
        optimizer.step()
        schedule.step()
        told.append(total.detach())
    if stopping is not None:
        stopping.restore()
    module.cpu().eval()
    loss.cpu()
    return [float(each) for each in told]


def _plan(loss: JointLoss, steps: Steps) -> list[list[Tensor]]:
    """The rows of every batch, by epoch."""
    course, rows = steps.course, steps.rows
    within = course.memory is None and loss.compares_cases  # else risk sets reach beyond a batch, however small
    size, beside = max(course.batch, COX_BATCH_AT_LEAST) if within else course.batch, loss.events_beside(rows)
    dealt = dealt_batches(steps.event[rows], size, course.epochs, steps.rng, beside, enlarge=course.memory is None)
    batches = [torch.from_numpy(rows[part]) for part in dealt]
    each = len(batches) // course.epochs  # all epochs have as many
    return [batches[begin : begin + each] for begin in range(0, len(batches), each)]


def _stopping(reader: _Reader, loss: JointLoss, watch: Watch | None) -> Stopping | None:
    if watch is None:
        return None
    rows = torch.from_numpy(watch.rows)
    return Stopping(watch, (reader.learning.module, loss), lambda: reader.own_loss(rows))


def _until_enough(plan: list[list[Tensor]], stopping: Stopping | None) -> Iterator[Tensor]:
    """The batches of each epoch, until the plan or patience ends."""
    for epoch in plan:
        yield from epoch
        if stopping is not None and stopping.enough():
            return


def _learning(weights: Any) -> list[torch.nn.Parameter]:
    return [weight for weight in weights if weight.requires_grad]


def _moved(batch: Batch, device: torch.device) -> Batch:
    """On the device, crops with channels last: convolutions of few channels are faster so."""
    images = {k: x.to(device, memory_format=torch.channels_last_3d) for k, x in batch.images.items()}
    measured = {k: x.to(device) for k, x in batch.measured.items()}
    return Batch(batch.table.to(device), batch.present.to(device), images, measured)
