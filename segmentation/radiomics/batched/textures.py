"""Texture matrices of many regions counted on the device, and handed to the formulas of the processor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from segmentation.radiomics.batched.around import neighbourhoods
from segmentation.radiomics.batched.levels import LevelBoxes
from segmentation.radiomics.batched.lines import pairs, runs
from segmentation.radiomics.batched.zones import find_zones, zones_by
from segmentation.radiomics.texture import TextureRequest, features_of_counts, passes
from segmentation.radiomics.texture.neighbourhood import Neighbourhoods
from segmentation.radiomics.texture.tally import Cells


@dataclass(frozen=True, eq=False)
class CountedRegion:
    """What was counted in one region by slice (`flat`) or by volume; only what the families asked for need."""

    dimensions: Sequence[str]
    flat: bool
    found: dict[str, Any]

    @property
    def pairs(self) -> Cells:
        return self.found["pairs"]

    @property
    def runs(self) -> Cells:
        return self.found["runs"]

    @property
    def zones_by_size(self) -> Cells:
        return self.found["zones_by_size"]

    @property
    def zones_by_distance(self) -> Cells:
        return self.found["zones_by_distance"]

    @property
    def around(self) -> Neighbourhoods:
        return self.found["around"]


def batched_textures(
    levels: LevelBoxes, outline: Tensor, request: TextureRequest
) -> list[tuple[dict[str, float], dict[str, str]]]:
    """Of each region what `texture_features` gives; `outline` is the line of the masks as outlined."""
    by_pass = [_counted(levels, outline, request, flat) for flat in passes(request.dimensions)]
    return [features_of_counts(scenes, request.families) for scenes in zip(*by_pass, strict=True)]


def _counted(levels: LevelBoxes, outline: Tensor, request: TextureRequest, flat: bool) -> list[CountedRegion]:
    found: dict[str, Sequence[object]] = {}
    asked = set(request.families)
    if "cm" in asked:
        found["pairs"] = pairs(levels, flat)
    if "rlm" in asked:
        found["runs"] = runs(levels, flat)
    if asked & {"szm", "dzm"}:
        zones = find_zones(levels, outline, flat)
        found["zones_by_size"] = zones_by(levels, zones, zones.size, flat)
        found["zones_by_distance"] = zones_by(levels, zones, zones.distance, flat)
    if asked & {"ngt", "ngl"}:
        found["around"] = neighbourhoods(levels, flat, request.coarseness)
    return [
        CountedRegion(request.dimensions, flat, {name: each[region] for name, each in found.items()})
        for region in range(len(levels.n_bins))
    ]
