"""Opening, closing and filling of what lies in a range of intensity.

Reference: Serra J. Image analysis and mathematical morphology. Academic Press 1982.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from segmentation.classical.layers import by_levels, inside_alone, two
from segmentation.classical.rule import Levels, Numbers
from segmentation.classical.scene import Scene
from segmentation.classical.settings import ClassicalSettings, option
from segmentation.classical.threshold import in_range, learn_range

Inside = npt.NDArray[np.bool_]


def ball(dimensions: int, reach: int) -> Inside:
    """The voxels that a walk of `reach` steps over faces gets to."""
    if reach < 1:
        return np.ones((1,) * dimensions, dtype=bool)
    return np.asarray(ndimage.iterate_structure(ndimage.generate_binary_structure(dimensions, 1), reach))


def opened_and_closed(inside: Inside, opening: int, closing: int) -> Inside:
    """Bridges and specks thinner than twice `opening` voxels go, gaps narrower than twice `closing` close. What lies
    beyond the image's border is taken to go on as at the border."""
    reach = opening + closing
    wide = np.pad(inside, reach, mode="edge")
    if opening:
        wide = ndimage.binary_opening(wide, ball(inside.ndim, opening))
    if closing:
        wide = ndimage.binary_closing(wide, ball(inside.ndim, closing))
    return np.asarray(wide[tuple(slice(reach, reach + n) for n in inside.shape)])


def filled(inside: Inside) -> Inside:
    """Without holes: in space, and in every slice along the last of three axes."""
    whole = np.asarray(ndimage.binary_fill_holes(inside))
    if inside.ndim < 3:
        return whole
    return np.stack([ndimage.binary_fill_holes(whole[..., z]) for z in range(whole.shape[2])], axis=2)


def _shaped(scene: Scene, numbers: Numbers, settings: ClassicalSettings) -> Levels:
    inside = scene.flat(in_range(scene, numbers, settings)) > 0
    opening, closing = (int(option("morphology", settings, name)) for name in ("opening", "closing"))
    shaped = ndimage.binary_fill_holes(opened_and_closed(inside, opening, closing))
    return np.asarray(shaped).reshape(scene.shape).astype(np.uint8)


MORPHOLOGY = by_levels(_shaped, count=two, kept=inside_alone, prepare=learn_range)
