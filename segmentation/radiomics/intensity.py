"""What the image shows in a region: the IBSI intensity statistics, and the shape features that weigh by intensity.

Reference: Zwanenburg et al., Radiology 2020, doi:10.1148/radiol.2020191145; definitions arXiv:1612.07003, 3.1 and 3.3.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.radiomics.region import RegionVoxels

Floats = npt.NDArray[np.float64]
Features = dict[str, float]
Reasons = dict[str, str]

CONSTANT = "all voxels of the region have the same intensity"
TOO_FEW = "no voxel lies between the 10th and the 90th percentile: the region has too few"
ZERO_DIVISOR = "its divisor is zero for these intensities"


def intensity_features(region: RegionVoxels, image: npt.NDArray[Any], mesh_volume: float) -> tuple[Features, Reasons]:
    """All intensity features of a region by tag, and the reason for each that cannot be had.

    `image` (I, J, K) is the region's box cut from the image, in the image's own units (HU for CT); `mesh_volume` is
    in the cubed unit of `region.spacing`.
    """
    inside = region.block[1:-1, 1:-1, 1:-1].astype(bool)
    values = image.T[inside].astype(np.float64)
    features = {**_order_statistics(values), **_moments(values)}
    features["morph_integ_int"] = features["stat_mean"] * mesh_volume
    missing: Reasons = {}
    _put_robust_deviation(values, features, missing)
    _put_shape_of_distribution(values, features, missing)
    _put_ratios(values, features, missing)
    _put_centre_shift(inside, image.T, region.spacing, features, missing)
    return features, missing


def _order_statistics(values: Floats) -> Features:
    low, p10, q1, median, q3, p90, high = np.percentile(values, [0, 10, 25, 50, 75, 90, 100]).tolist()
    return {
        "stat_median": median,
        "stat_min": low,
        "stat_p10": p10,
        "stat_p90": p90,
        "stat_max": high,
        "stat_iqr": q3 - q1,
        "stat_range": high - low,
        "stat_medad": float(np.abs(values - median).mean()),
    }


def _moments(values: Floats) -> Features:
    mean = float(values.mean())
    energy = float((values**2).sum())
    return {
        "stat_mean": mean,
        "stat_var": float(((values - mean) ** 2).mean()),
        "stat_mad": float(np.abs(values - mean).mean()),
        "stat_energy": energy,
        "stat_rms": math.sqrt(energy / len(values)),
    }


def _put_robust_deviation(values: Floats, features: Features, missing: Reasons) -> None:
    middle = values[(values >= features["stat_p10"]) & (values <= features["stat_p90"])]
    if len(middle):
        features["stat_rmad"] = float(np.abs(middle - middle.mean()).mean())
    else:
        missing["stat_rmad"] = TOO_FEW


def _put_shape_of_distribution(values: Floats, features: Features, missing: Reasons) -> None:
    if features["stat_range"] == 0:
        missing.update({"stat_skew": CONSTANT, "stat_kurt": CONSTANT})
        return
    centred, variance = values - features["stat_mean"], features["stat_var"]
    features["stat_skew"] = float((centred**3).mean()) / variance**1.5
    features["stat_kurt"] = float((centred**4).mean()) / variance**2 - 3


def _put_ratios(values: Floats, features: Features, missing: Reasons) -> None:
    q1, q3 = np.percentile(values, [25, 75]).tolist()
    ratios = {
        "stat_cov": (math.sqrt(features["stat_var"]), features["stat_mean"]),
        "stat_qcod": (q3 - q1, q3 + q1),
    }
    for tag, (above, below) in ratios.items():
        if below == 0:
            missing[tag] = ZERO_DIVISOR
        else:
            features[tag] = above / below


def _put_centre_shift(
    inside: npt.NDArray[np.bool_], image: npt.NDArray[Any], spacing: Floats, features: Features, missing: Reasons
) -> None:
    """`morph_com`: from the mean voxel centre to the mean weighted by intensity."""
    weight = np.where(inside, image, 0).astype(np.float64)
    if weight.sum() == 0:
        missing["morph_com"] = ZERO_DIVISOR
        return
    shift = (_centre(inside) - _centre(weight)) * spacing
    features["morph_com"] = float(np.sqrt((shift**2).sum()))


def _centre(weight: npt.NDArray[Any]) -> Floats:
    """The mean index along each axis, (3,), of a block of weights. Sums by plane: no voxel's place is ever listed."""
    planes = [weight.sum(axis=tuple(other for other in range(3) if other != axis)) for axis in range(3)]
    return np.array([float(plane @ np.arange(len(plane))) / float(plane.sum()) for plane in planes])
