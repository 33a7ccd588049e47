"""Whether the axes that a filter runs along have voxels of one length."""

from __future__ import annotations

import math
from collections.abc import Sequence

from segmentation.errors import ImageRefusal

# Headers give spacing as float32, and scanners round it.
_EQUAL_SPACING = 0.01


def common_spacing(spacing: Sequence[float], dimensions: int) -> float:
    """The distance of voxels (mm) along the first `dimensions` of three axes, the mean where they differ by under 1 %.

    Raises ImageRefusal (`bad_spacing`) where they differ by more: IBSI defines filters on equal spacing.
    """
    along = [float(length) for length in spacing][:dimensions]
    usable = len(spacing) == 3 and all(math.isfinite(length) and length > 0 for length in along)
    if not usable or max(along) > min(along) * (1 + _EQUAL_SPACING):
        raise ImageRefusal(
            "bad_spacing",
            "The filter needs equal spacing along its axes.",
            expected=f"{dimensions} equal lengths above 0 mm",
            found=str(tuple(round(float(length), 4) for length in spacing)),
            next_step="resample to cubic voxels (grid.spacing_mm), or filter by slice (dimensions: 2)",
        )
    return sum(along) / len(along)
