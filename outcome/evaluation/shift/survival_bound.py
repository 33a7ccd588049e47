"""Until which day will eight, or nine, of ten cases like this one be free of the event?

A lower predictive bound L of a case: the first day at which its predicted cumulative incidence reaches a value that is
calibrated so that events before L are as rare as promised, and never beyond a cutoff that is fixed beforehand (the
last horizon), since nobody is promised more than was followed. A competing event counts as staying free of the event.

Events before the bound are counted with weights 1 / probability of being uncensored (Kaplan-Meier of the censoring).
This assumes that censoring has nothing to do with the time of the event, nor with what the model reads (completely at
random). Then P(T >= L) is at least the level for a new case that is exchangeable with the calibration cases: exactly,
by ranks, where nobody is censored; else up to the error of the estimated weights, which vanishes as cases grow. It
holds on average over cases, not for each kind of case.

Candès, Lei & Ren 2023, doi:10.1093/jrsssb/qkac004. Departure: they keep the cases whose censoring time lies beyond the
cutoff, which must be known for cases with the event too; here it need not be, and weights stand in its place. Weights
need completely random censoring where theirs may depend on predictors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from outcome.evaluation.intervals import measured, wilson_share
from outcome.evaluation.overall.survival import follow_up_gap
from outcome.evaluation.shift.conformal import LEVELS, MIN_CASES
from outcome.evaluation.times.censoring import HorizonStatus, weight_influence
from outcome.types import BoolArray, Estimate, FloatArray, Target

NEVER = 1.0  # an incidence that none but a sure event reaches: the bound is the cutoff


def bound_levels(target: Target, incidence: FloatArray, cutoff_days: float) -> dict[str, Any]:
    """What the bounds need: {"kind": "bound", "cutoff_days", "levels": {level: {"incidence"}}}, or `withheld`.

    `incidence` (n,): each case's predicted cumulative incidence on the day of its own event, by a model that had not
    seen it; NaN for cases without a prediction, which take no part, as those with an unknown outcome. Only that of
    cases with the event before the cutoff is read.
    """
    used = target.known & np.isfinite(incidence)
    time, event, reached = target.time_days[used], target.event[used], incidence[used]
    early = (event == 1) & (time < cutoff_days)
    if early.sum() < MIN_CASES:
        return {"withheld": f"fewer than {MIN_CASES} development cases with the event before day {cutoff_days:g}"}
    gap = follow_up_gap(time, event, cutoff_days)
    if gap:
        return {"withheld": gap}
    weight = HorizonStatus.at(time, event, cutoff_days).weight[early]
    found = {str(level): _threshold(reached[early], weight, len(time), level) for level in LEVELS}
    if any(math.isnan(value) for value in found.values()):
        return {"withheld": "too few development cases are followed long enough for the weights of censoring"}
    levels = {level: {"incidence": value} for level, value in found.items()}
    return {"kind": "bound", "cutoff_days": cutoff_days, "levels": levels}


def _threshold(reached: FloatArray, weight: FloatArray, n: int, level: float) -> float:
    """The largest value with few enough events below it, one more of the largest weight counted for the next case.

    NEVER where all events are few enough; NaN where that one case alone would be too many.
    """
    order = np.argsort(reached, kind="stable")
    values, allowed = reached[order], (1 - level) * (n + 1) - weight.max() + 1e-9
    if allowed < 0:
        return math.nan
    sums = np.concatenate([[0.0], np.cumsum(weight[order])])
    if sums[-1] <= allowed:
        return NEVER
    below = sums[np.searchsorted(values, values, side="left")]
    return float(values[below <= allowed][-1])


def lower_bounds(times: FloatArray, curves: FloatArray, incidence: float, cutoff_days: float) -> FloatArray:
    """The first day at which each curve reaches `incidence`, or the cutoff, in days, shape (n,).

    `times` (m,) rising, below the cutoff; `curves` (n, m) cumulative incidences there, each rising.
    """
    days = np.append(times, cutoff_days)
    reached = np.column_stack([curves >= incidence, np.ones(len(curves), dtype=bool)])
    return np.asarray(days[reached.argmax(axis=1)])


def had_event_before(target: Target, bound_days: FloatArray) -> BoolArray:
    """Which cases are seen to have the event before their bound, shape (n,)."""
    return np.asarray((target.event == 1) & (target.time_days < bound_days))


def bound_coverage(target: Target, bound_days: FloatArray, *, least: int) -> Estimate:
    """How many cases stay free of the event until their bound: 1 - the weighted share with an event before it.

    Outcomes all known, shapes (n,). The weights are of these very cases. The interval is Wilson's for as many
    uncensored cases as would give the standard error of the influence function, that of the weights included.
    Withheld for fewer than `least` cases, or where follow-up ends before the latest bound.
    """
    n = len(target)
    if n < least:
        return Estimate.withhold(f"{n} cases; at least {least} are needed for an interval", n=n)
    latest = float(bound_days.max())
    gap = follow_up_gap(target.time_days, target.event, latest)
    if gap:
        return Estimate.withhold(gap.replace("the horizon", "the latest bound"), n=n)
    early = had_event_before(target, bound_days)
    status = HorizonStatus.at(target.time_days, target.event, latest)
    pull = np.where(early, status.weight, 0.0) / n
    missed = min(float(pull.sum()), 1.0)
    variance = float(np.sum((pull - pull.sum() / n + weight_influence(status, pull)) ** 2))
    share = 1 - missed
    as_many = share * missed / variance if variance > 0 and missed < 1 else float(n)
    method = "share of cases, weighted for censoring; Wilson at the effective number of cases"
    return measured(share, wilson_share(share, as_many), method=method, n=n, n_events=int(early.sum()))
