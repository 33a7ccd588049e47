"""Where the patient (or whatever was imaged) is, and where the empty surroundings are: Otsu's threshold, cleaned up.

Reference: Otsu N. IEEE Trans Syst Man Cybern 1979;9:62-66. doi:10.1109/TSMC.1979.4310076
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segmentation.errors import ImageRefusal

Floats = npt.NDArray[np.float32]
Inside = npt.NDArray[np.bool_]

_PERCENTILES = (0.5, 99.5)  # metal and hot spots would draw the threshold up
_SAMPLES = 10**6
_LEAST_PIECE = 0.1  # of the largest piece's voxels: two legs are one body, a table is not


def body_mask(channels: Floats) -> Inside:
    """The voxels of the body on channels (channels, X, Y, Z) along the patient's axes, (X, Y, Z).

    A voxel brighter than Otsu's threshold on any channel; specks are opened away, pieces smaller than a tenth of the
    largest one left out, and holes in axial slices (lungs, bowel) filled.

    Raises ImageRefusal (`no_body`) for images of one value.
    """
    bright = np.zeros(channels.shape[1:], dtype=bool)
    for channel in channels:
        bright |= channel > _threshold(channel)
    opened = ndimage.binary_opening(bright, _cross(bright.shape))
    return _filled(_large_pieces(opened if opened.any() else bright))


def box_around(inside: Inside, margin: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    """The smallest box that holds all of `inside`, so many voxels wider on each side, within the array.

    Raises ImageRefusal (`no_body`) where nothing is inside.
    """
    if not inside.any():
        raise _no_body("no voxel")
    parts = []
    for axis, wider in enumerate(margin):
        along = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        parts.append(slice(max(0, int(along[0]) - wider), min(inside.shape[axis], int(along[-1]) + 1 + wider)))
    x, y, z = parts
    return x, y, z


def _threshold(channel: Floats) -> float:
    from skimage.filters import threshold_otsu  # takes a while to import

    step = max(1, int(np.ceil((channel.size / _SAMPLES) ** (1 / 3))))
    sample = channel[::step, ::step, ::step]
    low, high = np.percentile(sample, _PERCENTILES)
    if not high > low:
        low, high = float(channel.min()), float(channel.max())
    if not high > low:
        raise _no_body(f"{low:g} everywhere")
    return float(threshold_otsu(np.clip(sample, low, high)))


def _cross(shape: tuple[int, ...]) -> Inside:
    """A voxel and its neighbours; along an axis of one voxel it has none."""
    cross = ndimage.generate_binary_structure(3, 1)
    return cross[tuple(slice(None) if n > 1 else slice(1, 2) for n in shape)]


def _large_pieces(inside: Inside) -> Inside:
    pieces, found = ndimage.label(inside)
    if found < 2:
        return inside
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= _LEAST_PIECE * sizes.max())[pieces])


def _filled(inside: Inside) -> Inside:
    planes = [ndimage.binary_fill_holes(inside[..., z]) for z in range(inside.shape[2])]
    return np.stack(planes, axis=2)


def _no_body(found: str) -> ImageRefusal:
    return ImageRefusal(
        "no_body",
        "No body can be told from the background.",
        expected="an image with a bright body before a dark background",
        found=found,
        next_step="leave out the steps background and crop, or check the export of the series",
    )
