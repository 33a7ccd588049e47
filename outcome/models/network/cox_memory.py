"""Risk sets larger than a batch: the scores of the cases that a Cox head saw last stand beside those of the batch.

Cross-batch memory (Wang et al. 2020, doi:10.1109/CVPR42600.2020.00642) for the partial likelihood. The remembered
scores have no gradient; their events count too. With weights that stand still and room for every case the loss of any
batch is the partial likelihood of all. Its gradient is that of all cases for the scores of the batch, times cases over
batch size: a batch is a sample of the cases, and steps are as long as without a memory.
"""

from __future__ import annotations

import torch
from torch import Tensor


class CoxMemory:
    """The last score of each of the `size` cases seen most recently."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"a memory holds at least one case, found {size}")
        self._size = size
        self._rows = torch.zeros(0, dtype=torch.long)
        self._raw: Tensor | None = None

    def beside(self, raw: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(m, 1) scores and (m,) rows: the remembered cases that are not in the batch, then the batch (b, 1), (b,)."""
        others = ~torch.isin(self._rows, rows)
        if self._raw is None or not len(rows) or not others.any():
            return raw, rows
        seen = torch.cat([self._rows[others], rows])
        still = raw.detach()
        moving = still + len(seen) / len(rows) * (raw - still)  # the same numbers; the gradient scaled
        return torch.cat([self._raw[others.to(raw.device)], moving]), seen

    def keep(self, raw: Tensor, rows: Tensor) -> None:
        """Remember the batch; a case that was seen before is remembered anew."""
        others = ~torch.isin(self._rows, rows)
        before = raw.detach()[:0] if self._raw is None else self._raw[others.to(raw.device)]
        self._rows = torch.cat([self._rows[others], rows])[-self._size :]
        self._raw = torch.cat([before, raw.detach()])[-self._size :]
