"""How much tissue around a region its features see: what perturbations must cut out with it."""

from __future__ import annotations

import numpy as np

from segmentation.errors import ImageRefusal
from segmentation.radiomics.filters import reach
from segmentation.radiomics.grid import REACH
from segmentation.radiomics.processing import SURROUNDINGS_MM
from segmentation.radiomics.settings import RadiomicsSettings
from segmentation.types import Grid


def tissue_mm(settings: RadiomicsSettings, image: Grid) -> float:
    """Millimetres around a region within which a voxel can change a feature.

    Raises ImageRefusal (`endless_filter`) for a filter that sees the whole image.
    """
    old = np.array([image.spacing_mm[[axis for axis, _ in image.axes].index(ras)] for ras in range(3)])
    new = old.copy()
    wanted = settings.grid.spacing_mm or ()
    new[: len(wanted)] = wanted
    interpolated = (REACH[settings.interpolation.image] * old + new)[new != old].max(initial=0.0)
    ball = SURROUNDINGS_MM if "local_intensity" in settings.families else 0.0
    return ball + float(interpolated) + _filter_mm(settings, new)


def _filter_mm(settings: RadiomicsSettings, spacing: np.ndarray) -> float:
    if settings.filter is None:
        return 0.0
    voxels = reach(settings.filter, spacing.tolist())
    if voxels is None:
        raise ImageRefusal(
            "endless_filter",
            "A region cannot be perturbed in a crop: the filter sees the whole image.",
            expected="a filter whose kernel ends",
            found=type(settings.filter).__name__,
            next_step="choose another filter, or perturb the whole image",
        )
    return float((np.array(voxels) * spacing).max())
