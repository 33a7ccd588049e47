"""Heads for regions that lie inside each other, on any network that gives as many maps as there are heads.

Each head is a yes or no of its own (a sigmoid), so that the network learns the whole of a tumour as such and not as the
sum of its parts. To everyone else the network gives scores of classes like any other.

Reference: Myronenko A. BrainLes 2018. doi:10.1007/978-3-030-11726-9_28
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from segmentation.learning.losses import Criterion, soft_overlap, supervised
from segmentation.planning.nested_regions import region_of_each
from segmentation.planning.plan import SegmenterPlan


class NestedHeads(nn.Module):
    """(batch, channels, *spatial) to logarithms of class probabilities (batch, classes, *spatial); while training with
    deep supervision a list of them.

    `network` gives one map a head, the widest head first. `order` is the class (1 or more) that lies in each head and
    not in the next. With w, c the sigmoids of two heads: background 1 - w, first class w (1 - c), second class w c.
    """

    def __init__(self, network: nn.Module, order: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.order = tuple(order)

    def forward(self, image: torch.Tensor) -> torch.Tensor | list[torch.Tensor]:
        given = self.network(image)
        return self._classes(given) if isinstance(given, torch.Tensor) else [self._classes(one) for one in given]

    def loss(self, image: torch.Tensor, classes: torch.Tensor, criterion: Criterion) -> torch.Tensor:
        """Dice and cross-entropy of every head by itself, in equal parts, averaged over heads; `criterion` is not
        asked."""
        return supervised(self.network(image), classes, self._cost)

    @property
    def gate_maps(self) -> Any:
        """What the network's own `gate_maps` is, where it has any."""
        return self.network.gate_maps

    def truths(self, classes: torch.Tensor) -> torch.Tensor:
        """Which voxels each head covers: (batch, *spatial) classes to (batch, heads, *spatial), 0 and 1."""
        inside = [classes == self.order[-1]]
        for number in reversed(self.order[:-1]):
            inside.insert(0, inside[0] | (classes == number))
        return torch.stack(inside, dim=1).float()

    def _cost(self, logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        logits, truth = logits.float(), self.truths(classes)
        entropy = functional.binary_cross_entropy_with_logits(logits, truth)
        return 1 - soft_overlap(torch.sigmoid(logits), truth).mean() + entropy

    def _classes(self, logits: torch.Tensor) -> torch.Tensor:
        logits = logits.float()
        inside, outside = functional.logsigmoid(logits), functional.logsigmoid(-logits)
        reached = inside.cumsum(dim=1)
        by_class = [outside[:, 0]] * (1 + len(self.order))
        for head, number in enumerate(self.order):
            last = head + 1 == len(self.order)
            by_class[number] = reached[:, head] if last else reached[:, head] + outside[:, head + 1]
        return torch.stack(by_class, dim=1)


def nested(network: nn.Module, plan: SegmenterPlan) -> NestedHeads:
    """The network under the plan's heads."""
    numbers = {label: number for number, label in enumerate(plan.class_labels)}
    return NestedHeads(network, [numbers[plan.regions[name]] for name in region_of_each(plan.heads)])
