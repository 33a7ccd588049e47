"""What a filter sees outside the image: IBSI's boundary conditions (GBYQ)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal

Boundary = str | float
Floats = npt.NDArray[Any]

# Names of one condition in scipy.ndimage and in numpy.pad. "mirror" repeats the outermost voxel, as IBSI draws it.
_SCIPY = {"zero": "constant", "nearest": "nearest", "periodic": "wrap", "mirror": "reflect"}
_NUMPY = {"zero": "constant", "nearest": "edge", "periodic": "wrap", "mirror": "symmetric"}
BOUNDARIES = tuple(_SCIPY)


def check_boundary(boundary: Boundary) -> None:
    """Refuse anything but a known name or a finite number (the intensity that lies outside the image)."""
    named = isinstance(boundary, str) and boundary in BOUNDARIES
    number = isinstance(boundary, int | float) and not isinstance(boundary, bool) and math.isfinite(boundary)
    if not (named or number):
        raise ImageRefusal(
            "bad_filter",
            "Unknown boundary of a filter.",
            expected=f"one of {', '.join(BOUNDARIES)}, or the intensity outside the image as a number",
            found=repr(boundary),
        )


def outside(boundary: Boundary) -> float:
    """The intensity that lies outside the image: 0 unless `boundary` is a number."""
    return 0.0 if isinstance(boundary, str) else float(boundary)


def passed_on(boundary: Boundary, gain: float) -> Boundary:
    """The boundary of a response: a constant outside is a constant in the response too, times the kernel's sum."""
    return boundary if isinstance(boundary, str) else float(boundary) * gain


def scipy_mode(boundary: Boundary) -> str:
    """The mode of scipy.ndimage; a number becomes "constant" around an image from which it was subtracted."""
    return _SCIPY[boundary] if isinstance(boundary, str) else "constant"


def padded(image: Floats, widths: Sequence[int], boundary: Boundary) -> Floats:
    """The image with `widths` voxels more at both ends of each axis."""
    pairs = [(int(width), int(width)) for width in widths]
    if isinstance(boundary, str) and boundary != "zero":
        return np.pad(image, pairs, mode=_NUMPY[boundary])  # type: ignore[call-overload]
    return np.pad(image, pairs, mode="constant", constant_values=outside(boundary))


def inner(image: Floats, widths: Sequence[int]) -> Floats:
    """The image without `widths` voxels at both ends of each axis: undoes `padded`."""
    return image[tuple(slice(width, size - width) for width, size in zip(widths, image.shape, strict=True))]
