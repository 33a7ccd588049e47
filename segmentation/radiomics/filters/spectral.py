"""Filters defined by their spectrum: Simoncelli (PRT7) and Shannon wavelets, Riesz transforms (AYRS).

Reference: IBSI filters, arXiv:2006.05470.

Frequencies run from -1 to 1 over the samples of the centred spectrum, both ends included. With an even number of
samples they lie half a bin from those of the discrete Fourier transform; the reference response maps agree with this
only, and the real part of the response is kept. A boundary other than periodic pads by half the image, at most 32
voxels times 2^(level - 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from segmentation.radiomics.filters.edges import Boundary, inner, padded
from segmentation.radiomics.filters.kernels import Response

Floats = npt.NDArray[np.float64]
Orders = tuple[int, ...]

WAVELETS = ("simoncelli", "shannon")
_LARGEST_PAD = 32


def wavelet_spectral_response(
    image: npt.NDArray[Any], family: str, level: int, orders: Orders, *, dimensions: int, boundary: Boundary
) -> Response:
    """The response in the band of that level (1 has the highest frequencies), Riesz-transformed if orders are given."""
    widths = _widths(image.shape, dimensions, level, boundary)
    around = padded(np.asarray(image, np.float32), widths, boundary)
    return inner(_filtered(around, dimensions, (family, level), orders), widths)


def padding_of(shape: Sequence[int], dimensions: int, boundary: Boundary) -> list[int]:
    """Voxels to add at both ends of each axis before a Riesz transform without a wavelet."""
    return _widths(shape, dimensions, 1, boundary)


def riesz_response(image: npt.NDArray[Any], orders: Orders) -> Response:
    """The Riesz transform of the image, taken as periodic; one order an axis transformed."""
    return _filtered(np.asarray(image, np.float32), len(orders), None, orders)


def _widths(shape: Sequence[int], dimensions: int, level: int, boundary: Boundary) -> list[int]:
    if boundary == "periodic":
        return [0] * len(shape)
    most = _LARGEST_PAD * 2 ** (level - 1)
    return [min(size // 2, most) if axis < dimensions else 0 for axis, size in enumerate(shape)]


def _filtered(
    image: npt.NDArray[np.float32], dimensions: int, wavelet: tuple[str, int] | None, orders: Orders
) -> Response:
    """The image times the transfer function, one plane of the spectrum at a time to keep memory low."""
    if dimensions == 2:
        planes = [_filtered_block(image[:, :, k], wavelet, orders) for k in range(image.shape[2])]
        return np.stack(planes, axis=2)
    return _filtered_block(image, wavelet, orders)


def _filtered_block(image: npt.NDArray[np.float32], wavelet: tuple[str, int] | None, orders: Orders) -> Response:
    spectrum = fft.rfftn(image)
    rest = [_frequencies(size) for size in image.shape[1:-1]]
    last = _frequencies(image.shape[-1])[:, : spectrum.shape[-1]]
    first = _frequencies(image.shape[0])
    for n in range(spectrum.shape[0]):
        # The real part of the response belongs to the mean of H(f) and the conjugate of H at the opposite sample.
        one, other = (
            _transfer(np.ix_([first[side, n]], *(axis[side] for axis in rest), last[side]), wavelet, orders)[0]
            for side in (0, 1)
        )
        spectrum[n] *= (one + np.conj(other)) / 2
    return fft.irfftn(spectrum, image.shape, overwrite_x=True).astype(np.float32, copy=False)


def _frequencies(size: int) -> Floats:
    """For each sample of the transform its frequency and that of the opposite sample, (2, size)."""
    if size == 1:
        return np.zeros((2, 1))
    centred = np.linspace(-1.0, 1.0, size)
    ours = np.roll(centred, -(size // 2))
    return np.stack([ours, np.roll(ours[::-1], 1)])


def _transfer(
    axes: tuple[Floats, ...], wavelet: tuple[str, int] | None, orders: Orders
) -> npt.NDArray[np.complexfloating[Any, Any]]:
    radius = np.sqrt(sum((axis**2 for axis in axes), np.zeros(())))
    transfer = np.ones(radius.shape, np.complex128) if wavelet is None else _band(radius, *wavelet).astype(complex)
    if orders:
        transfer *= _riesz(axes, radius, orders)
    return transfer


def _band(radius: Floats, family: str, level: int) -> Floats:
    """1 between half and all of the band's upper frequency (Shannon); a cosine of the logarithm (Simoncelli)."""
    scaled = radius * 2 ** (level - 1)
    if family == "shannon":
        return ((scaled > 0.5) & (scaled <= 1.0)).astype(float)
    inside = (scaled > 0.25) & (scaled <= 1.0)
    return np.where(inside, np.cos(math.pi / 2 * np.log2(2 * np.where(inside, scaled, 0.5))), 0.0)


def _riesz(axes: tuple[Floats, ...], radius: Floats, orders: Orders) -> npt.NDArray[np.complexfloating[Any, Any]]:
    """(-i)^L sqrt(L! / (l1! l2! l3!)) f1^l1 f2^l2 f3^l3 / |f|^L with L = l1 + l2 + l3; 0 at f = 0."""
    total = sum(orders)
    scale = (-1j) ** total * math.sqrt(math.factorial(total) / math.prod(math.factorial(order) for order in orders))
    direction = np.ones(radius.shape)
    safe = np.where(radius > 0, radius, 1.0)
    for axis, order in zip(axes, orders, strict=True):
        direction = direction * (axis / safe) ** order
    return scale * np.where(radius > 0, direction, 0.0)
