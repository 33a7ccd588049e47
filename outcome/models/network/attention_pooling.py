"""Learned weights of cells and of slices in a pooling: 1 for each at first, so that it begins as the plain mean.

Ilse et al. 2018, arXiv:1802.04712. Departures: the query meets the maps themselves, without a hidden layer, and what a
region fills of a cell is the prior of its weight.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FARTHEST = 3.0  # a cell counts at most e^3 times and at least e^-3 times what the region fills of it


class CellAttention(nn.Module):
    """Maps (n, width, cells) to (n, asked, cells): how often each cell counts for the crop and for each region."""

    def __init__(self, asked: int, width: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(asked, width))

    def forward(self, mixed: Tensor) -> Tensor:
        return torch.exp(FARTHEST * torch.tanh(self.query @ mixed / FARTHEST))


class SliceAttention(nn.Module):
    """Maps (n, width, slices * cells) to (n, 1, slices * cells): how often each slice counts, 1 on average.

    A softmax over the slices of a query times the mean of a slice's maps.
    """

    def __init__(self, slices: int, width: int) -> None:
        super().__init__()
        self.slices = slices
        self.query = nn.Parameter(torch.zeros(width))

    def forward(self, mixed: Tensor) -> Tensor:
        seen = mixed.unflatten(2, (self.slices, -1)).mean(dim=3)
        share = torch.softmax(self.query @ seen / len(self.query) ** 0.5, dim=1)
        cells = mixed.shape[2] // self.slices
        return (share * self.slices)[:, None, :, None].expand(-1, -1, -1, cells).flatten(2)
