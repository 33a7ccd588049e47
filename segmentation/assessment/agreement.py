"""How far several readers agree on the masks of one image, and what they would agree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.images.grids import grid_differences
from segmentation.metrics.catalogue import METRICS, Measured, Settings, compare
from segmentation.metrics.pair import Bools, box_of, inside, on_box
from segmentation.types import Grid, Mask, Window

HALF = 0.5
STAPLE_ROUNDS = 200
STAPLE_CONFIDENCE = 0.99999


def pairwise(masks: Mapping[str, Mask], labels: Sequence[int], settings: Settings) -> dict[str, dict[str, Measured]]:
    """Every measure for every pair of readers, by "first / second" in the readers' order; the first of a pair takes the
    place of the given mask.

    Raises ImageRefusal (`grid_mismatch`) where the masks lie on different grids.
    """
    return {
        f"{first} / {second}": compare(masks[first], masks[second], labels, settings)
        for first, second in combinations(masks, 2)
    }


def mean_over_pairs(pairs: Mapping[str, Mapping[str, Measured]]) -> dict[str, Measured]:
    """Each measure's mean over the pairs that have it: "generalised" agreement."""
    means = {}
    for metric in METRICS:
        found = [of_pair[metric] for of_pair in pairs.values()]
        known = [one.value for one in found if one.value is not None]
        means[metric] = Measured(sum(known) / len(known)) if known else Measured(None, found[0].reason)
    return means


def fleiss_kappa(masks: Sequence[Mask], labels: Sequence[int]) -> Measured:
    """Agreement beyond chance of two or more readers on which voxels belong to a region; 1 is full, 0 is chance.

    Counted within the smallest box that holds the region in any mask: the air round it would bring kappa near Dice, the
    whole image nearer still. Missing where no mask holds the region, and where all fill the whole box.

    Reference: Fleiss JL. Psychol Bull 1971;76:378-382. doi:10.1037/h0031619
    """
    box = _union_box(masks, labels)
    if box is None:
        return Measured(None, "no mask holds the region")
    votes = _votes(masks, labels, box)
    readers = len(masks)
    counts = np.bincount(votes.ravel(), minlength=readers + 1).astype(float)  # voxels by how many readers chose them
    chosen = np.arange(readers + 1)
    left = readers - chosen
    agreeing = (chosen * (chosen - 1) + left * (left - 1)) / (readers * (readers - 1))
    observed = float(counts @ agreeing) / counts.sum()
    share = float(counts @ chosen) / (counts.sum() * readers)
    expected = share**2 + (1 - share) ** 2
    if expected == 1:
        return Measured(None, "every reader fills the whole box: chance agrees too")
    return Measured((observed - expected) / (1 - expected))


def majority(masks: Sequence[Mask]) -> Mask:
    """A voxel takes the label that more than half of the readers give it, else background. Readers' masks name the same
    regions and may be crops; the consensus lies on the whole grid."""
    grid, regions = _one_grid(masks)
    labels = np.zeros(grid.shape, dtype=np.uint16, order="F")
    for label in regions.values():
        box = _union_box(masks, [label])
        if box is not None:
            labels[box][2 * _votes(masks, [label], box) > len(masks)] = label
    return Mask(_narrow(labels), grid.affine, regions)


def staple(masks: Sequence[Mask]) -> tuple[Mask, dict[str, list[tuple[float, float]]]]:
    """The consensus that is likeliest given how sensitive and specific each reader seems to be, with these two numbers
    for each region and reader (in the readers' order).

    Every region is estimated alone on the box that holds it in any mask, with one voxel round it: readers' specificity
    depends on how much air is counted. A voxel takes the region of highest probability above one half.

    Reference: Warfield SK et al. IEEE Trans Med Imaging 2004;23:903-921. doi:10.1109/TMI.2004.828354
    """
    grid, regions = _one_grid(masks)
    labels = np.zeros(grid.shape, dtype=np.uint16, order="F")
    best = np.full(grid.shape, HALF, dtype=np.float32, order="F")
    readers: dict[str, list[tuple[float, float]]] = {}
    for name, label in regions.items():
        box = _union_box(masks, [label], margin=1)
        if box is None:
            continue
        likely, readers[name] = _staple_of([_on_box(mask, [label], box) for mask in masks])
        better = likely > best[box]
        labels[box][better] = label
        best[box] = np.where(better, likely, best[box])
    return Mask(_narrow(labels), grid.affine, regions), readers


def _staple_of(drawn: Sequence[Bools]) -> tuple[npt.NDArray[np.float32], list[tuple[float, float]]]:
    import SimpleITK as sitk  # takes a second, and only this needs it

    if all(np.array_equal(drawn[0], other) for other in drawn[1:]):  # nothing to estimate: ITK would divide by 0
        return drawn[0].astype(np.float32), [(1.0, 1.0)] * len(drawn)
    method = sitk.STAPLEImageFilter()
    method.SetForegroundValue(1.0)
    method.SetMaximumIterations(STAPLE_ROUNDS)
    method.SetConfidenceWeight(1.0)
    method.SetNumberOfThreads(1)  # the same bytes whatever the number of cores
    likely = method.Execute([sitk.GetImageFromArray(np.ascontiguousarray(one.T).view(np.uint8)) for one in drawn])
    quality = zip(method.GetSensitivity(), method.GetSpecificity(), strict=True)
    probabilities = sitk.GetArrayFromImage(likely).T.astype(np.float32)
    return probabilities, [(float(sensitivity), float(specificity)) for sensitivity, specificity in quality]


def _narrow(labels: npt.NDArray[np.uint16]) -> npt.NDArray[Any]:
    """Labels in a byte where they fit into one."""
    return labels.astype(np.uint8, order="F") if labels.max() < 256 else labels


def _one_grid(masks: Sequence[Mask]) -> tuple[Grid, Mapping[str, int]]:
    """The whole grid and the regions of all masks. Raises ImageRefusal (`grid_mismatch`, `bad_label`)."""
    first = masks[0]
    grid = first.source or first.grid
    for other in masks[1:]:
        differences = grid_differences(grid, other.source or other.grid)
        if differences:
            raise ImageRefusal(
                "grid_mismatch",
                "The readers' masks do not lie on one grid.",
                expected="the same shape, spacing, direction and origin",
                found="; ".join(differences),
                next_step="hand over masks in the image's own grid",
            )
        if dict(other.regions) != dict(first.regions):
            raise ValueError("the readers' masks name different regions")
    return grid, first.regions


def _union_box(masks: Sequence[Mask], labels: Sequence[int], margin: int = 0) -> Window | None:
    """The smallest box of the whole grid that holds any of the labels in any mask, widened by `margin` voxels."""
    found = [box_of(inside(mask, labels), np.asarray(mask.offset)) for mask in masks]
    boxes = [box for box in found if box is not None]
    if not boxes:
        return None
    shape = np.asarray((masks[0].source or masks[0].grid).shape)
    low = np.maximum(np.min([box[0] for box in boxes], axis=0) - margin, 0)
    high = np.minimum(np.max([box[1] for box in boxes], axis=0) + margin, shape)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return i, j, k


def _votes(masks: Sequence[Mask], labels: Sequence[int], box: Window) -> npt.NDArray[np.intp]:
    """How many readers give a voxel of the box one of the labels."""
    votes = np.zeros([part.stop - part.start for part in box], dtype=np.intp)
    for mask in masks:
        votes += _on_box(mask, labels, box)
    return votes


def _on_box(mask: Mask, labels: Sequence[int], box: Window) -> Bools:
    low, high = (np.array(ends) for ends in zip(*((part.start, part.stop) for part in box), strict=True))
    return on_box(inside(mask, labels), np.asarray(mask.offset), low, high)
