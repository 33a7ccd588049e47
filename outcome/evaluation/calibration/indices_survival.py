"""Do risks at a horizon mean what they say, when some cases were lost before it or died of something else?

Arguments of every function: `time_days` (n,) ≥ 0; `event` (n,) 0 censored, 1 event, 2 competing event; `risk` (n,) the
predicted probability of event 1 by the horizon, moved into [1e-6, 1 - 1e-6] where its complementary log-log is taken;
`horizon_days` > 0. Follow-up beyond the horizon is cut there: risks by it say nothing about later.

Without competing events Cox's model carries the censoring (Austin, Harrell & van Klaveren 2020, doi:10.1002/sim.8570;
McLernon et al. 2023, doi:10.7326/M22-0844); with them its 1 - survival is no risk, and pseudo-observations do (van
Geloven et al. 2022, doi:10.1136/bmj-2021-069249). Each method says which was used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from outcome.evaluation.calibration.indices import CLIP
from outcome.evaluation.intervals import LEVEL, IntArray, log_wald, measured, wald
from outcome.evaluation.overall.survival import follow_up_gap, oe_ratio_t
from outcome.evaluation.times.cox import cox_fit
from outcome.evaluation.times.pseudo_observations import cloglog_regression, pseudo_values
from outcome.types import Estimate, FloatArray

COX_SLOPE = "Cox model on cloglog risk, Efron ties, follow-up cut at the horizon, Wald"
PSEUDO = "pseudo-observations, cloglog link, robust Wald"


@dataclass(frozen=True, eq=False)
class TimedRisks:
    """Cases, their follow-up cut at the horizon, and the complementary log-log of their risks."""

    time_days: FloatArray  # (n,) at most the horizon
    event: FloatArray  # (n,) 0 where the event came after the horizon
    risk: FloatArray  # (n,)
    log_hazard: FloatArray  # (n,) log(-log(1 - risk))
    horizon_days: float

    @classmethod
    def at(cls, time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float) -> TimedRisks:
        time, kinds = np.asarray(time_days, dtype=float), np.asarray(event, dtype=float)
        inside = np.where(time > horizon_days, 0.0, kinds)
        risks, log_hazard = np.asarray(risk, dtype=float), clipped_cloglog(risk)
        return cls(np.minimum(time, horizon_days), inside, risks, log_hazard, horizon_days)

    def take(self, rows: IntArray) -> TimedRisks:
        time, event, risk, log_hazard = (x[rows] for x in (self.time_days, self.event, self.risk, self.log_hazard))
        return TimedRisks(time, event, risk, log_hazard, self.horizon_days)

    @property
    def counts(self) -> tuple[int, int]:
        """Cases, and events of interest by the horizon."""
        return self.time_days.size, int(np.sum(self.event == 1))

    @property
    def has_competing(self) -> bool:
        return bool(np.any(self.event == 2))

    def gap(self) -> str | None:
        """Why nothing can be said, or None."""
        if not self.counts[1]:
            return f"no event by {self.horizon_days:g} days"
        return follow_up_gap(self.time_days, self.event, self.horizon_days)

    def pseudo(self) -> FloatArray:
        return pseudo_values(self.time_days, self.event, self.horizon_days)


def clipped_cloglog(risk: FloatArray) -> FloatArray:
    """log(-log(1 - risk)), the log of the cumulative hazard, of risks moved into [CLIP, 1 - CLIP]."""
    held = np.clip(np.asarray(risk, dtype=float), CLIP, 1 - CLIP)
    return np.asarray(np.log(-np.log1p(-held)))


def slope_t(time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float) -> float:
    """Are the risks at a horizon spread right? 1 is right, below 1 too extreme, above 1 too timid; NaN as withheld."""
    return _or_nan(slope_t_estimate(time_days, event, risk, horizon_days))


def slope_t_estimate(
    time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float, *, level: float = LEVEL
) -> Estimate:
    """The calibration slope on the scale of the log hazard, with its Wald interval.

    Without competing events Cox's coefficient of cloglog(risk), which for a Cox model's risks is that of its linear
    predictor; with them the coefficient in a model of pseudo-observations. Withheld without events by the horizon, with
    one risk for all, where follow-up ends before the horizon, or where no finite maximum exists.
    """
    cases = TimedRisks.at(time_days, event, risk, horizon_days)
    reason = cases.gap() or (None if np.ptp(cases.log_hazard) > 0 else "every case has the same risk: no slope")
    if reason:
        return Estimate.withhold(reason, n=cases.counts[0], n_events=cases.counts[1])
    if cases.has_competing:
        return _pseudo_coefficient(cases, np.column_stack([np.ones(cases.risk.size), cases.log_hazard]), level)
    return _cox_coefficient(cases.time_days, cases.event, cases.log_hazard, COX_SLOPE, level)


def linear_predictor_slope_estimate(
    time_days: FloatArray, event: FloatArray, score: FloatArray, *, level: float = LEVEL
) -> Estimate:
    """Is a Cox model's linear predictor spread right over the whole follow-up? Its coefficient in a new Cox model.

    `score` (n,) is the linear predictor (log hazard ratio); competing events count as censorings, so the slope is that
    of the cause-specific hazard. 1 is right.
    """
    score = np.asarray(score, dtype=float)
    n, n_events = score.size, int(np.sum(np.asarray(event) == 1))
    if not n_events or not np.ptp(score) > 0:
        reason = "no events" if not n_events else "every case has the same score: no slope"
        return Estimate.withhold(reason, n=n, n_events=n_events)
    method = "Cox model on the linear predictor, Efron ties, whole follow-up, Wald"
    return _cox_coefficient(time_days, event, score, method, level)


def citl_t(time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float) -> float:
    """By how much (log cumulative hazard) are all risks at a horizon too low? 0 is right; NaN as withheld."""
    return _or_nan(citl_t_estimate(time_days, event, risk, horizon_days))


def citl_t_estimate(
    time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float, *, level: float = LEVEL
) -> Estimate:
    """Calibration-in-the-large at a horizon: the intercept of pseudo-observations with offset cloglog(risk).

    Robust Wald interval. Positive means that more events came than foretold. Withheld as `slope_t_estimate`.
    """
    cases = TimedRisks.at(time_days, event, risk, horizon_days)
    reason = cases.gap()
    if reason:
        return Estimate.withhold(reason, n=cases.counts[0], n_events=cases.counts[1])
    return _pseudo_coefficient(cases, np.ones((cases.risk.size, 1)), level)


def oe_ratio_t_poisson_estimate(
    time_days: FloatArray, event: FloatArray, risk: FloatArray, horizon_days: float, *, level: float = LEVEL
) -> Estimate:
    """Observed over expected at a horizon with exp(log ratio ± z / sqrt(events by it)), the count as a Poisson count.

    Observed as in `survival.oe_ratio_t`, whose own interval uses the curve's standard error and is narrower where
    events are common. Withheld as there.
    """
    cases = TimedRisks.at(time_days, event, risk, horizon_days)
    n, n_events = cases.counts
    value = oe_ratio_t(time_days, event, risk, horizon_days)
    reason = cases.gap() or ("all risks are zero: no event is expected" if math.isnan(value) else None)
    if reason:
        return Estimate.withhold(reason, n=n, n_events=n_events)
    observed = "Aalen-Johansen" if cases.has_competing else "Kaplan-Meier"
    interval = log_wald(value, 1 / math.sqrt(n_events), level=level)
    return measured(value, interval, method=f"{observed}, log Wald, Poisson", n=n, n_events=n_events, level=level)


def _cox_coefficient(time: FloatArray, event: FloatArray, column: FloatArray, method: str, level: float) -> Estimate:
    fit = cox_fit(time, event, column[:, None])
    n, n_events = column.size, int(np.sum(np.asarray(event) == 1))
    if fit is None:
        reason = "the partial likelihood has no maximum: no finite slope exists"
        return Estimate.withhold(reason, n=n, n_events=n_events)
    value = float(fit.beta[0])
    interval = wald(value, math.sqrt(fit.covariance[0, 0]), level=level)
    return measured(value, interval, method=method, n=n, n_events=n_events, level=level)


def _pseudo_coefficient(cases: TimedRisks, columns: FloatArray, level: float) -> Estimate:
    """The last coefficient, with cloglog(risk) as offset; a slope is therefore what is added to 1."""
    n, n_events = cases.counts
    fit = cloglog_regression(cases.pseudo(), columns, cases.log_hazard)
    if fit is None:
        return Estimate.withhold("the estimating equations have no solution", n=n, n_events=n_events)
    value = float(fit[0][-1]) + (1.0 if columns.shape[1] > 1 else 0.0)
    interval = wald(value, math.sqrt(fit[1][-1, -1]), level=level)
    return measured(value, interval, method=PSEUDO, n=n, n_events=n_events, level=level)


def _or_nan(estimate: Estimate) -> float:
    return math.nan if estimate.value is None else estimate.value
