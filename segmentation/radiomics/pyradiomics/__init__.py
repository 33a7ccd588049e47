"""Profile `pyradiomics`: the 107 default features of PyRadiomics 3.0.1, replayed so that old models can be used.

Its defaults: bins of 25 units at multiples of 25, no resampling, no normalisation, texture in space at distance 1,
averaged over 13 directions. Names are `original_<class>_<Feature>`. New work should use profile `ibsi`.

Reference: van Griethuysen et al., Cancer Research 2017, doi:10.1158/0008-5472.CAN-17-0339.
"""

from __future__ import annotations

import numpy as np

from segmentation.errors import ImageRefusal
from segmentation.images.grids import locate
from segmentation.radiomics.pyradiomics.bins import levels_from_multiples
from segmentation.radiomics.pyradiomics.first_order import first_order_features
from segmentation.radiomics.pyradiomics.matrices import matrix_features
from segmentation.radiomics.pyradiomics.names import NAMES
from segmentation.radiomics.pyradiomics.shape import peer_shape_features
from segmentation.radiomics.region import RegionVoxels, cut_regions
from segmentation.types import Mask, Volume

Features = dict[str, float]
Reasons = dict[str, str]

EMPTY = "the region has no voxel"
A_LINE = "the region extends along fewer than two axes: PyRadiomics refuses it"


def measure_as_pyradiomics(image: Volume, mask: Mask, region: str) -> tuple[Features, Reasons]:
    """The features of one region by PyRadiomics' names, and for each missing one the reason.

    `image` must hold the mask's grid; its voxels are used as they are filed.

    Raises ImageRefusal for an unknown region, images and masks on different grids, voxels that are not finite, and
    more than 65,535 grey levels.
    """
    if region not in mask.regions:
        raise ImageRefusal("no_regions", "Unknown region.", expected=f"one of {sorted(mask.regions)}", found=region)
    window = locate(mask.grid, image.grid)
    only = Mask(mask.labels, mask.affine, {region: mask.regions[region]})
    cut = cut_regions(only)[region]
    if cut is None:
        return {}, dict.fromkeys(NAMES, EMPTY)
    if (np.array(cut.block.shape) > 3).sum() < 2:
        return {}, dict.fromkeys(NAMES, A_LINE)
    return _measure(cut, image.array[window][cut.window].astype(np.float64))


def _measure(region: RegionVoxels, box: np.ndarray) -> tuple[Features, Reasons]:
    inside = region.block[1:-1, 1:-1, 1:-1].astype(bool)
    values = box.T[inside]
    if not np.isfinite(values).all():
        raise ImageRefusal(
            "non_finite",
            "The image has holes in the region.",
            expected="finite voxels",
            found=f"{int((~np.isfinite(values)).sum())} that are not",
            next_step="fill the missing voxels in the source, or leave the image out",
        )
    bins = np.zeros(inside.shape, dtype=np.int32)
    bins[inside] = levels_from_multiples(values)
    first, missing = first_order_features(region, box, bins[inside])
    texture, lacking = matrix_features(bins)
    found = peer_shape_features(region) | first | texture
    return {name: found[name] for name in NAMES if name in found}, missing | lacking
