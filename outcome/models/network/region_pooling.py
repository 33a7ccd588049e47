"""What an encoder saw inside each region, and where: its maps brought to one grid, mixed, and summed up by region.

A small network learns little from few cases if the whole crop is averaged, since the tumour is a small part of it.
Here every scale of the encoder meets the scaled image, the masks and the place at each cell of one grid. Over the
whole crop and over each region the mixed maps give their mean, and their mean times the place along x, y and z, each
cell weighing as much as the region fills of it. All that the encoder says passes through `mix`, so its maps are what
a heat map shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn

EMPTY = 1e-3  # added to a region's share of the crop, so that an empty region gives 0 and not NaN
CELLS_AT_LEAST = 2
AXES = 3
MOMENTS = 1 + AXES

Change = Callable[[Tensor], Tensor]


class RegionPooling(nn.Module):
    """Maps (n, c, *grid) and the view (n, `told`, *grid) to (n, (1 + regions) * MOMENTS * width).

    The view is what the encoder was told: the image, and with it the regions or not. `places` (views, 3, *grid) are
    the x, y and z of each cell, from -1 to 1; the views of a case stand next to each other along n and are summed up
    together. `weighing` modules say of the mixed maps (n, width, cells) how often each cell counts beyond what a region
    fills of it: (n, 1 + regions or 1, cells).
    """

    places: Tensor

    def __init__(
        self,
        maps: Sequence[int],
        told: int,
        regions: int,
        places: Tensor,
        width: int,
        weighing: Iterable[nn.Module] = (),
    ) -> None:
        super().__init__()
        self.grid, self.views = tuple(places.shape[2:]), len(places)
        self.register_buffer("places", places, persistent=False)
        convolution = nn.Conv3d if len(self.grid) == 3 else nn.Conv2d
        self.mix = nn.Sequential(convolution(sum(maps) + told + AXES, width, 1), nn.ReLU())
        self.weighing = nn.ModuleList(weighing)
        self.features = (1 + regions) * MOMENTS * width

    def brought_to_grid(self, x: Tensor) -> Tensor:
        """A map on the common grid."""
        return resampled(x, self.grid)

    def forward(self, maps: Sequence[Tensor], view: Tensor, masks: Tensor, change: Change | None = None) -> Tensor:
        """All maps, the view and the masks (n, regions, *grid) on the common grid.

        `change` is done to the mixed maps (n, width, cells) of each case.
        """
        cases = len(view) // self.views
        places = self.places.repeat(cases, *[1] * (view.ndim - 1))
        mixed = self._by_case(self.mix(torch.cat([*maps, view, places], dim=1)))
        mixed = mixed if change is None else change(mixed)
        regions = torch.cat([torch.ones_like(view[:, :1]), masks], dim=1)
        weights = self._by_case(torch.cat([regions, *(regions * places[:, i : i + 1] for i in range(AXES))], dim=1))
        for often in self.weighing:
            weights = (weights.unflatten(1, (MOMENTS, -1)) * often(mixed)[:, None]).flatten(1, 2)
        total = weights[:, : regions.shape[1]].sum(dim=2).repeat(1, MOMENTS) + EMPTY * weights.shape[2]
        return (torch.matmul(weights, mixed.transpose(1, 2)) / total[:, :, None]).flatten(1)

    def _by_case(self, x: Tensor) -> Tensor:
        """(cases * views, c, *grid) to (cases, c, views * cells)."""
        return x.flatten(2).unflatten(0, (-1, self.views)).transpose(1, 2).flatten(2)


def resampled(x: Tensor, grid: Sequence[int]) -> Tensor:
    """(n, c, *size) to (n, c, *grid): each cell is the mean of what it covers, finer or coarser alike.

    By matrix products, whose gradients are the same on every run, also on a GPU.
    """
    for axis, cells in enumerate(grid, start=2):
        if x.shape[axis] != cells:
            weights = _cover(x.shape[axis], cells).to(x)
            x = torch.movedim(torch.matmul(torch.movedim(x, axis, -1), weights), -1, axis)
    return x


@lru_cache(maxsize=256)
def _cover(size: int, cells: int) -> Tensor:
    """(size, cells): the share of each cell that each voxel covers; columns sum to 1."""
    start = torch.arange(size, dtype=torch.float64)[:, None] / size
    cell = torch.arange(cells, dtype=torch.float64)[None, :] / cells
    shared = torch.minimum(start + 1 / size, cell + 1 / cells) - torch.maximum(start, cell)
    return (shared.clamp(min=0) * cells).float()


def cell_places(cells: int) -> Tensor:
    """The middle of each of so many cells along an axis of the crop, from -1 to 1."""
    return (torch.arange(cells) + 0.5) * 2 / cells - 1


def grid_places(along: Sequence[Tensor]) -> Tensor:
    """(1, 3, *grid) from the places along x, y and z."""
    return torch.stack(torch.meshgrid(*along, indexing="ij"))[None]
