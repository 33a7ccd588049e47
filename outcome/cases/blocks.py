"""The blocks of tissue that image networks read of a case, and why one cannot be cut."""

from __future__ import annotations

from collections.abc import Mapping

from outcome.cases.masks import own_mask
from outcome.recipe import CaseInput, CropArray, Recipe
from segmentation.crops import quantised, read_region_crop
from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_mask
from segmentation.types import Mask

OTHER_GRID = "the image lies on another grid than the mask"
OTHER_GRID_NO_MASK = f"{OTHER_GRID}, and no mask was drawn on it"
_CROP_GAPS = ("missing_image", "grid_mismatch", "empty_region")


def crop_case(case: CaseInput, mask: Mask, recipe: Recipe) -> tuple[dict[str, CropArray], dict[str, str]]:
    """The blocks of tissue that image networks read, by sequence, and for each missing one the reason (`code: words`).

    A sequence with a given mask of its own (`case.masks`) is cut and filled by that one, any other by `mask`, which
    has to lie on its grid; where a network draws the masks, given ones are not looked at. Images hold half precision,
    as a file keeps them: nothing more is lost on the way through one.
    """
    crops: dict[str, CropArray] = {}
    missing: dict[str, str] = {}
    for sequence in recipe.crop.sequences if recipe.crop else ():
        try:
            crops[sequence] = quantised(_crop(case, mask, recipe, sequence))
        except ImageRefusal as error:
            strange = error.code == "grid_mismatch" and own_mask(case, recipe, sequence) is None
            missing[sequence] = f"{error.code}: {OTHER_GRID_NO_MASK if strange else error}"
    return crops, missing


def crop_faults(missing: Mapping[str, str]) -> dict[str, str]:
    """Of the reasons for missing crops those that name a fault of a file; the others are gaps that a case may have."""
    return {name: reason for name, reason in missing.items() if reason.partition(":")[0] not in _CROP_GAPS}


def _crop(case: CaseInput, mask: Mask, recipe: Recipe, sequence: str) -> CropArray:
    spec, image = recipe.crop, case.images.get(sequence)
    if spec is None or image is None:
        raise ImageRefusal("missing_image", f"the case has no image {sequence!r}")
    own = own_mask(case, recipe, sequence)
    placed = mask if own is None else read_mask(own, recipe.regions)
    return read_region_crop(
        image, placed, region=spec.region, size=spec.size, extent=spec.extent, scale=spec.sequences[sequence]
    )
