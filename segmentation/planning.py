"""A plan from the data: what the images look like decides voxels, patch and intensity; the rest are set numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from segmentation.errors import ImageRefusal
from segmentation.grids import locate
from segmentation.nifti_header import read_header
from segmentation.plan import SegmenterPlan
from segmentation.preprocess import upright_spacing
from segmentation.reading import read_image, read_mask
from segmentation.training_case import TrainingCase
from segmentation.types import Shape

MOST_VOXELS = 128  # along an axis of the median image; coarser voxels keep larger ones in reach of a processor
MOST_PATCH = 64
AIR_HU = -500  # an image with voxels below this is taken for a CT
STEPS, RATE = 1000, 2e-3
_CHANNELS = {3: (16, 32, 64, 128), 2: (16, 32, 64, 128, 256)}
_BATCH = {3: 2, 2: 16}


@dataclass(frozen=True)
class Survey:
    """What was found in the files of one case, along the patient's x, y and z axes."""

    case: TrainingCase
    shape: Shape
    spacing_mm: tuple[float, float, float]
    labels: frozenset[int]
    lowest: float


def survey(case: TrainingCase) -> Survey:
    """Read one case whole. Raises ImageRefusal for files that cannot be vouched for or do not lie on one grid."""
    grid = read_header(case.image).grid
    mask = read_mask(case.mask, {"any": 1})
    locate(mask.source or mask.grid, grid)
    labels = set(mask.unnamed) | ({1} if mask.labels.any() else set())
    sizes = {ras: n for n, (ras, _) in zip(grid.shape, grid.axes, strict=True)}
    lowest = float(read_image(case.image).array.min())
    return Survey(case, (sizes[0], sizes[1], sizes[2]), upright_spacing(grid), frozenset(labels), lowest)


def default_plan(
    found: Sequence[Survey],
    *,
    network: str = "unet_3d",
    regions: Mapping[str, int] | None = None,
    ct: bool | None = None,
    steps: int = STEPS,
    seed: int = 0,
) -> SegmenterPlan:
    """A plan for these cases: median spacing (coarser where the median image is large), a patch as large as the median
    image (at most `MOST_PATCH` voxels an axis), every label of the masks as a region.

    `regions` and `ct` say what the files cannot; without `ct` images with voxels below `AIR_HU` are taken for CT.

    Raises ImageRefusal (`nothing_to_learn`) where no mask holds a label.
    """
    labels = sorted(set().union(*(one.labels for one in found)))
    named = dict(regions or {str(label): label for label in labels})
    if not labels:
        expected, step = "a label above 0 in at least one mask", "check the masks"
        raise ImageRefusal("nothing_to_learn", "The masks are empty.", expected=expected, found="0", next_step=step)
    lowest = float(np.median([one.lowest for one in found]))
    start = SegmenterPlan(network, named, "z_score", None, (64, 64, 64), (8, 16), 1, steps, 1, RATE, seed)
    voxel, shape = _voxel_and_shape(found)
    channels = _CHANNELS[start.dimensions]
    return replace(
        start,
        intensity="hu" if (lowest < AIR_HU if ct is None else ct) else "z_score",
        voxel=voxel,
        patch=_patch(shape, len(channels), start.dimensions),
        channels=channels,
        batch=_BATCH[start.dimensions],
    )


def _voxel_and_shape(found: Sequence[Survey]) -> tuple[tuple[float, float, float], list[float]]:
    spacing = np.median([one.spacing_mm for one in found], axis=0)
    extent = np.median([np.multiply(one.shape, one.spacing_mm) for one in found], axis=0)
    voxel = np.maximum(spacing, extent / MOST_VOXELS)
    x, y, z = (float(round(length, 4)) for length in voxel)
    return (x, y, z), (extent / voxel).tolist()


def _patch(shape: Sequence[float], levels: int, dimensions: int) -> Shape:
    """The median image rounded up to what the levels can halve, within bounds; a flat slab for 2-D networks."""
    by = 2 ** (levels - 1)
    most = MOST_PATCH if dimensions == 3 else 2 * MOST_PATCH
    x, y, z = (max(by, min(most, math.ceil(n / by) * by)) for n in shape)
    return x, y, z if dimensions == 3 else 1
