"""Several masks of one case by the network that draws its mask: what it would outline more cautiously or generously."""

from __future__ import annotations

from outcome.cases.masks import Segmenter
from outcome.cases.refusing import refusing
from outcome.errors import DataRefusal
from outcome.recipe import CaseInput, Recipe
from segmentation.images.scans import read_scan
from segmentation.images.writing import crop_to_regions
from segmentation.types import Mask


@refusing
def several_masks(case: CaseInput, recipe: Recipe, segmenter: Segmenter, count: int) -> tuple[Mask, ...]:
    """`count` masks of a case, each cropped to its regions, from cautious to generous: the k-th holds every earlier one
    of a single region (`segmentation.outlining.ensemble.drawn_at`). The middle of an odd number is the case's own mask.

    Raises DataRefusal where what draws gives no probabilities, the image is refused or it does not fit into memory.
    """
    from segmentation.outlining.ensemble import Asked, Ensemble  # torch takes seconds to import
    from segmentation.outlining.inference import Segmenter as Network

    if not isinstance(segmenter, Network):
        raise no_probabilities(segmenter)
    scan = read_scan([case.images[name] for name in recipe.drawn_on])
    found = Ensemble([segmenter]).outline(scan, Asked(uncertainty=False, masks=count))
    return tuple(crop_to_regions(mask) for mask in found.masks)


def tells_probabilities(segmenter: Segmenter) -> bool:
    """Whether several masks can be had of it: a network, not a classical method or one with refinements."""
    from segmentation.outlining.inference import Segmenter as Network  # torch takes seconds to import

    return isinstance(segmenter, Network)


def no_probabilities(segmenter: Segmenter) -> DataRefusal:
    """The refusal of several masks by what gives one mask alone."""
    return DataRefusal(
        f"{segmenter.name} gives a mask and no probabilities: several masks cannot be drawn from it",
        expected="segmenter.masks: 0, or a network",
        found="a classical method, or a model with refinements",
        next_step="leave segmenter.masks out: `--outlines` then changes the mask itself",
    )
