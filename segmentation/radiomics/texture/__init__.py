"""Texture of a region: co-occurrence, run length, zone, distance, tone and dependence matrices, in every way of IBSI.

Reference: Zwanenburg et al., Radiology 2020, doi:10.1148/radiol.2020191145; definitions arXiv:1612.07003, 3.6 to 3.11.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.radiomics.texture.aggregation import DIMENSIONS, Values, mean
from segmentation.radiomics.texture.levels import padded
from segmentation.radiomics.texture.scene import FAMILIES as _MEASURES
from segmentation.radiomics.texture.scene import Counted, Scene

FAMILIES = tuple(_MEASURES)

EMPTY = "the region has no voxel"
NO_NEIGHBOUR = "no voxel of the region has a neighbour in it"
ZERO_DIVISOR = "its divisor is zero for these grey levels"
CONSTANT = "all neighbouring voxels have the same grey level"

# Features with a divisor that may be zero, and one of the same matrix that has a value whenever there are neighbours.
_DIVISORS = (
    ("cm_corr", "cm_joint_max", CONSTANT),
    ("cm_info_corr1", "cm_joint_max", CONSTANT),
    ("ngt_busyness", "ngt_coarseness", ZERO_DIVISOR),
)


@dataclass(frozen=True, eq=False)
class TextureRequest:
    """What to measure: dimensions of DIMENSIONS, families of FAMILIES.

    `distance` (Chebyshev, voxels) is that of co-occurrence, tone and dependence; grey levels up to `coarseness` apart
    are dependent. `morphological` is the mask whose border distance zones are measured to; without it, the region's.
    """

    dimensions: Sequence[str] = DIMENSIONS
    families: Sequence[str] = FAMILIES
    distance: int = 1
    coarseness: int = 0
    morphological: npt.NDArray[np.bool_] | None = None  # (K, J, I), as the grey levels

    def __post_init__(self) -> None:
        for name, asked, known in (
            ("dimension", self.dimensions, DIMENSIONS),
            ("family", self.families, FAMILIES),
        ):
            unknown = [each for each in asked if each not in known]
            if unknown or isinstance(asked, str):
                raise ImageRefusal("bad_texture", f"Unknown texture {name}.", expected=str(known), found=str(asked))
        if self.distance < 1 or self.coarseness < 0:
            raise ImageRefusal(
                "bad_texture",
                "Texture cannot be measured so.",
                expected="distance >= 1 and coarseness >= 0",
                found=f"distance {self.distance}, coarseness {self.coarseness}",
            )


def texture_features(
    bins: npt.NDArray[np.int32], n_bins: int, spacing: npt.NDArray[np.float64], request: TextureRequest
) -> tuple[dict[str, float], dict[str, str]]:
    """Every texture feature asked for by IBSI tag, and the reason for each that cannot be had.

    `bins` (K, J, I) holds grey levels 1..n_bins and 0 outside the region; slices lie along its first axis. IBSI counts
    neighbours in voxels, so `spacing` (3,) enters no value: resample to a grid of equal edges first.

    Formula, unit and IBSI code of each: `dictionary.explain("cm_")`, or `segmentation features cm_` (so for rlm_, szm_,
    dzm_, ngt_, ngl_).

    Raises ImageRefusal where levels are out of range or the morphological mask does not hold the region.
    """
    mask = _border_mask(bins, request)
    scenes = (
        Scene(padded(bins, n_bins, request.distance, flat), mask, request.coarseness, request.dimensions)
        for flat in passes(request.dimensions)
    )
    values = _values(scenes, request.families)
    return _split(values) if np.any(bins) else ({}, dict.fromkeys(values, EMPTY))


def passes(dimensions: Sequence[str]) -> list[bool]:
    """How often a region is read: by slice (True) for 2D and 2_5D, by volume (False) for 3D."""
    return [flat for flat in (True, False) if any((dimension != "3D") == flat for dimension in dimensions)]


def features_of_counts(scenes: Iterable[Counted], families: Sequence[str]) -> tuple[dict[str, float], dict[str, str]]:
    """`texture_features` of a region with voxels that is already counted, one of `scenes` for each of `passes`."""
    return _split(_values(scenes, families))


def _values(scenes: Iterable[Counted], families: Sequence[str]) -> Values:
    values: Values = {}
    for scene in scenes:
        for family in families:
            values.update(_MEASURES[family](scene))
    return values


def _border_mask(bins: npt.NDArray[np.int32], request: TextureRequest) -> npt.NDArray[np.bool_]:
    region = np.asarray(bins) > 0
    mask = request.morphological
    if mask is None:
        return region
    if mask.shape != region.shape or bool((region & ~mask.astype(bool)).any()):
        raise ImageRefusal(
            "bad_morphological_mask",
            "The morphological mask does not hold the region.",
            expected=f"a mask {region.shape} that is set wherever a grey level is",
            found=f"shape {mask.shape}",
            next_step="take the mask as it was before voxels left it by their intensity",
        )
    return mask.astype(bool, copy=False)


def _split(values: Values) -> tuple[dict[str, float], dict[str, str]]:
    features: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for tag, each in values.items():
        value = mean(each)
        if value is not None:
            features[tag] = value
        else:
            reasons[tag] = _reason(tag, values)
    return features, reasons


def _reason(tag: str, values: Values) -> str:
    """Why a feature of a region with voxels is missing."""
    for stem, always, reason in _DIVISORS:
        if tag.startswith(stem) and mean(values[tag.replace(stem, always)]) is not None:
            return reason
    return NO_NEIGHBOUR
