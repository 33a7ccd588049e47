"""Does text stand in the pixels? What the header admits, what kinds of image are prone to it, and a look at corners.

A rule for research: it has been tried on drawn text alone, and an image without a flag may still bear a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from scipy import ndimage

from segmentation.deidentification.flags import BURNED_IN, PRONE, TEXT_LIKE, Flag

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its descendants: screens and paper
_ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
_LEAST_SIDE = 48  # pixels: below it no letter fits into a corner
_CORNER = 3  # a corner is a third of each side
_LIT = 0.02  # of the plane's range below its highest value: letters are drawn in one value
_DARK = 0.6  # of the range: what the rest of a corner stays below
_LEAST_PIECES, _LEAST_PIXELS, _MOST_SHARE = 4, 24, 0.35

Plane = npt.NDArray[Any]


def header_flags(headers: Iterable[Dataset]) -> list[Flag]:
    """What the headers of a series say of text in its pixels."""
    headers = list(headers)
    found = []
    if any(str(one.get("BurnedInAnnotation", "")).upper() == "YES" for one in headers):
        found.append(Flag(BURNED_IN, "the header says that text is burned into the pixels"))
    if any(_prone(one) for one in headers):
        found.append(Flag(PRONE, "screen captures, digitised films and ultrasound mostly bear text in their pixels"))
    return found


def _prone(header: Dataset) -> bool:
    kind = str(header.get("SOPClassUID", ""))
    words = {str(word).upper() for word in _several(header.get("ImageType"))}
    return (
        kind == _SECONDARY_CAPTURE or kind.startswith((f"{_SECONDARY_CAPTURE}.", _ULTRASOUND))
        or str(header.get("Modality", "")) in ("US", "SC", "OT")
        or bool(str(header.get("ConversionType", "")))
        or bool(words & {"SCREEN SAVE", "SCREENSAVE", "REFORMATTED SCREEN"})
    )  # fmt: skip


def _several(value: Any) -> list[Any]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def pixel_flags(array: npt.NDArray[Any]) -> list[Flag]:
    """Whether corners of the first, middle and last plane along any axis of an image (I, J, K) look like writing."""
    seen = any(_written(corner, plane) for plane in _planes(array) for corner in _corners(plane))
    return (
        [Flag(TEXT_LIKE, "a corner of a plane holds small bright pieces of one value, as letters are")] if seen else []
    )


def _planes(array: npt.NDArray[Any]) -> Iterator[Plane]:
    for axis, count in enumerate(array.shape):
        for place in sorted({0, count // 2, count - 1}):
            plane = np.take(array, place, axis=axis) if axis != 2 else array[:, :, place]
            if min(plane.shape) >= _LEAST_SIDE:
                yield plane


def _corners(plane: Plane) -> Iterator[Plane]:
    n, m = (size // _CORNER for size in plane.shape)
    yield from (plane[a, b] for a in (slice(0, n), slice(-n, None)) for b in (slice(0, m), slice(-m, None)))


def _written(corner: Plane, plane: Plane) -> bool:
    """Several pieces of the plane's highest value on ground that is far darker."""
    low, high = float(plane.min()), float(plane.max())
    lit = corner >= high - _LIT * (high - low)
    count = int(lit.sum())
    if high <= low or not _LEAST_PIXELS <= count <= _MOST_SHARE * lit.size:
        return False
    ground = float(np.quantile(corner[~lit], 0.99))
    return ground < low + _DARK * (high - low) and ndimage.label(lit, np.ones((3, 3)))[1] >= _LEAST_PIECES
