"""A segmenter made fit for images from elsewhere without a mask from there: the unlabelled images are the target."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from segmentation.augmentation.augment import Source
from segmentation.learning.losses import Criterion, loss_of
from segmentation.networks.layers import CONV, LEAK
from segmentation.planning.plan import SegmenterPlan
from segmentation.saliency import deepest_layer
from segmentation.scarce_labels.lesson import Beginning, Share
from segmentation.scarce_labels.recipes import Task

_WIDTH = 32  # of the classifier of places
_MATCHES = 5  # stream of random numbers


@dataclass(eq=False)
class _Heard(threading.local):
    """The deepest maps of this thread's last pass."""

    maps: torch.Tensor = field(default_factory=lambda: torch.empty(0))


class DeepMaps:
    """What the deepest layer of a network gives, read while it runs."""

    def __init__(self) -> None:
        self._heard = _Heard()
        self.width = 0

    def attach(self, network: nn.Module, plan: SegmenterPlan) -> None:
        """Listen to a network; its deepest layer is found by one pass over noise."""
        device, training = next(network.parameters()).device.type, network.training
        layer = dict(network.eval().named_modules())[deepest_layer(network, plan, device)]
        layer.register_forward_hook(self._keep)
        with torch.no_grad():
            network(torch.zeros(1, plan.channels_read, *plan.patch[: plan.dimensions], device=device))
        self.width = self.last.shape[1]
        network.train(training)

    @property
    def last(self) -> torch.Tensor:
        """(batch, width, *spatial), float32."""
        return self._heard.maps.float()

    def _keep(self, _: nn.Module, __: Any, out: torch.Tensor) -> None:
        self._heard.maps = out


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return maps.view_as(maps)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.strength * gradients[0], None


def reversed_gradient(maps: torch.Tensor, strength: float) -> torch.Tensor:
    """The maps themselves; on the way back their gradient times minus `strength`."""
    out: torch.Tensor = _Reversed.apply(maps, strength)
    return out


class GradientReversal:
    """Labelled loss, and that of a small classifier which tells from the deepest maps where a patch is from. The
    network gets the classifier's gradient reversed, times `strength` at the end of a rise: it learns to hide the place.

    Departs from the paper: the classifier judges every voxel of the maps. Instance norm leaves means over an image
    nothing to tell.

    Reference: Ganin Y et al. Domain-adversarial training of neural networks. JMLR 2016;17(59):1-35. arXiv:1505.07818
    """

    def __init__(self, strength: float = 0.1) -> None:
        self.strength, self.maps, self.judge = strength, DeepMaps(), nn.Module()

    def attach(self, network: nn.Module, plan: SegmenterPlan) -> nn.Module:
        self.maps.attach(network, plan)
        conv = CONV[plan.dimensions]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(plan.seed)
            self.judge = nn.Sequential(conv(self.maps.width, _WIDTH, 1), nn.LeakyReLU(LEAK), conv(_WIDTH, 1, 1))
        return self.judge

    def loss(self, network: nn.Module, share: Share, criterion: Criterion) -> torch.Tensor:
        labelled = loss_of(network, share.image, share.classes, criterion)
        here = self.maps.last
        network(share.strong)
        strength = self.strength * (2 / (1 + np.exp(-10 * share.done)) - 1)
        told = [self.judge(reversed_gradient(maps, float(strength))) for maps in (here, self.maps.last)]
        costs = [functional.softplus(told[0]).mean(), functional.softplus(-told[1]).mean()]
        return labelled + torch.stack(costs).mean()


class FeatureStatistics:
    """Labelled loss, and `weight` times the mean squared difference between the covariances of the deepest maps'
    channels here and there.

    Reference: Sun B, Saenko K. Deep CORAL. ECCV Workshops 2016. doi:10.1007/978-3-319-49409-8_35
    """

    def __init__(self, weight: float = 1.0) -> None:
        self.weight, self.maps = weight, DeepMaps()

    def attach(self, network: nn.Module, plan: SegmenterPlan) -> nn.Module:
        self.maps.attach(network, plan)
        return nn.Module()

    def loss(self, network: nn.Module, share: Share, criterion: Criterion) -> torch.Tensor:
        labelled = loss_of(network, share.image, share.classes, criterion)
        here = covariance(self.maps.last)
        network(share.strong)
        return labelled + self.weight * (here - covariance(self.maps.last)).square().mean()


def covariance(maps: torch.Tensor) -> torch.Tensor:
    """How channels vary together over voxels and patches, (channels, channels), of maps (batch, channels, *spatial)."""
    values = maps.transpose(0, 1).flatten(1)
    centred = values - values.mean(dim=1, keepdim=True)
    return centred @ centred.T / max(1, values.shape[1] - 1)


def matched(source: Source, target: Source, name: str) -> Source:
    """A copy of a labelled image whose channels have the histograms of another image; its classes stay."""
    from skimage.exposure import match_histograms  # takes a while to import

    pairs = zip(source.image.numpy(), target.image.numpy(), strict=True)
    image = np.stack([match_histograms(one, other) for one, other in pairs]).astype(np.float32)
    return replace(source, case_id=name, image=torch.from_numpy(image))


def with_matched(sources: Sequence[Source], targets: Sequence[Source], seed: int) -> list[Source]:
    """The labelled images, and a copy of each with the histograms of a target image drawn at random."""
    picks = np.random.default_rng([seed, _MATCHES]).integers(len(targets), size=len(sources))
    copies = [
        matched(source, targets[pick], f"{source.case_id} like {targets[pick].case_id}")
        for source, pick in zip(sources, picks, strict=True)
    ]
    return [*sources, *copies]


def gradient_reversal(task: Task) -> Beginning:
    return Beginning(task.labelled, task.start, GradientReversal(), task.unlabelled)


def feature_statistics(task: Task) -> Beginning:
    return Beginning(task.labelled, task.start, FeatureStatistics(), task.unlabelled)


def intensity_matching(task: Task) -> Beginning:
    return Beginning(with_matched(task.labelled, task.unlabelled, task.plan.seed), task.start)
