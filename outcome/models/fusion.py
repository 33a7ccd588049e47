"""How the blocks of a case are joined: tokens (n, blocks, d) and who is there (n, blocks) to (n, d).

The token of an absent block has been replaced by a learned one before it comes here.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Concatenated(nn.Module):
    """All tokens side by side, through one hidden layer. An absent block speaks by its learned token."""

    def __init__(self, blocks: int, width: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(blocks * width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        joined: Tensor = self.hidden(tokens.flatten(1))
        return joined


class Gated(nn.Module):
    """A weighted mean of the tokens, the weights made by all tokens together; an absent block weighs nothing.

    A slot that is always there and says nothing takes a share too, so that a case without any block has an answer.
    Arevalo et al. 2017, arXiv:1702.01992. Departure: a softmax over blocks, restricted to those present.
    """

    def __init__(self, blocks: int, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(blocks * width, blocks + 1)
        self.hidden = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        logits = self.gate(tokens.flatten(1))
        there = torch.cat([present, torch.ones_like(present[:, :1])], dim=1)
        share = torch.softmax(logits.masked_fill(~there, -torch.inf), dim=1)[:, :-1]
        mean = (share[:, :, None] * tokens).sum(dim=1)
        joined: Tensor = mean + self.hidden(mean)
        return joined


FUSIONS: dict[str, Callable[[int, int], nn.Module]] = {"gated": Gated, "concat": Concatenated}
