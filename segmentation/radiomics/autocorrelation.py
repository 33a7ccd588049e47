"""Do near voxels of a region look alike? Moran's I (N365) and Geary's C (NPT7) over all pairs of voxels.

Every pair is weighed by the inverse of its distance. Such sums over pairs are convolutions, so they are taken as
products of Fourier transforms of the padded box: exact, and n log n instead of n squared.

References: Moran 1950, doi:10.2307/2332142; definitions arXiv:1612.07003, 3.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

Floats = npt.NDArray[np.float64]

CONSTANT = "all voxels of the region have the same intensity"
TAGS = ("morph_moran_i", "morph_geary_c")


def autocorrelation_features(
    image: npt.NDArray[Any], inside: npt.NDArray[np.bool_], spacing: Floats
) -> tuple[dict[str, float], dict[str, str]]:
    """Both features by tag, or the reason why they cannot be had.

    `image` and `inside` (K, J, I), `spacing` (3,) mm along the same axes. Moran's I: 1 alike, 0 unrelated, -1
    opposed; Geary's C: 0 alike, 1 unrelated, above 1 opposed.

    Formula, unit and IBSI code of each: `segmentation features morph_moran_i`.
    """
    values = image[inside].astype(np.float64)
    if not len(values) or values.min() == values.max():
        return {}, dict.fromkeys(TAGS, CONSTANT)
    mean, spread = float(values.mean()), float(values.std())
    scores = np.zeros(inside.shape)
    scores[inside] = (values - mean) / spread
    weights, products, squares = _pair_sums(inside, scores, spacing)
    n = len(values)
    # With unit variance the sum of squared scores is n. Pairs (p, q) and (q, p) both count.
    moran = products / weights
    geary = (n - 1) / (2 * weights) * (2 * squares - 2 * products) / n
    return {"morph_moran_i": moran, "morph_geary_c": geary}, {}


def _pair_sums(inside: npt.NDArray[np.bool_], scores: Floats, spacing: Floats) -> tuple[float, float, float]:
    """Over all pairs of voxels p, q: sums of the weight, weight times x_p x_q, and weight times x_p squared."""
    half = [fft.next_fast_len(n, real=True) for n in inside.shape]
    shape = [2 * n for n in half]
    kernel = _distance_spectrum(half, spacing)
    # A frequency and its mirror image count twice; those that are their own mirror image once.
    kernel[..., 1:-1] *= 2
    kernel /= float(np.prod(shape))
    here = fft.rfftn(inside.astype(np.float64), shape)
    weights = float((kernel * _power(here, here)).sum())
    squares = float((kernel * _power(here, fft.rfftn(scores**2, shape))).sum())
    here = fft.rfftn(scores, shape)
    return weights, float((kernel * _power(here, here)).sum()), squares


def _power(a: npt.NDArray[np.complex128], b: npt.NDArray[np.complex128]) -> Floats:
    product: Floats = a.real * b.real + a.imag * b.imag
    return product


def _distance_spectrum(half: list[int], spacing: Floats) -> Floats:
    """Fourier transform of 1 / distance from the corner of a periodic box twice `half`, 0 at the corner itself.

    The distances mirror about the middle of each axis, so that one eighth of the box and cosines are enough.
    """
    k, j, i = ((np.arange(n + 1) * step) ** 2 for n, step in zip(half, spacing, strict=True))
    square = k[:, None, None] + j[:, None] + i
    square[0, 0, 0] = np.inf
    eighth = fft.dctn(1 / np.sqrt(square), type=1)
    mirrored = [np.minimum(np.arange(2 * n), 2 * n - np.arange(2 * n)) for n in half[:2]]
    spectrum: Floats = eighth[mirrored[0]][:, mirrored[1]]
    return spectrum
