"""Undecimated separable wavelets (25BO): Haar, Daubechies and Coiflet 1. Reference: arXiv:2006.05470.

Decomposition "a trous": level n runs the filters of level 1 with 2^(n-1) - 1 zeros between their weights on the
low-pass response of the levels before. Here the levels are joined into one kernel an axis, so that the image is
padded once. Low-pass weights sum to sqrt 2 at every level: a constant grows by sqrt 2 an axis and level.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.radiomics.filters.edges import Boundary
from segmentation.radiomics.filters.kernels import Kernel, Response, pooled

MAX_DAUBECHIES = 10  # beyond, roots of the polynomial lose too many digits
_NAME = re.compile(r"haar|coif1|db([1-9]|10)")


def known_wavelet(name: str) -> bool:
    """Whether a family name is on offer: haar, db1 ... db10, coif1."""
    return _NAME.fullmatch(name) is not None


def wavelet_response(
    image: npt.NDArray[Any], family: str, bands: str, level: int, *, pooling: str, boundary: Boundary
) -> Response:
    """The response in one sub-band: `bands` has L (low pass) or H (high pass) for each axis, first axis first."""
    kernels = [band_kernel(low_pass(family), band, level) for band in bands]
    return pooled(image, kernels, boundary, pooling)


def low_pass(family: str) -> tuple[float, ...]:
    """The decomposition low-pass weights; they sum to sqrt 2 and their squares to 1."""
    if family == "coif1":
        return _coiflet_1()
    return _daubechies(1 if family == "haar" else int(family[2:]))


def high_pass(low: tuple[float, ...]) -> tuple[float, ...]:
    """The weights of the quadrature mirror: reversed, every second sign changed, the first negative."""
    return tuple(weight * (-1.0) ** (n + 1) for n, weight in enumerate(low[::-1]))


def band_kernel(low: tuple[float, ...], band: str, level: int) -> Kernel:
    """All levels of one axis joined: low pass up to the last, which is the band's (L or H)."""
    kernel = Kernel((1.0,), 0)
    for n in range(1, level):
        kernel = kernel.then(_spread(low, 2 ** (n - 1)))
    return kernel.then(_spread(low if band == "L" else high_pass(low), 2 ** (level - 1)))


def _spread(weights: tuple[float, ...], step: int) -> Kernel:
    """A convolution with weights `step` voxels apart; the middle of an even number lies to the voxel's left."""
    spread = np.zeros((len(weights) - 1) * step + 1)
    spread[::step] = weights[::-1]
    return Kernel(tuple(spread.tolist()), -(len(weights) // 2 - 1) * step)


def _coiflet_1() -> tuple[float, ...]:
    root = math.sqrt(7.0)
    weights = (-3 + root, 1 - root, 14 - 2 * root, 14 + 2 * root, 5 + root, 1 - root)
    return tuple(weight / (16 * math.sqrt(2.0)) for weight in weights)


@cache
def _daubechies(moments: int) -> tuple[float, ...]:
    """Daubechies' filter with that many vanishing moments, by spectral factorisation, of least phase.

    Reference: I. Daubechies, Orthonormal bases of compactly supported wavelets, doi:10.1002/cpa.3160410705.
    """
    binomials = [math.comb(moments - 1 + n, n) for n in range(moments)]
    weights = np.array([1.0])
    for root in np.roots(binomials[::-1]):
        # y = (2 - z - 1/z) / 4 turns each root into a pair z, 1/z; the one inside the unit circle is kept.
        half = 1 - 2 * root
        z = half + np.sqrt(half * half - 1 + 0j)
        weights = np.convolve(weights, [1.0, -(z if abs(z) < 1 else 1 / z)])
    for _ in range(moments):
        weights = np.convolve(weights, [1.0, 1.0])
    real = np.real(weights)
    return tuple((real[::-1] * math.sqrt(2.0) / real.sum()).tolist())
