"""The mean filter (S60F) and the Laplacian of Gaussian (L6PA). Reference: IBSI filters, arXiv:2006.05470."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segmentation.radiomics.filters.edges import Boundary, outside, scipy_mode
from segmentation.radiomics.filters.kernels import Kernel, Response, convolve


def mean_response(image: npt.NDArray[Any], support: int, dimensions: int, boundary: Boundary) -> Response:
    """The mean over the square or cube of `support` voxels (odd) around each voxel."""
    response = np.asarray(image, dtype=np.float32)
    for axis in range(dimensions):
        response = ndimage.uniform_filter1d(
            response, support, axis, output=np.float32, mode=scipy_mode(boundary), cval=outside(boundary)
        )
    return response


def log_response(image: npt.NDArray[Any], sigmas: Sequence[float], truncate: float, boundary: Boundary) -> Response:
    """The Laplacian of the image smoothed by a Gaussian; bright blobs of radius sigma sqrt(n) give the lowest values.

    `sigmas` in voxels, one an axis filtered; the kernel ends at `truncate` sigma, rounded to whole voxels. The second
    derivative is per squared voxel. The sampled kernel, as in the reference, does not sum to 0: about -1e-4 an axis
    from sigma 1 voxel on, but -0.06 at 0.6 voxels, where a constant image answers too.
    """
    smooth = [_gaussian(sigma, truncate) for sigma in sigmas]
    total = np.zeros(image.shape, np.float32)
    for axis, sigma in enumerate(sigmas):
        curved = [_curvature(kernel, sigma) if n == axis else kernel for n, kernel in enumerate(smooth)]
        total += convolve(image, curved, boundary)
    return total


def log_radius(sigma: float, truncate: float) -> int:
    """Voxels from the middle of the kernel to its end; `sigma` in voxels."""
    return math.floor(truncate * sigma + 0.5)


def _gaussian(sigma: float, truncate: float) -> Kernel:
    radius = log_radius(sigma, truncate)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    return Kernel(tuple((weights / weights.sum()).tolist()), -radius)


def _curvature(gaussian: Kernel, sigma: float) -> Kernel:
    """The second derivative of a sampled Gaussian."""
    offsets = np.arange(gaussian.first, gaussian.first + len(gaussian.weights))
    weights = np.asarray(gaussian.weights) * ((offsets / sigma) ** 2 - 1) / sigma**2
    return Kernel(tuple(weights.tolist()), gaussian.first)
