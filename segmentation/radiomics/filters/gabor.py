"""Gabor filters in a plane (Q88H). Reference: IBSI filters, arXiv:2006.05470."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from segmentation.radiomics.filters.edges import Boundary, padded
from segmentation.radiomics.filters.kernels import Response

# The kernel is cut where its envelope has fallen to exp(-18) of the middle.
_REACH = 6.0


def gabor_response(
    image: npt.NDArray[Any],
    wave: tuple[float, float, float],
    angles: tuple[float, ...],
    *,
    orthogonal_planes: bool,
    boundary: Boundary,
) -> Response:
    """The modulus of the image under a complex Gabor filter, mean over the angles and, if asked, three planes.

    `wave` is sigma and wavelength in voxels, and gamma: the envelope's extent along the wave over that across it.
    Angles in radians turn the wave from the first axis of the plane to the second; planes hold the axes (I, J), (I, K)
    and (J, K). Responses are not negative.
    """
    total = np.zeros(image.shape, np.float32)
    planes = (2, 1, 0) if orthogonal_planes else (2,)
    for normal in planes:
        kernels = [gabor_kernel(*wave, angle) for angle in angles]
        slices, sums = np.moveaxis(image, normal, 0), np.moveaxis(total, normal, 0)
        for index, modulus in enumerate(_moduli(slices, kernels, boundary)):
            sums[index] += modulus
    total /= len(planes) * len(angles)
    return total


def gabor_radius(sigma: float, gamma: float) -> int:
    """Voxels from the middle of the kernel to its end; `sigma` in voxels."""
    return math.ceil(_REACH * sigma * max(1.0, 1.0 / gamma))


def gabor_kernel(sigma: float, wavelength: float, gamma: float, angle: float) -> npt.NDArray[np.complex128]:
    """exp(-(u^2 + gamma^2 v^2) / (2 sigma^2) + 2 pi i u / wavelength), (2 r + 1, 2 r + 1), not normalised.

    u = k1 cos(angle) + k2 sin(angle) runs along the wave, v = k2 cos(angle) - k1 sin(angle) across it.
    """
    radius = gabor_radius(sigma, gamma)
    k = np.arange(-radius, radius + 1.0)
    u = k[:, None] * math.cos(angle) + k * math.sin(angle)
    v = k * math.cos(angle) - k[:, None] * math.sin(angle)
    return np.exp(-(u**2 + (gamma * v) ** 2) / (2 * sigma**2) + 2j * math.pi * u / wavelength)


def _moduli(
    slices: npt.NDArray[Any], kernels: list[npt.NDArray[np.complex128]], boundary: Boundary
) -> Iterator[npt.NDArray[np.float64]]:
    """For each slice the sum over the kernels of the modulus of its convolution."""
    radius = kernels[0].shape[0] // 2
    height, width = slices.shape[1:]
    shape = (fft.next_fast_len(height + 2 * radius), fft.next_fast_len(width + 2 * radius))
    # Only the part where the kernel lies inside the padded slice is kept, so a circular convolution does.
    spectra = [fft.fft2(kernel, shape).astype(np.complex64) for kernel in kernels]
    for plane in slices:
        around = fft.fft2(padded(np.asarray(plane, np.float32), (radius, radius), boundary), shape)
        total = np.zeros((height, width))
        for spectrum in spectra:
            total += np.abs(fft.ifft2(around * spectrum)[2 * radius :, 2 * radius :][:height, :width])
        yield total
