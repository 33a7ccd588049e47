"""Unlabelled images taught by the network itself: by its average over time, or by its own masks where it is sure."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from segmentation.learning.losses import Criterion, loss_of
from segmentation.planning.plan import SegmenterPlan
from segmentation.scarce_labels.lesson import Beginning, Share, finest, rising
from segmentation.scarce_labels.recipes import Task

CONFIDENCE = 0.95


@dataclass(frozen=True)
class MeanTeacher:
    """Labelled loss, and `weight` times the squared distance of the network's class probabilities on a varied
    unlabelled patch from those of its teacher, the average of its own weights, on the patch as it is.

    Reference: Tarvainen A, Valpola H. Mean teachers are better role models. NeurIPS 2017. arXiv:1703.01780
    """

    weight: float = 10.0

    def attach(self, network: nn.Module, plan: SegmenterPlan) -> nn.Module:
        return nn.Module()

    def loss(self, network: nn.Module, share: Share, criterion: Criterion) -> torch.Tensor:
        if share.teacher is None:
            raise ValueError("a teacher, which a plan with ema above 0 keeps")
        with torch.no_grad():
            taught = finest(share.teacher(share.weak)).softmax(dim=1)
        seen = finest(network(share.strong)).softmax(dim=1)
        distance = (seen - taught).square().mean()
        return loss_of(network, share.image, share.classes, criterion) + self.weight * rising(share.done) * distance


@dataclass(frozen=True)
class PseudoLabels:
    """Labelled loss, and the cross-entropy of the network on a varied unlabelled patch with its own classes on the
    patch as it is, over voxels where these have a probability of at least `confidence`; the others say nothing.

    Reference: Sohn K et al. FixMatch. NeurIPS 2020. arXiv:2001.07685
    """

    confidence: float = CONFIDENCE

    def attach(self, network: nn.Module, plan: SegmenterPlan) -> nn.Module:
        return nn.Module()

    def loss(self, network: nn.Module, share: Share, criterion: Criterion) -> torch.Tensor:
        with torch.no_grad():
            taught, sure = pseudo_labels(finest(network(share.weak)), self.confidence)
        log_share = functional.log_softmax(finest(network(share.strong)), dim=1)
        cost = -(taught * log_share).sum(dim=1)
        extra = (cost * sure).mean()
        return loss_of(network, share.image, share.classes, criterion) + rising(share.done) * extra


def pseudo_labels(scores: torch.Tensor, confidence: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The likeliest class of each voxel, 0 and 1 (batch, classes, *spatial), and whether it is sure (batch, *spatial).

    Sure: its probability is at least `confidence`. `scores` (batch, classes, *spatial), not normalised.
    """
    likely, best = scores.softmax(dim=1).max(dim=1)
    classes = torch.stack([best == number for number in range(scores.shape[1])], dim=1)
    return classes.to(scores), (likely >= confidence).to(scores)


def mean_teacher(task: Task) -> Beginning:
    return Beginning(task.labelled, task.start, MeanTeacher(), task.unlabelled)


def pseudo_labelled(task: Task) -> Beginning:
    return Beginning(task.labelled, task.start, PseudoLabels(), task.unlabelled)
