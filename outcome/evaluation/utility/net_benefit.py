"""Does acting on the risk do more good than harm at a stated threshold? Net benefit and decision curves.

Net benefit at threshold t: the share of cases treated rightly, less the share treated needlessly weighed by the odds
t / (1 - t), per case of all; in units of "events treated", at most the event rate. Thresholds in [0, 1) come from
outside, never from the cases evaluated. A case is treated when its risk is at or above the threshold. Other programs
differ on a risk equal to it: `ties="untreated"` treats only those above (at threshold 0 dcurves leaves a risk of 0
untreated, where the definition treats all). A clinician's yes or no enters as a risk of 1 or 0, thresholds above 0.

Outcomes are `BinaryOutcome` or, censored and with competing events, `OutcomeByHorizon`: the event rate is then read
from the curve of those treated. Intervals are Wald, from the influence function. Vickers & Elkin 2006,
doi:10.1177/0272989X06295361; censored and competing: Vickers et al. 2008, doi:10.1186/1472-6947-8-53.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import norm

from outcome.errors import DataRefusal
from outcome.evaluation.comparison.differences import PairedDifference
from outcome.evaluation.event_rate import BinaryOutcome, OutcomeByHorizon, Outcomes, Pulled
from outcome.evaluation.intervals import LEVEL, measured, wald
from outcome.types import BoolArray, Estimate, FloatArray

Ties = Literal["treated", "untreated"]

TREAT_ALL = "treat_all"
TREAT_NONE = "treat_none"


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit over thresholds: of every model, of treating all and of treating none.

    `net_benefit` and `standardised` map a name to one estimate a threshold. Standardised: divided by the event rate,
    1 is the benefit of treating exactly those who will have the event.
    """

    thresholds: tuple[float, ...]
    net_benefit: Mapping[str, tuple[Estimate, ...]]
    standardised: Mapping[str, tuple[Estimate, ...]]

    def to_json(self) -> dict[str, Any]:
        """Plain lists for a figure."""
        curves = {"net_benefit": self.net_benefit, "standardised": self.standardised}
        rows = {key: {name: [e.to_json() for e in line] for name, line in c.items()} for key, c in curves.items()}
        return {"thresholds": list(self.thresholds), **rows}


def net_benefit(y: FloatArray, risk: FloatArray, threshold: float, *, ties: Ties = "treated") -> float:
    """What does acting on this risk gain at the threshold? `y` (n,) 0 or 1; `risk` (n,) in [0, 1].

    At most the rate of events; 0 is the worth of treating nobody; NaN without cases. Raises DataRefusal for a threshold
    outside [0, 1) and for missing risks.
    """
    return _or_nan(net_benefit_estimate(BinaryOutcome(y), risk, threshold, ties=ties))


def net_benefit_t(
    time_days: FloatArray,
    event: FloatArray,
    risk: FloatArray,
    horizon_days: float,
    threshold: float,
    *,
    ties: Ties = "treated",
) -> float:
    """What does acting on a risk by a horizon gain, when some cases were lost or died of something else before it?

    NaN where follow-up of those treated ends before the horizon. Raises DataRefusal as `net_benefit`.
    """
    outcome = OutcomeByHorizon.at(time_days, event, horizon_days)
    return _or_nan(net_benefit_estimate(outcome, risk, threshold, ties=ties))


def net_benefit_estimate(
    outcome: Outcomes,
    risk: FloatArray,
    threshold: float,
    *,
    standardised: bool = False,
    ties: Ties = "treated",
    level: float = LEVEL,
) -> Estimate:
    """Net benefit at a threshold with its interval; `standardised` divides it by the event rate (1 is perfect).

    Where nobody reaches the threshold it is 0, without an interval. Withheld where follow-up among those treated ends
    before the horizon, or (standardised) without events.
    """
    base = _base(outcome) if standardised else None
    return _estimate(outcome, _treated(risk, threshold, ties), threshold, base, ties=ties, level=level)


def net_benefit_difference(
    outcome: Outcomes,
    risk_a: FloatArray,
    risk_b: FloatArray,
    threshold: float,
    *,
    ties: Ties = "treated",
    level: float = LEVEL,
) -> PairedDifference:
    """Does acting on a gain more than acting on b, on the same cases at the same threshold? a minus b.

    For "than treating all" let b be 1 everywhere, for "than treating none" 0 (threshold above 0).
    """
    groups = [_treated(risk, threshold, ties) for risk in (risk_a, risk_b)]
    reasons = [reason for group in groups if (reason := _reason(outcome, group))]
    n, n_events = outcome.n, outcome.n_events
    if reasons:
        return PairedDifference(Estimate.withhold(reasons[0], n=n, n_events=n_events), None, None)
    (first, pull_a), (second, pull_b) = (_benefit(outcome, group, threshold) for group in groups)
    value, se = first - second, math.sqrt(float(np.sum((pull_a - pull_b) ** 2)))
    method = f"paired net benefit at {threshold:g}, risk equal to it {ties}; {outcome.method}"
    estimate = measured(value, wald(value, se, level=level), method=method, n=n, n_events=n_events, level=level)
    if not se > 0:
        return PairedDifference(estimate, None, 1.0 if value == 0 else None)
    return PairedDifference(estimate, value / se, float(2 * norm.sf(abs(value / se))))


def decision_curve(
    outcome: Outcomes,
    risks: Mapping[str, FloatArray],
    thresholds: Sequence[float],
    *,
    ties: Ties = "treated",
    level: float = LEVEL,
) -> DecisionCurve:
    """Over which thresholds is each model worth more than treating all or none? `risks` maps a name to (n,) risks."""
    lines = {**risks, TREAT_ALL: np.full(outcome.n, np.inf)}
    nothing = Estimate(0.0, 0.0, 0.0, level, "0 by definition", outcome.n, outcome.n_events)
    curves: list[dict[str, tuple[Estimate, ...]]] = []
    for base in (None, _base(outcome)):
        found = {
            name: tuple(
                _estimate(outcome, _treated(risk, t, ties), t, base, ties=ties, level=level) for t in thresholds
            )
            for name, risk in lines.items()
        }
        curves.append({**found, TREAT_NONE: (nothing,) * len(thresholds)})
    return DecisionCurve(tuple(float(t) for t in thresholds), curves[0], curves[1])


def _estimate(
    outcome: Outcomes, treated: BoolArray, threshold: float, base: Pulled | str | None, *, ties: Ties, level: float
) -> Estimate:
    """Divided by `base`, the event rate of all, where that is given (or is the reason why it is unknown)."""
    reason = _reason(outcome, treated) or (base if isinstance(base, str) else None)
    if reason:
        return Estimate.withhold(reason, n=outcome.n, n_events=outcome.n_events)
    value, pull = _benefit(outcome, treated, threshold)
    if base is not None and not isinstance(base, str):
        value, pull = value / base[0], (pull - value / base[0] * base[1]) / base[0]
    se = math.sqrt(float(np.sum(pull**2)))
    name = "net benefit" if base is None else "standardised net benefit"
    method = f"{name} at {threshold:g}, risk equal to it {ties}; {outcome.method}"
    interval = wald(value, se, level=level) if treated.any() else None
    return measured(value, interval, method=method, n=outcome.n, n_events=outcome.n_events, level=level)


def _benefit(outcome: Outcomes, treated: BoolArray, threshold: float) -> Pulled:
    share = float(treated.mean())
    if not share:
        return 0.0, np.zeros(outcome.n)
    odds = threshold / (1 - threshold)
    rate, rate_pull = outcome.rate(treated)
    gain = rate * (1 + odds) - odds
    return share * gain, (treated - share) / outcome.n * gain + share * (1 + odds) * rate_pull


def _base(outcome: Outcomes) -> Pulled | str:
    """The event rate of all cases, or why nothing can be divided by it."""
    everybody = np.ones(outcome.n, dtype=bool)
    gap = outcome.gap(everybody)
    if gap:
        return gap
    rate = outcome.rate(everybody)
    return rate if rate[0] > 0 else "no events: the benefit cannot be divided by their rate"


def _reason(outcome: Outcomes, treated: BoolArray) -> str | None:
    if not outcome.n:
        return "there are no cases"
    gap = outcome.gap(treated) if treated.any() else None
    return f"among the {treated.sum()} cases treated {gap}" if gap else None


def _treated(risk: FloatArray, threshold: float, ties: Ties) -> BoolArray:
    if not 0 <= threshold < 1:
        raise DataRefusal("a threshold cannot be used", expected="a risk in [0, 1)", found=f"{threshold}")
    values = np.asarray(risk, dtype=float)
    missing = int(np.isnan(values).sum())
    if missing:
        raise DataRefusal("risks are missing", expected="a risk for every case", found=f"{missing} missing")
    return np.asarray(values >= threshold if ties == "treated" else values > threshold)


def _or_nan(estimate: Estimate) -> float:
    return math.nan if estimate.value is None else estimate.value
