"""One region by the settings: image and mask processed, every family measured, a reason for what cannot be had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.radiomics.autocorrelation import autocorrelation_features
from segmentation.radiomics.dictionary import direction_asked, tags_of
from segmentation.radiomics.discretise import discretise
from segmentation.radiomics.enclosing import enclosing_features
from segmentation.radiomics.histogram import histogram_features
from segmentation.radiomics.intensity import intensity_features
from segmentation.radiomics.local_intensity import local_intensity_features
from segmentation.radiomics.processing import PreparedRegion, prepare
from segmentation.radiomics.pyradiomics import measure_as_pyradiomics
from segmentation.radiomics.pyradiomics.names import names_in
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

    With a `filter` intensities, histogram and texture are those of the response map; shape stays the mask's. Profile
    `pyradiomics` gives that program's names. Formula, unit and IBSI code of each: `dictionary.explain`.

    `image` must hold the mask's grid; `whole` is its full grid where it is only the part that
    `processing.reading_window` names.

    Raises ImageRefusal for an unknown region, images and masks on different grids, voxels that are not finite, and
    settings that do not fit the intensities (`bad_bins`).
    """
    if settings.profile == "pyradiomics":
        return _replayed(settings, image, mask, region)
    prepared = prepared_region(settings, image, mask, region, whole)
    if prepared is None:
        return nothing_found(settings)
    found, levels = _of_the_image(settings, prepared)
    del prepared  # the image is no longer needed, and texture needs room
    _add(found, _of_grey_levels(settings, levels))
    return found


def prepared_region(
    settings: RadiomicsSettings, image: Volume, mask: Mask, region: str, whole: Grid | None = None
) -> PreparedRegion | None:
    """`prepare` for a region that the mask must name. Raises ImageRefusal (`no_regions`) where it does not."""
    if region not in mask.regions:
        raise ImageRefusal("no_regions", "Unknown region.", expected=f"one of {sorted(mask.regions)}", found=region)
    return prepare(settings, image, mask, region, whole)


def nothing_found(settings: RadiomicsSettings) -> Found:
    """Of a region without a voxel: the reason for every feature asked for."""
    return {}, _without(settings, settings.families, EMPTY)


def _replayed(settings: RadiomicsSettings, image: Volume, mask: Mask, region: str) -> Found:
    found, missing = measure_as_pyradiomics(image, mask, region)
    wanted = set(names_in(settings.families))
    kept = {name: value for name, value in found.items() if name in wanted}
    return kept, {name: reason for name, reason in missing.items() if name in wanted}


def measure_prepared(settings: RadiomicsSettings, prepared: PreparedRegion) -> Found:
    """`measure_with` for a region that is already processed."""
    found, levels = _of_the_image(settings, prepared)
    _add(found, _of_grey_levels(settings, levels))
    return found


@dataclass(frozen=True, eq=False)
class GreyRegion:
    """What histogram and texture need of a region: (K, J, I) grey levels, 0 outside, and the mask as outlined."""

    bins: npt.NDArray[Any]
    n_bins: int
    spacing: npt.NDArray[np.float64]
    morphological: npt.NDArray[np.bool_]


def _of_the_image(settings: RadiomicsSettings, prepared: PreparedRegion) -> tuple[Found, GreyRegion | None]:
    """All that is measured of mask and intensities, and the region in grey levels for the rest."""
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
        return (features, reasons), _grey_levels(settings, prepared)
    lost = [family for family in settings.families if family in _OF_GREY_LEVELS]
    reasons.update(_without(settings, lost, NOTHING_KEPT))
    return (features, reasons), None


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
    outlined = prepared.outlined
    features, missing = intensity_features(prepared.counted, prepared.image.T, outlined.mesh[0], outlined)
    if settings.spatial_autocorrelation:
        _add((features, missing), autocorrelation_features(prepared.image, prepared.intensity, prepared.spacing))
    return features, missing


def _local_intensity(settings: RadiomicsSettings, prepared: PreparedRegion) -> Found:
    return (
        local_intensity_features(prepared.surroundings, prepared.window, prepared.intensity, prepared.spacing),
        {},
    )


def _volume_histogram(settings: RadiomicsSettings, prepared: PreparedRegion) -> Found:
    values = prepared.image[prepared.intensity]
    return volume_histogram_features(values, settings.volume_histogram, level_ends(settings))


def level_ends(settings: RadiomicsSettings) -> tuple[float | None, float | None]:
    """The range that levels span. That of re-segmentation is in the unit of the image, which a response has not."""
    return (None, None) if settings.filter is not None else settings.resegmentation.range or (None, None)


def _grey_levels(settings: RadiomicsSettings, prepared: PreparedRegion) -> GreyRegion | None:
    """The region in grey levels, or None where nobody asks for them."""
    if not any(family in settings.families for family in _OF_GREY_LEVELS):
        return None
    bins, n_bins = discretise(prepared.image, prepared.intensity, settings.discretisation, level_ends(settings)[0])
    return GreyRegion(bins, n_bins, prepared.spacing, prepared.morphological)


def _of_grey_levels(settings: RadiomicsSettings, levels: GreyRegion | None) -> Found:
    """Histogram and texture, which see grey levels only."""
    found: Found = ({}, {})
    if levels is None:
        return found
    if "histogram" in settings.families:
        counts = np.bincount(levels.bins[levels.bins > 0], minlength=levels.n_bins + 1)[1:]
        _add(found, histogram_features(counts))
    request = texture_request(settings, levels.morphological)
    if request.families:
        _add(found, of_directions(settings, texture_features(levels.bins, levels.n_bins, levels.spacing, request)))
    return found


def of_directions(settings: RadiomicsSettings, found: Found) -> Found:
    """Of texture measured in every way what the settings ask for."""
    features, reasons = found
    return (
        {tag: value for tag, value in features.items() if direction_asked(tag, settings)},
        {tag: reason for tag, reason in reasons.items() if direction_asked(tag, settings)},
    )


def texture_request(settings: RadiomicsSettings, morphological: npt.NDArray[np.bool_] | None = None) -> TextureRequest:
    """What texture the settings ask for, with distance zones up to the border of a mask (K, J, I)."""
    return TextureRequest(
        dimensions=tuple(name.replace(".", "_") for name in settings.texture.dimensions),  # as in the tags
        families=tuple(family for family in TEXTURES if family in settings.families),
        distance=settings.texture.distance,
        coarseness=settings.texture.ngldm_coarseness,
        morphological=morphological,
    )


_FROM_THE_MASK = ("shape", "enclosing")
_OF_GREY_LEVELS = ("histogram", *TEXTURES)
_FAMILIES: dict[Family, Callable[[RadiomicsSettings, PreparedRegion], Found]] = {
    "shape": _shape,
    "enclosing": _enclosing,
    "intensity": _intensity,
    "local_intensity": _local_intensity,
    "volume_histogram": _volume_histogram,
}
