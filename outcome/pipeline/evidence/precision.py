"""Are these cases enough to say how good the model is, and how many would be?

The widths that are aimed at are those of Riley et al. 2021, doi:10.1002/sim.9025. What is assumed: log odds spread as
among the development cases, moved so that the mean risk is the event rate seen here, and a well calibrated model. The
event rate is thus learned from the cases being evaluated, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from outcome.evaluation.calibration.indices import clipped_logit
from outcome.evaluation.planning.sample_size import LinearPredictor
from outcome.evaluation.planning.validation_size import Widths, validation_precision, validation_size
from outcome.evaluation.times.censoring import HorizonStatus
from outcome.pipeline.evidence.reference import told_of_unit
from outcome.pipeline.evidence.scene import ModelCases
from outcome.types import BoolArray, EndpointKind

FROM_BUNDLE = "the bundle's development cases"
SEEN_HERE = "the cases evaluated here, since the bundle does not state it for its development cases"
CENSORED = "follow-up of some cases ends before the horizon: the criteria exist for yes/no outcomes alone"
WORDS = {
    "oe_ratio": "observed to expected events",
    "auroc": "the AUROC",
    "slope": "the calibration slope",
    "net_benefit": "the standardised net benefit",
}
FARTHEST = 50.0
LEAST_SPREAD = 1e-4  # of log odds: less is one risk for all, but for rounding


@dataclass(frozen=True, eq=False)
class _Spread:
    """How log odds are spread, and among whom."""

    log_odds: LinearPredictor
    among: str

    @property
    def sd(self) -> float:
        centre = self.log_odds.mean(self.log_odds.value)
        return math.sqrt(self.log_odds.mean((self.log_odds.value - centre) ** 2))


def precision(model: ModelCases) -> dict[str, Any]:
    """Cases needed for each criterion against the cases here, and how wide intervals are with these.

    Empty for development cases and for predictions that are no risks.
    """
    if model.cases.partition.is_development or model.target.kind not in _KINDS:
        return {}
    happened = _happened(model)
    if happened is None:
        return {"withheld": CENSORED}
    n, n_events = happened.size, int(happened.sum())
    if not 0 < n_events < n:
        return {"withheld": f"{n_events} events of {n}: without cases of both kinds there is nothing to be measured"}
    spread = _spread(model)
    if not spread.sd > LEAST_SPREAD:
        return {"withheld": "every case has the same risk: there is no slope and no AUROC to be measured"}
    return _against(n, n_events, spread, model.threshold)


def _against(n: int, n_events: int, spread: _Spread, threshold: float | None) -> dict[str, Any]:
    rate = n_events / n
    log_odds = at_rate(spread.log_odds, rate)
    auroc = auroc_of(log_odds)
    usable = threshold if threshold is not None and 0 < threshold < 1 else None
    try:
        needed = validation_size(rate, auroc, log_odds, threshold=usable)
        widths = validation_precision(n, rate, auroc, log_odds, threshold=usable)
    except ValueError as error:
        return {"withheld": f"no number of cases can be worked out: {error}"}
    allowed = Widths()
    criteria = [
        {"metric": name, "n_needed": count, "width_wanted": getattr(allowed, name), "width_here": widths[name]}
        for name, count in needed.criteria.items()
    ]
    assumed = {"event_rate": rate, "auroc": auroc, "lp_sd": spread.sd, "spread_of": spread.among}
    facts = {"criteria": criteria, "n": n, "n_events": n_events, "n_needed": needed.n, "enough": n >= needed.n}
    return {**facts, "assumed": assumed, "words": _words(facts, spread.among)}


def at_rate(log_odds: LinearPredictor, rate: float) -> LinearPredictor:
    """The same spread, moved so that the mean risk is `rate`, which lies between 0 and 1."""

    def excess(shift: float) -> float:
        return log_odds.mean(expit(log_odds.value + shift)) - rate

    # rates near 0 or 1 need a shift beyond the spread itself
    reach = FARTHEST + float(np.abs(log_odds.value).max())
    shift = float(brentq(excess, -reach, reach, xtol=1e-10))
    return LinearPredictor(log_odds.value + shift, log_odds.weight)


def auroc_of(log_odds: LinearPredictor) -> float:
    """The AUROC of well calibrated risks that are spread so; `value` rising, equal ones count one half."""
    risk = expit(log_odds.value)
    starts = np.flatnonzero(np.diff(log_odds.value, prepend=-np.inf) > 0)
    events, others = (np.add.reduceat(log_odds.weight * share, starts) for share in (risk, 1 - risk))
    below = np.cumsum(others) - others / 2
    return float(np.sum(events * below) / (events.sum() * others.sum()))


def _happened(model: ModelCases) -> BoolArray | None:
    """Which cases with a known outcome had the event (by the horizon); None where that is not known of all."""
    target = model.target.take(model.target.known)
    if model.chosen.horizon is None:
        return np.asarray(target.value == 1)
    status = HorizonStatus.at(target.time_days, target.event, model.chosen.horizon)
    return np.asarray(status.had_event) if np.all(status.had_event | status.is_free) else None


def _spread(model: ModelCases) -> _Spread:
    """The bundle states it on the scale on which the model adds up: for times that of the cumulative hazard."""
    told = told_of_unit(model.scene, "risks", f"{model.cases.name}.{model.inputs}")
    if not told.get("lp_sd"):
        here = np.sort(clipped_logit(model.chosen.first_risk[model.target.known]))
        return _Spread(LinearPredictor.seen(here), SEEN_HERE)
    normal = LinearPredictor.normal(float(told["lp_mean"]), float(told["lp_sd"]))
    if model.chosen.horizon is None:
        return _Spread(normal, FROM_BUNDLE)
    return _Spread(LinearPredictor(clipped_logit(-np.expm1(-np.exp(normal.value))), normal.weight), FROM_BUNDLE)


def _words(facts: Mapping[str, Any], among: str) -> str:
    """The worst criterion in a sentence: the one that asks for most cases."""
    worst = max(facts["criteria"], key=lambda row: row["n_needed"])
    name, here, wanted = WORDS[worst["metric"]], worst["width_here"], worst["width_wanted"]
    seen = f"{facts['n_events']:,} events of {facts['n']:,}"
    spread = f"Log odds are taken to be spread as among {among}."
    if facts["enough"]:
        return f"{seen}: enough for every criterion; the interval of {name} is about {here:.2g} wide. {spread}"
    return (
        f"{seen}: the interval of {name} is about {here:.2g} wide; {worst['n_needed']:,} cases would be needed "
        f"for {wanted:g}. {spread}"
    )


_KINDS = (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT)
