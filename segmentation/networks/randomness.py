"""Random numbers inside a network that do not depend on which core, or in which order, a patch is computed.

torch's own dropout draws from one generator for the whole process, so that two cores would make a training differ from
run to run. Here each share of a step draws from a generator of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

_here = threading.local()


@contextmanager
def drawing(seed: int) -> Iterator[None]:
    """Within it, and in this thread, the network's random numbers follow from `seed`."""
    before = getattr(_here, "generator", None)
    _here.generator = torch.Generator().manual_seed(seed)
    try:
        yield
    finally:
        _here.generator = before


def order(length: int) -> torch.Tensor:
    """The whole numbers below `length` in an order drawn at random."""
    return torch.randperm(length, generator=getattr(_here, "generator", None))


def noise(like: torch.Tensor) -> torch.Tensor:
    """Normal noise (mean 0, standard deviation 1) of the same shape, at the same place."""
    drawn = torch.randn(like.shape, generator=getattr(_here, "generator", None))
    return drawn.to(device=like.device, dtype=like.dtype)


class SpatialDropout(nn.Module):
    """Leaves out whole channels in training, with probability `share`; the others grow so that the mean stays.

    Reference: Tompson J et al. CVPR 2015. doi:10.1109/CVPR.2015.7298664
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.share:
            return maps
        generator = getattr(_here, "generator", None)
        shape = (*maps.shape[:2], *([1] * (maps.dim() - 2)))
        kept = torch.rand(shape, generator=generator) >= self.share
        return maps * kept.to(maps) / (1 - self.share)
