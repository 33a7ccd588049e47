"""Which share of a group of cases had the event, and how much does each case pull that share?

`BinaryOutcome` where the outcome is known for all, `OutcomeByHorizon` where times may be censored: there the share is
read from the group's own Kaplan-Meier curve, or with competing events from its Aalen-Johansen curve, so censoring may
differ between groups. The pull is the exact derivative of the share by each case's weight (its influence function).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from outcome.evaluation.overall.survival import follow_up_gap
from outcome.types import BoolArray, EndpointKind, FloatArray, Target

Pulled = tuple[float, FloatArray]  # a value, and its derivative by the weight of each case (n,)


class Outcomes(Protocol):
    """What happened to n cases, as far as known."""

    @property
    def n(self) -> int: ...

    @property
    def n_events(self) -> int: ...

    @property
    def method(self) -> str: ...

    def gap(self, rows: BoolArray) -> str | None:
        """Why the event rate among these cases is unknown, or None."""

    def rate(self, rows: BoolArray) -> Pulled:
        """The event rate among these cases, and how much each case pulls it (zero for all others)."""


@dataclass(frozen=True, eq=False)
class BinaryOutcome:
    """`y` (n,) holds 0 or 1, known for all."""

    y: FloatArray

    @property
    def n(self) -> int:
        return len(self.y)

    @property
    def n_events(self) -> int:
        return int(np.sum(np.asarray(self.y) == 1))

    @property
    def method(self) -> str:
        return "influence function"

    def gap(self, rows: BoolArray) -> str | None:
        return None if rows.any() else "there are no cases"

    def rate(self, rows: BoolArray) -> Pulled:
        event = np.asarray(self.y) == 1
        value = float(event[rows].mean())
        return value, np.where(rows, event - value, 0.0) / rows.sum()


@dataclass(frozen=True, eq=False)
class OutcomeByHorizon:
    """Events by a horizon. Build it with `at`; the fields are the distinct event times, counted once for all groups."""

    time_days: FloatArray  # (n,)
    event: FloatArray  # (n,) as given
    horizon_days: float
    by_then: npt.NDArray[np.intp]  # (n,) 0 nothing by the horizon, 1 event, 2 competing event
    steps_seen: npt.NDArray[np.intp]  # (n,) at how many of the event times the case was at risk
    n_steps: int

    @classmethod
    def at(cls, time_days: FloatArray, event: FloatArray, horizon_days: float) -> OutcomeByHorizon:
        """`time_days` (n,) ≥ 0; `event` (n,) 0 censored, 1 event, 2 competing event; `horizon_days` > 0."""
        time, kinds = np.asarray(time_days, dtype=float), np.asarray(event)
        by_then = np.where(time <= horizon_days, kinds, 0).astype(np.intp)
        times = np.unique(time[by_then > 0])
        seen = np.searchsorted(times, time, side="right")
        return cls(time, kinds, horizon_days, by_then, seen, times.size)

    @property
    def n(self) -> int:
        return len(self.time_days)

    @property
    def n_events(self) -> int:
        return int(np.sum(self.by_then == 1))

    @property
    def method(self) -> str:
        curve = "Aalen-Johansen" if np.any(self.event == 2) else "Kaplan-Meier"
        return f"{curve} within the group, by {self.horizon_days:g} days, influence function"

    def gap(self, rows: BoolArray) -> str | None:
        return follow_up_gap(self.time_days[rows], self.event[rows], self.horizon_days)

    def rate(self, rows: BoolArray) -> Pulled:
        seen, kinds = self.steps_seen[rows], self.by_then[rows]
        left_before = np.cumsum(np.bincount(seen, minlength=self.n_steps + 1))[: self.n_steps]
        at_risk = (seen.size - left_before).astype(float)
        counts = [np.bincount(seen[kinds == k] - 1, minlength=self.n_steps).astype(float) for k in (1, 2)]
        own, other = (_divide(count, at_risk) for count in counts)
        free = np.cumprod(1 - own - other)
        before = np.concatenate([[1.0], free])[:-1]
        incidence = np.cumsum(before * own)
        value = float(incidence[-1]) if incidence.size else 0.0
        # What the hazard at a step takes away from later incidence; a step that ends the curve takes nothing.
        later = _divide(value - incidence, 1 - own - other)
        slopes = np.stack([_divide(before - later, at_risk), _divide(-later, at_risk)])
        drift = np.concatenate([[0.0], np.cumsum(slopes[0] * own + slopes[1] * other)])
        pull = np.zeros(self.n)
        group = -drift[seen]
        struck = kinds > 0
        group[struck] += slopes[kinds[struck] - 1, seen[struck] - 1]
        pull[rows] = group
        return value, pull


def _divide(above: FloatArray, below: FloatArray) -> FloatArray:
    return np.divide(above, below, out=np.zeros(above.size), where=below > 0)


def outcomes_of(target: Target, horizon_days: float | None) -> Outcomes | None:
    """What happened in a yes/no endpoint, or by the horizon in times; None for other kinds, or without a horizon."""
    if target.kind is EndpointKind.BINARY:
        return BinaryOutcome(target.value)
    if target.kind is EndpointKind.TIME_TO_EVENT and horizon_days is not None:
        return OutcomeByHorizon.at(target.time_days, target.event, horizon_days)
    return None
