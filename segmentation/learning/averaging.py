"""A running average of a network's weights: smoother than the last step's, and what is judged and kept."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, eq=False)
class WeightAverage:
    """A copy of a network whose weights follow those of the network itself; `keep` of them stay at each step.

    In the first steps less is kept, (1 + step) / (10 + step), so that the untrained weights are soon forgotten.

    Reference: Polyak BT, Juditsky AB. SIAM J Control Optim 1992;30:838-55. doi:10.1137/0330046
    """

    network: nn.Module
    keep: float

    @classmethod
    def of(cls, network: nn.Module, keep: float) -> WeightAverage:
        return cls(copy.deepcopy(network).eval().requires_grad_(False), keep)

    @torch.no_grad()
    def follow(self, network: nn.Module, step: int) -> None:
        """Move towards the weights after a step (counted from 0)."""
        keep = min(self.keep, (1 + step) / (10 + step))
        theirs = network.state_dict()
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                value.lerp_(theirs[name], 1 - keep)
            else:
                value.copy_(theirs[name])
