"""Trains a segmentation network on given masks: the same cases, plan and machine give the same weights to the bit.

Whatever is random in a step comes from the seed and the step's number alone. So a training that was killed goes on
from its last checkpoint to the very weights of an unbroken one. On the CPU a step's patches go to the cores one
each, and their gradients are added in a fixed order: the number of cores changes the time, not the result.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from segmentation.augment import Source, cut, draw_variation
from segmentation.checkpoint import Progress, load_checkpoint, save_checkpoint
from segmentation.device import choose_precision, cores, reproducible
from segmentation.errors import ImageRefusal
from segmentation.inference import Segmenter
from segmentation.losses import dice_and_cross_entropy
from segmentation.networks import NETWORKS
from segmentation.plan import SegmenterPlan
from segmentation.sliding import scores_of, together
from segmentation.sources import fingerprint_of, hold_out, read_sources
from segmentation.torchvision_cure import cure_torchvision
from segmentation.training_case import TrainingCase

if TYPE_CHECKING:
    from lightning.fabric import Fabric

CHECKS, LEAST_STEPS, PATIENCE = 20, 25, 8  # checks a training, steps between two at least, checks without a gain
_WARM_UP, _LAST_RATE, _DECAY, _CLIP = 0.1, 0.01, 1e-4, 12.0
_TIMED_STEPS = 5
_SLICES_TOGETHER = 4  # patches of a 2-D network that one core takes at once
_CASES, _PATCH = 0, 1  # streams of random numbers

Gradients = tuple[torch.Tensor, ...]


def train_segmenter(
    cases: Sequence[TrainingCase],
    plan: SegmenterPlan,
    *,
    device: str = "cpu",
    checkpoint: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Segmenter:
    """The network of a plan, trained on cases with given masks, with the weights that were best on a held-out tenth.

    `checkpoint` is a file that the training writes now and then and goes on from; it is left in place. `progress` is
    told (steps done, steps) after each step. Training stops early where the held-out cases gain nothing for long.

    Raises ImageRefusal for cases that cannot be read (named), for too little memory, for masks without any region,
    and for a checkpoint of another training.
    """
    sources = read_sources(cases, plan)
    learned, held = hold_out(sources, plan.seed)
    with _trainer(plan, learned, device) as trainer:
        work = fingerprint_of(sources, plan) if checkpoint else ""
        state = Progress(plan.steps)
        if checkpoint and checkpoint.exists():
            state = load_checkpoint(checkpoint, work, trainer.network, trainer.optimizer)
        while state.step < plan.steps and state.since_best < PATIENCE:
            trainer.step(state.step)
            state.step += 1
            if progress:
                progress(state.step, plan.steps)
            if state.step % steps_between_checks(plan) == 0 or state.step == plan.steps:
                _judge(trainer, held, state)
                if checkpoint:
                    save_checkpoint(checkpoint, work, state, trainer.network, trainer.optimizer)
        if state.best:
            trainer.network.load_state_dict(state.best)
    return Segmenter(plan, trainer.network, device=device)


def steps_within(cases: Sequence[TrainingCase], plan: SegmenterPlan, minutes: float, *, device: str = "cpu") -> int:
    """How many steps fit into so many minutes on this machine, by timing a few (the first, slower one apart).

    Reading the cases is not counted, and judging the held-out ones is allowed a tenth.
    """
    with _trainer(plan, read_sources(cases, plan), device) as trainer:
        trainer.step(0)
        start = time.perf_counter()
        for number in range(1, 1 + _TIMED_STEPS):
            trainer.step(number)
        seconds = (time.perf_counter() - start) / _TIMED_STEPS
    return max(1, int(0.9 * 60 * minutes / seconds))


def steps_between_checks(plan: SegmenterPlan) -> int:
    """After how many steps the held-out cases are asked, and the checkpoint is written."""
    return max(LEAST_STEPS, math.ceil(plan.steps / CHECKS))


def learning_rate(plan: SegmenterPlan, step: int) -> float:
    """The rate of a step: a linear rise to the plan's rate, then half a cosine down to a hundredth of it."""
    warm = max(1, round(_WARM_UP * plan.steps))
    if step < warm:
        return plan.learning_rate * (step + 1) / warm
    done = (step - warm) / max(1, plan.steps - warm)
    return plan.learning_rate * (_LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * done)) / 2)


@dataclass(frozen=True, eq=False)
class _Trainer:
    """One training's moving parts. The network and the optimizer change with every step."""

    plan: SegmenterPlan
    sources: list[Source]
    network: nn.Module
    optimizer: torch.optim.Optimizer
    fabric: Fabric
    pool: ThreadPoolExecutor

    def step(self, number: int) -> None:
        """One step of gradient descent on the patches of this number."""
        members = list(range(self.plan.batch))
        alone = 1 if choose_precision(self.fabric.device.type) != "32-true" else together(self.plan)
        size = alone if self.plan.dimensions == 3 else _SLICES_TOGETHER
        groups = [members[start : start + size] for start in range(0, len(members), size)]
        if self.fabric.device.type != "cpu":
            groups = [members]
        shares = [len(group) / len(members) for group in groups]
        jobs = self.pool.map(lambda group: self._gradients(number, group), groups)
        gradients = _sum(jobs, shares)
        parameters = list(self.network.parameters())
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        norm = torch.nn.utils.clip_grad_norm_(parameters, _CLIP, foreach=False)
        if not bool(torch.isfinite(norm)):
            raise _diverged(number, self.plan)
        for settings in self.optimizer.param_groups:
            settings["lr"] = learning_rate(self.plan, number)
        self.optimizer.step()

    def _gradients(self, number: int, group: list[int]) -> Gradients:
        # A cast weight kept for a second thread would tie two graphs together.
        torch.set_autocast_cache_enabled(False)
        pairs = [self._patch(number, member) for member in group]
        image, classes = (self.fabric.to_device(torch.stack(part)) for part in zip(*pairs, strict=True))
        with self.fabric.autocast():
            scores = self.network(image)
        return torch.autograd.grad(dice_and_cross_entropy(scores, classes), list(self.network.parameters()))

    def _patch(self, number: int, member: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Every case comes once in each round, in the round's own order."""
        place = number * self.plan.batch + member
        round_, turn = divmod(place, len(self.sources))
        order = np.random.default_rng([self.plan.seed, _CASES, round_]).permutation(len(self.sources))
        source = self.sources[order[turn]]
        rng = np.random.default_rng([self.plan.seed, _PATCH, place])
        return cut(source, self.plan, draw_variation(source, self.plan, rng))


@contextmanager
def _trainer(plan: SegmenterPlan, sources: list[Source], device: str) -> Iterator[_Trainer]:
    cure_torchvision()
    from lightning.fabric import Fabric  # imports torchvision, which must be cured first
    from lightning.fabric.utilities.rank_zero import rank_zero_module

    # It tells its precision on every start, which is no news to the reader of a results stream.
    rank_zero_module.log.setLevel(logging.WARNING)
    fabric = Fabric(accelerator=device, devices=1, precision=choose_precision(device))
    with reproducible(), ThreadPoolExecutor(min(cores(), plan.batch)) as pool:
        network = fabric.to_device(first_network(plan))
        optimizer = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=_DECAY)
        yield _Trainer(plan, sources, network, optimizer, fabric, pool)


def first_network(plan: SegmenterPlan) -> nn.Module:
    """The untrained network of a plan; its weights depend on the seed alone, and torch's own generator is left be."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        return NETWORKS[plan.network].build(plan)


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


def _judge(trainer: _Trainer, held: Sequence[Source], state: Progress) -> None:
    """Keep the weights where they are better on the held-out cases than any before (always, with none held out)."""
    if not held:
        state.keep(trainer.network)
        return
    score = _score(trainer, held)
    if score > state.best_score:
        state.best_score, state.since_best = score, 0
        state.keep(trainer.network)
    else:
        state.since_best += 1


def _score(trainer: _Trainer, held: Sequence[Source]) -> float:
    """Mean Dice of the regions that the held-out masks hold, on the network's own voxels."""
    device = trainer.fabric.device.type
    half = choose_precision(device) != "32-true"
    trainer.network.eval()
    found = []
    for source in held:
        image = source.image.numpy() + np.float32(trainer.plan.fill)
        scores = scores_of(trainer.network, image, trainer.plan, device=device, half=half)
        drawn, truth = scores.argmax(axis=0), source.classes.numpy()
        for number in source.spots:
            a, b = drawn == number, truth == number
            found.append(2 * float((a & b).sum()) / float(a.sum() + b.sum()))
    trainer.network.train()
    return float(np.mean(found)) if found else 0.0


__all__ = ["TrainingCase", "train_segmenter"]
