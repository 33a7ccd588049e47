"""Do the risks mean what they say? Observed over expected, calibration-in-the-large, and slope.

Arguments of every function: `y` (n,) holds 0 or 1; `risk` (n,) a probability in [0, 1]. Where the logit is needed,
risks are first moved into [1e-6, 1 - 1e-6] (`CLIP`), since a risk of exactly 0 or 1 has none.
Unpenalised maximum likelihood throughout: a penalty would shrink the slope. Cox 1958, doi:10.1093/biomet/45.3-4.562;
Van Calster et al. 2019, doi:10.1186/s12916-019-1466-7.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logit

from outcome.evaluation.intervals import LEVEL, log_wald, measured, wald
from outcome.evaluation.newton import Derivatives, maximise
from outcome.types import Estimate, FloatArray

CLIP = 1e-6


def oe_ratio(y: FloatArray, risk: FloatArray) -> float:
    """How many events were there for each one expected? 1 is right on average, above 1 too few were foretold."""
    expected = float(np.sum(risk))
    return float(np.sum(y)) / expected if expected > 0 else math.nan


def oe_ratio_estimate(y: FloatArray, risk: FloatArray, *, level: float = LEVEL) -> Estimate:
    """Observed over expected with exp(log ratio ± z·se), se² = (1 - observed / n) / observed: a binomial count, the
    risks taken as fixed. Debray et al. 2017, doi:10.1136/bmj.i6460.
    """
    n, observed = len(y), float(np.sum(np.asarray(y) == 1))
    return _oe_ratio(y, risk, (1 - observed / n) / observed if observed else 0.0, "binomial", level)


def oe_ratio_poisson_estimate(y: FloatArray, risk: FloatArray, *, level: float = LEVEL) -> Estimate:
    """The same with se² = 1 / observed, as often published: far too wide where events are common."""
    observed = float(np.sum(np.asarray(y) == 1))
    return _oe_ratio(y, risk, 1 / observed if observed else 0.0, "Poisson", level)


def _oe_ratio(y: FloatArray, risk: FloatArray, variance: float, count: str, level: float) -> Estimate:
    n, n_events, value = len(y), int(np.sum(np.asarray(y) == 1)), oe_ratio(y, risk)
    if math.isnan(value):
        reason = "all risks are zero: no event is expected, so the ratio is undefined"
        return Estimate.withhold(reason, n=n, n_events=n_events)
    if not n_events:
        return Estimate.withhold("no events: the ratio has no interval", n=n, n_events=0)
    interval = log_wald(value, math.sqrt(variance), level=level) if variance > 0 else None
    return measured(value, interval, method=f"log Wald, {count}", n=n, n_events=n_events, level=level)


def clipped_logit(risk: FloatArray) -> FloatArray:
    """The log odds of the risks, moved into [CLIP, 1 - CLIP] first."""
    return np.asarray(logit(np.clip(np.asarray(risk, dtype=float), CLIP, 1 - CLIP)))


def citl(y: FloatArray, risk: FloatArray) -> float:
    """Calibration-in-the-large: by how much (log odds) are all risks too low? The intercept of y with offset
    logit(risk). 0 is right, positive means that more events came than foretold. NaN with one class.
    """
    return _or_nan(citl_estimate(y, risk))


def citl_estimate(y: FloatArray, risk: FloatArray, *, level: float = LEVEL) -> Estimate:
    """Calibration-in-the-large with its Wald interval."""
    n, n_events = len(y), int(np.sum(np.asarray(y) == 1))
    if not 0 < n_events < n:
        return Estimate.withhold(_one_class(n, n_events), n=n, n_events=n_events)
    fit = logistic_fit(np.ones((n, 1)), y, offset=clipped_logit(risk))
    return _coefficient(fit, 0, n, n_events, level)


def slope(y: FloatArray, risk: FloatArray) -> float:
    """Are the risks spread right? The coefficient of logit(risk) in a logistic model of y with a free intercept.

    1 is right, below 1 the risks are too extreme (overfitting), above 1 too timid. NaN where it does not exist.
    """
    return _or_nan(slope_estimate(y, risk))


def slope_estimate(y: FloatArray, risk: FloatArray, *, level: float = LEVEL) -> Estimate:
    """The calibration slope with its Wald interval. Withheld with one class, constant risks or complete separation."""
    n, n_events = len(y), int(np.sum(np.asarray(y) == 1))
    log_odds = clipped_logit(risk)
    reason = _one_class(n, n_events) if not 0 < n_events < n else _no_slope(y, log_odds)
    if reason:
        return Estimate.withhold(reason, n=n, n_events=n_events)
    return _coefficient(logistic_fit(np.column_stack([np.ones(n), log_odds]), y), 1, n, n_events, level)


def logistic_fit(
    design: FloatArray, y: FloatArray, *, offset: FloatArray | None = None
) -> tuple[FloatArray, FloatArray] | None:
    """Maximum-likelihood coefficients (k,) and their covariance (k, k); None where the likelihood has no maximum."""
    outcome, start = np.asarray(y, dtype=float), np.zeros(len(y)) if offset is None else offset
    design = np.asfortranarray(design)  # columns in one piece: two numbers a row would be walked two at a time

    def derivatives(beta: FloatArray) -> Derivatives:
        log_odds = start + design @ beta
        # One exponential serves risk and likelihood, and cannot overflow: expit and logaddexp take four times as long.
        small = np.exp(-np.abs(log_odds))
        fitted = np.where(log_odds > 0, 1.0, small) / (1 + small)
        likelihood = float(outcome @ log_odds - np.sum(np.maximum(log_odds, 0) + np.log(1 + small)))
        information = design.T @ (design * (fitted * (1 - fitted))[:, None])
        return likelihood, design.T @ (outcome - fitted), information

    return maximise(derivatives, design.shape[1])


def separates(y: FloatArray, values: FloatArray) -> bool:
    """Does one cut of `values` part all events from all non-events (equal values at the cut allowed)?"""
    event = np.asarray(y) == 1
    with_event, without = values[event], values[~event]
    return bool(with_event.min() >= without.max() or with_event.max() <= without.min())


def _coefficient(
    fit: tuple[FloatArray, FloatArray] | None, column: int, n: int, n_events: int, level: float
) -> Estimate:
    if fit is None:
        return Estimate.withhold("the likelihood has no maximum: no estimate exists", n=n, n_events=n_events)
    value, se = float(fit[0][column]), math.sqrt(fit[1][column, column])
    interval = wald(value, se, level=level)
    return measured(value, interval, method="maximum likelihood, Wald", n=n, n_events=n_events, level=level)


def _no_slope(y: FloatArray, log_odds: FloatArray) -> str | None:
    if np.all(log_odds == log_odds[0]):
        return "every case has the same risk: a slope is undefined"
    if separates(y, log_odds):
        return "one cut of the risk separates all events from all non-events: the slope has no finite estimate"
    return None


def _one_class(n: int, n_events: int) -> str:
    return f"only one class: {n_events} of {n} cases have the event"


def _or_nan(estimate: Estimate) -> float:
    return math.nan if estimate.value is None else estimate.value
