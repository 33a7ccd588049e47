"""Whose status at a horizon is known, and how many cases does each stand for? Inverse probability of censoring weights.

The weights come from the very cases being evaluated, never from development data: taken from elsewhere they give
a wrong Brier score and AUC. They assume that censoring has nothing to do with risk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outcome.types import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class HorizonStatus:
    """The cases as seen from a horizon. Cases lost before it have weight 0."""

    had_event: BoolArray  # (n,) event of interest by the horizon
    is_free: BoolArray  # (n,) known to be without it: still followed, or a competing event came first
    weight: FloatArray  # (n,) 1 / probability of being uncensored when the status became known
    known_at_days: FloatArray  # (n,) when it became known: the event's time, or the horizon; NaN where lost
    censored_at_days: FloatArray  # (n,) time of a censoring before the horizon; inf where none
    left_at_days: FloatArray  # (n,) last time at risk of being censored; inf where followed to the horizon

    @classmethod
    def at(cls, time_days: FloatArray, event: FloatArray, horizon_days: float) -> HorizonStatus:
        """Status at the horizon of n cases; `time_days` (n,), `event` (n,) 0 censored, 1 event, 2 competing event.

        Who is followed exactly to the horizon is known to be free of the event: fixed follow-up (all censored at
        day 90) would otherwise leave nobody. Here we depart from Graf's definition, which calls this case lost.
        Before the horizon an event at t and a censoring at t are ordered event first, and weights are 1/G(t) as in
        Graf et al. 1999, doi:10.1002/(SICI)1097-0258(19990915/30)18:17/18<2529::AID-SIM274>3.0.CO;2-5.
        A weight is NaN where G is zero: follow-up ended before the horizon.
        """
        time, kinds = np.asarray(time_days, dtype=float), np.asarray(event)
        followed = (time > horizon_days) | ((time == horizon_days) & (kinds == 0))
        lost = ~followed & (kinds == 0)
        known_at = np.where(followed, horizon_days, np.where(lost, np.nan, time))
        left = np.where(followed, np.inf, time)
        censored_at = np.where(lost, time, np.inf)
        weight = np.zeros(time.size)
        uncensored = _uncensored(left, censored_at, known_at[~lost])
        weight[~lost] = np.divide(1, uncensored, out=np.full(uncensored.size, np.nan), where=uncensored > 0)
        had_event = ~followed & (kinds == 1)
        return cls(had_event, followed | (~followed & (kinds == 2)), weight, known_at, censored_at, left)


def weight_influence(status: HorizonStatus, pull: FloatArray) -> FloatArray:
    """How much does one more case like k move a statistic through the weights of the others? Shape (n,).

    `pull` (n,) is the statistic's derivative by the log weight of each case (0 where lost). Without this part a
    variance takes the estimated censoring curve for a known one. The derivative is that of the product-limit curve:
    Gerds & Schumacher 2006, doi:10.1002/bimj.200610301; Blanche et al. 2013, doi:10.1002/sim.5958.
    """
    times, censored, at_risk = _censoring_steps(status.left_at_days, status.censored_at_days)
    later_pull = _sum_from(status.known_at_days, pull, times)
    remaining = at_risk - censored
    usable = remaining > 0  # a curve that fell to zero carries no weight afterwards
    own = np.divide(later_pull, remaining, out=np.zeros(times.size), where=usable)
    drift = np.cumsum(own * censored / at_risk)
    influence = np.zeros(pull.size)
    lost = np.isfinite(status.censored_at_days)
    influence[lost] = own[np.searchsorted(times, status.censored_at_days[lost])]
    # A censored case was at risk of censoring at its own time; a case with an event at t no longer at t.
    last = np.searchsorted(times, status.left_at_days, side="left") + lost
    return influence - np.concatenate([[0.0], drift])[last]


def _uncensored(left: FloatArray, censored_at: FloatArray, when: FloatArray) -> FloatArray:
    times, censored, at_risk = _censoring_steps(left, censored_at)
    curve = np.concatenate([[1.0], np.cumprod(1 - censored / at_risk)])
    return curve[np.searchsorted(times, when, side="right")]


def _censoring_steps(left: FloatArray, censored_at: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distinct censoring times, censorings there, and cases at risk of it: left later, or censored right there."""
    times, censored = np.unique(censored_at[np.isfinite(censored_at)], return_counts=True)
    left_by = np.searchsorted(np.sort(left), times, side="right")
    return times, censored.astype(float), (left.size - left_by + censored).astype(float)


def _sum_from(known_at: FloatArray, pull: FloatArray, times: FloatArray) -> FloatArray:
    """For every time u the sum of `pull` over cases whose status became known at u or later."""
    known = np.isfinite(known_at)
    order = np.argsort(known_at[known])
    sums = np.concatenate([[0.0], np.cumsum(pull[known][order][::-1])])
    later = order.size - np.searchsorted(known_at[known][order], times, side="left")
    return sums[later]
