"""The steps by which a network learns, in one process or in several: AdamW under a one-cycle schedule.

No stopping rule looks at held-out cases: the steps end where the schedule ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from outcome.models.linear import Params
from outcome.models.network.augmentation import augmented
from outcome.models.network.batches import dealt_batches, kept_blocks
from outcome.models.network.data import Batch, CaseStack
from outcome.models.network.joint import JointLoss
from outcome.models.network.model import FusionNetwork
from outcome.models.network.outcomes import Outcomes
from outcome.models.network.shares import Both, Share
from outcome.models.network.tokens import WIDTH
from outcome.models.network.tuning import FULL
from outcome.types import BoolArray

COX_BATCH_AT_LEAST = 32  # without a memory a partial likelihood compares cases within a batch
WHOLE = Share()
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

    @classmethod
    def of(cls, params: Params) -> Course:
        """From the rung's params; whole numbers may come as floats."""
        told: dict[str, Any] = {name: params[name] for name in cls.__dataclass_fields__ if name in params}
        whole: dict[str, Any] = {name: int(told[name]) for name in ("epochs", "batch", "memory") if name in told}
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
    """What the steps are made of: which rows, (n,) events, how long, and what draws batches and augmentation."""

    rows: npt.NDArray[np.int_]
    event: BoolArray
    course: Course
    rng: np.random.Generator


def take_steps(learning: Learning, loss: JointLoss, steps: Steps, device: str, share: Share = WHOLE) -> list[float]:
    """Learn from the rows of the steps; module and loss end on the CPU. Returns the loss of every batch.

    Of several processes each calls this with its share, the same network, loss and steps; all end with one network.
    """
    from outcome.models.network.fabric import Fabric  # seconds that only training pays

    course, rng = steps.course, steps.rng
    fabric = Fabric(accelerator=device, devices=1 if share.count == 1 or device == "cpu" else [share.rank])
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
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=len(plan) + 1)
    widths = (module.head.outputs, WIDTH)

    def paths(batch: Batch, kept: Tensor) -> Both:
        joined, _, fused = learner.paths(_moved(batch, fabric.device), kept.to(fabric.device))
        return joined, fused

    told = []
    for part in plan:
        batch = augmented(learning.stack.batch(part), rng)
        kept = torch.from_numpy(kept_blocks(learning.stack.present[part].numpy(), course.block_dropout, rng))
        joined, fused = share.outputs(paths, batch, kept, widths, fabric.device)
        raw = module.with_linear(joined, learning.linear[part].to(fabric.device))
        optimizer.zero_grad()
        total = loss(raw, fused, part)
        if total.requires_grad:  # not where a share is empty
            fabric.backward(total)
        share.add_gradients(own, common)
        torch.nn.utils.clip_grad_norm_([*own, *beside], CLIP)
        optimizer.step()
        schedule.step()
        told.append(total.detach())
    module.cpu().eval()
    loss.cpu()
    return [float(each) for each in told]


def _plan(loss: JointLoss, steps: Steps) -> list[Tensor]:
    """The rows of every batch."""
    course, rows = steps.course, steps.rows
    within = course.memory is None and loss.compares_cases  # else risk sets reach beyond a batch, however small
    size, beside = max(course.batch, COX_BATCH_AT_LEAST) if within else course.batch, loss.events_beside(rows)
    dealt = dealt_batches(steps.event[rows], size, course.epochs, steps.rng, beside, enlarge=course.memory is None)
    return [torch.from_numpy(rows[part]) for part in dealt]


def _learning(weights: Any) -> list[torch.nn.Parameter]:
    return [weight for weight in weights if weight.requires_grad]


def _moved(batch: Batch, device: torch.device) -> Batch:
    """On the device, crops with channels last: convolutions of few channels are faster so."""
    images = {k: x.to(device, memory_format=torch.channels_last_3d) for k, x in batch.images.items()}
    measured = {k: x.to(device) for k, x in batch.measured.items()}
    return Batch(batch.table.to(device), batch.present.to(device), images, measured)
