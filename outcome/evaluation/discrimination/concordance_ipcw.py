"""Are cases put in the right order, whatever the censoring, and whatever the time? Uno's and Antolini's concordance.

Arguments of every function: `time_days` (n,) ≥ 0; `event` (n,) 0 censored, 1 event, 2 competing event; `score` (n,)
any number, higher is riskier. Harrell's C, whose value depends on the censoring, is in `concordance`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from outcome.errors import DataRefusal
from outcome.evaluation.discrimination.dominance import PairWeights, pair_weights
from outcome.evaluation.intervals import LEVEL, measured, wald
from outcome.evaluation.times.censoring import HorizonStatus, weight_influence
from outcome.types import Estimate, FloatArray

NO_PAIR = "no pair of cases can be compared"
SAME_SCORE = "every case has the same score: nothing is ranked"


def uno_c(time_days: FloatArray, event: FloatArray, score: FloatArray, *, tau_days: float | None = None) -> float:
    """How likely does, of two cases, the one whose event came first have the higher score, had nobody been censored?

    In [0, 1], 0.5 is chance. Only events before `tau_days` count; without it all of them, but never one at a time to
    which nobody is sure to be followed (G = 0). A pair is that of `harrell_c`, weighted by 1/G(t)² at the event's time
    t; G is the Kaplan-Meier curve of censoring in these cases, events before censorings at equal times. Where the other
    case had a competing event at an earlier time s the weight is 1/(G(t) G(s)). Tied scores count 1/2. NaN where no
    pair counts.
    Uno et al. 2011, doi:10.1002/sim.4154; competing events: Wolbers et al. 2014, doi:10.1093/biostatistics/kxt059.
    """
    return _uno(time_days, event, score, tau_days).value


def uno_c_estimate(
    time_days: FloatArray,
    event: FloatArray,
    score: FloatArray,
    *,
    tau_days: float | None = None,
    level: float = LEVEL,
) -> Estimate:
    """Uno's C with a Wald interval from its influence function, the censoring weights' part included, cut to [0, 1]."""
    parts = _uno(time_days, event, score, tau_days)
    n, n_events = len(score), int(np.sum(np.asarray(event) == 1))
    reason = NO_PAIR if math.isnan(parts.value) else None
    if reason is None and np.all(np.asarray(score) == score[0]):
        reason = SAME_SCORE
    if reason:
        return Estimate.withhold(reason, n=n, n_events=n_events)
    method = f"IPCW, {parts.span}, influence function"
    return _interval(parts.value, parts.influence, method, n=n, n_events=n_events, level=level)


def uno_influence(
    time_days: FloatArray, event: FloatArray, score: FloatArray, *, tau_days: float | None = None
) -> FloatArray:
    """How much each case pulls Uno's C, shape (n,); the sum of squares is the variance of C."""
    return _uno(time_days, event, score, tau_days).influence


def antolini_c(time_days: FloatArray, event: FloatArray, risk: FloatArray, horizons_days: npt.ArrayLike) -> float:
    """How likely does, of two cases, the one whose event came first have the higher predicted risk at that very time?

    `risk` (n, k) is the predicted probability of the event by each of `horizons_days` (k,), rising. An event is judged
    by the risks at the first horizon that is not before it; events after the last horizon do not count. Pairs as in
    `harrell_c`, so a case with a competing event outlives every event; unweighted; tied risks count 1/2. For risks
    whose order never changes it is Harrell's C up to the last horizon. NaN where no pair counts. Raises DataRefusal
    where the horizons do not rise or do not fit the risks.
    Antolini, Boracchi & Biganzoli 2005, doi:10.1002/sim.2427.
    """
    return _ratio(*_antolini(time_days, event, risk, horizons_days))


def antolini_c_estimate(
    time_days: FloatArray, event: FloatArray, risk: FloatArray, horizons_days: npt.ArrayLike, *, level: float = LEVEL
) -> Estimate:
    """Antolini's C with a Wald interval from the infinitesimal jackknife, cut to [0, 1]."""
    comparable, concordant = _antolini(time_days, event, risk, horizons_days)
    value, n, n_events = _ratio(comparable, concordant), len(comparable), int(np.sum(np.asarray(event) == 1))
    reason = NO_PAIR if math.isnan(value) else None
    if reason is None and np.all(np.asarray(risk) == np.asarray(risk)[:1]):
        reason = SAME_SCORE
    if reason:
        return Estimate.withhold(reason, n=n, n_events=n_events)
    influence = 2 * (concordant - value * comparable) / comparable.sum()
    method = f"Antolini, {np.size(horizons_days)} horizons, infinitesimal jackknife"
    return _interval(value, influence, method, n=n, n_events=n_events, level=level)


@dataclass(frozen=True, eq=False)
class _Uno:
    value: float
    influence: FloatArray  # (n,)
    span: str  # which events counted


def _uno(time_days: FloatArray, event: FloatArray, score: FloatArray, tau_days: float | None) -> _Uno:
    time, kinds, score = np.asarray(time_days, dtype=float), np.asarray(event), np.asarray(score)
    if tau_days is not None and not tau_days > 0:
        raise DataRefusal("a time to stop counting at cannot be used", expected="a time > 0", found=f"{tau_days}")
    status = HorizonStatus.at(time, kinds, math.inf)
    counted = (kinds == 1) & (time < (math.inf if tau_days is None else tau_days)) & ~np.isnan(status.weight)
    weight = np.where(np.isnan(status.weight), 0.0, status.weight)
    later = pair_weights(time, score, kinds == 1, np.where(counted, weight**2, 0.0), np.ones(time.size))
    spared = _spared_pairs(time, kinds, score, counted, weight)
    comparable = _sum(later, "comparable") + _sum(spared, "comparable")
    concordant = _sum(later, "concordant") + _sum(spared, "concordant")
    value = _ratio(comparable, concordant)
    influence = np.full(time.size, math.nan)
    if not math.isnan(value):
        # A pair's weight holds 1/G twice: of the event alone, or of the event and the earlier competing event.
        gain = 2 * (later.first_concordant - value * later.first_comparable) + (
            _sum(spared, "concordant") - value * _sum(spared, "comparable")
        )
        total = comparable.sum() / 2
        influence = (concordant - value * comparable) / total + weight_influence(status, gain / total)
    return _Uno(value, influence, _span(time, kinds, counted, tau_days))


def _spared_pairs(
    time: FloatArray, kinds: FloatArray, score: FloatArray, counted: npt.NDArray[np.bool_], weight: FloatArray
) -> PairWeights:
    """Pairs of an event with a competing event before it, which can no longer be followed by the event of interest.

    The competing event plays the first case, so the sign of the score is turned; at equal times the pair is already
    one of those with a later case, hence the time moved behind the events of that time.
    """
    competing = kinds == 2
    if not competing.any():
        return PairWeights(*np.zeros((4, time.size)))
    moved = np.where(competing, np.nextafter(time, math.inf), time)
    return pair_weights(moved, -score, competing, weight, np.where(counted, weight, 0.0))


def _span(time: FloatArray, kinds: FloatArray, counted: npt.NDArray[np.bool_], tau_days: float | None) -> str:
    if tau_days is not None:
        return f"events before {tau_days:g}"
    left_out = (kinds == 1) & ~counted
    return f"events before {time[left_out].min():g}, where follow-up ends" if left_out.any() else "all events"


def _antolini(
    time_days: FloatArray, event: FloatArray, risk: FloatArray, horizons_days: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Comparable and concordant pairs of every case, each pair standing in both of its cases."""
    horizons, risks = np.atleast_1d(np.asarray(horizons_days, dtype=float)), np.asarray(risk, dtype=float)
    if risks.shape != (len(time_days), horizons.size) or np.any(np.diff(horizons) <= 0):
        expected = "one column of risks for each of the rising horizons"
        raise DataRefusal("risks and horizons do not fit", expected=expected, found=f"risks of shape {risks.shape}")
    is_event = np.asarray(event) == 1
    time = np.where(np.asarray(event) == 2, np.inf, np.asarray(time_days, dtype=float))
    column = np.where(is_event, np.searchsorted(horizons, time, side="left"), horizons.size)
    comparable, concordant = np.zeros(time.size), np.zeros(time.size)
    for k in np.unique(column[column < horizons.size]):
        pairs = pair_weights(time, risks[:, k], is_event, (column == k).astype(float), np.ones(time.size))
        comparable += _sum(pairs, "comparable")
        concordant += _sum(pairs, "concordant")
    return comparable, concordant


def _sum(pairs: PairWeights, what: str) -> FloatArray:
    """The pairs of every case in both roles."""
    return np.asarray(getattr(pairs, f"first_{what}") + getattr(pairs, f"later_{what}"))


def _ratio(comparable: FloatArray, concordant: FloatArray) -> float:
    total = comparable.sum()
    return float(concordant.sum() / total) if total > 0 else math.nan


def _interval(value: float, influence: FloatArray, method: str, *, n: int, n_events: int, level: float) -> Estimate:
    se = math.sqrt(float(np.sum(influence**2)))
    bounds = wald(value, se, level=level, bounds=(0.0, 1.0)) if se > 0 else None
    return measured(value, bounds, method=method, n=n, n_events=n_events, level=level)
