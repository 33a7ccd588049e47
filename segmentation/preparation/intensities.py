"""What becomes of an image's numbers before a network reads them: float32 (X, Y, Z) in, float32 out, nothing learned.

The dictionary of them is at the foot.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from segmentation.errors import ImageRefusal
from segmentation.preparation.body import body_mask

Floats = npt.NDArray[np.float32]

SOFT_TISSUE_HU = (-160.0, 240.0)
_PERCENTILES = (0.5, 99.5)
_LANDMARKS = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)  # percentiles of the body


def hounsfield(array: Floats) -> Floats:
    """Soft tissue, -160 to 240 HU, to [-1, 1]; what lies beyond is cut."""
    low, high = SOFT_TISSUE_HU
    return (np.clip(array, low, high) - np.float32((low + high) / 2)) / np.float32((high - low) / 2)


def z_score(array: Floats) -> Floats:
    """Mean 0 and deviation 1 over the image, without the outermost percent."""
    low, high = (np.float32(n) for n in np.percentile(array, _PERCENTILES))
    return _standardised(np.clip(array, low, high), np.clip(array, low, high))


def z_score_body(array: Floats) -> Floats:
    """As `z_score`, by mean and deviation of the body alone (`body.body_mask`): the field of view does not count."""
    body = array[body_mask(array[None])]
    low, high = (np.float32(n) for n in np.percentile(body, _PERCENTILES))
    # No lower cut: the background lies below the body, wherever that is.
    return _standardised(np.minimum(array, high), np.clip(body, low, high))


def percentile(array: Floats) -> Floats:
    """The 0.5 and 99.5 percentiles to 0 and 1; what lies beyond is cut."""
    low, high = (np.float32(n) for n in np.percentile(array, _PERCENTILES))
    if not high > low:
        raise constant_image(f"99 % of the voxels are {float(low):g}")
    return (np.clip(array, low, high) - low) / (high - low)


def histogram(array: Floats) -> Floats:
    """The body's percentiles (1, 5, 10, 20 .. 90, 95, 99) to those of a standard normal, straight lines between them.

    Nyúl's landmarks, on a scale that is fixed instead of learned: the histogram of any image of a body looks alike.
    Beyond the outermost landmarks the last line goes on, as far as 5.

    Reference: Nyúl LG, Udupa JK, Zhang X. IEEE Trans Med Imaging 2000;19:143-150. doi:10.1109/42.836373
    """
    body = array[body_mask(array[None])]
    places = np.percentile(body, _LANDMARKS)
    if not places[-1] > places[0]:
        raise constant_image(f"98 % of the body is {float(places[0]):g}")
    places, first = np.unique(places, return_index=True)
    targets = ndtri(np.array(_LANDMARKS) / 100)[first]
    slopes = np.diff(targets)[[0, -1]] / np.diff(places)[[0, -1]]
    below, above = np.minimum(array - places[0], 0), np.maximum(array - places[-1], 0)
    scaled = np.interp(array, places, targets) + below * slopes[0] + above * slopes[1]
    return np.asarray(np.clip(scaled, -5, 5), dtype=np.float32)


def min_max(array: Floats) -> Floats:
    """From 0 to 1."""
    low, high = array.min(), array.max()
    return (array - low) / (high - low) if high > low else np.zeros_like(array)


def as_is(array: Floats) -> Floats:
    """Unchanged."""
    return array


def constant_image(found: str) -> ImageRefusal:
    """The refusal of an image without contrast."""
    return ImageRefusal(
        "constant_image",
        "The image shows nothing.",
        expected="voxels that differ",
        found=found,
        next_step="check the export of the series",
    )


def _standardised(array: Floats, by: Floats) -> Floats:
    mean, spread = float(by.mean(dtype=np.float64)), float(by.std(dtype=np.float64))
    if not spread > 0:
        raise constant_image(f"99 % of the voxels are {float(by.flat[0]):g}")
    return np.asarray((array - np.float32(mean)) / np.float32(spread), dtype=np.float32)


SCALES: dict[str, Callable[[Floats], Floats]] = {
    "hu": hounsfield,
    "z_score": z_score,
    "z_score_body": z_score_body,
    "percentile": percentile,
    "histogram": histogram,
    "min_max": min_max,
    "none": as_is,
}
