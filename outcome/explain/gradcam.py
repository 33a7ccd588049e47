"""Where in the crop does an image network find what raises its score? Grad-CAM, on the crop's own voxels.

Selvaraju et al. 2017, doi:10.1109/ICCV.2017.74: the maps of a convolutional layer, each weighed by the gradient of
the score, summed, positive part. We depart in one point: the paper weighs a map by the mean of its gradient, which is
right where maps are averaged over the whole image; our networks average region by region, and a mean would spread
the weight of a tumour over everything else. So the gradient weighs place by place (HiResCAM, Draelos & Carin 2020,
arXiv:2011.08891); with one average over the whole image both are the same map.

What a network measures of a region as a whole (`region_statistics`) does not pass through that layer
and has no heat: the map shows what its learned filters found.

Imports torch and captum: load it only where there is a network to explain.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradientXActivation
from torch import Tensor, nn

from outcome.models.inputs import Inputs
from outcome.models.network.slice_encoder import slice_places
from outcome.models.one_thread import one_thread
from outcome.types import FloatArray


class ImageNetwork(Protocol):
    """What is asked of a network that reads crops."""

    def forward_case(self, inputs: Inputs, i: int) -> Tensor:
        """The score of case i, a scalar with its graph."""

    def cam_layers(self, sequence: str) -> tuple[nn.Module, ...]:
        """The layer whose maps are weighed, of this sequence's encoder in each network that makes up the score.

        Its maps are (1, c, x, y, z), or (slices, c, rows, cols).
        """


def heat_map(network: ImageNetwork, inputs: Inputs, sequence: str) -> FloatArray | None:
    """How strongly each voxel of the first case's crop raises the score: (X, Y, Z) of the crop, from 0 to 1 = its most.

    None where the case has no crop of the sequence, or nothing in it raises the score.
    """
    crop = inputs.crops.get(inputs.case_ids[0], sequence)
    if crop is None:
        return None
    maps = _weighed(network, inputs, sequence)
    size: tuple[int, int, int] = crop.shape[1:]
    placed = _of_volume(maps, size) if maps.ndim == 5 else _of_slices(maps, size)
    positive = np.maximum(placed.numpy().astype(float), 0.0)
    most = float(positive.max())
    return positive / most if np.isfinite(most) and most > 0 else None


def _weighed(network: ImageNetwork, inputs: Inputs, sequence: str) -> Tensor:
    """The maps times the score's gradient, summed over channels and layers: (1, 1, x, y, z) or (slices, 1, r, c)."""

    def score(_: Tensor) -> Tensor:
        return network.forward_case(inputs, 0).reshape(1)

    # the case comes from `inputs`; captum only wants a tensor to hand over
    with one_thread():
        maps = LayerGradientXActivation(score, list(network.cam_layers(sequence)))
        made = maps.attribute(torch.zeros(1, requires_grad=True))
    return torch.stack([one.detach().cpu().sum(dim=1, keepdim=True) for one in made]).sum(dim=0)


def _of_volume(maps: Tensor, size: tuple[int, int, int]) -> Tensor:
    return LayerAttribution.interpolate(maps, size, "trilinear")[0, 0]


def _of_slices(maps: Tensor, size: tuple[int, int, int]) -> Tensor:
    """Each slice's map at its place, fading towards the next; then the mean of what the three directions say."""
    volume = torch.zeros(size)
    for axis in range(3):
        here = [(place, j) for j, (along, place) in enumerate(slice_places(size)) if along == axis]
        across = tuple(n for other, n in enumerate(size) if other != axis)
        drawn = LayerAttribution.interpolate(maps[[j for _, j in here]], across, "bilinear")[:, 0]
        shares = _shares([place for place, _ in here], size[axis])
        volume += torch.movedim(torch.tensordot(shares, drawn, dims=1), 0, axis) / 3
    return volume


def _shares(places: list[int], length: int) -> Tensor:
    """(length, slices): how much each slice says along its axis: all at its place, nothing at the next one's."""
    apart = length / (len(places) + 1)
    away = np.abs(np.arange(length)[:, None] - np.array(places)[None, :])
    return torch.tensor(np.maximum(1.0 - away / apart, 0.0), dtype=torch.float32)
