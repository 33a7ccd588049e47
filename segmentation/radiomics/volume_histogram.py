"""Which part of a region is at least so intense: the IBSI intensity-volume histogram family (P88C).

Reference: Zwanenburg et al., Radiology 2020, doi:10.1148/radiol.2020191145; definitions arXiv:1612.07003, 3.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.radiomics.chunks import CHUNK, chunks
from segmentation.radiomics.discretise import grey_levels
from segmentation.radiomics.settings import BinSettings, VolumeHistogramSettings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Ends = tuple[float | None, float | None]
Features = dict[str, float]
Reasons = dict[str, str]

NOT_WHOLE = "intensities are not whole numbers: give volume_histogram a bin size or a number of bins"
ONE_LEVEL = "there is one intensity level only: fractions of its range are not defined"
TOP_HEAVY = "more of the region than that has the highest intensity"
TAGS = ("ivh_v10", "ivh_v90", "ivh_i10", "ivh_i90", "ivh_diff_v10_v90", "ivh_diff_i10_i90", "ivh_auc")
_MAX_LEVELS = 10_000_000


@dataclass(frozen=True, eq=False)
class VolumeHistogram:
    """How many voxels reach each level: `reaching` (n,) for levels `first`, `first + step`, …; `total` voxels."""

    reaching: Ints
    first: float
    step: float
    total: int


def volume_histogram_features(
    values: npt.NDArray[Any], settings: VolumeHistogramSettings, ends: Ends = (None, None), counts: Ints | None = None
) -> tuple[Features, Reasons]:
    """All ivh_ features by tag, and the reason for each that cannot be had.

    `values` (n,) are the intensities of the intensity mask, n > 0; `ends` is the re-segmentation range, which sets
    the range of levels except for a number of bins. Intensities come back in the image's unit; with a number of bins
    as the bin's number. With `counts` (n,) each of `values` stands for so many voxels.

    Formula, unit and IBSI code of each: `dictionary.explain("ivh_")`, or `segmentation features ivh_`.
    """
    if settings.method == "as_is" and not _whole(values, ends):
        return {}, dict.fromkeys(TAGS, NOT_WHOLE)
    histogram = _histogram(values, settings, ends, counts)
    features: Features = {"ivh_auc": _area(histogram)}
    missing: Reasons = {}
    _put_volumes(histogram, features, missing)
    _put_intensities(histogram, features, missing)
    return features, missing


def _whole(values: npt.NDArray[Any], ends: Ends) -> bool:
    known = np.array([end for end in ends if end is not None])
    whole = all(bool((some == np.rint(some)).all()) for some in chain((known,), chunks(values)))
    return whole and float(values.max()) - float(values.min()) < _MAX_LEVELS


def _histogram(
    values: npt.NDArray[Any], settings: VolumeHistogramSettings, ends: Ends, counts: Ints | None
) -> VolumeHistogram:
    low = float(values.min()) if ends[0] is None else ends[0]
    size = settings.value or 1.0
    if settings.method == "as_is":
        high = float(values.max()) if ends[1] is None else ends[1]
        return _reaching(values, round(high - low) + 1, (low, 1.0), low, counts)
    if settings.method == "fixed_bin_number":
        bins = grey_levels(values, BinSettings(method="fixed_bin_number", value=size))
        return _reaching(bins, int(size), (1.0, 1.0), 1.0, counts)
    bins = grey_levels(values, BinSettings(method="fixed_bin_size", value=size), low)
    n = int(bins.max()) if ends[1] is None else max(1, int(np.ceil((ends[1] - low) / size - 1e-9)))
    return _reaching(bins, n, (low + size / 2, size), 1.0, counts)


def _reaching(
    places: npt.NDArray[Any], n: int, first_and_step: tuple[float, float], lowest: float, counts: Ints | None
) -> VolumeHistogram:
    """`places` counts levels from `lowest`; those above the last level reach it too."""
    at_level, size = np.zeros(n, dtype=np.int64), max(CHUNK, n)
    for number, some in enumerate(chunks(places, size)):
        level = np.minimum(some - lowest, n - 1).astype(np.int64)
        times = None if counts is None else counts[number * size : (number + 1) * size]
        at_level += np.bincount(level, times, minlength=n).astype(np.int64)
    reaching = np.cumsum(at_level[::-1])[::-1]
    return VolumeHistogram(reaching, *first_and_step, int(reaching[0]))


def _area(histogram: VolumeHistogram) -> float:
    """Under the volume fraction over the intensity fraction, by trapezoids; 0 for a single level, as IBSI says."""
    n = len(histogram.reaching)
    return float(np.trapezoid(histogram.reaching / histogram.total, dx=1 / (n - 1))) if n > 1 else 0.0


def _put_volumes(histogram: VolumeHistogram, features: Features, missing: Reasons) -> None:
    last = len(histogram.reaching) - 1
    if last == 0:
        missing.update(dict.fromkeys(("ivh_v10", "ivh_v90", "ivh_diff_v10_v90"), ONE_LEVEL))
        return
    for percent in (10, 90):
        # In whole numbers: the first level at or above x % of the range.
        place = -(-percent * last // 100)
        features[f"ivh_v{percent}"] = float(histogram.reaching[place] / histogram.total)
    features["ivh_diff_v10_v90"] = features["ivh_v10"] - features["ivh_v90"]


def _put_intensities(histogram: VolumeHistogram, features: Features, missing: Reasons) -> None:
    for percent in (10, 90):
        places = np.flatnonzero(100 * histogram.reaching <= percent * histogram.total)
        if len(places):
            features[f"ivh_i{percent}"] = histogram.first + histogram.step * float(places[0])
        else:
            missing[f"ivh_i{percent}"] = TOP_HEAVY
    if "ivh_i10" in features and "ivh_i90" in features:
        features["ivh_diff_i10_i90"] = features["ivh_i10"] - features["ivh_i90"]
    else:
        missing["ivh_diff_i10_i90"] = TOP_HEAVY
