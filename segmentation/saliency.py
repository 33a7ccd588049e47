"""Which places make a network outline a region: Seg-Grad-CAM, and how far the gates of attention stand open.

For a region r and the maps A of one layer: the gradient of the sum of r's scores over the voxels that the network gives
to r, averaged over places, weighs each map; the map of saliency is the positive part of the weighted sum. The layer is
the deepest (the bottleneck, as the authors found best). Departure: an image is read in windows, and one set of weights,
averaged over all of them, serves the whole image, so that values can be compared from place to place.

Reference: Vinogradova K, Dibrov A, Myers G. AAAI 2020;34:13943-13944. doi:10.1609/aaai.v34i10.7244
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from segmentation.errors import ImageRefusal
from segmentation.images.orientation import as_filed
from segmentation.networks.resizing import resized
from segmentation.outlining.inference import Segmenter
from segmentation.outlining.sliding import scores_of
from segmentation.planning.plan import SegmenterPlan
from segmentation.preparation.preprocess import network_shape, prepare_part, resample, upright
from segmentation.types import Volume, Window

Floats = npt.NDArray[np.float32]
Maps = Callable[[torch.Tensor], torch.Tensor]  # (batch, channels, *spatial) to (batch, *spatial)


@dataclass(frozen=True, eq=False)
class Explained:
    """A map in the image's geometry (float32, 0 and above), the layer it was read from, and how many voxels (of the
    network's grid, windows overlapping) were given to the region; 0: the map is about all voxels instead."""

    volume: Volume
    layer: str
    outlined: int


def explain_region(segmenter: Segmenter, image: Volume | Sequence[Volume], region: str, layer: str = "") -> Explained:
    """Seg-Grad-CAM of a region. `layer` names a module of the network ("": the deepest maps).

    Raises ImageRefusal: `no_regions` for a region that the network does not know, `no_layer`, and what reading an image
    raises.
    """
    scan = (image,) if isinstance(image, Volume) else tuple(image)
    plan, network = segmenter.plan, segmenter.network
    number = _class_of(plan, region)
    part, box = prepare_part(scan, plan)
    name = layer or deepest_layer(network, plan, segmenter.device)
    with listening(network, name) as heard:
        weights, outlined = _weights(segmenter, part, heard, number)
        if not outlined:
            weights, _ = _weights(segmenter, part, heard, None, of=number)

        def cam(window: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                network(window)
            maps = heard.maps
            along = (1, -1, *[1] * (maps.dim() - 2))
            weighed = torch.relu((maps * weights.to(maps).reshape(along)).sum(dim=1, keepdim=True))
            return resized(weighed, window.shape[2:])[:, 0]

        found = _over_windows(cam, part, segmenter)
    return Explained(_volume(found, box, scan[0], plan), name, outlined)


def explain_gate(segmenter: Segmenter, image: Volume | Sequence[Volume], level: int) -> Explained:
    """How far the attention gate of a level stands open, 0 to 1; level 1 is the finest.

    Raises ImageRefusal (`no_layer`) where the network has no gates, or not so many.
    """
    scan = (image,) if isinstance(image, Volume) else tuple(image)
    plan, read = segmenter.plan, getattr(segmenter.network, "gate_maps", None)
    levels = len(plan.channels) - 1
    if read is None or not 1 <= level <= levels:
        gates = f"a network with gates (attention_unet_2d, attention_unet_3d) and a level from 1 to {levels}"
        raise _no_layer(gates, f"{plan.network}, level {level}")
    part, box = prepare_part(scan, plan)
    found = _over_windows(lambda window: read(window)[:, level - 1], part, segmenter)
    return Explained(_volume(found, box, scan[0], plan), f"gate {level}", 0)


def deepest_layer(network: nn.Module, plan: SegmenterPlan, device: str = "cpu") -> str:
    """The module whose maps are the coarsest (more than one voxel) of those that the scores depend on; of several the
    last that runs.

    Scores themselves (as many channels as there are classes) are passed over: their gradient says nothing. Raises
    ImageRefusal (`no_layer`) where there is none.
    """
    noise = torch.randn(
        1, plan.channels_read, *plan.patch[: plan.dimensions], generator=torch.Generator().manual_seed(0)
    )
    with torch.enable_grad(), _all_maps(network) as seen:
        scores = network(noise.to(device).requires_grad_())
    known = {
        name: maps
        for name, maps in seen.items()
        if maps.dim() == 2 + plan.dimensions and maps.shape[1] != plan.classes and maps[0, 0].numel() > 1
    }
    known = {name: maps for name, maps in known.items() if maps.requires_grad and scores.requires_grad}
    if known:
        gradients = torch.autograd.grad(scores.sum(), list(known.values()), allow_unused=True)
        used = [pair for pair, gradient in zip(known.items(), gradients, strict=True) if gradient is not None]
        found = [(maps[0, 0].numel(), -place, name) for place, (name, maps) in enumerate(used)]
        if found:
            return min(found)[2]
    raise _no_layer("a network whose scores depend on maps of its modules", f"none in {plan.network}")


@contextmanager
def _all_maps(network: nn.Module) -> Iterator[dict[str, torch.Tensor]]:
    """What each module gave last, by name, in the order in which they ran."""
    seen: dict[str, torch.Tensor] = {}

    def note(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def keep(_: nn.Module, __: Any, out: Any) -> None:
            seen.pop(name, None)
            if isinstance(out, torch.Tensor):
                seen[name] = out

        return keep

    handles = [module.register_forward_hook(note(name)) for name, module in network.named_modules() if name]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


@dataclass(eq=False)
class _Heard(threading.local):
    """The maps of the layer in this thread's last pass."""

    maps: torch.Tensor = field(default_factory=lambda: torch.empty(0))


@contextmanager
def listening(network: nn.Module, layer: str) -> Iterator[_Heard]:
    """Within it every pass leaves the maps of the named module. Raises ImageRefusal (`no_layer`)."""
    modules = dict(network.named_modules())
    if layer not in modules or not layer:
        raise _no_layer(f"one of {len(modules) - 1} modules, such as {', '.join(list(modules)[1:4])}", layer)
    heard = _Heard()

    def keep(_: nn.Module, __: Any, out: Any) -> None:
        heard.maps = out

    handle = modules[layer].register_forward_hook(keep)
    try:
        yield heard
    finally:
        handle.remove()


def _weights(
    segmenter: Segmenter, part: Floats, heard: _Heard, number: int | None, of: int = 0
) -> tuple[torch.Tensor, int]:
    """The weight of each map, and over how many voxels scores were summed: those given to class `number`, or (None)
    all voxels' scores of class `of`."""
    target = of if number is None else number
    sums: list[npt.NDArray[np.float64]] = []
    counts: list[int] = []

    def weigh(window: torch.Tensor) -> torch.Tensor:
        # Scores and maps of tensors made in inference mode have no gradients: the window is copied outside of it.
        with torch.inference_mode(False), torch.enable_grad():
            image = window.clone().requires_grad_()
            scores = segmenter.network(image)
            chosen = torch.ones_like(scores[:, 0]) if number is None else (scores.argmax(dim=1) == number).float()
            chosen = chosen * _fresh(window)
            gradient = _gradient((scores[:, target] * chosen).sum(), heard.maps)
            if gradient is not None:
                sums.append(gradient.double().mean(dim=tuple(range(2, gradient.dim()))).sum(dim=0).cpu().numpy())
            counts.append(int(chosen.sum()))
            return scores.detach()[:, 0]

    _over_windows(weigh, part, segmenter)
    if not sums:
        raise _no_layer("a layer that the scores depend on", "one without gradients")
    # Windows finish in any order: a sum rounded once is the same in each.
    total = [math.fsum(column) / len(sums) for column in zip(*(one.tolist() for one in sums), strict=True)]
    return torch.tensor(total, dtype=torch.float32), sum(counts)


def _gradient(score: torch.Tensor, maps: torch.Tensor) -> torch.Tensor | None:
    if not (isinstance(maps, torch.Tensor) and maps.requires_grad and score.requires_grad):
        return None
    return torch.autograd.grad(score, maps, allow_unused=True)[0]


def _fresh(windows: torch.Tensor) -> torch.Tensor:
    """1 for each window, 0 for copies of the one before, which fill up a batch."""
    copies = [False, *(torch.equal(a, b) for a, b in pairwise(windows))]
    kept = torch.tensor([not copy for copy in copies], dtype=windows.dtype, device=windows.device)
    return kept.reshape(-1, *[1] * (windows.dim() - 2))


def _over_windows(maps: Maps, part: Floats, segmenter: Segmenter) -> Floats:
    """What a function of windows gives, joined over an image as scores are, (X, Y, Z)."""
    plan = segmenter.plan

    class Asked(nn.Module):
        def forward(self, window: torch.Tensor) -> torch.Tensor:
            found = maps(window)[:, None]
            return found.expand(-1, plan.classes, *found.shape[2:])

    return scores_of(Asked(), part, plan, device=segmenter.device)[0]


def _volume(found: Floats, box: Window, image: Volume, plan: SegmenterPlan) -> Volume:
    """The map on the whole grid of the image; 0 beside what the step crop leaves."""
    grid = image.grid
    whole = np.zeros(network_shape(grid, plan), dtype=np.float32)
    whole[box] = found
    x, y, z = upright(image.array, grid).shape
    return Volume(np.asfortranarray(as_filed(resample(whole, (x, y, z)), grid)), grid.affine)


def _class_of(plan: SegmenterPlan, region: str) -> int:
    if region not in plan.regions:
        raise ImageRefusal(
            "no_regions",
            "The network does not know the region.",
            expected=f"one of {sorted(plan.regions)}",
            found=region,
            next_step="name a region of the model",
        )
    return plan.class_labels.index(plan.regions[region])


def _no_layer(expected: str, found: str) -> ImageRefusal:
    step = "leave --layer out, or name another module"
    return ImageRefusal("no_layer", "There are no such maps.", expected=expected, found=found, next_step=step)
