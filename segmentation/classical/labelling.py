"""From levels (a threshold's sides, clusters, what was grown) to regions, by what training cases taught.

A voxel goes to the region for which its level and its place speak most. It is kept where its level is one of the
region's and its place within the region's reach; both were chosen so that the pooled Dice of the training cases is
highest. Pieces far smaller than the region are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segmentation.classical.place import REACHES, squared_distances
from segmentation.classical.rule import Levels, Numbers
from segmentation.classical.scene import Classes, Example, Scene
from segmentation.errors import ImageRefusal

SMALLEST_PIECE = 0.1  # of the region's mean size
_USUAL_REACH = 25  # where in REACHES the levels are put in order: 2.6 standard deviations

Outlined = Iterable[tuple[Example, Levels]]
Counts = npt.NDArray[np.int64]


def learn_labelling(outlined: Outlined, places: Numbers, *, count: int, kept: tuple[int, ...] = ()) -> Numbers:
    """Which of `count` levels are each region's, and how far from its place it reaches; with `places`.

    `kept` names the levels that may be a region's (default: any but all of them together). `outlined` is gone through
    twice. Raises ImageRefusal (`nothing_to_learn`) where no case holds a region.
    """
    if not places["place/known"].any():
        step = "check the labels of the regions"
        raise ImageRefusal("nothing_to_learn", "No mask holds a region.", expected="one", found="none", next_step=step)
    regions = len(places["place/known"])
    seen = np.ones((1 + regions, count), dtype=np.int64)
    for example, levels in outlined:
        seen += _table(example.classes, levels, seen.shape)
    numbers = {**places, "levels/log": np.log(seen[1:] / seen[1:].sum(axis=1, keepdims=True))}
    hits = np.zeros((2, regions, count, len(REACHES)), dtype=np.int64)
    for example, levels in outlined:
        hits += _hits(example, levels, numbers, hits.shape[1:])
    chosen = [_best(right, both, seen[1 + n].sum(), kept) for n, (right, both) in enumerate(zip(*hits, strict=True))]
    numbers["levels/kept"] = np.stack([levels for levels, _ in chosen])
    numbers["levels/reach"] = np.array([reach for _, reach in chosen])
    return numbers


def label_levels(scene: Scene, levels: Levels, numbers: Mapping[str, npt.NDArray[Any]]) -> Classes:
    """The class of every voxel of a scene from its levels, (X, Y, Z)."""
    region, distance = _nearest(scene, levels, numbers)
    inside = numbers["levels/kept"][region, levels] & (distance <= numbers["levels/reach"][region])
    return _without_specks(np.where(inside, region + 1, 0).astype(np.uint8), numbers["place/size"])


def _nearest(
    scene: Scene, levels: Levels, numbers: Mapping[str, npt.NDArray[Any]]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """The likeliest region of each voxel and how far from its place the voxel lies, standard deviations."""
    squared = squared_distances(scene, numbers)
    score = numbers["place/log_peak"][:, None, None, None] - 0.5 * squared + numbers["levels/log"][:, levels]
    region = score.argmax(axis=0)
    return region, np.sqrt(np.take_along_axis(squared, region[None], axis=0)[0], dtype=np.float64)


def _table(first: npt.NDArray[Any], second: npt.NDArray[Any], shape: tuple[int, ...]) -> Counts:
    pairs = first.astype(np.int64).ravel() * shape[1] + second.ravel()
    return np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape)


def _hits(example: Example, levels: Levels, numbers: Numbers, shape: tuple[int, int, int]) -> Counts:
    """Voxels that truly are of the region they are likeliest in, and all of them: by region, level and reach."""
    region, distance = _nearest(example.scene, levels, numbers)
    within = distance <= REACHES[-1]
    place = np.searchsorted(REACHES, distance[within])
    flat = np.ravel_multi_index((region[within], levels[within], place), shape)
    right = example.classes[within] == region[within] + 1
    size = int(np.prod(shape))
    return np.stack([np.bincount(flat[which], minlength=size).reshape(shape) for which in (right, slice(None))])


def _best(right: Counts, both: Counts, size: int, kept: tuple[int, ...]) -> tuple[npt.NDArray[np.bool_], float]:
    """The levels (purest first) and the reach that together give the highest Dice."""
    levels = list(kept) or list(range(len(right)))
    most = len(levels) if kept else max(1, len(levels) - 1)
    share = right[:, :_USUAL_REACH].sum(axis=1) / np.maximum(both[:, :_USUAL_REACH].sum(axis=1), 1)
    order = sorted(levels, key=lambda level: (-share[level], level))[:most]
    shared, drawn = (table[order].cumsum(axis=0).cumsum(axis=1) for table in (right, both))
    dice = 2 * shared / (drawn + size)
    number, reach = np.unravel_index(int(dice.argmax()), dice.shape)
    mine = np.zeros(len(right), dtype=bool)
    mine[order[: number + 1]] = True
    return mine, float(REACHES[reach])


def _without_specks(classes: Classes, sizes: npt.NDArray[np.float64]) -> Classes:
    for number, size in enumerate(sizes, start=1):
        pieces, found = ndimage.label(classes == number)
        if found:
            small = np.bincount(pieces.ravel()) < SMALLEST_PIECE * size * classes.size
            small[0] = False
            classes[small[pieces]] = 0
    return classes
