"""A batch in shares: each of several processes sees every N-th case of N, and every step is that of the whole batch.

All processes draw the same batch. What the network says of a share is joined to the whole batch, of which each process
takes the same loss: a partial likelihood cannot be averaged over parts. A process keeps the graph of its own share
alone, so that the gradients of the shares add up to that of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from outcome.models.network.data import Batch

Both = tuple[Tensor, Tensor]
Paths = Callable[[Batch, Tensor], Both]


@dataclass(frozen=True)
class Share:
    """The share of process `rank` among `count`; of one process the whole batch, to the byte."""

    rank: int = 0
    count: int = 1

    def outputs(self, paths: Paths, batch: Batch, kept: Tensor, widths: tuple[int, int], device: torch.device) -> Both:
        """`paths(batch, kept)`, two tables (b, width) each, of the whole batch, with the graph of this share alone."""
        if self.count == 1:
            return paths(batch, kept)
        rows = torch.arange(self.rank, len(kept), self.count)
        whole = torch.zeros(len(kept), sum(widths), device=device)
        seen = torch.cat(paths(batch.take(rows), kept[rows]), dim=1) if len(rows) else whole[:0]
        place = rows.to(device)
        whole[place] = seen.detach()
        distributed.all_reduce(whole)
        first, second = whole.index_copy(0, place, seen).split(widths, dim=1)
        return first, second

    def first(self, number: Tensor) -> float:
        """The number () that the first process found: what is decided by it is then decided alike in all."""
        if self.count > 1:
            distributed.broadcast(number, src=0)
        return float(number)

    def add_gradients(self, shared: list[nn.Parameter], common: list[nn.Parameter]) -> None:
        """Sum the gradients of `shared` over the processes; those of `common`, alike in all, are the first's.

        What has no gradient in any process has none afterwards, so that the optimiser leaves it alone.
        """
        if self.count == 1:
            return
        told = [*shared, *(common if self.rank == 0 else ())]
        weights = [*shared, *common]
        slopes = {id(weight): weight.grad for weight in told if weight.grad is not None}
        found = torch.tensor([float(id(weight) in slopes) for weight in weights], device=weights[0].device)
        parts = [slopes.get(id(weight), torch.zeros_like(weight)).flatten() for weight in weights]
        flat = torch.cat([*parts, found])
        distributed.all_reduce(flat)
        *sums, found = flat.split([weight.numel() for weight in weights] + [len(weights)])
        for weight, total, there in zip(weights, sums, found.tolist(), strict=True):
            weight.grad = total.view_as(weight) if there else None
