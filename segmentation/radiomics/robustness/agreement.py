"""Do repeated measurements of a case agree better with each other than cases do? Intraclass correlation by feature.

References: Shrout & Fleiss, Psychol Bull 1979, doi:10.1037/0033-2909.86.2.420; McGraw & Wong, Psychol Methods 1996,
doi:10.1037/1082-989X.1.1.30.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from segmentation.errors import ImageRefusal
from segmentation.types import Mask, Volume

Table = npt.NDArray[np.float64]  # (n cases, k repeats), NaN where missing
Measure = Callable[[Volume | None, Mask], Mapping[str, float]]

ONE_WAY, TWO_WAY = "ICC(1,1)", "ICC(3,1)"
LEAST = 0.75
# Sums of squares below this share of the squared size of the numbers are rounding errors.
_ROUNDING = 1e-20


@dataclass(frozen=True)
class Agreement:
    """An intraclass correlation with its interval, 1 is perfect; or None with the reason.

    `n_cases` counts the complete cases it rests on.
    """

    value: float | None
    low: float | None
    high: float | None
    level: float
    kind: str
    n_cases: int
    n_repeats: int
    reason: str = ""

    @property
    def limits(self) -> tuple[float, float] | None:
        """The interval alone, None where there is none."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class FeatureInterval:
    """What one feature of one case may be, given several masks of it: percentiles over the masks, or the reason."""

    low: float | None
    median: float | None
    high: float | None
    level: float
    n: int
    n_missing: int
    reason: str = ""


def measure_each(pairs: Iterable[tuple[Volume | None, Mask]], measure: Measure) -> list[dict[str, float]]:
    """The features of each (image, mask) pair, in order; one pair is held at a time."""
    return [dict(measure(image, mask)) for image, mask in pairs]


def repeat_tables(cases: Sequence[Sequence[Mapping[str, float]]]) -> dict[str, Table]:
    """From the repeats of each case to one (n, k) table a feature, NaN where a repeat lacks it.

    Raises ImageRefusal (`uneven_repeats`) unless every case has the same number of repeats.
    """
    counts = sorted({len(repeats) for repeats in cases})
    if len(counts) != 1:
        raise ImageRefusal(
            "uneven_repeats",
            "Cases were measured unequally often.",
            expected="the same number of repeats of every case, and one case or more",
            found=f"{len(cases)} cases with {counts} repeats",
            next_step="apply one list of perturbations to every case",
        )
    names = sorted({name for repeats in cases for repeat in repeats for name in repeat})
    return {name: np.array([[r.get(name, np.nan) for r in repeats] for repeats in cases]) for name in names}


def agreement(table: npt.ArrayLike, kind: str = ONE_WAY, level: float = 0.95) -> Agreement:
    """ICC of a single measurement with its F interval, from (n cases, k repeats).

    ICC(1,1): repeats are exchangeable, any difference between them counts (absolute agreement, one-way random).
    ICC(3,1): repeat r is the same in every case and its mean offset does not count (consistency, two-way mixed).
    Cases that lack a repeat are left out. Missing with fewer than two complete cases, with one repeat, and where all
    numbers are equal. Raises ImageRefusal for an unknown kind, a level outside (0, 1) or a table without two axes.
    """
    values = np.asarray(table, dtype=float)
    _check(values, kind, level)
    values = values[np.isfinite(values).all(axis=1)]
    n, k = values.shape
    if n < 2 or k < 2:
        reason = f"needs two complete cases and two repeats, found {n} and {k}"
        return Agreement(None, None, None, level, kind, n, k, reason)
    between, within, degrees = _mean_squares(values, kind)
    floor = _ROUNDING * float((values**2).mean())
    if between <= floor and within <= floor:
        return Agreement(None, None, None, level, kind, n, k, "all values are equal")
    if within <= floor:
        return Agreement(1.0, 1.0, 1.0, level, kind, n, k)
    ratio, tail = between / within, (1 - level) / 2
    lower = ratio / stats.f.isf(tail, n - 1, degrees)
    upper = ratio * stats.f.isf(tail, degrees, n - 1)
    value, low, high = ((f - 1) / (f + k - 1) for f in (ratio, lower, upper))
    return Agreement(float(value), float(low), float(high), level, kind, n, k)


def agreements(tables: Mapping[str, Table], kind: str = ONE_WAY, level: float = 0.95) -> dict[str, Agreement]:
    """`agreement` of every feature. For use inside a training fold hand over the rows of its training cases only."""
    return {name: agreement(table, kind, level) for name, table in tables.items()}


def stable_features(found: Mapping[str, Agreement], least: float = LEAST) -> tuple[str, ...]:
    """The features whose agreement is at least `least` even at the lower end of its interval, in order."""
    return tuple(name for name, one in found.items() if one.limits and one.limits[0] >= least)


def feature_intervals(masks: Sequence[Mapping[str, float]], level: float = 0.95) -> dict[str, FeatureInterval]:
    """For each feature of one case its percentile interval over several masks (readers, networks, perturbations).

    A mask that lacks the feature is counted in `n_missing`; an interval needs the feature in two masks or more.
    """
    _check_level(level)
    names = sorted({name for features in masks for name in features})
    return {name: _interval([features.get(name, np.nan) for features in masks], level) for name in names}


def _interval(values: Sequence[float], level: float) -> FeatureInterval:
    known = np.array(values, dtype=float)
    known = known[np.isfinite(known)]
    absent = len(values) - len(known)
    if len(known) < 2:
        reason = f"measured in {len(known)} of {len(values)} masks"
        return FeatureInterval(None, None, None, level, len(known), absent, reason)
    tail = (1 - level) / 2
    low, median, high = (float(q) for q in np.quantile(known, [tail, 0.5, 1 - tail]))
    return FeatureInterval(low, median, high, level, len(known), absent)


def _mean_squares(values: Table, kind: str) -> tuple[float, float, int]:
    """Mean square between cases, mean square of what is left, and the latter's degrees of freedom."""
    n, k = values.shape
    values = values - values.mean()
    rows = values.mean(axis=1, keepdims=True)
    between = k * float((rows**2).sum()) / (n - 1)
    if kind == ONE_WAY:
        degrees, rest = n * (k - 1), values - rows
    else:
        degrees, rest = (n - 1) * (k - 1), values - rows - values.mean(axis=0, keepdims=True)
    return between, float((rest**2).sum()) / degrees, degrees


def _check(values: Table, kind: str, level: float) -> None:
    _check_level(level)
    if kind not in (ONE_WAY, TWO_WAY):
        raise ImageRefusal("bad_kind", "Unknown agreement.", expected=f"{ONE_WAY} or {TWO_WAY}", found=repr(kind))
    if values.ndim != 2:
        raise ImageRefusal("bad_table", "Not a table.", expected="(cases, repeats)", found=f"{values.ndim} axes")


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ImageRefusal("bad_level", "The level is no probability.", expected="in (0, 1)", found=f"{level}")
