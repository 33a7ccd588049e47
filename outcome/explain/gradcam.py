"""Where in the crop does an image network find what raises its score? Class activation maps, on the crop's own voxels.

The maps of a convolutional layer, each weighed by the gradient of the score, summed, positive part. How they are
weighed is the method:

- `hires_cam`, the one that is shown: place by place (HiResCAM, Draelos & Carin 2020, arXiv:2011.08891). Our networks
  average region by region, and a mean gradient would spread the weight of a tumour over everything else.
- `grad_cam`: by the mean of the map's gradient (Selvaraju et al. 2017, doi:10.1109/ICCV.2017.74), right where maps are
  averaged over the whole image; there it is the same map as the first.
- `grad_cam_plus_plus`: by a mean over places with a positive gradient, where each place's share comes from the second
  and third derivatives of exp(score) (Chattopadhay et al. 2018, doi:10.1109/WACV.2018.00097).

What a network measures of a region as a whole (`region_statistics`) does not pass through that layer
and has no heat: these maps show what its learned filters found. `integrated_gradients` sees both.

Imports torch and captum: load it only where there is a network to explain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Protocol

import numpy as np
import torch
from captum.attr import LayerAttribution
from torch import Tensor, nn

from outcome.models.inputs import Inputs
from outcome.models.network.slice_encoder import slice_places
from outcome.models.one_thread import one_thread
from outcome.types import FloatArray


class ImageNetwork(Protocol):
    """What is asked of a network that reads crops."""

    def forward_case(self, inputs: Inputs, i: int, crops: Mapping[str, Tensor] | None = None) -> Tensor:
        """The score of case i, a scalar with its graph. `crops` (1, 1 + regions, X, Y, Z) stand in for its own, by
        sequence."""

    def cam_layers(self, sequence: str) -> tuple[nn.Module, ...]:
        """The layer whose maps are weighed, of this sequence's encoder in each network that makes up the score.

        Its maps are (1, c, x, y, z), or (slices, c, rows, cols).
        """


def heat_map(network: ImageNetwork, inputs: Inputs, sequence: str, method: str = "hires_cam") -> FloatArray | None:
    """How strongly each voxel of the first case's crop raises the score: (X, Y, Z) of the crop, from 0 to 1 = its most.

    `method` is one of WEIGHINGS. None where the case has no crop of the sequence, or nothing in it raises the score.
    """
    crop = inputs.crops.get(inputs.case_ids[0], sequence)
    if crop is None:
        return None
    maps = _weighed(network, inputs, sequence, WEIGHINGS[method])
    size: tuple[int, int, int] = crop.shape[1:]
    placed = _of_volume(maps, size) if maps.ndim == 5 else _of_slices(maps, size)
    return relative(placed.numpy().astype(float))


def relative(values: FloatArray) -> FloatArray | None:
    """What is positive, from 0 to 1 = the most of it; None where nothing is."""
    positive = np.maximum(values, 0.0)
    most = float(positive.max())
    return positive / most if np.isfinite(most) and most > 0 else None


Weighing = Callable[[Tensor, Tensor], Tensor]  # a layer's maps and their gradient, (n, c, ...), to (n, 1, ...)


def _place_by_place(maps: Tensor, gradient: Tensor) -> Tensor:
    return (maps * gradient).sum(dim=1, keepdim=True)


def _by_mean_gradient(maps: Tensor, gradient: Tensor) -> Tensor:
    return (maps * _mean(gradient)).sum(dim=1, keepdim=True)


def _by_positive_gradient(maps: Tensor, gradient: Tensor) -> Tensor:
    places = tuple(range(2, maps.ndim))
    below = 2 * gradient**2 + maps.sum(dim=places, keepdim=True) * gradient**3
    share = torch.where(gradient != 0, gradient**2 / torch.where(below != 0, below, 1.0), 0.0)
    weight = (share * gradient.clamp(min=0)).sum(dim=places, keepdim=True)
    return (maps * weight).sum(dim=1, keepdim=True)


def _mean(gradient: Tensor) -> Tensor:
    return gradient.mean(dim=tuple(range(2, gradient.ndim)), keepdim=True)


WEIGHINGS: Mapping[str, Weighing] = {
    "hires_cam": _place_by_place,
    "grad_cam": _by_mean_gradient,
    "grad_cam_plus_plus": _by_positive_gradient,
}


def _weighed(network: ImageNetwork, inputs: Inputs, sequence: str, weighing: Weighing) -> Tensor:
    """The layer's weighed maps, summed over channels and over the layers of several networks, (1 or slices, 1, ...)."""
    own = deepcopy(network)  # what is kept of a layer would else be that of another page's case
    kept: list[Tensor] = []
    for layer in own.cam_layers(sequence):
        layer.register_forward_hook(lambda _module, _given, made: kept.append(made))
    with one_thread():
        gradients = torch.autograd.grad(own.forward_case(inputs, 0), kept)
    made = [weighing(maps.detach(), gradient) for maps, gradient in zip(kept, gradients, strict=True)]
    return torch.stack(made).sum(dim=0)


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
