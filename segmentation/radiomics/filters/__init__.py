"""IBSI 2 image filters: `filter_settings` reads which, `respond` gives the response map.

Reference: Whybra et al., The Image Biomarker Standardization Initiative: standardized convolutional filters, Radiology
2024, doi:10.1148/radiol.231319; definitions arXiv:2006.05470.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.radiomics.filters.edges import inner, padded
from segmentation.radiomics.filters.gabor import gabor_response
from segmentation.radiomics.filters.kernels import Response
from segmentation.radiomics.filters.laws import laws_response
from segmentation.radiomics.filters.reach import reach
from segmentation.radiomics.filters.settings import (
    FilterSettings,
    Gabor,
    LaplacianOfGaussian,
    Laws,
    Mean,
    NonSeparableWavelet,
    SeparableWavelet,
    filter_entries,
    filter_settings,
)
from segmentation.radiomics.filters.smoothing import log_response, mean_response
from segmentation.radiomics.filters.spacing import common_spacing
from segmentation.radiomics.filters.spectral import padding_of, riesz_response, wavelet_spectral_response
from segmentation.radiomics.filters.wavelets import wavelet_response

__all__ = (
    "FilterSettings",
    "Gabor",
    "LaplacianOfGaussian",
    "Laws",
    "Mean",
    "NonSeparableWavelet",
    "SeparableWavelet",
    "filter_entries",
    "filter_settings",
    "reach",
    "respond",
)

Image = npt.NDArray[Any]


def respond(image: Image, spacing: Sequence[float], settings: FilterSettings) -> Response:
    """The response map of an image under a filter: float32, shape of the image (I, J, K). The image stays as it is.

    `spacing` is the distance between voxels along I, J, K in mm. Kernels are named along I, J, K in that order.
    Filter the whole image and crop the response: a crop has other surroundings, and the bands of non-separable wavelets
    lie on the frequencies of the grid given.

    Raises ImageRefusal where the image is not a finite volume, or where the axes that the filter runs along differ in
    spacing by more than 1 %: IBSI defines filters on equal spacing, so resample first or filter by slice.
    """
    _check_image(image)
    spacing_mm = common_spacing(spacing, settings.dimensions)
    return _RESPONSES[type(settings)](image, spacing_mm, settings)


def _check_image(image: Image) -> None:
    if image.ndim != 3 or image.size == 0:
        raise ImageRefusal("not_3d", "A filter needs a volume.", expected="three axes", found=str(image.shape))
    lost = image.size - int(np.count_nonzero(np.isfinite(image)))
    if lost:
        raise ImageRefusal(
            "not_finite",
            "A filter would spread values that are not numbers.",
            expected="finite intensities",
            found=f"{lost} of {image.size} voxels not finite",
            next_step="replace them before filtering",
        )


def _mean(image: Image, spacing_mm: float, by: Mean) -> Response:
    return mean_response(image, by.support, by.dimensions, by.boundary)


def _log(image: Image, spacing_mm: float, by: LaplacianOfGaussian) -> Response:
    sigmas = [by.sigma_mm / spacing_mm] * by.dimensions
    if not by.riesz:
        return log_response(image, sigmas, by.truncate, by.boundary)
    widths = padding_of(image.shape, by.dimensions, by.boundary)
    around = padded(np.asarray(image, np.float32), widths, by.boundary)
    return inner(riesz_response(log_response(around, sigmas, by.truncate, by.boundary), by.riesz), widths)


def _laws(image: Image, spacing_mm: float, by: Laws) -> Response:
    return laws_response(image, by.kernels, by.pooling, by.energy_distance, by.boundary)


def _gabor(image: Image, spacing_mm: float, by: Gabor) -> Response:
    wave = (by.sigma_mm / spacing_mm, by.wavelength_mm / spacing_mm, by.gamma)
    return gabor_response(image, wave, by.angles, orthogonal_planes=by.orthogonal_planes, boundary=by.boundary)


def _separable(image: Image, spacing_mm: float, by: SeparableWavelet) -> Response:
    return wavelet_response(image, by.family, by.bands, by.level, pooling=by.pooling, boundary=by.boundary)


def _non_separable(image: Image, spacing_mm: float, by: NonSeparableWavelet) -> Response:
    return wavelet_spectral_response(
        image, by.family, by.level, by.riesz, dimensions=by.dimensions, boundary=by.boundary
    )


_RESPONSES: dict[type, Callable[[Image, float, Any], Response]] = {
    Mean: _mean,
    LaplacianOfGaussian: _log,
    Laws: _laws,
    Gabor: _gabor,
    SeparableWavelet: _separable,
    NonSeparableWavelet: _non_separable,
}
