"""The rules in which PyRadiomics 3.0.1 departs from IBSI, each of which can be switched on by itself.

The engine of profile `ibsi` measures a region with any set of them: those that decide how image, mask and grey levels
are processed become settings, the others are applied to its values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from segmentation.radiomics.discretise import discretise
from segmentation.radiomics.measuring import measure_prepared
from segmentation.radiomics.processing import PreparedRegion, prepare
from segmentation.radiomics.pyradiomics.bins import BIN_WIDTH, first_edge
from segmentation.radiomics.pyradiomics.matrices import matrix_features
from segmentation.radiomics.pyradiomics.names import counterparts
from segmentation.radiomics.pyradiomics.surface import peer_volume_and_area
from segmentation.radiomics.region import RegionVoxels, cut_regions
from segmentation.radiomics.settings import (
    BinSettings,
    GridSettings,
    RadiomicsSettings,
    ResegmentationSettings,
    TextureSettings,
)
from segmentation.types import Mask, Volume

Features = dict[str, float]
Reasons = dict[str, str]
Found = tuple[Features, Reasons]
RuleSet = frozenset[str]

# What each rule says, in the order in which they are tried.
RULES = {
    "bins": "bins of 25 units start at a multiple of 25, not at the region's minimum, nor as the settings say",
    "kurtosis": "kurtosis is not reduced by 3",
    "mesh": "the surface mesh comes from half a table of triangles, along the file's axes, and has holes",
    "covariance": "the covariance of voxel centres is divided by N, not by N - 1",
    "aggregation": "directions are averaged, never merged",
    "conventions": "a number stands where IBSI leaves the value open; voxels without a neighbour count in the NGTDM",
    "grid": "image and mask are not resampled",
    "rounding": "intensities are not rounded",
    "resegmentation": "no voxel leaves the region by its intensity",
    "neighbours": "neighbours are at distance 1, and only equal grey levels are dependent",
}
_OF_PROCESSING = frozenset({"grid", "rounding", "resegmentation"})
_OF_SETTINGS = _OF_PROCESSING | {"bins", "neighbours"}
_AXES = ("morph_pca_maj_axis", "morph_pca_min_axis", "morph_pca_least_axis")
_OPEN_WHERE_CONSTANT = {"stat_skew": 0.0, "stat_kurt": -3.0}
_OPEN_WHERE_FLAT = {"morph_pca_least_axis": 0.0, "morph_pca_flatness": 0.0}


def applicable(settings: RadiomicsSettings) -> list[str]:
    """The rules that can move a value measured with these settings, in the order of RULES."""
    keeps = {
        "grid": settings.grid.spacing_mm is None,
        "rounding": not settings.interpolation.round_intensities,
        "resegmentation": settings.resegmentation == ResegmentationSettings(),
        "neighbours": (settings.texture.distance, settings.texture.ngldm_coarseness) == (1, 0),
    }
    return [rule for rule in RULES if not keeps.get(rule, False)]


@dataclass(frozen=True, eq=False)
class Switchboard:
    """One region, measured by IBSI with any set of rules switched on. What is slow is kept for the next set."""

    settings: RadiomicsSettings
    image: Volume
    mask: Mask
    region: str
    _prepared: dict[RuleSet, PreparedRegion | None] = field(default_factory=dict)
    _measured: dict[RuleSet, Found] = field(default_factory=dict)
    _conventional: dict[RuleSet, Features] = field(default_factory=dict)

    def values(self, rules: RuleSet) -> Found:
        """Features by IBSI tag with these rules switched on, and the reason for each that is missing."""
        key = rules & _OF_SETTINGS
        if key not in self._measured:
            self._measured[key] = self._measure(key)
        features, reasons = dict(self._measured[key][0]), self._measured[key][1]
        prepared = self._region(key)
        if prepared is None or not prepared.intensity.any():
            return features, reasons
        if "conventions" in rules:
            self._put_conventions(features, reasons, key, prepared)
        if "kurtosis" in rules and "stat_kurt" in features:
            features["stat_kurt"] += 3
        if "mesh" in rules:
            features |= _of_mesh(self._filed(prepared) if _native(self.settings, rules) else prepared.outlined)
        if "covariance" in rules:
            n = prepared.outlined.n_voxels
            features |= {tag: features[tag] * math.sqrt((n - 1) / n) for tag in _AXES if tag in features}
        if "aggregation" in rules:
            features |= {
                f"{tag.removesuffix('_avg')}_comb": value for tag, value in features.items() if tag.endswith("_3D_avg")
            }
        return features, reasons

    def _region(self, rules: RuleSet) -> PreparedRegion | None:
        key = rules & _OF_PROCESSING
        if key not in self._prepared:
            self._prepared[key] = prepare(switched(self.settings, key), self.image, self.mask, self.region)
        return self._prepared[key]

    def _measure(self, rules: RuleSet) -> Found:
        prepared = self._region(rules)
        if prepared is None:
            return {}, {}
        return measure_prepared(self._with_bins(rules, prepared), prepared)

    def _with_bins(self, rules: RuleSet, prepared: PreparedRegion) -> RadiomicsSettings:
        """The settings with these rules; the region is cut already, so a lower end only says where bins start."""
        settings = switched(self.settings, rules)
        if "bins" not in rules or not len(prepared.values):
            return settings
        start = ResegmentationSettings(range=(first_edge(prepared.values), None))
        bins = BinSettings(method="fixed_bin_size", value=BIN_WIDTH)
        return settings.model_copy(update={"discretisation": bins, "resegmentation": start})

    def _put_conventions(self, features: Features, reasons: Reasons, key: RuleSet, prepared: PreparedRegion) -> None:
        open_values = {tag: value for tag, value in (_OPEN_WHERE_CONSTANT | _OPEN_WHERE_FLAT).items() if tag in reasons}
        features |= open_values
        if key not in self._conventional:
            settings = self._with_bins(key, prepared)
            lowest = (settings.resegmentation.range or (None, None))[0]
            bins, _ = discretise(prepared.image, prepared.intensity, settings.discretisation, lowest)
            around = settings.texture.distance, settings.texture.ngldm_coarseness
            self._conventional[key] = matrix_features(bins.astype(np.int32), *around)[0]
        named = self._conventional[key]
        features |= {tag: named[name] for tag, name in counterparts() if name in named and _open_in_texture(tag)}

    def _filed(self, prepared: PreparedRegion) -> RegionVoxels:
        """The region along the axes of its file; `prepared` has it along the patient's."""
        only = Mask(self.mask.labels, self.mask.affine, {self.region: self.mask.regions[self.region]})
        return cut_regions(only)[self.region] or prepared.outlined


def switched(settings: RadiomicsSettings, rules: RuleSet) -> RadiomicsSettings:
    """The settings with those rules that decide processing and neighbourhoods."""
    update: dict[str, object] = {}
    if "grid" in rules:
        update["grid"] = GridSettings()
    if "rounding" in rules:
        update["interpolation"] = settings.interpolation.model_copy(update={"round_intensities": False})
    if "resegmentation" in rules:
        update["resegmentation"] = ResegmentationSettings()
    if "neighbours" in rules:
        update["texture"] = TextureSettings(dimensions=settings.texture.dimensions)
    return settings.model_copy(update=update)


def _native(settings: RadiomicsSettings, rules: RuleSet) -> bool:
    return settings.grid.spacing_mm is None or "grid" in rules


def _of_mesh(region: RegionVoxels) -> Features:
    volume, area = peer_volume_and_area(region.block, region.spacing)
    return {
        "morph_volume": volume,
        "morph_area_mesh": area,
        "morph_av": area / volume,
        "morph_sphericity": (36 * math.pi * volume**2) ** (1 / 3) / area,
    }


def _open_in_texture(tag: str) -> bool:
    """Averages over directions, some of which may leave a value open, and grey tones."""
    return tag.endswith("_3D_avg") or tag.startswith("ngt_")
