"""Are the risks at a horizon right, when some cases were lost before it and others died of something else?

Arguments of every function: `time_days` (n,) ≥ 0; `event` (n,) 0 censored, 1 event, 2 competing event; `risk` (n,) the
predicted probability of the event by the horizon; `score` (n,) any number, higher is riskier; `horizon_days` > 0.
Harrell's C, over all times, is in `concordance`.
"""

from __future__ import annotations

import math

import numpy as np

from outcome.evaluation.intervals import LEVEL, log_wald, measured, wald
from outcome.evaluation.times.censoring import HorizonStatus, weight_influence
from outcome.evaluation.times.incidence import aalen_johansen
from outcome.types import Estimate, FloatArray


def follow_up_gap(time_days: FloatArray, event: FloatArray, horizon_days: float) -> str | None:
    """Why nothing can be said about this horizon, or None: somebody must be followed to it, or nobody be lost."""
    time, kinds = np.asarray(time_days), np.asarray(event)
    if not time.size:
        return "there are no cases"
    if time.max() >= horizon_days or np.all(kinds[time == time.max()] != 0):
        return None
    return f"follow-up ends at {time.max():g} days, before the horizon of {horizon_days:g} days"


def auc_t(time_days: FloatArray, event: FloatArray, score: FloatArray, horizon_days: float) -> float:
    """How likely does a case with the event by the horizon outrank a case without it by then?

    Cumulative/dynamic AUC; a competing event before the horizon counts as "without". Ties count 1/2. Weighted for
    censoring. NaN where one side is empty or follow-up ends before the horizon.
    Uno et al. 2007, doi:10.1198/016214507000000149; Blanche et al. 2013, doi:10.1002/sim.5958.
    """
    if follow_up_gap(time_days, event, horizon_days):
        return math.nan
    return auc_and_pull(HorizonStatus.at(time_days, event, horizon_days), score)[0]


def auc_t_estimate(
    time_days: FloatArray, event: FloatArray, score: FloatArray, horizon_days: float, *, level: float = LEVEL
) -> Estimate:
    """The AUC at the horizon with a Wald interval from its influence function, the censoring weights' part included."""
    status = HorizonStatus.at(time_days, event, horizon_days)
    n, n_events = len(score), int(status.had_event.sum())
    gap = follow_up_gap(time_days, event, horizon_days)
    if gap is None and not (n_events and status.is_free.any()):
        gap = f"only one class at {horizon_days:g} days: {n_events} with the event, {status.is_free.sum()} without"
    if gap is None and np.all(np.asarray(score) == score[0]):
        gap = "every case has the same score: nothing is ranked"
    if gap:
        return Estimate.withhold(gap, n=n, n_events=n_events)
    value, pull = auc_and_pull(status, score)
    variance = float(np.sum((pull + weight_influence(status, pull)) ** 2))
    interval = wald(value, math.sqrt(variance), level=level, bounds=(0.0, 1.0)) if variance > 0 else None
    return measured(value, interval, method="IPCW, influence function", n=n, n_events=n_events, level=level)


def brier_t(time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float) -> float:
    """The mean squared distance between risk and status at the horizon, weighted for censoring; lower is better.

    A competing event before the horizon is status 0. NaN where follow-up ends before the horizon. Graf et al. 1999
    (see `censoring`).
    """
    if follow_up_gap(time_days, event, horizon_days):
        return math.nan
    return float(_brier_pull(HorizonStatus.at(time_days, event, horizon_days), risk).sum())


def brier_t_estimate(
    time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float, *, level: float = LEVEL
) -> Estimate:
    """The Brier score at the horizon with a Wald interval from its influence function, cut at 0."""
    status = HorizonStatus.at(time_days, event, horizon_days)
    n, n_events = len(risk), int(status.had_event.sum())
    gap = follow_up_gap(time_days, event, horizon_days)
    if gap:
        return Estimate.withhold(gap, n=n, n_events=n_events)
    pull = _brier_pull(status, risk)
    influence = pull - pull.sum() / n + weight_influence(status, pull)
    interval = wald(pull.sum(), math.sqrt(float(np.sum(influence**2))), level=level, bounds=(0.0, math.inf))
    return measured(pull.sum(), interval, method="IPCW, influence function", n=n, n_events=n_events, level=level)


def oe_ratio_t(time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float) -> float:
    """How many events were there by the horizon for each one expected? 1 is right on average, above 1 too few foretold.

    Observed: Aalen-Johansen (1 - Kaplan-Meier without competing events) at the horizon; expected: the mean risk.
    NaN where all risks are zero or follow-up ends before the horizon.
    """
    if follow_up_gap(time_days, event, horizon_days) or not np.mean(risk) > 0:
        return math.nan
    return float(aalen_johansen(time_days, event).at(horizon_days)) / float(np.mean(risk))


def oe_ratio_t_estimate(
    time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float, *, level: float = LEVEL
) -> Estimate:
    """Observed over expected with exp(log ratio ± z·se/observed); the risks are taken as fixed.

    van Geloven et al. 2022, doi:10.1136/bmj-2021-069249. Withheld without events, or with all risks zero.
    """
    curve = aalen_johansen(time_days, event)
    observed = float(curve.at(horizon_days))
    n, n_events = len(risk), int(np.sum((np.asarray(event) == 1) & (np.asarray(time_days) <= horizon_days)))
    gap = follow_up_gap(time_days, event, horizon_days)
    if gap is None and not observed > 0:
        gap = f"no event by {horizon_days:g} days: the ratio has no interval"
    if gap is None and not np.mean(risk) > 0:
        gap = "all risks are zero: no event is expected, so the ratio is undefined"
    if gap:
        return Estimate.withhold(gap, n=n, n_events=n_events)
    ratio = observed / float(np.mean(risk))
    interval = log_wald(ratio, float(curve.se_at(horizon_days)) / observed, level=level)
    method = "Aalen-Johansen, log Wald" if np.any(np.asarray(event) == 2) else "Kaplan-Meier, log Wald"
    return measured(ratio, interval, method=method, n=n, n_events=n_events, level=level)


def _brier_pull(status: HorizonStatus, risk: FloatArray) -> FloatArray:
    return status.weight * (np.asarray(risk) - status.had_event) ** 2 / len(risk)


def auc_and_pull(status: HorizonStatus, score: FloatArray) -> tuple[float, FloatArray]:
    """The AUC and its derivative by the log weight of each case."""
    cases, controls, weight = status.had_event, status.is_free, status.weight
    score, pull = np.asarray(score), np.zeros(len(score))
    case_sum, control_sum = weight[cases].sum(), weight[controls].sum()
    if not case_sum or not control_sum:
        return math.nan, pull
    beats = _weight_below(score[controls], weight[controls], score[cases])
    loses = case_sum - _weight_below(score[cases], weight[cases], score[controls])
    value = float(np.sum(weight[cases] * beats) / (case_sum * control_sum))
    pull[cases] = weight[cases] * (beats / control_sum - value) / case_sum
    pull[controls] = weight[controls] * (loses / case_sum - value) / control_sum
    return value, pull


def _weight_below(values: FloatArray, weight: FloatArray, limit: FloatArray) -> FloatArray:
    """For every limit the weight of the values below it, equal ones by half."""
    order = np.argsort(values)
    sums = np.concatenate([[0.0], np.cumsum(weight[order])])
    ends = (sums[np.searchsorted(values[order], limit, side=side)] for side in ("left", "right"))
    return sum(ends, start=np.zeros(len(limit))) / 2
