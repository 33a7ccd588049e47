"""Which voxels of a region count for its intensities: a range given, outliers taken out, or both.

Reference: IBSI reference manual, arXiv:1612.07003, 2.5. Where both are asked for, the region keeps what lies in both
ranges; mean and standard deviation are those of the region as outlined.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.radiomics.settings import ResegmentationSettings


def intensity_mask(
    image: npt.NDArray[Any], inside: npt.NDArray[np.bool_], settings: ResegmentationSettings
) -> npt.NDArray[np.bool_]:
    """The voxels of `inside` whose intensity is kept; both arrays (K, J, I). Without a setting `inside` itself."""
    low, high = _limits(image[inside], settings)
    if math.isinf(low) and math.isinf(high):
        return inside
    return inside & (image >= low) & (image <= high)


def _limits(values: npt.NDArray[Any], settings: ResegmentationSettings) -> tuple[float, float]:
    ends = settings.range or (None, None)
    low = -math.inf if ends[0] is None else ends[0]
    high = math.inf if ends[1] is None else ends[1]
    if settings.outliers_sigma is None or not len(values):
        return low, high
    mean, spread = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    reach = settings.outliers_sigma * spread
    return max(low, mean - reach), min(high, mean + reach)
