"""From a mask, and an image where there is one, to named numbers: `measure` for one region, `measure_all` for all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segmentation.errors import ImageRefusal
from segmentation.images.grids import locate
from segmentation.radiomics.catalogue import CATALOGUE, FAMILIES, of_family
from segmentation.radiomics.intensity import intensity_features
from segmentation.radiomics.region import RegionVoxels, cut_regions
from segmentation.radiomics.shape import shape_features
from segmentation.types import Mask, Volume

Features = dict[str, float]
Reasons = dict[str, str]

EMPTY = "the region has no voxel"
NO_IMAGE = "no image"
NO_SPACING = "no voxel spacing was published"


def measure(
    mask: Mask, region: str, image: Volume | None, families: Sequence[str] = FAMILIES, units_mm: bool = True
) -> tuple[Features, Reasons]:
    """The features of one region by IBSI tag, in the catalogue's units, and for each missing one the reason.

    `image` must hold the mask's grid (a larger one is cropped); without it the intensity family is missing. With
    `units_mm` False the spacing is ignored, and every feature that it would change is missing.

    Raises ImageRefusal for an unknown region or family, and where image and mask lie on different grids.
    """
    if region not in mask.regions:
        raise ImageRefusal("no_regions", "Unknown region.", expected=f"one of {sorted(mask.regions)}", found=region)
    only = Mask(mask.labels, mask.affine, {region: mask.regions[region]})
    return measure_all(only, image, families, units_mm)[region]


def measure_all(
    mask: Mask, image: Volume | None, families: Sequence[str] = FAMILIES, units_mm: bool = True
) -> dict[str, tuple[Features, Reasons]]:
    """`measure` for every named region of a mask."""
    _check_families(families)
    if image is not None:
        window = locate(mask.grid, image.grid)
        image = Volume(image.array[window], mask.affine, image.modality)
    cut = cut_regions(mask, units_mm=units_mm)
    return {name: _measure(cut[name], image, families, units_mm) for name in mask.regions}


def _check_families(families: Sequence[str]) -> None:
    unknown = [family for family in families if family not in FAMILIES]
    if unknown:
        raise ImageRefusal("bad_family", "Unknown feature family.", expected=str(FAMILIES), found=str(unknown))


def _measure(
    region: RegionVoxels | None, image: Volume | None, families: Sequence[str], units_mm: bool
) -> tuple[Features, Reasons]:
    features: Features = {}
    reasons: Reasons = {}
    for family in families:
        found, missing = _family(family, region, image)
        features.update(found)
        reasons.update(missing)
    if not units_mm:
        withheld = [f.tag for f in CATALOGUE if f.needs_spacing and f.family in families]
        reasons.update({tag: NO_SPACING for tag in withheld if tag in features})
        features = {tag: value for tag, value in features.items() if tag not in withheld}
    return features, reasons


def _family(family: str, region: RegionVoxels | None, image: Volume | None) -> tuple[Features, Reasons]:
    if region is None or (family == "intensity" and image is None):
        reason = EMPTY if region is None else NO_IMAGE
        return {}, {feature.tag: reason for feature in of_family(family)}
    if family == "shape" or image is None:
        return shape_features(region)
    volume, _ = region.mesh
    return intensity_features(region, np.asarray(image.array[region.window]), volume)
