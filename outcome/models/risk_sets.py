"""Who is at risk on each day with an event: sums over risk sets, and back from the risk sets to the cases.

Cases are sorted by time, so a sum over a risk set is a running sum, and no case is compared with every other one. A
case leaving on the day of an event is still at risk that day. `Stayers` remain at risk after their own day with a
weight that falls: those with a competing event, where the subdistribution hazard is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from outcome.types import FloatArray

Places = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Stayers:
    """q cases that stay at risk after their own time: on day k each weighs `kept[k] * weight`."""

    rows: Places  # (q,) rising
    weight: FloatArray  # (q,)
    kept: FloatArray  # (k,) by event day
    left: Places  # (k,) how many of `rows` have a time before the day

    def sums(self, values: FloatArray) -> FloatArray:
        """The weighted sum of `values` (n,) or (n, p) over those who left before each day: (k,) or (k, p)."""
        own = values[self.rows] * _beside(self.weight, values)
        return np.asarray(_from_zero(own)[self.left] * _beside(self.kept, values))

    def collected(self, by_day: FloatArray, days_passed: Places) -> FloatArray:
        """For each of `rows` the sum of `by_day` (k,) over the days after its own, times its weight then; (q,)."""
        later = _from_zero(self.kept * by_day)
        return np.asarray(self.weight * (later[-1] - later[days_passed[self.rows]]))


@dataclass(frozen=True, eq=False)
class Ties:
    """The u days that have several events each."""

    days: Places  # (u,)
    events: Places  # rows of their events, day by day
    begin: Places  # (u,) where each day begins among `events`

    def sums(self, values: FloatArray) -> FloatArray:
        """The sum of `values` (n,) or (n, p) over the events of each of these days: (u,) or (u, p)."""
        return np.asarray(np.add.reduceat(values[self.events], self.begin, axis=0))


@dataclass(frozen=True, eq=False)
class RiskSets:
    """n cases sorted by time, with m events on k days."""

    days: FloatArray  # (k,) distinct days with an event, rising
    first: Places  # (k,) the first case at risk on each day
    days_passed: Places  # (n,) how many event days lie at or before the time of each case
    events: Places  # (m,) rows with the event
    day_of: Places  # (m,) the day of each event
    share: FloatArray  # (m,) Efron's share of the day's events that has left already: 0, 1/d, ..., (d - 1)/d
    ties: Ties
    stayers: Stayers | None = None

    @classmethod
    def of(cls, time: FloatArray, event: npt.NDArray[np.bool_]) -> RiskSets:
        """Of sorted times (n,) and whether the event of interest happened then (n,)."""
        rows = np.flatnonzero(event)
        days, begin, day_of, count = np.unique(time[rows], return_index=True, return_inverse=True, return_counts=True)
        share = (np.arange(len(rows)) - begin[day_of]) / count[day_of]
        several = np.flatnonzero(count > 1)
        ends = np.cumsum(count[several])
        ties = Ties(several, rows[count[day_of] > 1], ends - count[several])
        first = np.searchsorted(time, days, "left")
        return cls(days, first, np.searchsorted(days, time, "right"), rows, day_of, share, ties)

    def sums(self, values: FloatArray) -> FloatArray:
        """The sum of `values` (n,) or (n, p) over the risk set of each day: (k,) or (k, p)."""
        between = np.add.reduceat(values, self.first, axis=0)
        at_risk = np.cumsum(between[::-1], axis=0)[::-1]
        return at_risk if self.stayers is None else at_risk + self.stayers.sums(values)

    def seen(self, weight: FloatArray) -> FloatArray:
        """The sum of `weight` (n,) over the risk set that each event sees, less Efron's share of its day: (m,)."""
        tied = np.zeros(len(self.days))
        tied[self.ties.days] = self.ties.sums(weight)
        return np.asarray(self.sums(weight)[self.day_of] - self.share * tied[self.day_of])

    def per_day(self, values: FloatArray) -> FloatArray:
        """The sum of `values` (m,) of the events on each day: (k,)."""
        return np.asarray(np.bincount(self.day_of, values, minlength=len(self.days)), dtype=float)

    def collected(self, by_day: FloatArray) -> FloatArray:
        """For each case the sum of `by_day` (k,) over the days on which it is at risk, times its weight there; (n,)."""
        total = _from_zero(by_day)[self.days_passed]
        if self.stayers is not None:
            total[self.stayers.rows] += self.stayers.collected(by_day, self.days_passed)
        return total


def _from_zero(values: FloatArray) -> FloatArray:
    """Running sums with a zero in front, along the first axis."""
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])


def _beside(weight: FloatArray, values: FloatArray) -> FloatArray:
    """Weights (q,) in a shape that multiplies the rows of `values`."""
    return weight if values.ndim == 1 else weight[:, None]
