"""One region by the settings: image and mask processed, every family measured, a reason for what cannot be had."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from segmentation.errors import ImageRefusal
from segmentation.radiomics.autocorrelation import autocorrelation_features
from segmentation.radiomics.dictionary import tags_of
from segmentation.radiomics.discretise import discretise
from segmentation.radiomics.enclosing import enclosing_features
from segmentation.radiomics.histogram import histogram_features
from segmentation.radiomics.intensity import intensity_features
from segmentation.radiomics.local_intensity import local_intensity_features
from segmentation.radiomics.processing import PreparedRegion, prepare
from segmentation.radiomics.settings import TEXTURES, Family, RadiomicsSettings
from segmentation.radiomics.shape import shape_features
from segmentation.radiomics.texture import TextureRequest, texture_features
from segmentation.radiomics.volume_histogram import volume_histogram_features
from segmentation.types import Grid, Mask, Volume

Features = dict[str, float]
Reasons = dict[str, str]
Found = tuple[Features, Reasons]

EMPTY = "the region has no voxel on the grid it is measured on"
NOTHING_KEPT = "no voxel of the region is left after re-segmentation"


def measure_with(
    settings: RadiomicsSettings, image: Volume, mask: Mask, region: str, whole: Grid | None = None
) -> Found:
    """The features of one region by IBSI tag, and for each missing one the reason.

    `image` must hold the mask's grid; `whole` is its full grid where it is only the part that
    `processing.reading_window` names.

    Raises ImageRefusal for an unknown region, images and masks on different grids, voxels that are not finite, and
    settings that do not fit the intensities (`bad_bins`).
    """
    if region not in mask.regions:
        raise ImageRefusal("no_regions", "Unknown region.", expected=f"one of {sorted(mask.regions)}", found=region)
    prepared = prepare(settings, image, mask, region, whole)
    if prepared is None:
        return {}, _without(settings, settings.families, EMPTY)
    return measure_prepared(settings, prepared)


def measure_prepared(settings: RadiomicsSettings, prepared: PreparedRegion) -> Found:
    """`measure_with` for a region that is already processed."""
    features: Features = {}
    reasons: Reasons = {}
    kept = bool(prepared.intensity.any())
    for family, found_of in _FAMILIES.items():
        if family not in settings.families:
            continue
        if not kept and family not in _FROM_THE_MASK:
            reasons.update(_without(settings, (family,), NOTHING_KEPT))
            continue
        _add((features, reasons), found_of(settings, prepared))
    if kept:
        _add((features, reasons), _grey_levels(settings, prepared))
    else:
        lost = [family for family in settings.families if family in _OF_GREY_LEVELS]
        reasons.update(_without(settings, lost, NOTHING_KEPT))
    return features, reasons


def _without(settings: RadiomicsSettings, families: Sequence[Family], reason: str) -> Reasons:
    return {tag: reason for family in families for tag in tags_of(family, settings)}


def _add(to: Found, found: Found) -> None:
    to[0].update(found[0])
    to[1].update(found[1])


def _shape(settings: RadiomicsSettings, prepared: PreparedRegion) -> Found:
    return shape_features(prepared.outlined)


def _enclosing(settings: RadiomicsSettings, prepared: PreparedRegion) -> Found:
    return enclosing_features(prepared.outlined), {}


def _intensity(settings: RadiomicsSettings, prepared: PreparedRegion) -> Found:
    features, missing = intensity_features(prepared.counted, prepared.image.T, prepared.outlined.mesh[0])
    _put_centre_shift(prepared, features, missing)
    if settings.spatial_autocorrelation:
        _add((features, missing), autocorrelation_features(prepared.image, prepared.intensity, prepared.spacing))
    return features, missing


def _put_centre_shift(prepared: PreparedRegion, features: Features, missing: Reasons) -> None:
    """`morph_com` from the centre of the region as outlined, which `intensity_features` does not know."""
    if prepared.intensity is prepared.morphological or prepared.values.sum() == 0:
        return
    outlined = np.argwhere(prepared.morphological).mean(axis=0)
    weighted = prepared.values @ np.argwhere(prepared.intensity) / prepared.values.sum()
    features["morph_com"] = float(np.linalg.norm((outlined - weighted) * prepared.spacing))
    missing.pop("morph_com", None)


def _local_intensity(settings: RadiomicsSettings, prepared: PreparedRegion) -> Found:
    return (
        local_intensity_features(prepared.surroundings, prepared.window, prepared.intensity, prepared.spacing),
        {},
    )


def _volume_histogram(settings: RadiomicsSettings, prepared: PreparedRegion) -> Found:
    ends = settings.resegmentation.range or (None, None)
    return volume_histogram_features(prepared.values, settings.volume_histogram, ends)


def _grey_levels(settings: RadiomicsSettings, prepared: PreparedRegion) -> Found:
    """Histogram and texture, which see grey levels only."""
    textures = tuple(family for family in TEXTURES if family in settings.families)
    found: Found = ({}, {})
    if not textures and "histogram" not in settings.families:
        return found
    lowest = (settings.resegmentation.range or (None, None))[0]
    bins, n_bins = discretise(prepared.image, prepared.intensity, settings.discretisation, lowest)
    if "histogram" in settings.families:
        _add(found, histogram_features(np.bincount(bins[prepared.intensity], minlength=n_bins + 1)[1:]))
    if textures:
        request = TextureRequest(
            dimensions=tuple(name.replace(".", "_") for name in settings.texture.dimensions),  # as in the tags
            families=textures,
            distance=settings.texture.distance,
            coarseness=settings.texture.ngldm_coarseness,
            morphological=prepared.morphological,
        )
        _add(found, texture_features(bins, n_bins, prepared.spacing, request))
    return found


_FROM_THE_MASK = ("shape", "enclosing")
_OF_GREY_LEVELS = ("histogram", *TEXTURES)
_FAMILIES: dict[Family, Callable[[RadiomicsSettings, PreparedRegion], Found]] = {
    "shape": _shape,
    "enclosing": _enclosing,
    "intensity": _intensity,
    "local_intensity": _local_intensity,
    "volume_histogram": _volume_histogram,
}
