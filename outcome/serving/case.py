"""A case measured by a bundle's recipe, with whatever is refused as a refusal of the case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from outcome.bundle import Bundle
from outcome.cases import Segmenter, crop_faults, load_segmenter, process_case
from outcome.dictionary import DataDictionary
from outcome.errors import BundleRefusal, DataRefusal
from outcome.features.blocks import images_present, join_blocks, with_batch
from outcome.features.columns import BATCH, FeatureColumn
from outcome.features.crops import Crops
from outcome.recipe import CaseInput, CaseResult, Recipe
from outcome.types import Level

SEGMENTER_FILE = "segmenter.safetensors"


def bundle_segmenter(bundle: Bundle, recipe: Recipe) -> Segmenter:
    """The network that a bundle's recipe names. Raises BundleRefusal where it is missing or another one."""
    if SEGMENTER_FILE not in bundle.files:
        raise BundleRefusal(
            f"the bundle's recipe names {recipe.segmenter} and the bundle has no {SEGMENTER_FILE}",
            expected=SEGMENTER_FILE,
            next_step="ask for the bundle again from where it was made",
        )
    return load_segmenter(bundle.files[SEGMENTER_FILE], recipe)


def has_mask(case: CaseInput, recipe: Recipe) -> bool:
    """Whether the case has a mask: one handed over, or the image on which the bundle's network draws it."""
    return set(recipe.drawn_on) <= set(case.images) if recipe.draws_masks else case.mask is not None


def processed(case: CaseInput, recipe: Recipe, segmenter: Segmenter | None) -> CaseResult:
    """The case's measurements and crops. A refused file refuses the case: a risk without it would pass for one with."""
    result = process_case(case, recipe, segmenter)
    reasons = [finding.message for finding in result.findings if finding.level is Level.REJECT]
    if reasons:
        raise DataRefusal(
            f"the mask of case {case.case_id} is refused",
            found="; ".join(reasons),
            next_step="correct the mask, or hand the case over without one",
        )
    faults = crop_faults(result.missing_crops)
    if faults:
        raise DataRefusal(
            f"the image {', '.join(faults)} of case {case.case_id} is refused",
            found="; ".join(faults.values()),
            next_step="correct the image, or hand the case over without it",
        )
    return result


def case_row(
    case: CaseInput,
    record: Mapping[str, Any],
    result: CaseResult | None,
    recipe: Recipe | None,
    dictionary: DataDictionary,
    columns: Sequence[FeatureColumn],
) -> tuple[pd.DataFrame, Crops]:
    """The case in feature form (index case_id), and its crops, from its record and what was measured of its images.

    Its batch stands beside its features where harmonised models (of which `columns` tell) are told it by the record.
    """
    variables = pd.DataFrame([{name: record.get(name) for name in dictionary.names}], index=[case.case_id])
    radiomics = pd.DataFrame([result.features if result else {}], index=[case.case_id], dtype=float)
    crops = {case.case_id: result.crops if result else {}}
    images = images_present(recipe.crop.sequences if recipe and recipe.crop else (), crops)
    frame, _ = join_blocks(variables.rename_axis("case_id"), dictionary, radiomics, images)
    by = next((column.label for column in columns if column.kind == BATCH), "")
    batch = record.get(by)
    if batch is not None:
        frame = with_batch(frame, [], {case.case_id: str(batch)}, by)[0]
    return frame, Crops(held=crops)
