"""Watersheds of the gradient, or of the distance inside a range of intensity.

Reference: Vincent L, Soille P. IEEE Trans Pattern Anal Mach Intell 1991;13:583-598. doi:10.1109/34.87344
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from segmentation.classical.layers import by_levels, inside_alone, two
from segmentation.classical.place import squared_distances
from segmentation.classical.rule import Levels, Numbers
from segmentation.classical.scene import Scene
from segmentation.classical.settings import ClassicalSettings, option
from segmentation.classical.threshold import in_range, learn_range

_CORE, _OUTSIDE, _NEAR = 0.5, 7.0, 4.0  # squared standard deviations from the nearest region's place


def _flooded(scene: Scene, numbers: Numbers, settings: ClassicalSettings) -> Levels:
    kind = option("watershed", settings, "markers")
    return (_by_gradient if kind == "gradient" else _by_distance)(scene, numbers, settings)


def _by_gradient(scene: Scene, numbers: Numbers, settings: ClassicalSettings) -> Levels:
    """Basins of the gradient from two markers: the core of the learned place, and what lies far from it."""
    squared = squared_distances(scene, numbers).min(axis=0)
    markers = np.where(squared <= _CORE, 1, np.where(squared > _OUTSIDE, 2, 0))
    smoothing = float(option("watershed", settings, "smoothing"))
    flat = scene.flat(scene.image[settings.channel_number])
    found = watershed(ndimage.gaussian_gradient_magnitude(flat, smoothing), scene.flat(markers))
    return (found == 1).reshape(scene.shape).astype(np.uint8)


def _by_distance(scene: Scene, numbers: Numbers, settings: ClassicalSettings) -> Levels:
    """Pieces of what lies in the learned range, cut at their waists; those in the learned place are kept."""
    inside = scene.flat(in_range(scene, numbers, settings)) > 0
    pieces = split_at_waists(inside, scene.steps_mm())
    count = int(pieces.max())
    squared = scene.flat(squared_distances(scene, numbers).min(axis=0))
    middle = ndimage.median(squared, pieces, np.arange(1, count + 1)) if count else np.zeros(0)
    near = np.concatenate([[False], np.atleast_1d(middle) <= _NEAR])
    return near[pieces].reshape(scene.shape).astype(np.uint8)


def split_at_waists(inside: npt.NDArray[np.bool_], steps_mm: tuple[float, ...]) -> npt.NDArray[np.int32]:
    """Each voxel's piece, from 1; pieces meet where the distance to the outside (mm) has a waist."""
    depth = ndimage.distance_transform_edt(inside, sampling=steps_mm or None)
    peaks = peak_local_max(depth, min_distance=2, labels=ndimage.label(inside)[0], exclude_border=False)
    markers = np.zeros(inside.shape, dtype=np.int32)
    markers[tuple(peaks.T)] = 1 + np.arange(len(peaks))
    return np.asarray(watershed(-depth, markers, mask=inside), dtype=np.int32)


WATERSHED = by_levels(_flooded, count=two, kept=inside_alone, prepare=learn_range)
