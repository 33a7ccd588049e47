"""How far are risks over time from what happened, against the same risk for all, and over all times together?

Arguments: `time_days` (n,) ≥ 0; `event` (n,) 0 censored, 1 event, 2 competing event; risks are probabilities of event 1
by a horizon. Censoring weights come from the cases evaluated (see `censoring`), never from development data.
"""

from __future__ import annotations

import math

import numpy as np

from outcome.evaluation.intervals import LEVEL, measured, wald
from outcome.evaluation.overall.survival import brier_t, follow_up_gap
from outcome.evaluation.times.censoring import HorizonStatus, weight_influence
from outcome.evaluation.times.incidence import aalen_johansen
from outcome.types import Estimate, FloatArray


def scaled_brier_t(time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float) -> float:
    """Which share of the Brier score of "everybody has the average risk" is gained at a horizon? (Also called IPA.)

    1 - Brier / Brier of the Aalen-Johansen incidence (1 - Kaplan-Meier without competing events) of these same cases
    as everybody's risk. At most 1; 0 is no gain. NaN where all or none have the event, or follow-up ends earlier.
    Kattan & Gerds 2018, doi:10.1186/s41512-018-0029-2.
    """
    average = _average(time_days, event, horizon_days)
    reference = brier_t(time_days, event, average, horizon_days)
    return 1 - brier_t(time_days, event, risk, horizon_days) / reference if reference > 0 else math.nan


def scaled_brier_t_estimate(
    time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float, *, level: float = LEVEL
) -> Estimate:
    """The scaled Brier score at the horizon with a Wald interval from its influence function, weights included.

    The average risk counts as fixed: the weighted score is smallest there, so that to first order it moves nothing.
    """
    status, average = HorizonStatus.at(time_days, event, horizon_days), _average(time_days, event, horizon_days)
    n, n_events = len(average), int(status.had_event.sum())
    value, gap = math.nan, follow_up_gap(time_days, event, horizon_days)
    if gap is None:
        value = scaled_brier_t(time_days, event, risk, horizon_days)
        gap = f"all or none have the event by {horizon_days:g} days: the reference is 0" if math.isnan(value) else None
    if gap:
        return Estimate.withhold(gap, n=n, n_events=n_events)
    own, reference = (_influence(status, np.asarray(each)) for each in (risk, average))
    scale = brier_t(time_days, event, average, horizon_days)
    pull = (own - (1 - value) * reference) / scale
    interval = wald(value, math.sqrt(float(np.sum(pull**2))), level=level, bounds=(-math.inf, 1.0))
    curve = "Aalen-Johansen" if np.any(np.asarray(event) == 2) else "Kaplan-Meier"
    method = f"IPCW, reference {curve} of these cases, influence function"
    return measured(value, interval, method=method, n=n, n_events=n_events, level=level)


def integrated_brier(time_days: FloatArray, event: FloatArray, risks: FloatArray, at_days: FloatArray) -> float:
    """The mean Brier score over a stretch of time; lower is better.

    `at_days` (k,) rising, k ≥ 2; `risks` (n, k) the risk of event 1 by each. Trapezoids between these times, divided by
    the time from first to last. NaN where follow-up ends before the last. ValueError for times or shapes that do not
    fit. Graf et al. 1999 (see `censoring`).
    """
    times, columns = _checked_grid(risks, at_days)
    scores = [brier_t(time_days, event, columns[:, k], float(t)) for k, t in enumerate(times)]
    return float(_trapezoid_weights(times) @ np.array(scores))


def integrated_brier_estimate(
    time_days: FloatArray, event: FloatArray, risks: FloatArray, at_days: FloatArray, *, level: float = LEVEL
) -> Estimate:
    """The integrated Brier score with a Wald interval from the influence functions at its times, cut at 0."""
    times, columns = _checked_grid(risks, at_days)
    n = len(columns)
    n_events = int(np.sum((np.asarray(event) == 1) & (np.asarray(time_days) <= times[-1])))
    gap = follow_up_gap(time_days, event, float(times[-1]))
    if gap:
        return Estimate.withhold(gap, n=n, n_events=n_events)
    pull = np.zeros(n)
    for k, part in enumerate(_trapezoid_weights(times)):
        pull += part * _influence(HorizonStatus.at(time_days, event, float(times[k])), columns[:, k])
    value = integrated_brier(time_days, event, columns, times)
    interval = wald(value, math.sqrt(float(np.sum(pull**2))), level=level, bounds=(0.0, math.inf))
    method = f"IPCW, trapezoids over {times.size} times from {times[0]:g} to {times[-1]:g} days, influence function"
    return measured(value, interval, method=method, n=n, n_events=n_events, level=level)


def _average(time_days: FloatArray, event: FloatArray, horizon_days: float) -> FloatArray:
    return np.full(len(time_days), float(aalen_johansen(time_days, event).at(horizon_days)))


def _influence(status: HorizonStatus, risk: FloatArray) -> FloatArray:
    pull = status.weight * (risk - status.had_event) ** 2 / len(risk)
    return pull - pull.sum() / len(risk) + weight_influence(status, pull)


def _trapezoid_weights(times: FloatArray) -> FloatArray:
    gaps = np.diff(times)
    return (np.append(gaps, 0.0) + np.append(0.0, gaps)) / (2 * (times[-1] - times[0]))


def _checked_grid(risks: FloatArray, at_days: FloatArray) -> tuple[FloatArray, FloatArray]:
    times, columns = np.asarray(at_days, dtype=float), np.asarray(risks, dtype=float)
    if times.ndim != 1 or times.size < 2 or np.any(np.diff(times) <= 0):
        raise ValueError(f"at least two rising times, found {times.tolist()}")
    if columns.ndim != 2 or columns.shape[1] != times.size:
        raise ValueError(f"one column of risks for each of {times.size} times, found shape {columns.shape}")
    return times, columns
