"""How many have had the event by a given day? Kaplan-Meier and Aalen-Johansen step curves with standard errors.

Arguments of every function: `time_days` (n,) ≥ 0, finite; `event` (n,) 0 censored, 1 event, 2 competing event.
At tied times events come before censorings: who is censored at t was still at risk for an event at t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from outcome.evaluation.intervals import z_value
from outcome.types import FloatArray


@dataclass(frozen=True, eq=False)
class StepCurve:
    """A right-continuous step function of time: `value[k]` holds from `time_days[k]` until the next step."""

    time_days: FloatArray  # (k,), rising
    value: FloatArray  # (k,)
    se: FloatArray  # (k,), standard error of `value`
    start: float  # the value before the first step

    def at(self, time_days: float | FloatArray) -> FloatArray:
        """The curve's value at the given time or times."""
        return np.append(self.start, self.value)[self._step(time_days)]

    def se_at(self, time_days: float | FloatArray) -> FloatArray:
        """The standard error at the given time or times; zero before the first step."""
        return np.append(0.0, self.se)[self._step(time_days)]

    def _step(self, time_days: float | FloatArray) -> npt.NDArray[np.intp]:
        return np.asarray(np.searchsorted(self.time_days, time_days, side="right"))


@dataclass(frozen=True, eq=False)
class _Steps:
    """Counts at every distinct time that has an event of any kind."""

    time_days: FloatArray
    at_risk: FloatArray
    events: FloatArray
    competing: FloatArray

    @property
    def any_event(self) -> FloatArray:
        return self.events + self.competing


def kaplan_meier(time_days: FloatArray, event: FloatArray) -> StepCurve:
    """Which share is still free of the event? Event 1 counts; everything else, competing events too, is censoring.

    With competing events 1 - Kaplan-Meier is NOT a risk: use `aalen_johansen`. Greenwood's standard error.
    Kaplan & Meier 1958, doi:10.1080/01621459.1958.10501452.
    """
    steps = _count(time_days, np.where(np.asarray(event) == 1, 1, 0))
    survival = np.cumprod(1 - steps.events / steps.at_risk).astype(np.float64)
    return StepCurve(steps.time_days, survival, _root(survival**2 * np.cumsum(_greenwood(steps))), 1.0)


def aalen_johansen(time_days: FloatArray, event: FloatArray, *, cause: int = 1) -> StepCurve:
    """Which share has had the event of this cause (1 or 2), the other cause making it impossible?

    Without competing events it is 1 - Kaplan-Meier, with Greenwood's standard error. Delta-method standard error as in
    Marubini & Valsecchi 1995 (ISBN 0-471-93987-0, chapter 10); Aalen & Johansen 1978, https://www.jstor.org/stable/4615704.
    """
    kinds = np.asarray(event)
    steps = _count(time_days, kinds if cause == 1 else np.select([kinds == 2, kinds == 1], [1, 2], 0))
    free = np.cumprod(1 - steps.any_event / steps.at_risk)
    free_before = np.concatenate([[1.0], free])[:-1]
    incidence = np.cumsum(free_before * steps.events / steps.at_risk)
    return StepCurve(steps.time_days, incidence, _root(_incidence_variance(steps, free_before, incidence)), 0.0)


def share_band(steps: StepCurve, days: FloatArray, level: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Value, low and high of a share with the event at these days, normal in log(-log(1 - share)).

    Without width where the share is 0 or 1.
    """
    value, se = steps.at(days), steps.se_at(days)
    inner = (value > 0) & (value < 1)
    free = np.where(inner, 1 - value, 0.5)
    half = z_value(level) * np.where(inner, se, 0.0) / (free * -np.log(free))
    low, high = (np.where(inner, 1 - free ** np.exp(sign * half), value) for sign in (-1, 1))
    return value, low, high


def _incidence_variance(steps: _Steps, free_before: FloatArray, incidence: FloatArray) -> FloatArray:
    # sum over j ≤ k of (F_k - F_j)² a_j + b_j - 2 (F_k - F_j) c_j, expanded so that running sums give all k at once.
    a = _greenwood(steps)
    b = free_before**2 * steps.events * (steps.at_risk - steps.events) / steps.at_risk**3
    c = free_before * steps.events / steps.at_risk**2
    squares = incidence**2 * np.cumsum(a) - 2 * incidence * np.cumsum(a * incidence) + np.cumsum(a * incidence**2)
    crosses = incidence * np.cumsum(c) - np.cumsum(c * incidence)
    return np.maximum(squares + np.cumsum(b) - 2 * crosses, 0.0)


def _root(variance: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(variance), dtype=np.float64)


def _greenwood(steps: _Steps) -> FloatArray:
    left = steps.at_risk - steps.any_event
    # Where nobody is left the curve ends: its factor is zero there, so the infinite term never counts.
    return np.divide(steps.any_event, steps.at_risk * left, out=np.zeros(left.size), where=left > 0)


def _count(time_days: FloatArray, event: npt.ArrayLike) -> _Steps:
    time, kinds = np.asarray(time_days, dtype=float), np.asarray(event)
    times, place = np.unique(time, return_inverse=True)
    at_risk = time.size - np.concatenate([[0], np.cumsum(np.bincount(place, minlength=times.size))])[:-1]
    events, competing = (np.bincount(place[kinds == k], minlength=times.size).astype(float) for k in (1, 2))
    keep = events + competing > 0
    return _Steps(times[keep], at_risk[keep].astype(float), events[keep], competing[keep])
