"""How much memory a training step takes, told before anything is trained.

The network is built and run on torch's "meta" device, which computes shapes and no numbers: what it keeps for its
gradients is counted exactly, whatever the family.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from segmentation.device import choose_precision, cores
from segmentation.learning.losses import CRITERIA, loss_of
from segmentation.learning.trainer import group_size
from segmentation.networks import NETWORKS
from segmentation.planning.plan import SegmenterPlan
from segmentation.torchvision_cure import cure_torchvision

# Beside what is kept: the gradients of the widest maps, copies in the convolutions' own layout, what the allocator
# does not give back. Measured (docs/training.md).
_WORK, _WORK_IN_HALF = 1.5, 0.3
_ALLOWANCE = 150e6  # torch's libraries at work
_STATES = {"adamw": 2, "adam": 2, "sgd": 1, "rmsprop": 2}
_UNKNOWN_MAPS = 40  # of each level's channels, where a network cannot be run without numbers


@dataclass(frozen=True)
class StepMemory:
    """Bytes of one training: `weights` with gradients, averages and the optimizer's; `maps` that a core keeps of its
    share of the patches, in full precision; how many shares are computed at once; and what the computing takes beside,
    as a share of the maps."""

    weights: int
    maps: int
    shares: int
    work: float

    @property
    def total(self) -> int:
        """Bytes at the fullest moment, beside the images; an estimate from above."""
        return int(_ALLOWANCE + self.weights + self.shares * (1 + self.work) * self.maps)


def step_memory(plan: SegmenterPlan, *, device: str = "cpu") -> StepMemory:
    """What a training step of this plan takes on this machine. The same on any number of calls; nothing is trained."""
    cure_torchvision()
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        network = NETWORKS[plan.network].build(plan)
    size = group_size(plan, device)
    groups = math.ceil(plan.batch / size)
    shares = 1 if device != "cpu" else min(cores(), plan.batch, groups)
    numbers = sum(parameter.numel() for parameter in network.parameters())
    copies = 1 + 2 * shares + 1 + _STATES[plan.optimizer] + (plan.ema > 0) + 2  # the best so far, and a file's content
    # In half precision most maps are half as large. Where the processor only plays at it, they are not.
    halved = "32-true" not in (choose_precision(device), choose_precision(device, plan.precision))
    maps = _kept(network, plan, min(size, plan.batch))
    return StepMemory(4 * numbers * copies, maps, shares, _WORK_IN_HALF if halved else _WORK)


def _kept(network: nn.Module, plan: SegmenterPlan, patches: int) -> int:
    """Bytes that a forward pass over some patches, and the loss, keep for the gradients."""
    shape = plan.patch[: plan.dimensions]
    image = torch.empty(patches, plan.channels_read, *shape, device="meta")
    classes = torch.empty(patches, *shape, dtype=torch.int64, device="meta")
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    try:
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            loss_of(network.train(), image, classes, CRITERIA[plan.loss])
    except (NotImplementedError, RuntimeError, ValueError):
        return int(4 * patches * math.prod(shape) * _UNKNOWN_MAPS * plan.channels[0])
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
