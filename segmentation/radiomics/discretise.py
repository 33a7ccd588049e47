"""From intensities to grey levels 1, 2, …: bins of one size, a number of bins, or whole numbers as they are.

Reference: IBSI reference manual, arXiv:1612.07003, 2.7 (fixed bin size Q3RU, fixed bin number K15C).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.radiomics.chunks import CHUNK, chunks
from segmentation.radiomics.settings import BinSettings

Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[Any]  # uint8 or uint16

MAX_BINS = 65535


def discretise(
    image: npt.NDArray[Any], inside: npt.NDArray[np.bool_], settings: BinSettings, lowest: float | None = None
) -> tuple[Levels, int]:
    """Grey levels 1..n of the voxels of `inside`, 0 elsewhere, and n; arrays (K, J, I). uint8 where n is below 256.

    Bins of one size begin at `lowest` (the lower end of re-segmentation), or at the region's minimum where that is
    None; n is then the highest level that occurs. A number of bins spans the region's own range.

    Raises ImageRefusal (`bad_bins`) where intensities taken as they are are not whole numbers from 1, and where bins
    are so narrow that there are more than 65,535.
    """
    values = image[inside]
    if not len(values):
        return np.zeros(inside.shape, dtype=np.uint8), 0
    levels = grey_levels(values, settings, lowest)
    bins = np.zeros(inside.shape, dtype=levels.dtype)
    bins[inside] = levels
    return bins, int(settings.value or 0) if settings.method == "fixed_bin_number" else int(levels.max())


def grey_levels(values: npt.NDArray[Any], settings: BinSettings, lowest: float | None = None) -> Levels:
    """The grey level of each of some intensities (n,), n > 0; see `discretise`."""
    low, high = float(values.min()), float(values.max())
    if settings.method == "none":
        whole = all(bool((some == np.rint(some)).all()) for some in chunks(values))
        _check(low >= 1 and whole, "whole numbers from 1", f"{low:g} to {high:g}")
    start = low if lowest is None else lowest
    ends = _levels_of(np.array([low, high]), settings, (low, high), start)
    _check(ends[1] <= MAX_BINS, f"at most {MAX_BINS} grey levels", f"{ends[1]:.0f}")
    _check(ends[0] >= 1, "no intensity below the first bin", f"{low:g} below {start:g}")
    top = max(float(ends[1]), settings.value or 0) if settings.method == "fixed_bin_number" else float(ends[1])
    levels = np.empty(len(values), dtype=np.uint8 if top < 256 else np.uint16)
    for number, some in enumerate(chunks(values)):
        levels[number * CHUNK : (number + 1) * CHUNK] = _levels_of(some, settings, (low, high), start)
    return levels


def _levels_of(values: Floats, settings: BinSettings, ends: tuple[float, float], start: float) -> Floats:
    if settings.method == "none":
        return values
    if settings.method == "fixed_bin_number":
        return _equal_parts(values, *ends, settings.value or 1.0)
    return np.floor((values - start) / (settings.value or 1.0)) + 1


def _equal_parts(values: Floats, low: float, high: float, n: float) -> Floats:
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
