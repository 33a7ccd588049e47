"""Intensity statistics of one region on the device, in float64, by the formulas of `segmentation.radiomics.intensity`.

Counts, extremes and percentiles are equal to those of the processor; sums are added in another order and agree to
1e-9 of their size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from segmentation.radiomics.intensity import CONSTANT, TOO_FEW, ZERO_DIVISOR

Features = dict[str, float]
Reasons = dict[str, str]
Found = tuple[Features, Reasons]

_PERCENT = (0, 10, 25, 50, 75, 90, 100)


def intensity_statistics(ascending: Tensor) -> Found:
    """All stat_ features by tag, and the reason for each that cannot be had; `ascending` (n,) float64, n > 0."""
    low, p10, q1, median, q3, p90, high = _percentiles(ascending)
    features, missing = _moments(ascending, median), Reasons()
    features.update(
        {
            "stat_median": median,
            "stat_min": low,
            "stat_p10": p10,
            "stat_p90": p90,
            "stat_max": high,
            "stat_iqr": q3 - q1,
            "stat_range": high - low,
        }
    )
    _put_robust_deviation(ascending, (p10, p90), features, missing)
    _put_shape(features, missing)
    _put_ratio("stat_cov", (math.sqrt(features["stat_var"]), features["stat_mean"]), features, missing)
    _put_ratio("stat_qcod", (q3 - q1, q3 + q1), features, missing)
    return features, missing


def _percentiles(ascending: Tensor) -> list[float]:
    """Linear between the two values next to the rank, with numpy's rounding."""
    ranks = [percent / 100 * (len(ascending) - 1) for percent in _PERCENT]
    below = [math.floor(rank) for rank in ranks]
    above = [min(place + 1, len(ascending) - 1) for place in below]
    picked = ascending[torch.tensor(below + above, device=ascending.device)].tolist()
    return [_between(*ends) for ends in zip(picked[:7], picked[7:], ranks, strict=True)]


def _between(low: float, high: float, rank: float) -> float:
    part = rank - math.floor(rank)
    return high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part


def _moments(values: Tensor, median: float) -> Features:
    """With the third and fourth central moments under names of their own."""
    centred = values - values.mean()
    mean, variance, third, fourth, mad, medad, energy = torch.stack(
        [
            values.mean(),
            (centred**2).mean(),
            (centred**3).mean(),
            (centred**4).mean(),
            centred.abs().mean(),
            (values - median).abs().mean(),
            (values**2).sum(),
        ]
    ).tolist()
    return {
        "stat_mean": mean,
        "stat_var": variance,
        "stat_skew": third,
        "stat_kurt": fourth,
        "stat_mad": mad,
        "stat_medad": medad,
        "stat_energy": energy,
        "stat_rms": math.sqrt(energy / len(values)),
    }


def _put_robust_deviation(ascending: Tensor, ends: tuple[float, float], features: Features, missing: Reasons) -> None:
    middle = ascending[(ascending >= ends[0]) & (ascending <= ends[1])]
    if len(middle):
        features["stat_rmad"] = float((middle - middle.mean()).abs().mean())
    else:
        missing["stat_rmad"] = TOO_FEW


def _put_shape(features: Features, missing: Reasons) -> None:
    """From the central moments to skewness and excess kurtosis."""
    third, fourth, variance = features.pop("stat_skew"), features.pop("stat_kurt"), features["stat_var"]
    if features["stat_range"] == 0:
        missing.update({"stat_skew": CONSTANT, "stat_kurt": CONSTANT})
        return
    features["stat_skew"] = third / variance**1.5
    features["stat_kurt"] = fourth / variance**2 - 3


def _put_ratio(tag: str, parts: tuple[float, float], features: Features, missing: Reasons) -> None:
    above, below = parts
    if below == 0:
        missing[tag] = ZERO_DIVISOR
    else:
        features[tag] = above / below


def centre_shift(values: Tensor, places: Tensor, outlined: Tensor, shape: Sequence[int]) -> np.ndarray | None:
    """From the centre of the region as outlined to that weighted by intensity, voxels along K, J, I, (3,).

    `places` of the voxels with `values`, and of those `outlined`, lie in a box of `shape`. None where weights add up
    to zero.
    """
    total = values.sum()
    if float(total) == 0:
        return None
    weighted = torch.stack([(values * axis).sum() / total for axis in _along_axes(places, shape)])
    plain = torch.stack([axis.sum().double() / len(outlined) for axis in _along_axes(outlined, shape)])
    shift: np.ndarray = (plain - weighted).cpu().numpy()
    return shift


def _along_axes(places: Tensor, shape: Sequence[int]) -> list[Tensor]:
    """Index along K, J, I of places in a box, (n,) each."""
    rows = torch.div(places, shape[2], rounding_mode="floor")
    slabs = torch.div(rows, shape[1], rounding_mode="floor")
    return [slabs, rows - slabs * shape[1], places - rows * shape[2]]
