"""Masks that stay when an image changes in the direction that would change them most.

Perturbations of images, and not a discriminator of masks: they need no second network with a schedule of its own, are
drawn patch by patch (so that a training repeats itself on any number of cores), and learn from unlabelled images too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from segmentation.learning.losses import Criterion, loss_of
from segmentation.networks.randomness import noise
from segmentation.planning.plan import SegmenterPlan
from segmentation.scarce_labels.lesson import Beginning, Share, finest, rising
from segmentation.scarce_labels.recipes import Task

_SMALL = 1e-2  # of the patch's spread, for the first look around


@dataclass(frozen=True)
class VirtualAdversary:
    """Labelled loss, and `weight` times how far class probabilities move (Kullback-Leibler, mean over voxels) when a
    patch is changed by `strength` of its standard deviation (root mean square) in the worst direction.

    The direction comes from one step of power iteration. Unlabelled patches are changed where there are any, else the
    labelled ones, whose classes play no part in it.

    Reference: Miyato T et al. IEEE TPAMI 2019;41:1979-93. doi:10.1109/TPAMI.2018.2858821
    """

    weight: float = 1.0
    strength: float = 0.2

    def attach(self, network: nn.Module, plan: SegmenterPlan) -> nn.Module:
        return nn.Module()

    def loss(self, network: nn.Module, share: Share, criterion: Criterion) -> torch.Tensor:
        image = share.strong if len(share.strong) else share.image
        with torch.no_grad():
            before = functional.log_softmax(finest(network(image)), dim=1)
        moved = image + worst_change(network, image, before, self.strength)
        extra = distance(before, functional.log_softmax(finest(network(moved)), dim=1))
        return loss_of(network, share.image, share.classes, criterion) + self.weight * rising(share.done) * extra


def worst_change(network: nn.Module, image: torch.Tensor, before: torch.Tensor, strength: float) -> torch.Tensor:
    """The change of each patch, `strength` of its standard deviation large (root mean square), that moves masks most.

    `before` are the log-probabilities without it. (batch, channels, *spatial) like the image.
    """
    spread = image.flatten(1).std(dim=1, unbiased=False).reshape(-1, *([1] * (image.dim() - 1)))
    look = (_unit(noise(image)) * spread * _SMALL).requires_grad_()
    with torch.enable_grad():
        after = functional.log_softmax(finest(network(image + look)), dim=1)
        (gradient,) = torch.autograd.grad(distance(before, after), look)
    return (_unit(gradient) * spread * strength).detach()


def distance(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of log-probabilities (batch, classes, *spatial), mean over voxels; 0 where equal."""
    return (before.exp() * (before - after)).sum(dim=1).mean()


def _unit(change: torch.Tensor) -> torch.Tensor:
    """Each patch's change with a root mean square of 1 (0 stays 0)."""
    size = change.flatten(1).square().mean(dim=1).sqrt().clamp(min=1e-20)
    return change / size.reshape(-1, *([1] * (change.dim() - 1)))


def adversarial(task: Task) -> Beginning:
    return Beginning(task.labelled, task.start, VirtualAdversary(), task.unlabelled)
