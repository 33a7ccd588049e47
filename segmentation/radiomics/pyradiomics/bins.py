"""Grey levels as PyRadiomics counts them: bins of 25 units at multiples of 25, the first at or under the minimum.

IBSI starts the first bin at the region's minimum (or at the lower end of re-segmentation) instead.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.radiomics.discretise import MAX_BINS

BIN_WIDTH = 25.0


def first_edge(values: npt.NDArray[Any]) -> float:
    """The largest multiple of the bin width that is not above the smallest of `values` (n,), n > 0."""
    return math.floor(float(values.min()) / BIN_WIDTH) * BIN_WIDTH


def levels_from_multiples(values: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """The grey level, from 1, of each of `values` (n,), n > 0, in the image's units.

    Raises ImageRefusal (`bad_bins`) where there are more than 65,535 levels.
    """
    start = first_edge(values)
    n_bins = math.floor((float(values.max()) - start) / BIN_WIDTH) + 1
    if n_bins > MAX_BINS:
        raise ImageRefusal(
            "bad_bins",
            "The intensities do not fit bins of 25 units.",
            expected=f"at most {MAX_BINS} grey levels",
            found=str(n_bins),
            next_step="use profile ibsi with settings that suit the image",
        )
    # Edges are compared, not divided: a value a rounding error below an edge belongs to the lower bin.
    edges = start + BIN_WIDTH * np.arange(n_bins + 2)
    return np.digitize(values, edges).astype(np.int32)
