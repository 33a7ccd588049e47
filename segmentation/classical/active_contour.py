"""A contour that starts at the learned place and moves, by morphological steps.

Reference: Marquez-Neila P, Baumela L, Alvarez L. IEEE Trans Pattern Anal Mach Intell 2014;36:2-17.
doi:10.1109/TPAMI.2013.106; Chan TF, Vese LA. IEEE Trans Image Process 2001;10:266-277. doi:10.1109/83.902291
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from skimage.segmentation import (
    inverse_gaussian_gradient,
    morphological_chan_vese,
    morphological_geodesic_active_contour,
)

from segmentation.classical.layers import by_levels, inside_alone, two
from segmentation.classical.place import squared_distances
from segmentation.classical.rule import Levels, Numbers
from segmentation.classical.scene import Floats, Scene
from segmentation.classical.settings import ClassicalSettings, option

_START, _AROUND = 3.0, 9.0  # squared standard deviations from the nearest region's place


@dataclass(frozen=True)
class Motion:
    """How a contour moves: "chan_vese" (what is like the inside) or "geodesic" (to the nearest edge), in how many
    steps, smoothed how often after each."""

    kind: str = "chan_vese"
    steps: int = 10
    smoothing: int = 1


def moved(image: Floats, start: npt.NDArray[np.bool_], motion: Motion) -> npt.NDArray[np.bool_]:
    """Where the contour of `start` comes to rest on an image of the same shape, 2-D or 3-D."""
    if image.ndim not in (2, 3) or not start.any() or start.all():
        return start
    if motion.kind == "geodesic":
        calm = inverse_gaussian_gradient(image.astype(np.float64), alpha=20.0, sigma=1.0)
        found = morphological_geodesic_active_contour(calm, motion.steps, start, smoothing=motion.smoothing, balloon=0)
    else:
        found = morphological_chan_vese(image.astype(np.float64), motion.steps, start, smoothing=motion.smoothing)
    return np.asarray(found > 0)


def _contour(scene: Scene, numbers: Numbers, settings: ClassicalSettings) -> Levels:
    """The contour sees the surroundings of the place alone: what is far away tells nothing of the two sides."""
    squared = squared_distances(scene, numbers).min(axis=0)
    around = squared <= _AROUND
    if not around.any():
        return np.zeros(scene.shape, dtype=np.uint8)
    box = tuple(slice(int(at.min()), int(at.max()) + 1) for at in np.nonzero(around))
    motion = Motion(*(option("active_contour", settings, name) for name in ("kind", "steps", "smoothing")))
    part = scene.image[settings.channel_number][box]
    kept = [n for n in part.shape if n > 1] or [1]
    drawn = moved(part.reshape(kept), (squared[box] <= _START).reshape(kept), motion)
    levels = np.zeros(scene.shape, dtype=np.uint8)
    levels[box] = drawn.reshape(part.shape)
    return levels


CONTOUR = by_levels(_contour, count=two, kept=inside_alone)
