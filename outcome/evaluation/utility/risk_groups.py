"""What happened to the cases in each risk group? Counts and curves, ready for a figure.

The cut points are handed in (with the model, or from a guideline) and never taken from the cases evaluated. A case
belongs to the highest group whose lower cut its risk reaches. Groups below the small-cell limit are not shown; where
there is just one of these, the smallest other group is hidden too, so that subtraction does not give it away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from outcome.errors import DataRefusal
from outcome.evaluation.intervals import LEVEL, measured, wilson
from outcome.evaluation.overall.survival import follow_up_gap
from outcome.evaluation.subgroups.groups import SMALL_CELL, SUPPRESSED
from outcome.evaluation.times.incidence import StepCurve, aalen_johansen, kaplan_meier, share_band
from outcome.types import Estimate, FloatArray

Observed = Callable[[npt.NDArray[np.intp]], tuple[int, Estimate, "GroupCurve | None"]]  # rows -> events, share, curve

MAX_POINTS = 400  # a figure shows no more, and a report must not grow with the number of cases


@dataclass(frozen=True)
class GroupCurve:
    """The share with the event by each day, with a pointwise band; `value[k]` holds from `time_days[k]` on."""

    method: str
    time_days: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    ticks_days: tuple[float, ...]
    at_risk: tuple[int | None, ...]  # at each tick; None where fewer than the small-cell limit but not nobody


@dataclass(frozen=True)
class RiskGroup:
    """Cases with a risk in [lower, upper). `n`, `n_events` and all that follows from them are None where suppressed."""

    lower: float
    upper: float
    n: int | None
    n_events: int | None
    mean_risk: float | None
    observed: Estimate  # the share with the event (by the horizon)
    curve: GroupCurve | None

    def to_json(self) -> dict[str, Any]:
        """Plain values for a figure; an open end is None."""
        ends = {name: None if math.isinf(end) else end for name, end in (("lower", self.lower), ("upper", self.upper))}
        return {**asdict(self), **ends}


def risk_groups(
    y: FloatArray, risk: FloatArray, cuts: Sequence[float], *, level: float = LEVEL
) -> tuple[RiskGroup, ...]:
    """How many cases of each risk group had a binary outcome? Lowest group first.

    `y` (n,) 0 or 1; `risk` (n,) a risk or score, higher is riskier; `cuts` rising, k of them make k + 1 groups. The
    share has Wilson's interval. Raises DataRefusal for cuts that do not rise and for missing risks.
    """
    event = np.asarray(y) == 1

    def observed(rows: npt.NDArray[np.intp]) -> tuple[int, Estimate, GroupCurve | None]:
        n, count = rows.size, int(event[rows].sum())
        if not n:
            return 0, Estimate.withhold("no case has such a risk", n=0, n_events=0), None
        interval = wilson(count, n, level=level)
        return count, measured(count / n, interval, method="Wilson", n=n, n_events=count, level=level), None

    return _groups(np.asarray(risk, dtype=float), cuts, observed)


def risk_groups_t(
    time_days: FloatArray,
    event: FloatArray,
    risk: FloatArray,
    cuts: Sequence[float],
    horizon_days: float,
    *,
    ticks_days: Sequence[float] = (),
    level: float = LEVEL,
) -> tuple[RiskGroup, ...]:
    """How many cases of each risk group had the event by each day up to the horizon? Lowest group first.

    1 - Kaplan-Meier, or Aalen-Johansen where any case of the whole sample had a competing event (2), with bands that
    are normal in log(-log(1 - share)). `ticks_days` are the days at which those at risk are counted. Raises DataRefusal
    as `risk_groups`.
    """
    time, kinds = np.asarray(time_days, dtype=float), np.asarray(event)
    competing = bool(np.any(kinds == 2))

    def observed(rows: npt.NDArray[np.intp]) -> tuple[int, Estimate, GroupCurve | None]:
        own_time, own_kinds = time[rows], kinds[rows]
        n, count = rows.size, int(np.sum((own_kinds == 1) & (own_time <= horizon_days)))
        gap = follow_up_gap(own_time, own_kinds, horizon_days)
        if not n:
            return 0, Estimate.withhold("no case has such a risk", n=0, n_events=0), None
        steps = _incidence(own_time, own_kinds, competing)
        curve = _figure(steps, own_time, horizon_days, ticks_days, level=level, competing=competing)
        if gap:
            return count, Estimate.withhold(gap, n=n, n_events=count), curve
        value, low, high = (float(part) for part in share_band(steps, np.array(horizon_days), level))
        interval = (low, high) if 0 < value < 1 else None
        return count, measured(value, interval, method=curve.method, n=n, n_events=count, level=level), curve

    return _groups(np.asarray(risk, dtype=float), cuts, observed)


def _groups(risk: FloatArray, cuts: Sequence[float], observed: Observed) -> tuple[RiskGroup, ...]:
    limits = np.asarray(cuts, dtype=float)
    if not limits.size or not np.all(np.isfinite(limits)) or np.any(np.diff(limits) <= 0):
        raise DataRefusal("cut points cannot be used", expected="finite numbers, each above the last", found=f"{cuts}")
    missing = int(np.isnan(risk).sum())
    if missing:
        raise DataRefusal("risks are missing", expected="a risk for every case", found=f"{missing} missing")
    place = np.searchsorted(limits, risk, side="right")
    edges = np.concatenate([[-math.inf], limits, [math.inf]])
    members = [np.flatnonzero(place == k) for k in range(limits.size + 1)]
    hidden = _hidden([rows.size for rows in members])
    groups = []
    for k, rows in enumerate(members):
        ends = float(edges[k]), float(edges[k + 1])
        if k in hidden:
            groups.append(RiskGroup(*ends, None, None, None, Estimate.withhold(SUPPRESSED, n=0), None))
            continue
        count, estimate, curve = observed(rows)
        groups.append(RiskGroup(*ends, rows.size, count, _mean(risk[rows]), estimate, curve))
    return tuple(groups)


def _hidden(sizes: Sequence[int]) -> set[int]:
    """Which groups may not be shown: the small ones, and where that is one only, the smallest of the others."""
    small = {k for k, size in enumerate(sizes) if 0 < size < SMALL_CELL}
    others = [k for k, size in enumerate(sizes) if size >= SMALL_CELL]
    return small | {min(others, key=lambda k: sizes[k])} if len(small) == 1 and others else small


def _incidence(time: FloatArray, kinds: FloatArray, competing: bool) -> StepCurve:
    if competing:
        return aalen_johansen(time, kinds)
    free = kaplan_meier(time, kinds)
    return StepCurve(free.time_days, 1 - free.value, free.se, 0.0)


def _figure(
    steps: StepCurve,
    time: FloatArray,
    horizon_days: float,
    ticks_days: Sequence[float],
    *,
    level: float,
    competing: bool,
) -> GroupCurve:
    end = min(horizon_days, float(time.max()))
    inside = steps.time_days[steps.time_days <= end]
    if inside.size > MAX_POINTS:
        inside = inside[np.linspace(0, inside.size - 1, MAX_POINTS).round().astype(int)]
    days = np.unique(np.concatenate([[0.0], inside, [end]]))
    value, low, high = (tuple(float(v) for v in part) for part in share_band(steps, days, level))
    ordered = np.sort(time)
    counts = [time.size - int(np.searchsorted(ordered, tick, side="left")) for tick in ticks_days]
    shown = tuple(None if 0 < count < SMALL_CELL else count for count in counts)
    method = f"{'Aalen-Johansen' if competing else '1 - Kaplan-Meier'}, complementary log-log band"
    return GroupCurve(method, tuple(map(float, days)), value, low, high, tuple(map(float, ticks_days)), shown)


def _mean(values: FloatArray) -> float | None:
    return float(values.mean()) if values.size else None
