"""Pictures of the best, the median and the worst case: what was given and what was drawn, as outlines on the image."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import binary_erosion

from segmentation.display import Plane, three_planes
from segmentation.images.orientation import upright
from segmentation.metrics.pair import inside
from segmentation.refinement.postprocess import on_whole_grid
from segmentation.review.pictures import colours, grey_ground
from segmentation.types import Mask, Volume

KINDS = ("best", "median", "worst")
GIVEN = (255, 255, 255)


def representative(scores: Mapping[str, float]) -> dict[str, str]:
    """The cases of the highest, the middle (of two the lower) and the lowest score; of equal ones the first by name."""
    order = sorted(scores, key=lambda name: (-scores[name], name))
    return dict(zip(KINDS, (order[0], order[len(order) // 2], order[-1]), strict=True))


def overlay(image: Volume, truth: Mask, drawn: Mask) -> bytes:
    """The axial slice with most of the given mask (of the drawn one, where nothing is given) as PNG: the given outlines
    white, the drawn ones in colours."""
    labels = sorted(truth.regions.values())
    first, second = (_numbered(mask, labels) for mask in (truth, drawn))
    both = first * (len(labels) + 1) + second
    _keep_busiest(upright(both, image.grid), upright(first, image.grid))
    names = {str(number): number for number in range(1, (len(labels) + 1) ** 2)}
    plane = three_planes(Mask(both, drawn.affine if drawn.source is None else drawn.source.affine, names), image)[0]
    return _png(plane, labels)


def _keep_busiest(both: npt.NDArray[np.uint16], first: npt.NDArray[np.uint16]) -> None:
    """Empty every axial slice but the one to be shown, in place."""
    counts = ((first if first.any() else both) > 0).sum(axis=(0, 1))
    both[:, :, np.arange(len(counts)) != int(counts.argmax())] = 0


def _numbered(mask: Mask, labels: list[int]) -> npt.NDArray[np.uint16]:
    """The place of each voxel's label among the labels, from 1, on the whole grid."""
    whole = on_whole_grid(mask)
    found = np.zeros(whole.labels.shape, dtype=np.uint16, order="F")
    for place, label in enumerate(labels, start=1):
        found[inside(whole, [label])] = place
    return found


def _png(plane: Plane, labels: list[int]) -> bytes:
    ground = grey_ground(plane)
    height, width = ground.shape[:2]
    codes = np.asarray(Image.fromarray(plane.labels.astype(np.int32)).resize((width, height), Image.Resampling.NEAREST))
    given, drawn = np.divmod(codes, len(labels) + 1)
    colour = list(colours({str(label): label for label in labels}).values())
    for place in range(1, len(labels) + 1):
        _outline(ground, given == place, GIVEN)
    for place in range(1, len(labels) + 1):
        _outline(ground, drawn == place, colour[place - 1])
    file = io.BytesIO()
    Image.fromarray(ground).save(file, format="PNG", optimize=False)
    return file.getvalue()


def _outline(picture: npt.NDArray[Any], where: npt.NDArray[np.bool_], colour: tuple[int, int, int]) -> None:
    picture[where & ~binary_erosion(where)] = colour
