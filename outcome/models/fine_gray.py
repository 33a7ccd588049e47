"""Fine-Gray regression: the log relative subdistribution hazard of a case, ridge or elastic net penalty.

The hazard whose sum alone gives the cumulative incidence: a case that had the competing event stays at risk, on a later
day t with weight G(t) / G(T), T its own time and G the chance of not being censored before a day (Kaplan-Meier, on the
very cases of the fit; whoever has an event on a day leaves before those censored that day). The weight is a product of
a number of the day and one of the case, so sums over risk sets stay running sums. Penalties and steps as in
`outcome.models.cox`, ties by Efron. Without competing events it is Cox regression; without censoring those who had the
competing event stay at risk for ever.

Fine & Gray 1999, doi:10.1080/01621459.1999.10474144.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from outcome.models.cox import PartialLikelihood, fit_partial
from outcome.models.hazard import LARGEST_SCORE, BaselineHazard
from outcome.models.linear import LinearScorer, Params
from outcome.models.risk_sets import Places, RiskSets, Stayers
from outcome.types import FloatArray, Target


def fit_fine_gray(X: FloatArray, target: Target, params: Params, seed: int) -> LinearScorer:
    """The log relative subdistribution hazard of a time-to-event endpoint; at least one event must be present."""
    centre = X.mean(axis=0)
    return fit_partial(subdistribution_likelihood(X - centre, target), centre, params)


def subdistribution_likelihood(X: FloatArray, target: Target) -> PartialLikelihood:
    """The weighted partial likelihood of columns (n, p) and outcomes (n,), all known."""
    order, risk = _risk_sets(target)
    return PartialLikelihood(X[order], risk)


def fit_subdistribution_baseline(target: Target, score: FloatArray) -> BaselineHazard:
    """Breslow's jumps of the subdistribution hazard at score 0 over the weighted risk sets; shapes (n,), all known.

    A competing event has no hazard of its own here: the incidence is 1 - exp(-cumulative hazard * exp(score)).
    """
    order, risk = _risk_sets(target)
    relative = np.exp(np.clip(score, -LARGEST_SCORE, LARGEST_SCORE))[order]
    jumps = risk.per_day(np.ones(len(risk.events))) / risk.sums(relative)
    return BaselineHazard(risk.days, jumps, np.zeros_like(jumps))


def subdistribution_exposure(baseline: BaselineHazard, target: Target, horizon_days: float) -> FloatArray:
    """The baseline's cumulative subdistribution hazard that each case (n,) was exposed to by the horizon.

    After a competing event it goes on growing, times the weight of the case on the day; the censoring is that of these
    very cases.
    """
    hazard = np.where(baseline.times <= horizon_days, baseline.event, 0.0)
    order = np.argsort(target.time_days, kind="stable")
    time, event = target.time_days[order], target.event[order]
    passed = np.searchsorted(baseline.times, time, "right")
    reached = np.concatenate([[0.0], np.cumsum(hazard)])[passed]
    stayers = _stayers(time, event, baseline.times)
    reached[stayers.rows] += stayers.collected(hazard, passed)
    exposure = np.empty_like(reached)
    exposure[order] = reached
    return exposure


def _risk_sets(target: Target) -> tuple[Places, RiskSets]:
    """The order of cases by time (n,), and the risk sets of the subdistribution hazard in that order."""
    order = np.argsort(target.time_days, kind="stable")
    time, event = target.time_days[order], target.event[order]
    risk = RiskSets.of(time, event == 1)
    return order, replace(risk, stayers=_stayers(time, event, risk.days))


def _stayers(time: FloatArray, event: FloatArray, days: FloatArray) -> Stayers:
    """The cases with a competing event, of cases sorted by time (n,), as they stay at risk on `days` (k,)."""
    rows = np.flatnonzero(event == 2)
    own = time[rows]
    left = np.searchsorted(own, days, "left")
    return Stayers(rows, 1 / _uncensored(time, event, own), _uncensored(time, event, days), left)


def _uncensored(time: FloatArray, event: FloatArray, days: FloatArray) -> FloatArray:
    """G: the chance of not being censored before each of `days`, by Kaplan-Meier on cases sorted by time (n,)."""
    censored, count = np.unique(time[event == 0], return_counts=True)
    happened = time[event > 0]
    there = np.searchsorted(happened, censored, "right") - np.searchsorted(happened, censored, "left")
    gone = np.searchsorted(time, censored, "left") + there
    curve = np.concatenate([[1.0], np.cumprod(1 - count / (len(time) - gone))])
    return np.asarray(curve[np.searchsorted(censored, days, "left")])
