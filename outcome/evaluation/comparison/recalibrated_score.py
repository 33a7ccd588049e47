"""How good could a published score be here, were it told the local level and spread of risk?

A published score is judged as given, and a second time recalibrated. The recalibration is learned from the very cases
evaluated, by cross-fitting: every case's risk comes from a logistic model fitted without it. That is honest about each
case, yet the score has seen this hospital, which a frozen model has not: it flatters the score, and every number
measured on it says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from outcome.errors import DataRefusal
from outcome.evaluation.calibration.indices import separates
from outcome.evaluation.newton import Derivatives, maximise
from outcome.evaluation.overall.survival import follow_up_gap
from outcome.evaluation.times.censoring import HorizonStatus
from outcome.types import BoolArray, Estimate, FloatArray

FOLDS = 10


@dataclass(frozen=True, eq=False)
class RecalibratedScore:
    """Risks (n,) in [0, 1] of a score that was recalibrated here, or None with the reason."""

    risk: FloatArray | None
    folds: int
    withheld: str | None = None

    @property
    def method(self) -> str:
        """What every number measured on it must say."""
        return f"recalibrated in the cases evaluated ({self.folds}-fold cross-fitting), which flatters the score"

    def measure(self, metric: Callable[[FloatArray], Estimate], *, n: int = 0) -> Estimate:
        """A metric of the recalibrated risk, f(risk) -> Estimate, with the statement in its method."""
        if self.risk is None:
            return Estimate.withhold(self.withheld or "not recalibrated", n=n)
        found = metric(self.risk)
        return found if found.value is None else replace(found, method=f"{found.method}; {self.method}")


def recalibrate_score(y: FloatArray, score: FloatArray, *, seed: int, folds: int = FOLDS) -> RecalibratedScore:
    """The risks of a binary outcome that a score gives once recalibrated: logistic, intercept and slope.

    `y` (n,) 0 or 1; `score` (n,) on the scale where log odds are a straight line in it: points as they are, a risk as
    its log odds (`calibration.clipped_logit`). Higher is riskier or not: the slope's sign is learned. Folds keep the
    share of events and are drawn from `seed`. Withheld with too few of a class for the folds, or one score for all.
    Raises DataRefusal for scores that are missing or infinite.
    """
    is_event = np.asarray(y) == 1
    return _recalibrated(is_event, np.ones(is_event.size), score, seed=seed, folds=folds)


def recalibrate_score_t(
    time_days: FloatArray,
    event: FloatArray,
    score: FloatArray,
    horizon_days: float,
    *,
    seed: int,
    folds: int = FOLDS,
) -> RecalibratedScore:
    """The same for the risk by a horizon, with censoring and competing events (these count as without the event).

    Logistic regression of the status at the horizon, weighted for censoring: direct binomial regression, Scheike, Zhang
    & Gerds 2008, doi:10.1093/biomet/asm096. The censoring curve is that of all cases evaluated.
    """
    gap = follow_up_gap(time_days, event, horizon_days)
    if gap:
        return RecalibratedScore(None, folds, gap)
    status = HorizonStatus.at(time_days, event, horizon_days)
    return _recalibrated(status.had_event, status.weight, score, seed=seed, folds=folds)


def cross_fitted_risk(
    is_event: BoolArray, design: FloatArray, weight: FloatArray, fold: npt.NDArray[np.intp]
) -> FloatArray | None:
    """For every case the risk by a weighted logistic model fitted on the other folds; None where one has no fit.

    `design` (n, k) without a constant; `weight` (n,) ≥ 0, cases of weight 0 are scored but teach nothing.
    """
    risk = np.empty(is_event.size)
    columns = np.column_stack([np.ones(is_event.size), design])
    for k in np.unique(fold):
        held, taught = fold == k, (fold != k) & (weight > 0)
        beta = logistic_coefficients(columns[taught], is_event[taught], weight[taught])
        if beta is None:
            return None
        risk[held] = expit(columns[held] @ beta)
    return risk


def logistic_coefficients(columns: FloatArray, is_event: BoolArray, weight: FloatArray) -> FloatArray | None:
    """Weighted maximum likelihood without a penalty; None where the likelihood has no maximum."""

    def derivatives(beta: FloatArray) -> Derivatives:
        log_odds = columns @ beta
        risk = expit(log_odds)
        likelihood = float(np.sum(weight * (is_event * log_odds - np.logaddexp(0, log_odds))))
        information = columns.T @ (columns * (weight * risk * (1 - risk))[:, None])
        return likelihood, columns.T @ (weight * (is_event - risk)), information

    found = maximise(derivatives, columns.shape[1])
    return None if found is None else found[0]


def stratified_folds(strata: npt.NDArray[np.generic], folds: int, seed: int) -> npt.NDArray[np.intp]:
    """A fold number for every case, every stratum spread evenly over the folds. Shape (n,)."""
    rng = np.random.default_rng(seed)
    fold = np.empty(strata.size, dtype=np.intp)
    start = 0
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        # Going on where the last stratum ended keeps the folds' sizes within one of each other.
        fold[rng.permutation(members)] = (start + np.arange(members.size)) % folds
        start += members.size
    return fold


def no_cross_fit(is_event: BoolArray, weight: FloatArray, folds: int) -> str | None:
    """Why cross-fitting in so many folds is impossible, or None."""
    counts = [int(np.sum(rows & (weight > 0))) for rows in (is_event, ~is_event)]
    if min(counts) < folds:
        return f"{counts[0]} with the event and {counts[1]} without; {folds} folds need at least {folds} of each"
    return None


def _recalibrated(
    is_event: BoolArray, weight: FloatArray, score: FloatArray, *, seed: int, folds: int
) -> RecalibratedScore:
    values, known = np.asarray(score, dtype=float), weight > 0
    missing = int(np.sum(~np.isfinite(values)))
    if missing:
        raise DataRefusal("scores are missing or infinite", expected="a number a case", found=f"{missing} are not")
    reason = no_cross_fit(is_event, weight, folds)
    if reason is None and np.ptp(values[known]) == 0:
        reason = "every case has the same score: nothing can be recalibrated"
    if reason is None and separates(is_event[known].astype(float), values[known]):
        reason = "one cut of the score separates all events from all others: no finite recalibration exists"
    if reason:
        return RecalibratedScore(None, folds, reason)
    fold = stratified_folds(np.where(known, is_event, 2), folds, seed)
    # Newton's method wants numbers near 1: points may run to hundreds.
    scaled = (values - values.mean()) / values.std()
    risk = cross_fitted_risk(is_event, scaled[:, None], weight, fold)
    if risk is None:
        return RecalibratedScore(None, folds, "the likelihood has no maximum in one of the folds")
    return RecalibratedScore(risk, folds)
