"""A conditional random field on a finished mask: what was drawn counts as likely, and its image may say otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from segmentation.images.grids import locate
from segmentation.images.orientation import upright, upright_spacing
from segmentation.preparation.body import box_around
from segmentation.preparation.intensities import SCALES
from segmentation.refinement.crf import refine_scores
from segmentation.refinement.settings import CrfSettings
from segmentation.types import Mask, Volume

Labels = npt.NDArray[np.unsignedinteger]

CERTAINTY = 0.8  # that a voxel has the label that was drawn
_MARGIN_MM = 10.0  # around everything drawn; beyond it nothing changes


def refine_mask(mask: Mask, scan: Sequence[Volume], settings: CrfSettings, intensity: str = "z_score") -> Mask:
    """The mask on the whole grid of its image, after the field on the image's own voxels.

    Each voxel's label has probability `CERTAINTY`, the others share the rest; 10 mm beyond all regions nothing changes.
    Raises ImageRefusal (`grid_mismatch`) for a mask that does not lie on the image.
    """
    grid = scan[0].grid
    labels = np.zeros(grid.shape, dtype=mask.labels.dtype, order="F")
    labels[locate(mask.grid, grid)] = mask.labels
    view, spacing = upright(labels, grid), upright_spacing(grid)
    if labels.any():
        i, j, k = (math.ceil(_MARGIN_MM / step) for step in spacing)
        box = box_around(view > 0, (i, j, k))
        arrays = (np.ascontiguousarray(upright(one.array, grid), dtype=np.float32) for one in scan)
        image = np.stack([SCALES[intensity](array)[box] for array in arrays])
        names = np.array([0, *sorted(mask.regions.values())], dtype=labels.dtype)
        refined = refine_scores(label_scores(view[box], names), image, spacing, settings)
        view[box] = names[refined.argmax(axis=0)]
    return Mask(labels, grid.affine, mask.regions, unnamed=mask.unnamed)


def label_scores(labels: Labels, names: Labels) -> npt.NDArray[np.float32]:
    """Log probabilities (classes, *spatial) of the labels that were drawn; `names` are the classes' labels."""
    rest = math.log((1 - CERTAINTY) / max(1, len(names) - 1))
    return np.stack([np.where(labels == name, np.float32(math.log(CERTAINTY)), np.float32(rest)) for name in names])
