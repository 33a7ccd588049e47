"""First-order features of PyRadiomics: IBSI's statistics, but kurtosis is not reduced by 3, and entropy is of its bins.

Where all intensities are equal PyRadiomics answers 0 for skewness and kurtosis, and so does this replay.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from segmentation.radiomics.intensity import intensity_features
from segmentation.radiomics.pyradiomics.names import stems_of
from segmentation.radiomics.region import RegionVoxels

Features = dict[str, float]
Reasons = dict[str, str]


def first_order_features(
    region: RegionVoxels, image: npt.NDArray[np.float64], levels: npt.NDArray[np.int32]
) -> tuple[Features, Reasons]:
    """The 18 features by name, and the reason for each that cannot be had.

    `image` (I, J, K) is the region's box; `levels` (n,) are the grey levels of its voxels. Energy is in squared units,
    total energy in squared units times mm3.
    """
    found, missing = intensity_features(region, image, 0.0)
    share = np.bincount(levels) / len(levels)
    present = share[share > 0]
    found["ih_entropy"] = float(-(present * np.log2(present)).sum())
    found["ih_uniformity"] = float((present**2).sum())
    found["stat_kurt"] = found["stat_kurt"] + 3 if "stat_kurt" in found else 0.0
    found.setdefault("stat_skew", 0.0)
    names = stems_of("firstorder")
    features = {name: found[tag] for tag, name in names.items() if tag in found}
    features["original_firstorder_TotalEnergy"] = found["stat_energy"] * float(np.prod(region.spacing))
    return features, {name: missing[tag] for tag, name in names.items() if tag not in found}
