"""What does a threshold do to one group? The rates that fairness is about, each with its interval.

The threshold comes from the bundle, never from the data; a case with risk equal to it is positive. Outcomes are those
of `event_rate`: known for all, or by a horizon with each group's own Kaplan-Meier or Aalen-Johansen curve among its
positives and among its negatives, which tells what share of each had the event.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from outcome.evaluation.event_rate import BinaryOutcome, Outcomes, Pulled
from outcome.evaluation.intervals import LEVEL, Interval, log_wald, measured, wald, wilson, z_value
from outcome.evaluation.subgroups.suppression import SMALL_CELL
from outcome.types import BoolArray, Estimate, FloatArray


@dataclass(frozen=True, eq=False)
class Called:
    """Cases, what happened to them, and who is called positive at the threshold."""

    outcome: Outcomes
    risk: FloatArray  # (n,)
    positive: BoolArray  # (n,)

    @classmethod
    def at(cls, outcome: Outcomes, risk: FloatArray, threshold: float) -> Called:
        risks = np.asarray(risk, dtype=float)
        return cls(outcome, risks, risks >= threshold)

    @property
    def is_event(self) -> BoolArray | None:
        """Who had the event, where that is known for all."""
        return np.asarray(self.outcome.y) == 1 if isinstance(self.outcome, BinaryOutcome) else None


Share = Callable[[Called, BoolArray], Pulled]


def group_estimates(called: Called, members: BoolArray, *, level: float = LEVEL) -> dict[str, Estimate]:
    """Every rate in `RATES`, observed over expected events and the mean risks in `MEAN_RISKS`; `members` (n,).

    Withheld with the reason where fewer than 5 cases stand below the line of a share, or follow-up is too short.
    """
    found = {name: _rate(name, called, members, level) for name in RATES}
    found[CALIBRATION] = _observed_over_expected(called, members, level)
    return found | {name: _mean_risk(called, members, had, level) for name, had in MEAN_RISKS.items()}


def _rate(name: str, called: Called, members: BoolArray, level: float) -> Estimate:
    is_event = called.is_event
    if is_event is not None or name == "positive_rate":  # who is called positive is known for all
        return _counted(name, is_event, called.positive, members, level)
    gap = _unknown(name, called, members)
    n = int(members.sum())
    if gap:
        return Estimate.withhold(gap, n=n)
    value, pull = RATES[name](called, members)
    if not math.isfinite(value):
        return Estimate.withhold(f"undefined (0/0): there are no {AMONG[name]}", n=n)
    interval = _logit_interval(value, math.sqrt(float(np.sum(pull**2))), level)
    return measured(value, interval, method=f"{called.outcome.method}, logit Wald", n=n, level=level)


def _unknown(name: str, called: Called, members: BoolArray) -> str | None:
    """Why a rate cannot be read from censored times, or None."""
    positives = members & called.positive
    below = positives if name == "positive_predictive_value" else members
    if below.sum() < SMALL_CELL:
        return f"fewer than {SMALL_CELL} {AMONG[name]}"
    parts = [below] if name in ("event_rate", "positive_predictive_value") else [positives, members & ~positives]
    return next((why for rows in parts if rows.any() and (why := called.outcome.gap(rows))), None)


def _counted(name: str, is_event: BoolArray | None, positive: BoolArray, members: BoolArray, level: float) -> Estimate:
    happened = members if is_event is None else is_event
    numerator, denominator = {
        "event_rate": (happened, members),
        "positive_rate": (positive, members),
        "true_positive_rate": (positive, members & happened),
        "false_positive_rate": (positive, members & ~happened),
        "positive_predictive_value": (happened, members & positive),
    }[name]
    whole, n_events = int(denominator.sum()), None if is_event is None else int((members & is_event).sum())
    if whole < SMALL_CELL:
        return Estimate.withhold(f"fewer than {SMALL_CELL} {AMONG[name]}", n=0, n_events=n_events)
    part = int((numerator & denominator).sum())
    interval = wilson(part, whole, level=level)
    return measured(part / whole, interval, method="Wilson", n=whole, n_events=n_events, level=level)


def _observed_over_expected(called: Called, members: BoolArray, level: float) -> Estimate:
    """Events for each one expected; the risks are taken as fixed, log scale."""
    n, gap = int(members.sum()), called.outcome.gap(members)
    if gap or n < SMALL_CELL:
        return Estimate.withhold(gap or f"fewer than {SMALL_CELL} cases", n=n)
    observed, pull = called.outcome.rate(members)
    expected = float(called.risk[members].mean())
    if not observed > 0 or not expected > 0:
        return Estimate.withhold("no event is observed or expected: the ratio has no interval", n=n)
    se = math.sqrt(float(np.sum(pull**2))) / observed
    interval = log_wald(observed / expected, se, level=level) if se > 0 else None
    return measured(observed / expected, interval, method=f"{called.outcome.method}, log Wald", n=n, level=level)


def _mean_risk(called: Called, members: BoolArray, had_event: bool, level: float) -> Estimate:
    is_event = called.is_event
    if is_event is None:
        return Estimate.withhold("who had the event is not known for all cases", n=int(members.sum()))
    risks = called.risk[members & (is_event == had_event)]
    if risks.size < SMALL_CELL:
        return Estimate.withhold(f"fewer than {SMALL_CELL} cases with{'' if had_event else 'out'} the event", n=0)
    se = float(np.std(risks, ddof=1)) / math.sqrt(risks.size)
    value = float(risks.mean())
    interval = wald(value, se, level=level, bounds=(0.0, 1.0))
    return measured(value, interval, method="mean, Wald", n=risks.size, level=level)


def _event_rate(called: Called, members: BoolArray) -> Pulled:
    return called.outcome.rate(members)


def _positive_rate(called: Called, members: BoolArray) -> Pulled:
    share = float(called.positive[members].mean())
    return share, np.where(members, called.positive - share, 0.0) / members.sum()


def _predictive_value(called: Called, members: BoolArray) -> Pulled:
    rows = members & called.positive
    return called.outcome.rate(rows) if rows.any() else (math.nan, np.zeros(rows.size))


def _true_positive_rate(called: Called, members: BoolArray) -> Pulled:
    (above, above_pull), (below, below_pull) = _with_event(called, members)
    return _share_of(above, above_pull, below, below_pull)


def _false_positive_rate(called: Called, members: BoolArray) -> Pulled:
    share, pull = _positive_rate(called, members)
    (above, above_pull), (below, below_pull) = _with_event(called, members)
    return _share_of(share - above, pull - above_pull, 1 - share - below, -pull - below_pull)


def _with_event(called: Called, members: BoolArray) -> tuple[Pulled, Pulled]:
    """The shares of all that are positive with the event, and negative with it."""
    share, pull = _positive_rate(called, members)
    return _product(called, members & called.positive, share, pull), _product(
        called, members & ~called.positive, 1 - share, -pull
    )


def _product(called: Called, rows: BoolArray, share: float, pull: FloatArray) -> Pulled:
    if not rows.any():
        return 0.0, np.zeros(rows.size)
    rate, rate_pull = called.outcome.rate(rows)
    return share * rate, share * rate_pull + rate * pull


def _share_of(part: float, part_pull: FloatArray, other: float, other_pull: FloatArray) -> Pulled:
    whole = part + other
    if not whole > 0:
        return math.nan, np.zeros(part_pull.size)
    return part / whole, (other * part_pull - part * other_pull) / whole**2


def _logit_interval(value: float, se: float, level: float) -> Interval | None:
    if not 0 < value < 1 or not se > 0:
        return None
    half = z_value(level) * se / (value * (1 - value))
    ends = (math.log(value / (1 - value)) + sign * half for sign in (-1, 1))
    low, high = (1 / (1 + math.exp(-end)) for end in ends)
    return low, high


CALIBRATION = "oe_ratio"
MEAN_RISKS = {"mean_risk_events": True, "mean_risk_non_events": False}
RATES: dict[str, Share] = {
    "event_rate": _event_rate,
    "positive_rate": _positive_rate,
    "true_positive_rate": _true_positive_rate,
    "false_positive_rate": _false_positive_rate,
    "positive_predictive_value": _predictive_value,
}
AMONG = {
    "event_rate": "cases",
    "positive_rate": "cases",
    "true_positive_rate": "cases with the event",
    "false_positive_rate": "cases without the event",
    "positive_predictive_value": "cases at or above the threshold",
}
