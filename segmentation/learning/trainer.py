"""The moving parts of a training, and one step of it: the same to the bit on any number of cores.

Whatever is random in a step comes from the seed and the step's number alone. On the CPU a step's patches go to the
cores one each, and their gradients are added in a fixed order.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from shutil import which
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from segmentation.augmentation.augment import Source, cut, draw_variation
from segmentation.device import choose_precision, cores, reproducible
from segmentation.errors import ImageRefusal
from segmentation.learning.averaging import WeightAverage
from segmentation.learning.checkpoint import Parts
from segmentation.learning.class_weights import class_weights
from segmentation.learning.half_precision import guard_small_maps
from segmentation.learning.losses import Criterion, criterion_of, loss_of
from segmentation.learning.optimizers import learning_rate, optimizer_of
from segmentation.networks import NETWORKS
from segmentation.networks.randomness import drawing
from segmentation.outlining.sliding import together
from segmentation.planning.plan import SegmenterPlan
from segmentation.scarce_labels.lesson import Beginning, Lesson, Share, unlabelled_pair
from segmentation.scarce_labels.transfer import transfer
from segmentation.torchvision_cure import cure_torchvision

if TYPE_CHECKING:
    from lightning.fabric import Fabric

_SLICES_TOGETHER = 4  # patches of a 2-D network that one core takes at once
_CASES, _PATCH, _NETWORK = 0, 1, 2  # streams of random numbers

Gradients = tuple[torch.Tensor, ...]


@dataclass(frozen=True, eq=False)
class Trainer:
    """One training's moving parts. The network and the optimizer change with every step."""

    plan: SegmenterPlan
    sources: list[Source]
    network: nn.Module
    optimizer: torch.optim.Optimizer
    fabric: Fabric
    pool: ThreadPoolExecutor
    criterion: Criterion
    average: WeightAverage | None = None
    lesson: Lesson | None = None
    unlabelled: Sequence[Source] = ()
    extra: nn.Module = field(default_factory=nn.Module)  # trained along, and not kept

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Everything that a step changes."""
        return [*self.network.parameters(), *self.extra.parameters()]

    @property
    def judged(self) -> nn.Module:
        """The network whose weights are judged and kept: the averaged one, where there is one."""
        return self.average.network if self.average else self.network

    @property
    def parts(self) -> Parts:
        """What a checkpoint holds."""
        return Parts(self.network, self.optimizer, self.average.network if self.average else None, self.extra)

    def step(self, number: int) -> None:
        """One step of gradient descent on the patches of this number."""
        members = list(range(self.plan.batch))
        size = group_size(self.plan, self.fabric.device.type)
        groups = [members[start : start + size] for start in range(0, len(members), size)]
        shares = [len(group) / len(members) for group in groups]
        jobs = self.pool.map(lambda group: self._gradients(number, group), groups)
        gradients = _sum(jobs, shares)
        parameters = self.parameters
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.plan.clip, foreach=False)
        if not bool(torch.isfinite(norm)):
            raise _diverged(number, self.plan)
        for settings in self.optimizer.param_groups:
            settings["lr"] = learning_rate(self.plan, number)
        self.optimizer.step()
        if self.average:
            self.average.follow(self.network, number)

    def _gradients(self, number: int, group: list[int]) -> Gradients:
        # A cast weight kept for a second thread would tie two graphs together.
        torch.set_autocast_cache_enabled(False)
        pairs = [self._patch(number, member) for member in group]
        image, classes = (self.fabric.to_device(torch.stack(part)) for part in zip(*pairs, strict=True))
        image = image.contiguous(memory_format=_memory_format(self.plan))
        with drawing(_seed_of(self.plan, number, group[0])), self.fabric.autocast():
            loss = self._loss(number, group, image, classes)
        parameters = self.parameters
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        return tuple(
            torch.zeros_like(parameter) if gradient is None else gradient
            for parameter, gradient in zip(parameters, gradients, strict=True)
        )

    def _loss(self, number: int, group: list[int], image: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        if self.lesson is None:
            return loss_of(self.network, image, classes, self.criterion)
        weak, strong = self._unlabelled(number, group, image)
        teacher = self.average.network if self.average else None
        share = Share(image, classes, weak, strong, number / self.plan.steps, teacher)
        return self.lesson.loss(self.network, share, self.criterion)

    def _unlabelled(self, number: int, group: list[int], image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.unlabelled:
            return image[:0], image[:0]
        places = [number * self.plan.batch + member for member in group]
        pairs = [unlabelled_pair(self.unlabelled, self.plan, place) for place in places]
        weak, strong = (self.fabric.to_device(torch.stack(part)) for part in zip(*pairs, strict=True))
        return weak, strong

    def _patch(self, number: int, member: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Every case comes once in each round, in the round's own order."""
        place = number * self.plan.batch + member
        round_, turn = divmod(place, len(self.sources))
        order = np.random.default_rng([self.plan.seed, _CASES, round_]).permutation(len(self.sources))
        source = self.sources[order[turn]]
        rng = np.random.default_rng([self.plan.seed, _PATCH, place])
        return cut(source, self.plan, draw_variation(source, self.plan, rng))


@contextmanager
def trainer_of(plan: SegmenterPlan, beginning: Beginning, device: str) -> Iterator[Trainer]:
    """The parts of a training that begins so. Weights of its start are put in where they fit."""
    cure_torchvision()
    from lightning.fabric import Fabric  # imports torchvision, which must be cured first
    from lightning.fabric.plugins.environments import LightningEnvironment
    from lightning.fabric.utilities.rank_zero import rank_zero_module

    # It tells its precision on every start, which is no news to the reader of a results stream.
    rank_zero_module.log.setLevel(logging.WARNING)
    precision = choose_precision(device, plan.precision)
    alone = LightningEnvironment()  # or it would ask Slurm, where that is installed, how many processes there are
    fabric = Fabric(accelerator=device, devices=1, precision=precision, plugins=[alone])
    weights = class_weights(plan, beginning.sources)
    criterion = criterion_of(plan.loss, None if weights is None else fabric.to_device(weights))
    with reproducible(), ThreadPoolExecutor(min(cores(), plan.batch)) as pool:
        network = first_network(plan)
        if beginning.start:
            transfer(network, beginning.start)
        network = fabric.to_device(network)
        network.to(memory_format=_memory_format(plan))  # type: ignore[call-overload]  # the stubs leave it out
        average = WeightAverage.of(network, plan.ema) if plan.ema else None
        if plan.compile:
            _compile(network)
        lesson = beginning.lesson
        extra = fabric.to_device(lesson.attach(network, plan) if lesson else nn.Module())
        if device == "cpu" and precision != "32-true":
            guard_small_maps(network)
            guard_small_maps(extra)
        optimizer = optimizer_of(plan, [*network.parameters(), *extra.parameters()])
        yield Trainer(
            plan, beginning.sources, network, optimizer, fabric, pool, criterion, average, lesson,
            beginning.unlabelled, extra,
        )  # fmt: skip


def group_size(plan: SegmenterPlan, device: str) -> int:
    """How many patches of a step are computed together: all on a GPU, a few on each core of a processor."""
    if device != "cpu":
        return plan.batch
    if plan.dimensions == 2:
        return _SLICES_TOGETHER
    return 1 if choose_precision(device, plan.precision) != "32-true" else together(plan)


def first_network(plan: SegmenterPlan) -> nn.Module:
    """The untrained network of a plan; its weights depend on the seed alone, and torch's own generator is left be."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        return NETWORKS[plan.network].build(plan)


def _seed_of(plan: SegmenterPlan, number: int, member: int) -> int:
    """What the network's own random numbers follow from for one share of a step."""
    return int(np.random.default_rng([plan.seed, _NETWORK, number, member]).integers(2**63))


def _sum(parts: Iterator[Gradients], shares: list[float]) -> list[torch.Tensor]:
    total: list[torch.Tensor] = []
    for gradients, share in zip(parts, shares, strict=True):
        scaled = [gradient * share for gradient in gradients]
        total = [a.add_(b) for a, b in zip(total, scaled, strict=True)] if total else scaled
    return total


def _diverged(step: int, plan: SegmenterPlan) -> ImageRefusal:
    return ImageRefusal(
        "training_diverged",
        "The training ran away.",
        expected="finite gradients",
        found=f"infinite ones in step {step + 1} of {plan.steps}, at a learning rate of {plan.learning_rate:g}",
        next_step="lower learning_rate",
    )


def _memory_format(plan: SegmenterPlan) -> torch.memory_format:
    if not plan.channels_last:
        return torch.contiguous_format
    return torch.channels_last if plan.dimensions == 2 else torch.channels_last_3d


def _compile(network: nn.Module) -> None:
    if not any(which(os.environ.get(name, tool)) for name, tool in (("CXX", "g++"), ("CXX", "clang++"))):
        step = "install g++, or set compile to false"
        raise ImageRefusal("no_compiler", "No compiler is at hand.", expected="g++", found="none", next_step=step)
    network.compile(dynamic=False)
