"""The parts that the networks of this project are built of: convolutions, norms, and what becomes of batch norms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

CONV: dict[int, type[nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
UP: dict[int, type[nn.Module]] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
LEAK = 0.01
INSTANCE, GROUP = "instance", "group"
_LEAST_IN_GROUP = 8  # channels that share a mean: enough for a map of one voxel still to say something
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True)
class Kernel:
    """How a convolution looks around: `size` voxels an axis (odd), `dilation` voxels apart; `factorised` into one
    axis after the other (size x 1, then 1 x size)."""

    size: int = 3
    factorised: bool = False
    dilation: int = 1


PLAIN = Kernel()


def convolution(
    inputs: int, outputs: int, stride: Sequence[int], kernel: Kernel = PLAIN, *, bias: bool = False
) -> nn.Module:
    """A convolution that keeps the size where its stride (one number an axis) is 1."""
    dims, reach = len(stride), kernel.dilation * (kernel.size - 1) // 2
    if not kernel.factorised:
        return CONV[dims](
            inputs, outputs, kernel.size, stride=tuple(stride), padding=reach, dilation=kernel.dilation, bias=bias
        )
    parts = []
    for axis, step in enumerate(stride):
        size, padding, steps = ([1] * dims, [0] * dims, [1] * dims)
        size[axis], padding[axis], steps[axis] = kernel.size, reach, step
        width = inputs if axis == 0 else outputs
        last = bias and axis == dims - 1
        parts.append(CONV[dims](width, outputs, size, steps, padding, kernel.dilation, bias=last))
    return nn.Sequential(*parts)


def block(
    inputs: int, outputs: int, stride: Sequence[int], kernel: Kernel = PLAIN, *, repeats: int = 2, norms: str = INSTANCE
) -> nn.Sequential:
    """Convolution, norm and leaky ReLU, some times over; the first one takes the stride."""
    dims, layers = len(stride), list[nn.Module]()
    for number in range(repeats):
        step = tuple(stride) if number == 0 else (1,) * dims
        layers += [
            convolution(inputs if number == 0 else outputs, outputs, step, kernel),
            norm(dims, outputs, norms),
            nn.LeakyReLU(LEAK, inplace=True),
        ]
    return nn.Sequential(*layers)


def norm(dimensions: int, channels: int, kind: str = INSTANCE) -> nn.Module:
    """A norm of one patch alone: of each map by itself ("instance"), or of groups of maps ("group").

    Most slices of a volume do not hold the region, and a map's own norm takes away how strongly it answers, and with it
    whether there is anything; among the maps of a group that stays. But in a group a map may become the same number
    everywhere: with small regions a deep network can stop at background.
    """
    if kind == GROUP:
        return group_norm(channels)
    return nn.InstanceNorm2d(channels, affine=True) if dimensions == 2 else nn.InstanceNorm3d(channels, affine=True)


def group_norm(channels: int) -> nn.GroupNorm:
    """A norm over groups of at least eight channels (all of them where there are fewer) of one case alone."""
    groups = next(n for n in range(max(1, channels // _LEAST_IN_GROUP), 0, -1) if channels % n == 0)
    return nn.GroupNorm(groups, channels)


def grouped(inputs: int, outputs: int, ones: Sequence[int], kernel: Kernel = PLAIN) -> nn.Sequential:
    """Convolution, group norm and leaky ReLU: also for maps of a single voxel, which have no instance norm."""
    return nn.Sequential(convolution(inputs, outputs, ones, kernel), group_norm(outputs), nn.LeakyReLU(LEAK))


def without_batch_statistics(network: nn.Module) -> nn.Module:
    """The network with every batch norm replaced by a group norm that keeps its weight and bias.

    A batch norm that brings its activation with it (timm's) becomes the group norm followed by that activation. The
    network that is passed is changed; where it is a batch norm itself, its successor is another module.
    """
    if isinstance(network, _BATCH_NORMS):
        return _regrouped(network)
    for name, child in network.named_children():
        setattr(network, name, without_batch_statistics(child))
    return network


def _regrouped(norm: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d) -> nn.Module:
    group = group_norm(norm.num_features)
    if norm.affine:
        with torch.no_grad():
            group.weight.copy_(norm.weight)
            group.bias.copy_(norm.bias)
    act = getattr(norm, "act", None)
    return group if act is None or isinstance(act, nn.Identity) else nn.Sequential(group, act)
