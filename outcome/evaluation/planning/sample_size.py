"""How many cases are needed to develop a risk model, and how much will one developed on a given number overfit?

Nothing here looks at outcomes: every input is assumed beforehand (`validation_size` is for validating a model). The
criteria of `pmsampsize`: Riley et al. 2019, doi:10.1002/sim.7992; Riley et al. 2020, doi:10.1136/bmj.m441. Counts are
rounded up. Raises ValueError for inputs outside their range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from outcome.types import FloatArray

# As published: 1.96, not the exact quantile, so that counts agree to the last case.
Z95 = 1.96
# Midpoints of a fine even grid to 9 standard deviations: a threshold cuts the integrand, so Gauss nodes would not do.
NODES, REACH = 100_000, 9.0
LARGEST = 10**9
# Nagelkerke's R² where nothing better is known: Riley et al. 2020, figure 4.
MODEST = 0.15


@dataclass(frozen=True)
class SizeNeeded:
    """The number of cases for every criterion; `n` meets all of them, `events` are those to be expected among n."""

    criteria: Mapping[str, int]
    n: int
    events: float

    @classmethod
    def of(cls, criteria: Mapping[str, int], event_rate: float) -> SizeNeeded:
        n = max(criteria.values())
        return cls(dict(criteria), n, n * event_rate)


@dataclass(frozen=True, eq=False)
class LinearPredictor:
    """How log odds of risk are spread among the cases to come: `value` (k,) with `weight` (k,) that sum to 1."""

    value: FloatArray
    weight: FloatArray

    @classmethod
    def normal(cls, mean: float, sd: float) -> LinearPredictor:
        """Normally distributed."""
        within("sd", sd, 0, math.inf)
        nodes = REACH * (2 * (np.arange(NODES) + 0.5) / NODES - 1)
        density = np.exp(-(nodes**2) / 2)
        return cls(mean + sd * nodes, density / density.sum())

    @classmethod
    def seen(cls, log_odds: FloatArray) -> LinearPredictor:
        """As seen in cases at hand, `log_odds` (n,), each with the same weight."""
        values = np.asarray(log_odds, dtype=float)
        return cls(values, np.full(values.size, 1 / values.size))

    def mean(self, values: FloatArray) -> float:
        """The expectation of a function's values at the nodes."""
        return float(np.sum(self.weight * values))


def development_size(
    r2_cox_snell: float, parameters: int, prevalence: float, *, shrinkage: float = 0.9, margin: float = 0.05
) -> SizeNeeded:
    """How many cases to develop a model of a binary outcome?

    `r2_cox_snell` is the expected one, after optimism; `parameters` counts candidate parameters; `margin` bounds both
    the optimism in Nagelkerke's R² and the half-width of the overall risk. Criteria: `shrinkage` (expected uniform
    shrinkage at least `shrinkage`), `optimism`, `overall_risk`.
    """
    largest = largest_cox_snell(prevalence)
    criteria = {
        **_shrinkage_criteria(r2_cox_snell, parameters, largest, shrinkage, margin),
        "overall_risk": math.ceil((Z95 / margin) ** 2 * prevalence * (1 - prevalence)),
    }
    return SizeNeeded.of(criteria, prevalence)


@dataclass(frozen=True)
class FollowUp:
    """What is assumed of times: events per year at risk, the horizon, and the mean follow-up (same unit of time)."""

    event_rate: float
    horizon: float
    mean_follow_up: float

    def __post_init__(self) -> None:
        for name in ("event_rate", "horizon", "mean_follow_up"):
            within(name, getattr(self, name), 0, math.inf)

    @property
    def events(self) -> float:
        """Events to be expected of one case."""
        return self.event_rate * self.mean_follow_up


def development_size_survival(
    r2_cox_snell: float, parameters: int, follow_up: FollowUp, *, shrinkage: float = 0.9, margin: float = 0.05
) -> SizeNeeded:
    """How many cases to develop a model of times to an event? Criteria as `development_size`.

    `overall_risk`: the risk by the horizon of an exponential model, with both sides of its interval within `margin`.
    """
    events, largest = follow_up.events, largest_cox_snell_survival(follow_up)
    rate, horizon = follow_up.event_rate, follow_up.horizon

    def risk(per_year: float) -> float:
        return 1 - math.exp(-per_year * horizon)

    def excess(n: float) -> float:
        half = Z95 * math.sqrt(rate / (n * follow_up.mean_follow_up))
        return max(risk(rate + half) - risk(rate), risk(rate) - risk(max(rate - half, 0.0))) - margin

    criteria = {
        **_shrinkage_criteria(r2_cox_snell, parameters, largest, shrinkage, margin),
        "overall_risk": smallest(excess),
    }
    return SizeNeeded.of(criteria, events)


def expected_shrinkage(n: int, r2_cox_snell: float, parameters: int) -> float:
    """Which uniform shrinkage is to be expected of a model developed on n cases? The inverse of criterion `shrinkage`.

    In (r2_cox_snell, 1); the closer to 1 the less it overfits. `n` must exceed `parameters`.
    """
    within("r2_cox_snell", r2_cox_snell, 0, 1)
    within("n", n, parameters, math.inf)

    def excess(shrinkage: float) -> float:
        return parameters / ((shrinkage - 1) * math.log1p(-r2_cox_snell / shrinkage)) - n

    return float(brentq(excess, r2_cox_snell * (1 + 1e-12), 1 - 1e-12, xtol=1e-12))


def cox_snell_from_auroc(auroc: float, prevalence: float) -> float:
    """Which Cox-Snell R² goes with a published C-statistic? For log odds that are normal, with one spread, in those
    with and without the event; Riley, Van Calster & Collins 2021, doi:10.1002/sim.8806, by quadrature.
    """
    within("auroc", auroc, 0.5, 1)
    within("prevalence", prevalence, 0, 1)
    distance = math.sqrt(2) * float(norm.ppf(auroc))
    gain = -_null_log_likelihood(prevalence)
    for share, sign in ((prevalence, 1), (1 - prevalence, -1)):
        nodes = LinearPredictor.normal(sign * distance**2 / 2, distance)
        log_odds = sign * (nodes.value + math.log(prevalence / (1 - prevalence)))
        gain += share * nodes.mean(-np.logaddexp(0, -log_odds))
    return 1 - math.exp(-2 * gain)


def _shrinkage_criteria(
    r2_cox_snell: float, parameters: int, largest: float, shrinkage: float, margin: float
) -> dict[str, int]:
    within("r2_cox_snell", r2_cox_snell, 0, largest)
    within("shrinkage", shrinkage, r2_cox_snell, 1)
    little_optimism = r2_cox_snell / (r2_cox_snell + margin * largest)
    found = {"shrinkage": shrinkage, "optimism": little_optimism}
    return {name: math.ceil(parameters / ((s - 1) * math.log1p(-r2_cox_snell / s))) for name, s in found.items()}


def largest_cox_snell(prevalence: float) -> float:
    """The largest Cox-Snell R² that a model of a binary outcome can have; Nagelkerke's R² is the share of it."""
    within("prevalence", prevalence, 0, 1)
    return 1 - math.exp(2 * _null_log_likelihood(prevalence))


def largest_cox_snell_survival(follow_up: FollowUp) -> float:
    """The same for times to an event, by an exponential model."""
    events = follow_up.events
    return 1 - math.exp(2 * (events * math.log(events) - events))


def _null_log_likelihood(prevalence: float) -> float:
    return prevalence * math.log(prevalence) + (1 - prevalence) * math.log1p(-prevalence)


def smallest(excess: Callable[[float], float]) -> int:
    """The smallest n with a falling `excess` at or below zero."""
    if excess(LARGEST) > 0:
        raise ValueError(f"more than {LARGEST} cases would be needed")
    return 2 if excess(2) <= 0 else math.ceil(brentq(excess, 2, LARGEST, xtol=1e-6))


def within(name: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        raise ValueError(f"{name} must lie between {low:g} and {high:g}, found {value:g}")
