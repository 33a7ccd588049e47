"""What a step of training may learn beside the labelled patches, and what a training begins with."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from torch import nn

from segmentation.augmentation.augment import Source, cut, draw_variation
from segmentation.learning.losses import Criterion
from segmentation.learning.sources import fingerprint_of
from segmentation.planning.plan import SegmenterPlan

_CASES, _PATCH = 3, 4  # streams of random numbers beside the labelled patches' own
RISE = 0.4  # of the steps, over which a lesson comes to its full weight
STRONG = 0.8  # chance of each change of brightness

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Share:
    """What one core learns from in a step: labelled patches (batch, channels, *spatial) with classes, and as many
    unlabelled ones (none without such images) as they are and varied in brightness, voxel by voxel the same place.

    `done` is how much of the training is over, in [0, 1); `teacher` the network with averaged weights, where kept.
    """

    image: torch.Tensor
    classes: torch.Tensor
    weak: torch.Tensor
    strong: torch.Tensor
    done: float
    teacher: nn.Module | None = None


class Lesson(Protocol):
    """A loss that takes the place of the labelled patches' own (and mostly contains it)."""

    def attach(self, network: nn.Module, plan: SegmenterPlan) -> nn.Module:
        """Called once before the first step; gives the module (perhaps empty) that is trained along and not kept."""

    def loss(self, network: nn.Module, share: Share, criterion: Criterion) -> torch.Tensor:
        """What the network, in training mode, is to make small. Runs on several threads at once."""


@dataclass(frozen=True, eq=False)
class Beginning:
    """What a training begins with: cases to learn from, first weights that are taken where they fit, a lesson, images
    without masks, what makes this beginning another than the plain one, and what is worth telling."""

    sources: list[Source]
    start: Tensors | None = None
    lesson: Lesson | None = None
    unlabelled: list[Source] = field(default_factory=list)
    mark: str = ""
    notes: tuple[str, ...] = ()


def mark_of(recipe: str, unlabelled: Sequence[Source], start: bytes | None, plan: SegmenterPlan) -> str:
    """A recipe with all that it reads, in a word; equal trainings have equal marks."""
    weights = hashlib.sha256(start).hexdigest() if start else ""
    images = fingerprint_of(unlabelled, plan) if unlabelled else ""
    return f"{recipe}:{images}:{weights}" if recipe or images or weights else ""


def rising(done: float) -> float:
    """How much a lesson counts, in (0, 1]: little until the network knows something, fully from `RISE` of the steps on.

    Reference: Laine S, Aila T. Temporal ensembling. ICLR 2017. arXiv:1610.02242
    """
    return math.exp(-5 * (1 - min(1.0, done / RISE)) ** 2)


def finest(scores: torch.Tensor | list[torch.Tensor]) -> torch.Tensor:
    """The scores at the image's own size, float32."""
    return (scores if isinstance(scores, torch.Tensor) else scores[0]).float()


def unlabelled_pair(sources: Sequence[Source], plan: SegmenterPlan, place: int) -> tuple[torch.Tensor, torch.Tensor]:
    """One unlabelled patch twice, as it is and varied in brightness; every image comes once in each round."""
    round_, turn = divmod(place, len(sources))
    order = np.random.default_rng([plan.seed, _CASES, round_]).permutation(len(sources))
    source = sources[order[turn]]
    varied = replace(plan, augmentation=replace(plan.augmentation, intensity=STRONG))
    strong = draw_variation(source, varied, np.random.default_rng([plan.seed, _PATCH, place]))
    flat = (0.0, 0.0, 0.0)
    weak = replace(
        strong, gain=1.0, shift=0.0, gamma=1.0, noise=0.0, blur=flat, bias=0.0, low_resolution=(1.0, 1.0, 1.0)
    )
    return cut(source, plan, weak)[0], cut(source, plan, strong)[0]
