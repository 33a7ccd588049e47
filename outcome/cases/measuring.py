"""The measurements of a case: each region as its files are, and by every profile of the recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcome.cases.blocks import OTHER_GRID, OTHER_GRID_NO_MASK
from outcome.cases.masks import own_mask
from outcome.cases.refusing import refusing
from outcome.recipe import CaseInput, PlacementSpec, Recipe
from segmentation.errors import ImageRefusal
from segmentation.images.grids import locate
from segmentation.images.reading import read_header, read_image, read_mask
from segmentation.radiomics import NO_IMAGE, NO_SPACING, Features, Reasons, measure_all
from segmentation.radiomics.dictionary import NEEDS_SPACING, all_tags_of
from segmentation.radiomics.measuring import measure_with
from segmentation.radiomics.placement.measuring import placement_features
from segmentation.radiomics.placement.scene import Placement
from segmentation.radiomics.processing import reading_window
from segmentation.radiomics.settings import RadiomicsSettings, parse_settings
from segmentation.types import Grid, Mask, Volume, Window

Found = dict[str, tuple[Features, Reasons]]


@dataclass(frozen=True, eq=False)
class _Scan:
    """An image as far as it is needed, its full grid and the mask on it; `reason` says why there is none."""

    mask: Mask
    image: Volume | None
    whole: Grid | None
    reason: str = ""


@refusing
def complete_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same radiomics settings with every default filled in, as JSON.

    Raises DataRefusal naming the key that is unknown or wrong.
    """
    return parse_settings(dict(settings)).model_dump(mode="json")


@refusing
def measure_case(case: CaseInput, mask: Mask, recipe: Recipe) -> tuple[dict[str, float], dict[str, str]]:
    """The features of a case and for each missing one the reason.

    `<region>.<tag>` names what is measured of the files as they are, `<region>.<profile>.<tag>` what a profile of the
    recipe measures of its image. `mask` is the case's checked mask; an image with a given mask of its own is measured
    there. Without an image, or with one on another grid, what needs it is missing.

    Raises DataRefusal where an image is there but cannot be vouched for.
    """
    features: dict[str, float] = {}
    missing: dict[str, str] = {}
    for prefix, found in _every_measurement(case, mask, recipe):
        for region, (values, reasons) in found.items():
            features.update({f"{region}.{prefix}{tag}": value for tag, value in values.items()})
            missing.update({f"{region}.{prefix}{tag}": reason for tag, reason in reasons.items()})
    return features, missing


def _every_measurement(case: CaseInput, mask: Mask, recipe: Recipe) -> Iterator[tuple[str, Found]]:
    """Prefix and measurements, image by image, so that each is read once and let go."""
    profiles = {name: parse_settings(dict(profile.settings)) for name, profile in recipe.profiles.items()}
    if recipe.placement:
        yield "", {recipe.placement.lesion: _placed(mask, recipe.placement, recipe.units_mm)}
    for image in dict.fromkeys([recipe.mask_on, *(profile.image for profile in recipe.profiles.values())]):
        asked = {name: profiles[name] for name, profile in recipe.profiles.items() if profile.image == image}
        scan = _scan(case, mask, recipe, image, list(asked.values()))
        if image == recipe.mask_on:
            yield "", _as_filed(scan, recipe)
        for name, settings in asked.items():
            yield f"{name}.", _by_settings(scan, settings, recipe.units_mm)


def _placed(mask: Mask, asked: PlacementSpec, units_mm: bool) -> tuple[Features, Reasons]:
    return placement_features(mask, Placement(asked.lesion, asked.organ, asked.parts), units_mm)


def _scan(case: CaseInput, mask: Mask, recipe: Recipe, image: str, settings: Sequence[RadiomicsSettings]) -> _Scan:
    path, own = case.images.get(image), own_mask(case, recipe, image)
    if path is None:
        named = f"the case has no image {image!r}" if image else "the recipe names no image that the mask was drawn on"
        return _Scan(mask, None, None, named)
    placed = mask if own is None else read_mask(own, recipe.regions)
    whole = read_header(path).grid
    try:
        window = locate(placed.grid, whole)
    except ImageRefusal:  # `segment_case` or `inspect_case` has said so as a finding
        return _Scan(placed, None, whole, OTHER_GRID if image == recipe.mask_on or own else OTHER_GRID_NO_MASK)
    for wanted in settings:
        window = _around(window, reading_window(wanted, placed.grid, whole))
    return _Scan(placed, _read(path, window, recipe, settings), whole)


def _read(path: Path, window: Window, recipe: Recipe, settings: Sequence[RadiomicsSettings]) -> Volume | None:
    """The image, unless nothing that is asked for looks at it."""
    return read_image(path, window=window) if settings or recipe.families else None


def _around(one: Window, other: Window) -> Window:
    i, j, k = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return i, j, k


def _as_filed(scan: _Scan, recipe: Recipe) -> Found:
    found = measure_all(scan.mask, scan.image, recipe.families, recipe.units_mm)
    return {
        region: (values, {tag: scan.reason if text == NO_IMAGE else text for tag, text in reasons.items()})
        for region, (values, reasons) in found.items()
    }


def _by_settings(scan: _Scan, settings: RadiomicsSettings, units_mm: bool) -> Found:
    found: Found = {}
    for region in scan.mask.regions:
        if scan.image is None:
            found[region] = {}, dict.fromkeys(all_tags_of(settings), scan.reason)
            continue
        values, reasons = measure_with(settings, scan.image, scan.mask, region, scan.whole)
        found[region] = (values, reasons) if units_mm else _without_spacing(values, reasons)
    return found


def _without_spacing(values: Features, reasons: Reasons) -> tuple[Features, Reasons]:
    """What stays where no voxel spacing was published."""
    withheld = dict.fromkeys((tag for tag in (*values, *reasons) if tag in NEEDS_SPACING), NO_SPACING)
    return {tag: value for tag, value in values.items() if tag not in withheld}, {**reasons, **withheld}
