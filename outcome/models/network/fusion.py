"""How the blocks of a case are joined: tokens (n, blocks, d) and who is there (n, blocks) to (n, d).

A join says by `reads_absent` what becomes of an absent block: where true its token has been replaced by a learned one
before it comes here, where false the token has no say at all, and the case counts as if the block did not exist.
A fusion may also let the record change what is seen in the images, before there is a token: its modulation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from outcome.models.network.modulation import AffineByRecordAndMaps, Modulation, ScaledByRecord

ASKING = 4  # attentions side by side
RANK = 4  # of the tensor that joins the blocks


class Concatenated(nn.Module):
    """All tokens side by side, through one hidden layer. An absent block speaks by its learned token."""

    reads_absent = True

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

    reads_absent = True  # by the gate alone

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


class Attention(nn.Module):
    """Who is asking, (n, q, d), takes from those present, (n, blocks, d), a mean weighted by how well they answer.

    Scaled dot products, `ASKING` side by side. An absent block has weight 0.
    Vaswani et al. 2017, arXiv:1706.03762.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ask = nn.Linear(width, width)
        # a constant added to every key changes no weight, and would never learn
        self.key = nn.Linear(width, width, bias=False)
        self.answer = nn.Linear(width, width)

    def forward(self, asking: Tensor, tokens: Tensor, present: Tensor) -> Tensor:
        ask, key, answer = (self._split(x) for x in (self.ask(asking), self.key(tokens), self.answer(tokens)))
        fit = ask @ key.transpose(2, 3) / ask.shape[3] ** 0.5
        share = torch.softmax(fit.masked_fill(~present[:, None, None, :], -torch.inf), dim=3)
        return (share @ answer).transpose(1, 2).flatten(2)

    @staticmethod
    def _split(x: Tensor) -> Tensor:
        """(n, m, d) to (n, ASKING, m, d / ASKING)."""
        return x.unflatten(2, (ASKING, -1)).transpose(1, 2)


class CrossAttention(nn.Module):
    """Every block asks the others, then the case asks all blocks; absent ones are neither asked nor heard.

    A learned slot is always there beside the blocks, so that a case without any has an answer; each block carries a
    learned mark of which it is.
    """

    reads_absent = False

    def __init__(self, blocks: int, width: int) -> None:
        super().__init__()
        self.slot = nn.Parameter(0.1 * torch.randn(1, 1, width))
        self.mark = nn.Parameter(0.1 * torch.randn(1, blocks, width))
        self.case = nn.Parameter(0.1 * torch.randn(1, 1, width))
        self.among, self.over = Attention(width), Attention(width)
        self.hidden = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        n = len(tokens)
        members = torch.cat([tokens + self.mark, self.slot.expand(n, -1, -1)], dim=1)
        there = torch.cat([present, torch.ones_like(present[:, :1])], dim=1)
        members = members + self.among(members, members, there)
        heard = self.over(self.case.expand(n, -1, -1), members, there)[:, 0]
        joined: Tensor = heard + self.hidden(heard)
        return joined


class LowRankTensor(nn.Module):
    """Every product of one number from each block, by a tensor of low rank; an absent block's factor is 1.

    With z_b the token of block b and 1 beside it, the outer product of all z_b meets a weight tensor that is a sum of
    `RANK` outer products of factors, so that nothing of that size is ever made.
    Liu et al. 2018, doi:10.18653/v1/P18-1209. Departures: factors begin near 1, since a product of several small ones
    learns nothing, and an absent block drops out.
    """

    reads_absent = False

    def __init__(self, blocks: int, width: int) -> None:
        super().__init__()
        factors = [nn.Linear(width, RANK * width) for _ in range(blocks)]
        for factor in factors:
            nn.init.ones_(factor.bias)
        self.factors = nn.ModuleList(factors)
        self.weight = nn.Parameter(torch.full((RANK,), 1 / RANK))
        self.level = nn.Parameter(torch.zeros(width))

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:
        spoken = torch.stack([factor(tokens[:, i]) for i, factor in enumerate(self.factors)], dim=1)
        product = torch.where(present[:, :, None], spoken, 1.0).prod(dim=1).unflatten(1, (RANK, -1))
        return (product * self.weight[:, None]).sum(dim=1) + self.level


@dataclass(frozen=True)
class Fusion:
    """`join(blocks, width)` makes one token of all; `modulation(record, maps)`, if any, lets the record change maps."""

    join: Callable[[int, int], nn.Module]
    modulation: Callable[[int, int], Modulation] | None = None


FUSIONS: dict[str, Fusion] = {
    "gated": Fusion(Gated),
    "concat": Fusion(Concatenated),
    "film": Fusion(Gated, ScaledByRecord),
    "daft": Fusion(Gated, AffineByRecordAndMaps),
    "attention": Fusion(CrossAttention),
    "low_rank": Fusion(LowRankTensor),
}
