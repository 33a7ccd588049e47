"""A case from its files to numbers, all in memory: what serving needs."""

from __future__ import annotations

from pathlib import Path

from outcome.cases.blocks import crop_case
from outcome.cases.masks import Segmenter, segment_case
from outcome.cases.measuring import measure_case
from outcome.cases.refusing import refusing
from outcome.recipe import CaseInput, CaseResult, Recipe
from segmentation.display import Upright, upright
from segmentation.images.reading import read_image
from segmentation.types import Mask


def process_case(case: CaseInput, recipe: Recipe, segmenter: Segmenter | None = None) -> CaseResult:
    """A case's mask summary, features, crops and findings, all in memory: what serving needs.

    A rejected case has neither features nor crops; its findings say why. Raises DataRefusal as `segment_case` and
    `measure_case`.
    """
    segmented = segment_case(case, recipe, segmenter)
    if segmented.rejected:
        return CaseResult(case.case_id, segmented.summary, {}, {}, segmented.findings)
    features, missing = measure_case(case, segmented.mask, recipe)
    crops, missing_crops = crop_case(case, segmented.mask, recipe)
    return CaseResult(case.case_id, segmented.summary, features, missing, segmented.findings, crops, missing_crops)


@refusing
def upright_case(image_path: Path | None, mask: Mask, region: str | None = None) -> Upright:
    """A case as it stands before the viewer, through whom planes can be cut anywhere (see `segmentation.display`).

    Without an image the planes show the labels alone. Raises DataRefusal for an image that cannot be vouched for or
    lies on another grid, and for an unknown region.
    """
    image = None if image_path is None else read_image(image_path)
    return upright(mask, image, region=region)
