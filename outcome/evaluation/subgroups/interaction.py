"""Does the model do better in one group than in another? One p-value a variable, and what many questions make of it.

`heterogeneity` asks it of any metric that comes with an interval (Cochran's Q); `calibration_by_group` and its twin for
times ask whether one recalibration would serve all groups. Arguments: `groups` (n,) holds each case's label; groups too
small to be judged are left out and named. Cochran 1954, doi:10.2307/3001666. No difference found is not the same as no
difference: `gap` says what would have been seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from outcome.evaluation.calibration.indices import clipped_logit, logistic_fit, separates
from outcome.evaluation.calibration.indices_survival import TimedRisks
from outcome.evaluation.multiplicity import benjamini_hochberg, holm
from outcome.evaluation.newton import inverse
from outcome.evaluation.sample import MIN_EVENTS
from outcome.evaluation.sites.meta_analysis import Scale, on_scale
from outcome.evaluation.times.cox import cox_fit
from outcome.evaluation.times.pseudo_observations import cloglog_regression
from outcome.types import BoolArray, Estimate, FloatArray

Labels = npt.NDArray[Any]

LOGISTIC = "likelihood ratio, logistic model of the outcome on logit(risk), intercept and slope by group, unpenalised"
COX = "likelihood ratio, Cox model on cloglog(risk), level and slope by group, Efron ties, follow-up cut at the horizon"
PSEUDO = "Wald, pseudo-observations within each group, cloglog link, intercept and slope by group, robust covariance"


@dataclass(frozen=True)
class InteractionTest:
    """Whether something differs between groups. `p_value` is None where `withheld` says why.

    `left_out` maps a group to why it does not count. `holm` and `benjamini_hochberg` are the p-value adjusted for all
    questions asked together (see `adjusted`).
    """

    method: str
    groups: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    statistic: float | None = None
    df: int | None = None
    p_value: float | None = None
    withheld: str | None = None
    holm: float | None = None
    benjamini_hochberg: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "groups": list(self.groups), "left_out": dict(self.left_out)}


def heterogeneity(estimates: Mapping[str, Estimate], scale: Scale) -> InteractionTest:
    """Do these groups differ in one metric by more than chance? `estimates` maps a group's label to its estimate.

    Cochran's Q, with k - 1 degrees of freedom for k usable groups, on the `scale` named (logit for a C-statistic, log
    for O/E); standard errors are read from the intervals. Groups must not share cases. Withheld with fewer than 2.
    """
    parts = {name: on_scale(estimate, scale) for name, estimate in estimates.items()}
    left_out = {name: part for name, part in parts.items() if isinstance(part, str)}
    usable = {name: part for name, part in parts.items() if not isinstance(part, str)}
    method = f"Cochran's Q, {scale} scale, standard errors from the intervals"
    if len(usable) < 2:
        return _withheld(method, tuple(usable), left_out)
    values, errors = np.array(list(usable.values())).T
    weight = errors**-2
    q = float(np.sum(weight * (values - np.sum(weight * values) / weight.sum()) ** 2))
    return _tested(method, tuple(usable), left_out, q, len(usable) - 1)


def calibration_by_group(
    y: FloatArray, risk: FloatArray, groups: Labels, *, min_events: int = MIN_EVENTS
) -> InteractionTest:
    """Would one recalibration serve all groups, or are risks off differently in them?

    `y` (n,) 0 or 1; `risk` (n,) in [0, 1]. The model with an intercept and a slope of logit(risk) for each of k groups
    against the one with a common pair, 2 (k - 1) degrees of freedom. A group with fewer than `min_events` of either
    class, one risk for all, or complete separation is left out. Withheld with fewer than 2 groups.
    """
    y, log_odds = np.asarray(y, dtype=float), clipped_logit(risk)
    parts = {label: (y[rows], log_odds[rows]) for label, rows in _members(groups).items()}
    left_out = {label: why for label, part in parts.items() if (why := _unusable(*part, min_events))}
    kept = {label: part for label, part in parts.items() if label not in left_out}
    if len(kept) < 2:
        return _withheld(LOGISTIC, tuple(kept), left_out)
    apart = [_logistic_likelihood(*part) for part in kept.values()]
    together = _logistic_likelihood(*(np.concatenate(column) for column in zip(*kept.values(), strict=True)))
    if together is None or None in apart:
        return _withheld(LOGISTIC, tuple(kept), left_out, "a likelihood has no maximum")
    gain = 2 * (sum(part for part in apart if part is not None) - together)
    return _tested(LOGISTIC, tuple(kept), left_out, gain, 2 * (len(kept) - 1))


def calibration_by_group_t(
    time_days: FloatArray,
    event: FloatArray,
    risk: FloatArray,
    horizon_days: float,
    groups: Labels,
    *,
    min_events: int = MIN_EVENTS,
) -> InteractionTest:
    """Would one recalibration of the risks at a horizon serve all groups?

    `time_days` (n,) ≥ 0; `event` (n,) 0 censored, 1 event, 2 competing event; `risk` (n,) by `horizon_days`. Without
    competing events a Cox model with a level and a slope of cloglog(risk) for each of k groups against one slope for
    all; with them, where a hazard says little about a risk, the Wald test of pseudo-observations. Degrees of freedom,
    groups left out (events by the horizon count) and withheld as `calibration_by_group`.
    """
    cases = TimedRisks.at(time_days, event, risk, horizon_days)
    parts = {label: cases.take(np.flatnonzero(rows)) for label, rows in _members(groups).items()}
    left_out = {label: why for label, part in parts.items() if (why := _unusable_t(part, min_events))}
    kept = {label: part for label, part in parts.items() if label not in left_out}
    method = PSEUDO if cases.has_competing else COX
    if len(kept) < 2:
        return _withheld(method, tuple(kept), left_out)
    statistic = _pseudo_wald(list(kept.values())) if cases.has_competing else _cox_gain(list(kept.values()))
    if statistic is None:
        return _withheld(method, tuple(kept), left_out, "a model has no finite solution")
    return _tested(method, tuple(kept), left_out, statistic, 2 * (len(kept) - 1))


def adjusted(tests: Sequence[InteractionTest]) -> tuple[InteractionTest, ...]:
    """The same tests with p-values adjusted for all of them together; a withheld test was not asked and counts for
    nothing.
    """
    raw = {str(place): test.p_value for place, test in enumerate(tests)}
    strict, exploring = holm(raw), benjamini_hochberg(raw)
    return tuple(
        replace(test, holm=strict[name], benjamini_hochberg=exploring[name])
        for name, test in zip(raw, tests, strict=True)
    )


def _members(groups: Labels) -> dict[str, BoolArray]:
    labels = np.asarray(groups).astype(str)
    return {str(label): labels == label for label in np.unique(labels)}


def _tested(
    method: str, groups: tuple[str, ...], left_out: Mapping[str, str], statistic: float, df: int
) -> InteractionTest:
    found = max(statistic, 0.0)  # a likelihood gained may fall below zero by rounding
    return InteractionTest(method, groups, left_out, found, df, float(chi2.sf(found, df)))


def _withheld(
    method: str, groups: tuple[str, ...], left_out: Mapping[str, str], reason: str | None = None
) -> InteractionTest:
    why = reason or f"{len(groups)} usable groups; at least 2 are needed to compare"
    return InteractionTest(method, groups, left_out, withheld=why)


def _unusable(y: FloatArray, log_odds: FloatArray, min_events: int) -> str | None:
    n_events = int(np.sum(y == 1))
    if min(n_events, y.size - n_events) < max(min_events, 1):
        return f"fewer than {min_events} cases with or without the event"
    if np.ptp(log_odds) == 0:
        return "every case has the same risk"
    return "one cut of the risk separates all events from all non-events" if separates(y, log_odds) else None


def _unusable_t(cases: TimedRisks, min_events: int) -> str | None:
    if cases.counts[1] < min_events:
        return f"fewer than {min_events} events by {cases.horizon_days:g} days"
    return cases.gap() or (None if np.ptp(cases.log_hazard) > 0 else "every case has the same risk")


def _logistic_likelihood(y: FloatArray, log_odds: FloatArray) -> float | None:
    design = np.column_stack([np.ones(y.size), log_odds])
    fit = logistic_fit(design, y)
    if fit is None:
        return None
    fitted = design @ fit[0]
    return float(y @ fitted - np.sum(np.logaddexp(0, fitted)))


def _cox_gain(parts: Sequence[TimedRisks]) -> float | None:
    time, event, log_hazard = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("time_days", "event", "log_hazard")
    )
    owner = np.repeat(np.arange(len(parts)), [part.risk.size for part in parts])
    is_group = (owner[:, None] == np.arange(1, len(parts))).astype(float)
    common = cox_fit(time, event, log_hazard[:, None])
    own = cox_fit(time, event, np.column_stack([log_hazard, is_group, is_group * log_hazard[:, None]]))
    return None if common is None or own is None else 2 * (own.log_likelihood - common.log_likelihood)


def _pseudo_wald(parts: Sequence[TimedRisks]) -> float | None:
    """The scatter of the groups' intercepts and slopes around their weighted mean, in units of their covariances."""
    fits = [
        cloglog_regression(p.pseudo(), np.column_stack([np.ones(p.risk.size), p.log_hazard]), p.log_hazard)
        for p in parts
    ]
    precisions = [None if fit is None else inverse(fit[1]) for fit in fits]
    known = [(fit[0], own) for fit, own in zip(fits, precisions, strict=True) if fit is not None and own is not None]
    if len(known) < len(parts):
        return None
    centre = np.linalg.solve(sum(own for _, own in known), sum(own @ beta for beta, own in known))
    return float(sum((beta - centre) @ own @ (beta - centre) for beta, own in known))
