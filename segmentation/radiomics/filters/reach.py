"""How far around a voxel a filter looks: what must surround a crop so that it responds as the whole image does.

Kernels of a product, of a mean and of a Gabor filter end; a spectrum (non-separable wavelets, Riesz transforms) sees
the whole image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from segmentation.radiomics.filters.gabor import gabor_radius
from segmentation.radiomics.filters.laws import laws_kernel, split_names
from segmentation.radiomics.filters.settings import (
    FilterSettings,
    Gabor,
    LaplacianOfGaussian,
    Laws,
    Mean,
    NonSeparableWavelet,
    SeparableWavelet,
)
from segmentation.radiomics.filters.smoothing import log_radius
from segmentation.radiomics.filters.spacing import common_spacing
from segmentation.radiomics.filters.wavelets import band_kernel, low_pass


def reach(settings: FilterSettings, spacing: Sequence[float]) -> tuple[int, int, int] | None:
    """Voxels along I, J, K on either side that a response depends on, or None where it depends on the whole image.

    `spacing` (3,) mm. Raises ImageRefusal (`bad_spacing`) where the axes that the filter runs along differ in spacing.
    """
    voxels = _REACHES[type(settings)](settings, common_spacing(spacing, settings.dimensions))
    if voxels is None:
        return None
    return voxels, voxels, voxels if settings.dimensions == 3 else 0


def _log(by: LaplacianOfGaussian, spacing_mm: float) -> int | None:
    return None if by.riesz else log_radius(by.sigma_mm / spacing_mm, by.truncate)


def _laws(by: Laws, spacing_mm: float) -> int:
    longest = max(laws_kernel(name).reach for name in split_names(by.kernels))
    return longest + by.energy_distance


def _separable(by: SeparableWavelet, spacing_mm: float) -> int:
    return max(band_kernel(low_pass(by.family), band, by.level).reach for band in by.bands)


_REACHES: dict[type, Callable[[Any, float], int | None]] = {
    Mean: lambda by, spacing_mm: by.support // 2,
    LaplacianOfGaussian: _log,
    Laws: _laws,
    Gabor: lambda by, spacing_mm: gabor_radius(by.sigma_mm / spacing_mm, by.gamma),
    SeparableWavelet: _separable,
    NonSeparableWavelet: lambda by, spacing_mm: None,
}
