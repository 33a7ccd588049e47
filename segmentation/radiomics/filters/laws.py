"""Laws' kernels (JTXT) and texture energy (PQSD). Reference: IBSI filters, arXiv:2006.05470."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.radiomics.filters.edges import Boundary, passed_on
from segmentation.radiomics.filters.kernels import Kernel, Response, centred, gain, pooled
from segmentation.radiomics.filters.smoothing import mean_response

# Level, edge, spot, wave, ripple; each is divided by the root of its sum of squares.
_WEIGHTS = {
    "L3": (1, 2, 1),
    "L5": (1, 4, 6, 4, 1),
    "E3": (-1, 0, 1),
    "E5": (-1, -2, 0, 2, 1),
    "S3": (-1, 2, -1),
    "S5": (-1, 0, 2, 0, -1),
    "W5": (-1, 2, 0, -2, 1),
    "R5": (1, -4, 6, -4, 1),
}
LAWS_NAMES = tuple(_WEIGHTS)


def split_names(names: str) -> list[str]:
    """The kernels named one after the other, first axis first: "E5L5S5" is E5, L5, S5; [] if a name is unknown."""
    parts = re.findall(r"[A-Z]\d", names)
    return parts if "".join(parts) == names and all(part in _WEIGHTS for part in parts) else []


def laws_kernel(name: str) -> Kernel:
    """One of Laws' kernels, normalised to unit length."""
    weights = _WEIGHTS[name]
    length = math.sqrt(sum(weight * weight for weight in weights))
    return centred([weight / length for weight in weights])


def laws_response(
    image: npt.NDArray[Any], names: str, pooling: str, energy_distance: int, boundary: Boundary
) -> Response:
    """The image under a product of Laws' kernels.

    With `energy_distance` (voxels, Chebyshev) above 0, the energy map: the mean of the response's absolute value over
    the square or cube of that reach around each voxel.
    """
    kernels = [laws_kernel(name) for name in split_names(names)]
    response = pooled(image, kernels, boundary, pooling)
    if energy_distance == 0:
        return response
    np.abs(response, out=response)
    beyond = passed_on(boundary, abs(gain(kernels)))
    beyond = beyond if isinstance(beyond, str) else abs(beyond)
    return mean_response(response, 2 * energy_distance + 1, len(kernels), beyond)
