"""Voxels as the 16-bit whole numbers that a CT or MR slice holds, with slope and intercept to come back by.

Reference: DICOM PS3.3, C.11.1 Modality LUT: value = stored * slope + intercept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.valuerep import format_number_as_ds

from segmentation.errors import ImageRefusal

Array = npt.NDArray[Any]
_MOST = 65535


@dataclass(frozen=True, eq=False)
class StoredNumbers:
    """`numbers` (int16 or uint16, the image's shape), and the texts of slope and intercept as the header holds them.

    `largest_rounding`: how far the worst voxel comes back from its value, in the image's unit; 0 where all are kept.
    """

    numbers: Array
    slope: str
    intercept: str
    largest_rounding: float

    @property
    def signed(self) -> bool:
        return self.numbers.dtype == np.int16


def stored_numbers(array: Array) -> StoredNumbers:
    """Whole numbers come back as they are where 16 bits hold them; other images in 65535 even steps of their range.

    Whole numbers spread wider than 16 bits are kept too where a common step divides them. Raises ImageRefusal
    (`non_finite`) for voxels that are no numbers.
    """
    values = np.asarray(array)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ImageRefusal(
            "non_finite", "The image holds voxels that are no numbers.", expected="finite voxels",
            found=str(int((~np.isfinite(values)).sum())), next_step="set them to a value, such as that of air",
        )  # fmt: skip
    whole = values.dtype.kind in "iub" or bool((values == np.rint(values)).all())
    return (_kept(values) if whole else None) or _rounded(values.astype(np.float64))


def _kept(values: Array) -> StoredNumbers | None:
    """Whole numbers without any loss; None where 16 bits cannot hold them."""
    low, high = int(values.min()), int(values.max())
    if low >= -32768 and high <= 32767:
        return StoredNumbers(values.astype(np.int16), "1", "0", 0.0)
    if max(abs(low), abs(high)) >= 10**15:  # no header text holds it
        return None
    steps = values.astype(np.int64) - low
    step = 1 if high - low <= _MOST else int(np.gcd.reduce(steps, axis=None))
    if (high - low) // step > _MOST:
        return None
    return StoredNumbers((steps // step).astype(np.uint16), str(step), str(low), 0.0)


def _rounded(values: npt.NDArray[np.float64]) -> StoredNumbers:
    low, high = float(values.min()), float(values.max())
    slope, intercept = decimal_text((high - low) / _MOST or 1.0), decimal_text(low)
    back_slope, back_intercept = float(slope), float(intercept)  # the header's texts are what a reader has
    numbers = np.clip(np.rint((values - back_intercept) / back_slope), 0, _MOST).astype(np.uint16)
    worst = float(np.abs(numbers * back_slope + back_intercept - values).max())
    return StoredNumbers(numbers, slope, intercept, worst)


def decimal_text(number: float) -> str:
    """A number as a decimal string of at most 16 characters (PS3.5, 6.2, DS)."""
    return str(format_number_as_ds(number))
