"""What the image shows in a region: the IBSI intensity statistics, and the shape features that weigh by intensity.

Reference: Zwanenburg et al., Radiology 2020, doi:10.1148/radiol.2020191145; definitions arXiv:1612.07003, 3.1 and 3.3.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.radiomics.chunks import chunks, sums
from segmentation.radiomics.region import RegionVoxels

Floats = npt.NDArray[np.float64]
Features = dict[str, float]
Reasons = dict[str, str]

CONSTANT = "all voxels of the region have the same intensity"
TOO_FEW = "no voxel lies between the 10th and the 90th percentile: the region has too few"
ZERO_DIVISOR = "its divisor is zero for these intensities"
_QUARTILES = ("25th", "75th")  # no features themselves


def intensity_features(
    region: RegionVoxels, image: npt.NDArray[Any], mesh_volume: float, outlined: RegionVoxels | None = None
) -> tuple[Features, Reasons]:
    """All intensity features of a region by tag, and the reason for each that cannot be had.

    `image` (I, J, K) is the region's box cut from the image, in the image's own units (HU for CT); `mesh_volume` is
    in the cubed unit of `region.spacing`. `outlined` is the region in the same box before voxels left it by their
    intensity (default: `region`), whose centre `morph_com` starts from.

    Formula, unit and IBSI code of each: `dictionary.explain("stat_")`, or `segmentation features stat_`.
    """
    inside = _inside(region)
    values = image.T[inside]
    features = _order_statistics(values)
    features |= _moments(values, features)
    features["morph_integ_int"] = features["stat_mean"] * mesh_volume
    missing: Reasons = {}
    _put_robust_deviation(values, features, missing)
    _put_shape_of_distribution(values, features, missing)
    _put_ratios(features, missing)
    _put_centre_shift(inside if outlined is None else _inside(outlined), (inside, image.T), region, features, missing)
    return {tag: value for tag, value in features.items() if tag not in _QUARTILES}, missing


def _inside(region: RegionVoxels) -> npt.NDArray[np.bool_]:
    return region.block[1:-1, 1:-1, 1:-1].view(np.bool_)


def _order_statistics(values: npt.NDArray[Any]) -> Features:
    """Puts `values`, which are the caller's own copy, in another order on the way."""
    low, p10, q1, median, q3, p90, high = _percentiles(values, (0, 10, 25, 50, 75, 90, 100))
    return {
        "stat_median": median,
        "stat_min": low,
        "stat_p10": p10,
        "stat_p90": p90,
        "stat_max": high,
        "stat_iqr": q3 - q1,
        "stat_range": high - low,
        _QUARTILES[0]: q1,
        _QUARTILES[1]: q3,
    }


def _percentiles(values: npt.NDArray[Any], percents: tuple[int, ...]) -> list[float]:
    """Linear between the two values next to the rank (n - 1) p, as `numpy.percentile`; `values` is left reordered."""
    ranks = [(len(values) - 1) * (percent / 100) for percent in percents]
    below = [int(rank) for rank in ranks]
    above = [min(place + 1, len(values) - 1) for place in below]
    values.partition(sorted({*below, *above}))
    found = []
    for rank, a, b in zip(ranks, below, above, strict=True):
        low, high, part = float(values[a]), float(values[b]), rank - a
        found.append(low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part))
    return found


def _moments(values: npt.NDArray[Any], known: Features) -> Features:
    n = len(values)
    total, energy = sums(values, lambda some: (some, some * some))
    mean = total / n
    square, off_mean, off_median = sums(
        values, lambda some: ((some - mean) ** 2, np.abs(some - mean), np.abs(some - known["stat_median"]))
    )
    return {
        "stat_medad": off_median / n,
        "stat_mean": mean,
        "stat_var": square / n,
        "stat_mad": off_mean / n,
        "stat_energy": energy,
        "stat_rms": math.sqrt(energy / n),
    }


def _put_robust_deviation(values: npt.NDArray[Any], features: Features, missing: Reasons) -> None:
    middle = values[_between(values, features["stat_p10"], features["stat_p90"])]
    if not len(middle):
        missing["stat_rmad"] = TOO_FEW
        return
    mean = sums(middle, lambda some: (some,))[0] / len(middle)
    features["stat_rmad"] = sums(middle, lambda some: (np.abs(some - mean),))[0] / len(middle)


def _between(values: npt.NDArray[Any], low: float, high: float) -> npt.NDArray[np.bool_]:
    """Compared in full precision: a percentile need not be a number of the image's own type."""
    return np.concatenate([(some >= low) & (some <= high) for some in chunks(values)])


def _put_shape_of_distribution(values: npt.NDArray[Any], features: Features, missing: Reasons) -> None:
    if features["stat_range"] == 0:
        missing.update({"stat_skew": CONSTANT, "stat_kurt": CONSTANT})
        return
    n, mean, variance = len(values), features["stat_mean"], features["stat_var"]
    third, fourth = sums(
        values, lambda some: ((some - mean) ** 2 * (some - mean), (some - mean) ** 2 * (some - mean) ** 2)
    )
    features["stat_skew"] = third / n / variance**1.5
    features["stat_kurt"] = fourth / n / variance**2 - 3


def _put_ratios(features: Features, missing: Reasons) -> None:
    q1, q3 = (features[name] for name in _QUARTILES)
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
    outlined: npt.NDArray[np.bool_],
    weighed: tuple[npt.NDArray[np.bool_], npt.NDArray[Any]],
    region: RegionVoxels,
    features: Features,
    missing: Reasons,
) -> None:
    """`morph_com`: from the mean voxel centre as outlined to the mean weighted by intensity."""
    sums_of_weight = _plane_sums(*weighed)
    if sums_of_weight[0].sum() == 0:
        missing["morph_com"] = ZERO_DIVISOR
        return
    shift = (_centre(_plane_sums(outlined, outlined)) - _centre(sums_of_weight)) * region.spacing
    features["morph_com"] = float(np.sqrt((shift**2).sum()))


def _plane_sums(inside: npt.NDArray[np.bool_], weight: npt.NDArray[Any]) -> list[Floats]:
    """Of the weights inside, the sum over each plane across each axis; one plane at a time is held."""
    found = [np.zeros(n) for n in inside.shape]
    for place, (kept, plane) in enumerate(zip(inside, weight, strict=True)):
        held = np.where(kept, plane, np.float64(0))
        found[1] += held.sum(axis=1)
        found[2] += held.sum(axis=0)
        found[0][place] = held.sum()
    return found


def _centre(plane_sums: list[Floats]) -> Floats:
    """The mean index along each axis, (3,)."""
    return np.array([float(plane @ np.arange(len(plane))) / float(plane.sum()) for plane in plane_sums])
