"""How much time free of the event did cases have on average, up to a stated time? And how do two groups differ?

Arguments: `time_days` (n,) ≥ 0; `event` (n,) 0 censored, 1 event, 2 competing event; `until_days` > 0 is
handed in. Any event, competing ones too, ends the time counted: it is time free of both. No proportional hazards are
assumed. Royston & Parmar 2013, doi:10.1186/1471-2288-13-152; Uno et al. 2014, doi:10.1200/JCO.2014.55.2208.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from outcome.evaluation.intervals import LEVEL, log_wald, measured, wald
from outcome.evaluation.overall.survival import follow_up_gap
from outcome.evaluation.times.incidence import kaplan_meier
from outcome.types import Estimate, FloatArray

Timed = tuple[FloatArray, FloatArray]  # time_days (n,) and event (n,)


@dataclass(frozen=True)
class RestrictedMeanContrast:
    """Two groups compared, a against b: `difference` a minus b in days with its test; ratios a over b."""

    difference: Estimate
    ratio_free: Estimate  # of the mean times free of the event
    ratio_lost: Estimate  # of the mean times lost, until_days minus the former
    statistic: float | None
    p_value: float | None


def restricted_mean(time_days: FloatArray, event: FloatArray, until_days: float) -> float:
    """Mean time free of any event up to `until_days`, in days: the area under Kaplan-Meier. NaN where follow-up ends
    before it.
    """
    if follow_up_gap(time_days, event, until_days):
        return math.nan
    return _area_and_variance(time_days, event, until_days)[0]


def restricted_mean_estimate(
    time_days: FloatArray, event: FloatArray, until_days: float, *, level: float = LEVEL
) -> Estimate:
    """The restricted mean with a Wald interval, cut to [0, until_days]. Withheld where follow-up ends before it."""
    n, n_events = len(time_days), _n_events(time_days, event, until_days)
    gap = follow_up_gap(time_days, event, until_days)
    if gap:
        return Estimate.withhold(gap, n=n, n_events=n_events)
    value, variance = _area_and_variance(time_days, event, until_days)
    interval = wald(value, math.sqrt(variance), level=level, bounds=(0.0, until_days)) if variance > 0 else None
    return measured(value, interval, method=_method(until_days), n=n, n_events=n_events, level=level)


def restricted_mean_contrast(
    group_a: Timed, group_b: Timed, until_days: float, *, level: float = LEVEL
) -> RestrictedMeanContrast:
    """Did group a have more time free of the event than group b? Two independent groups of cases.

    The difference is a minus b; both ratios (a over b) get intervals on the log scale. The p-value is two-sided, of no
    difference. Withheld where follow-up of one group ends before `until_days`.
    """
    n = len(group_a[0]) + len(group_b[0])
    n_events = sum(_n_events(*group, until_days) for group in (group_a, group_b))
    gaps = [gap for group in (group_a, group_b) if (gap := follow_up_gap(*group, until_days))]
    if gaps:
        nothing = Estimate.withhold(f"in one group {gaps[0]}", n=n, n_events=n_events)
        return RestrictedMeanContrast(nothing, nothing, nothing, None, None)
    parts = [_area_and_variance(*group, until_days) for group in (group_a, group_b)]
    value, se = parts[0][0] - parts[1][0], math.sqrt(parts[0][1] + parts[1][1])
    method = _method(until_days)
    difference = measured(value, wald(value, se, level=level), method=method, n=n, n_events=n_events, level=level)
    lost = [(until_days - area, variance) for area, variance in parts]
    free, gone = (_ratio(pair, method=method, n=n, n_events=n_events, level=level) for pair in (parts, lost))
    statistic = value / se if se > 0 else None
    return RestrictedMeanContrast(difference, free, gone, statistic, _two_sided(statistic))


def _area_and_variance(time_days: FloatArray, event: FloatArray, until_days: float) -> tuple[float, float]:
    """The area under the curve of freedom from any event, and its variance: sum of (area after t)² d / (Y (Y - d))."""
    time, any_event = np.asarray(time_days, dtype=float), np.asarray(event) > 0
    curve = kaplan_meier(time, any_event.astype(float))
    inside = curve.time_days < until_days
    times, free = curve.time_days[inside], curve.value[inside]
    widths = np.diff(np.concatenate([[0.0], times, [until_days]]))
    pieces = np.concatenate([[1.0], free]) * widths
    after = np.cumsum(pieces[:0:-1])[::-1]
    at_risk = time.size - np.searchsorted(np.sort(time), times, side="left")
    struck = np.sort(time[any_event])
    events = np.searchsorted(struck, times, side="right") - np.searchsorted(struck, times, side="left")
    left = at_risk - events
    # Where nobody is left the area behind is zero, so its infinite term never counts.
    terms = np.divide(after**2 * events, at_risk * left, out=np.zeros(times.size), where=left > 0)
    return float(pieces.sum()), float(terms.sum())


def _ratio(parts: list[tuple[float, float]], *, method: str, n: int, n_events: int, level: float) -> Estimate:
    (above, variance_above), (below, variance_below) = parts
    if not (above > 0 and below > 0):
        return Estimate.withhold("one of the two times is zero: no ratio exists", n=n, n_events=n_events)
    se = math.sqrt(variance_above / above**2 + variance_below / below**2)
    interval = log_wald(above / below, se, level=level)
    return measured(above / below, interval, method=f"{method}, log scale", n=n, n_events=n_events, level=level)


def _n_events(time_days: FloatArray, event: FloatArray, until_days: float) -> int:
    return int(np.sum((np.asarray(event) > 0) & (np.asarray(time_days) <= until_days)))


def _method(until_days: float) -> str:
    return f"area under Kaplan-Meier of any event up to {until_days:g} days, Wald"


def _two_sided(statistic: float | None) -> float | None:
    return None if statistic is None else float(2 * norm.sf(abs(statistic)))
