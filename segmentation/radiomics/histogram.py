"""How grey levels are distributed in a region: the IBSI intensity histogram family (ZVCW).

Everything is computed from the counts of the levels, so that the cost is that of the bins, not of the voxels.
Reference: Zwanenburg et al., Radiology 2020, doi:10.1148/radiol.2020191145; definitions arXiv:1612.07003, 3.4.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Features = dict[str, float]
Reasons = dict[str, str]

CONSTANT = "all voxels of the region have the same grey level"
ONE_LEVEL = "there is one grey level only: its histogram has no slope"
TOO_FEW = "no voxel lies between the 10th and the 90th percentile: the region has too few"


def histogram_features(counts: Ints) -> tuple[Features, Reasons]:
    """All ih_ features by tag, and the reason for each that cannot be had.

    `counts` (n,) holds the number of voxels of grey levels 1..n (empty levels included); at least one voxel.

    Formula, unit and IBSI code of each: `dictionary.explain("ih_")`, or `segmentation features ih_`.
    """
    levels = np.arange(1, len(counts) + 1, dtype=np.float64)
    share = counts / counts.sum()
    present = share[share > 0]
    features: Features = {
        **_order_statistics(levels, counts),
        **_moments(levels, share),
        "ih_entropy": float(-(present * np.log2(present)).sum()),
        "ih_uniformity": float((share**2).sum()),
    }
    features["ih_mode"] = _mode(levels, counts, features["ih_mean"])
    features["ih_cov"] = math.sqrt(features["ih_var"]) / features["ih_mean"]
    missing: Reasons = {}
    _put_robust_deviation(levels, counts, features, missing)
    _put_shape(levels, share, features, missing)
    _put_slopes(counts, features, missing)
    return features, missing


def _order_statistics(levels: Floats, counts: Ints) -> Features:
    low, p10, q1, median, q3, p90, high = (_percentile(levels, counts, p) for p in (0, 10, 25, 50, 75, 90, 100))
    return {
        "ih_median": median,
        "ih_min": low,
        "ih_p10": p10,
        "ih_p90": p90,
        "ih_max": high,
        "ih_iqr": q3 - q1,
        "ih_range": high - low,
        "ih_medad": float(counts @ np.abs(levels - median)) / float(counts.sum()),
        "ih_qcod": (q3 - q1) / (q3 + q1),
    }


def _percentile(levels: Floats, counts: Ints, percent: int) -> float:
    """Linear between the two voxels next to the rank, as for the undiscretised intensities."""
    total = int(counts.sum())
    whole, part = divmod((total - 1) * percent, 100)
    below, above = np.searchsorted(np.cumsum(counts), [whole, min(whole + 1, total - 1)], side="right")
    return float(levels[below] + part / 100 * (levels[above] - levels[below]))


def _moments(levels: Floats, share: Floats) -> Features:
    mean = float(share @ levels)
    return {
        "ih_mean": mean,
        "ih_var": float(share @ (levels - mean) ** 2),
        "ih_mad": float(share @ np.abs(levels - mean)),
    }


def _mode(levels: Floats, counts: Ints, mean: float) -> float:
    """The most frequent level; of several the one nearest to the mean, of two as near the lower."""
    most = levels[counts == counts.max()]
    return float(most[np.argmin(np.abs(most - mean))])


def _put_robust_deviation(levels: Floats, counts: Ints, features: Features, missing: Reasons) -> None:
    middle = counts * ((levels >= features["ih_p10"]) & (levels <= features["ih_p90"]))
    if not middle.any():
        missing["ih_rmad"] = TOO_FEW
        return
    weight = middle / middle.sum()
    features["ih_rmad"] = float(weight @ np.abs(levels - weight @ levels))


def _put_shape(levels: Floats, share: Floats, features: Features, missing: Reasons) -> None:
    if features["ih_range"] == 0:
        missing.update({"ih_skew": CONSTANT, "ih_kurt": CONSTANT})
        return
    centred, variance = levels - features["ih_mean"], features["ih_var"]
    features["ih_skew"] = float(share @ centred**3) / variance**1.5
    features["ih_kurt"] = float(share @ centred**4) / variance**2 - 3


def _put_slopes(counts: Ints, features: Features, missing: Reasons) -> None:
    """Central differences of the counts, one-sided at both ends; of equal slopes the lowest level counts."""
    if len(counts) < 2:
        missing.update({f"ih_{end}_grad{part}": ONE_LEVEL for end in ("max", "min") for part in ("", "_g")})
        return
    slope = np.gradient(counts.astype(np.float64))
    for end, place in (("max", int(slope.argmax())), ("min", int(slope.argmin()))):
        features[f"ih_{end}_grad"] = float(slope[place])
        features[f"ih_{end}_grad_g"] = float(place + 1)
