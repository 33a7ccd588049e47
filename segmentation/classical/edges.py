"""Canny's edges, closed and filled.

Reference: Canny J. IEEE Trans Pattern Anal Mach Intell 1986;8:679-698. doi:10.1109/TPAMI.1986.4767851
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from segmentation.classical.layers import by_levels, inside_alone, two
from segmentation.classical.morphology import filled, opened_and_closed
from segmentation.classical.rule import Levels, Numbers
from segmentation.classical.scene import Scene
from segmentation.classical.settings import ClassicalSettings, option

_LOW_SHARE = 0.5  # of the upper threshold


def _enclosed(scene: Scene, _: Numbers, settings: ClassicalSettings) -> Levels:
    """1 for what closed edges enclose, in axial slices: a surface in space is hardly ever closed everywhere."""
    flat = scene.flat(scene.image[settings.channel_number])
    edges = _edges(flat, settings)
    reach = int(option("edges", settings, "closing"))
    closed = opened_and_closed(edges, 0, reach)
    inside = opened_and_closed(filled(closed), 1, 0)
    return inside.reshape(scene.shape).astype(np.uint8)


def _edges(image: npt.NDArray[np.float32], settings: ClassicalSettings) -> npt.NDArray[np.bool_]:
    smoothing = float(option("edges", settings, "smoothing"))
    steep = ndimage.gaussian_gradient_magnitude(image, smoothing)
    high = float(np.quantile(steep, min(1.0, float(option("edges", settings, "sharpest")))))
    if image.ndim not in (2, 3) or high <= 0:
        return np.zeros(image.shape, dtype=bool)
    drawn = sitk.CannyEdgeDetection(
        sitk.GetImageFromArray(image.astype(np.float32)),
        lowerThreshold=_LOW_SHARE * high,
        upperThreshold=high,
        variance=[smoothing**2] * image.ndim,
    )
    return np.asarray(sitk.GetArrayFromImage(drawn) > 0)


EDGES = by_levels(_enclosed, count=two, kept=inside_alone)
