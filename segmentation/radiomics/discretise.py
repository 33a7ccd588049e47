"""From intensities to grey levels 1, 2, …: bins of one size, a number of bins, or whole numbers as they are.

Reference: IBSI reference manual, arXiv:1612.07003, 2.7 (fixed bin size Q3RU, fixed bin number K15C).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.radiomics.settings import BinSettings

MAX_BINS = 65535


def discretise(
    image: npt.NDArray[Any], inside: npt.NDArray[np.bool_], settings: BinSettings, lowest: float | None = None
) -> tuple[npt.NDArray[np.int32], int]:
    """Grey levels 1..n of the voxels of `inside`, 0 elsewhere, and n; arrays (K, J, I).

    Bins of one size begin at `lowest` (the lower end of re-segmentation), or at the region's minimum where that is
    None; n is then the highest level that occurs. A number of bins spans the region's own range.

    Raises ImageRefusal (`bad_bins`) where intensities taken as they are are not whole numbers from 1, and where bins
    are so narrow that there are more than 65,535.
    """
    bins = np.zeros(inside.shape, dtype=np.int32)
    values = image[inside].astype(np.float64)
    if not len(values):
        return bins, 0
    levels = grey_levels(values, settings, lowest)
    bins[inside] = levels
    return bins, int(settings.value or 0) if settings.method == "fixed_bin_number" else int(levels.max())


def grey_levels(
    values: npt.NDArray[np.float64], settings: BinSettings, lowest: float | None = None
) -> npt.NDArray[np.int32]:
    """The grey level of each of some intensities (n,), n > 0; see `discretise`."""
    low, high = float(values.min()), float(values.max())
    if settings.method == "none":
        _check(low >= 1 and bool((values == np.rint(values)).all()), "whole numbers from 1", f"{low:g} to {high:g}")
        levels = values
    elif settings.method == "fixed_bin_number":
        levels = _equal_parts(values, low, high, settings.value or 1.0)
    else:
        levels = np.floor((values - (low if lowest is None else lowest)) / (settings.value or 1.0)) + 1
    top = float(levels.max())
    _check(top <= MAX_BINS, f"at most {MAX_BINS} grey levels", f"{top:.0f}")
    return levels.astype(np.int32)


def _equal_parts(values: npt.NDArray[np.float64], low: float, high: float, n: float) -> npt.NDArray[np.float64]:
    """The maximum belongs to the last part. A constant region is all in the first."""
    if high == low:
        return np.ones_like(values)
    return np.minimum(np.floor(n * (values - low) / (high - low)) + 1, n)


def _check(holds: bool, expected: str, found: str) -> None:
    if not holds:
        raise ImageRefusal(
            "bad_bins",
            "The intensities do not fit the bins asked for.",
            expected=expected,
            found=found,
            next_step="choose another discretisation in the settings",
        )
