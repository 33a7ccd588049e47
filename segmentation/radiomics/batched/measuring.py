"""Many processed regions measured at once: what the device counts, and what the processor makes of it.

On the device: surface forms, intensity statistics, peaks, histograms and all texture matrices. On the processor: grid,
filter and bins, hull and smallest ellipsoid, spatial autocorrelation, and every formula on small matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from segmentation.radiomics.autocorrelation import autocorrelation_features
from segmentation.radiomics.batched.boxes import BoxVoxels
from segmentation.radiomics.batched.levels import LevelBoxes, lay_levels
from segmentation.radiomics.batched.peaks import local_peaks
from segmentation.radiomics.batched.statistics import Found, centre_shift, intensity_statistics
from segmentation.radiomics.batched.surface import volumes_and_areas
from segmentation.radiomics.batched.tables import Tables
from segmentation.radiomics.batched.textures import batched_textures
from segmentation.radiomics.discretise import discretise
from segmentation.radiomics.enclosing import enclosing_features
from segmentation.radiomics.histogram import histogram_features
from segmentation.radiomics.intensity import ZERO_DIVISOR
from segmentation.radiomics.measuring import level_ends, measure_prepared, of_directions, texture_request
from segmentation.radiomics.processing import PreparedRegion
from segmentation.radiomics.region import RegionVoxels
from segmentation.radiomics.settings import TEXTURES, RadiomicsSettings
from segmentation.radiomics.shape import shape_features
from segmentation.radiomics.texture.levels import check_levels
from segmentation.radiomics.volume_histogram import volume_histogram_features

_COUNTED = ("shape", "enclosing", "intensity", "local_intensity", "histogram", "volume_histogram", *TEXTURES)


@dataclass(frozen=True, eq=False)
class MeshedVoxels(RegionVoxels):
    """A region whose mesh is measured already."""

    surface: tuple[float, float] = (0.0, 0.0)

    @cached_property
    def mesh(self) -> tuple[float, float]:
        return self.surface


@dataclass(frozen=True, eq=False)
class Batch:
    """Regions with at least one voxel each, on the device."""

    settings: RadiomicsSettings
    regions: Sequence[PreparedRegion]
    levels: LevelBoxes
    outline: Tensor  # the masks as outlined, in the boxes of `levels`

    def asks(self, *families: str) -> bool:
        """Is any of these families wanted?"""
        return any(family in self.settings.families for family in families)

    @cached_property
    def outlined(self) -> BoxVoxels:
        """The voxels as outlined."""
        return self.levels.boxes.voxels(self.outline)

    @cached_property
    def meshes(self) -> list[tuple[float, float]]:
        """Volume and area of each region's mesh."""
        return volumes_and_areas(self.levels.boxes, self.outline, [region.spacing for region in self.regions])


def measure_counted(settings: RadiomicsSettings, regions: Sequence[PreparedRegion], device: str) -> list[Found]:
    """`measure_prepared` for regions that all keep a voxel, at once; `device` is "cpu" or "cuda"."""
    found: list[Found] = [_rest(settings, region) for region in regions]
    batch = _laid(settings, regions, device)
    for measure in (_shapes, _intensities, _peaks, _histograms, _textures):
        for (features, reasons), (more, missing) in zip(found, measure(batch), strict=False):
            features.update(more)
            reasons.update(missing)
    return found


def _rest(settings: RadiomicsSettings, region: PreparedRegion) -> Found:
    """The families that are not counted here."""
    left = tuple(family for family in settings.families if family not in _COUNTED)
    return measure_prepared(settings.model_copy(update={"families": left}), region)


def _laid(settings: RadiomicsSettings, regions: Sequence[PreparedRegion], device: str) -> Batch:
    grey = any(family in settings.families for family in ("histogram", *TEXTURES))
    binned = [_binned(settings, region) if grey else (region.intensity, 1) for region in regions]
    levels = lay_levels([bins for bins, _ in binned], [n for _, n in binned], settings.texture.distance, device)
    outline = levels.boxes.filled([region.morphological for region in regions], np.uint8)
    return Batch(settings, regions, levels, outline)


def _binned(settings: RadiomicsSettings, region: PreparedRegion) -> tuple[npt.NDArray[Any], int]:
    lowest = level_ends(settings)[0]
    bins, n_bins = discretise(region.image, region.intensity, settings.discretisation, lowest)
    check_levels(bins, n_bins)
    return bins, n_bins


def _shapes(batch: Batch) -> list[Found]:
    if not batch.asks("shape", "enclosing"):
        return []
    return [_shape(batch, region, mesh) for region, mesh in zip(batch.regions, batch.meshes, strict=True)]


def _shape(batch: Batch, region: PreparedRegion, mesh: tuple[float, float]) -> Found:
    plain = region.outlined
    voxels = MeshedVoxels(plain.block, plain.spacing, plain.window, plain.n_voxels, mesh)
    features, missing = shape_features(voxels) if batch.asks("shape") else ({}, {})
    return {**features, **(enclosing_features(voxels) if batch.asks("enclosing") else {})}, missing


def _intensities(batch: Batch) -> list[Found]:
    """Statistics, and the intensity-volume histogram, which needs every value and how often it occurs."""
    if not batch.asks("intensity", "volume_histogram"):
        return []
    return [_intensity(batch, number) for number in range(len(batch.regions))]


def _intensity(batch: Batch, number: int) -> Found:
    region, settings = batch.regions[number], batch.settings
    values = torch.from_numpy(region.values).to(batch.levels.boxes.device)
    ascending = torch.sort(values).values
    features, missing = intensity_statistics(ascending) if batch.asks("intensity") else ({}, {})
    if batch.asks("intensity"):
        features["morph_integ_int"] = features["stat_mean"] * batch.meshes[number][0]
        _put_centre_shift(batch, number, values, (features, missing))
    if batch.asks("intensity") and settings.spatial_autocorrelation:
        _add((features, missing), autocorrelation_features(region.image, region.intensity, region.spacing))
    if batch.asks("volume_histogram"):
        level, counts = (part.cpu().numpy() for part in torch.unique_consecutive(ascending, return_counts=True))
        ends = level_ends(settings)
        _add((features, missing), volume_histogram_features(level, settings.volume_histogram, ends, counts))
    return features, missing


def _add(to: Found, found: Found) -> None:
    to[0].update(found[0])
    to[1].update(found[1])


def _put_centre_shift(batch: Batch, number: int, values: Tensor, found: Found) -> None:
    """`morph_com`: from the centre of the region as outlined to that weighted by intensity."""
    boxes, voxels = batch.levels.boxes, (batch.levels.voxels, batch.outlined)
    start = int(boxes.starts[number])
    places, outlined = (each.places[each.bounds[number] : each.bounds[number + 1]] - start for each in voxels)
    shift = centre_shift(values, places, outlined, boxes.padded[number].tolist())
    if shift is None:
        found[1]["morph_com"] = ZERO_DIVISOR
    else:
        found[0]["morph_com"] = float(np.linalg.norm(shift * batch.regions[number].spacing))


def _histograms(batch: Batch) -> list[Found]:
    if not batch.asks("histogram"):
        return []
    levels = batch.levels
    tables = Tables([(1, 1, n) for n in levels.n_bins], levels.boxes.device)
    first = torch.zeros_like(levels.level)
    tallies = tables.tally(tables.keys(levels.voxels.case, first, first + 1, levels.level))
    found = []
    for (keys, number), n in zip(tallies, levels.n_bins, strict=True):
        counts = np.zeros(n, dtype=np.int64)
        counts[keys] = number
        found.append(histogram_features(counts))
    return found


def _peaks(batch: Batch) -> list[Found]:
    if not batch.asks("local_intensity"):
        return []
    return [(local_peaks(region, batch.levels.boxes.device), {}) for region in batch.regions]


def _textures(batch: Batch) -> list[Found]:
    if not batch.asks(*TEXTURES):
        return []
    # Border distances are those of the outlines on the device.
    found = batched_textures(batch.levels, batch.outline, texture_request(batch.settings))
    return [of_directions(batch.settings, of_region) for of_region in found]
