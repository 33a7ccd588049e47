"""How much of a frozen model must be changed for other patients? As little as the data ask for, by closed testing.

Four rungs, each holding the one before: "none" (the model as it is), "intercept" (all risks up or down), "slope"
(intercept and slope: also closer together or further apart) and "refit" (the coefficients of the last layer learned
anew, with an intercept). Every simpler rung is tested against the most flexible one on offer by the likelihood ratio,
with the difference of their parameters as degrees of freedom; the simplest that is not rejected at level alpha is
chosen. Since the first test alone stands between a model that needs nothing and a change, alpha is the chance of
changing such a model. Vergouwe et al. 2017, doi:10.1002/sim.7179.

Yes/no outcomes: logistic likelihood of log odds = intercept + slope * linear predictor. Times to an event: the
likelihood of a cumulative hazard H(t) exp(intercept + slope * linear predictor), where H is the model's own baseline
and keeps its shape; that is a Poisson likelihood of the events with H as exposure. Crowson, Atkinson & Therneau 2016,
doi:10.1177/0962280213497434. A competing event ends the exposure: its own hazard is not updated. Maximum likelihood
without penalty throughout, since the tests need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from outcome.evaluation.updating.cases import UpdateCases
from outcome.types import FloatArray

NONE, INTERCEPT, SLOPE, REFIT = RUNGS = ("none", "intercept", "slope", "refit")
ALPHA = 0.05
# Reasons travel with a bundle, and a count below this may point at somebody.
SMALLEST_TOLD = 5


@dataclass(frozen=True, eq=False)
class Update:
    """One rung, fitted: new linear predictor = intercept + slope * old one, or intercept + columns @ coefficients."""

    rung: str = NONE
    intercept: float = 0.0
    slope: float = 1.0
    coefficients: FloatArray | None = None  # (k,), for "refit" alone
    log_likelihood: float = float("nan")

    @property
    def n_parameters(self) -> int:
        return RUNGS.index(self.rung) if self.coefficients is None else 1 + len(self.coefficients)

    def linear_predictor(self, cases: UpdateCases) -> FloatArray:
        """The updated linear predictor of cases, shape (n,)."""
        if self.coefficients is None:
            return np.asarray(self.intercept + self.slope * cases.linear_predictor)
        if cases.columns is None:
            raise ValueError("a refitted last layer needs the columns that it reads")
        return np.asarray(self.intercept + cases.columns @ self.coefficients)


@dataclass(frozen=True)
class RungTest:
    """Is this rung worse than the most flexible one? A small `p` says that it is not enough."""

    rung: str
    against: str
    chi2: float
    df: int
    p: float


@dataclass(frozen=True)
class Needed:
    """How many events (yes/no: of the rarer outcome) a rung needs: its numbers must not be mostly noise."""

    intercept: int = 20
    slope: int = 40
    per_coefficient: int = 10

    @classmethod
    def of(cls, few_events: int) -> Needed:
        """From the number below which a model's own calibration learns no slope."""
        return cls(few_events, 2 * few_events, max(1, few_events // 2))

    def of_rung(self, rung: str, columns: int) -> int:
        return {INTERCEPT: self.intercept, SLOPE: self.slope}.get(
            rung, max(self.slope, self.per_coefficient * (columns + 1))
        )


@dataclass(frozen=True, eq=False)
class UpdateChoice:
    """What closed testing chose, why, and what was not on offer."""

    chosen: Update
    tests: tuple[RungTest, ...]
    offered: Mapping[str, Update]  # by rung, simplest first, "none" among them
    not_offered: Mapping[str, str]  # rung: reason
    n: int
    n_events: int
    alpha: float

    @property
    def was_tested(self) -> bool:
        return bool(self.tests)


def closed_test(
    cases: UpdateCases, *, alpha: float = ALPHA, needed: Needed | None = None, no_refit: str = ""
) -> UpdateChoice:
    """Which rung do these cases ask for? With too few events for any change: "none", untested, with the reason.

    `no_refit` says why the last layer cannot be refitted where `cases` hold no columns. Raises ValueError for an alpha
    outside (0, 1).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha lies between 0 and 1, found {alpha}")
    asked = {rung: _too_few(cases, rung, needed or Needed(), no_refit) for rung in RUNGS[1:]}
    offered, failed = fit_rungs(cases, [rung for rung, reason in asked.items() if not reason])
    refused = {rung: reason for rung, reason in asked.items() if reason} | failed
    chosen, tests = choose_rung(offered, alpha)
    not_offered = {rung: refused[rung] for rung in RUNGS if rung in refused}
    return UpdateChoice(chosen, tests, offered, not_offered, cases.n, cases.n_events, alpha)


def fit_rungs(cases: UpdateCases, rungs: Iterable[str]) -> tuple[dict[str, Update], dict[str, str]]:
    """These rungs by maximum likelihood, "none" before them; and why one could not be fitted."""
    fits = {NONE: Update(log_likelihood=cases.log_likelihood(cases.linear_predictor))}
    failed = {}
    for rung in rungs:
        found = _FIT[rung](cases)
        if isinstance(found, str):
            failed[rung] = found
        else:
            fits[rung] = found
    return fits, failed


def choose_rung(offered: Mapping[str, Update], alpha: float) -> tuple[Update, tuple[RungTest, ...]]:
    """The simplest rung that the most flexible one does not beat at level alpha, and the tests up to it."""
    *simpler, most_flexible = offered.values()
    tests = []
    for update in simpler:
        tests.append(_likelihood_ratio(update, most_flexible))
        if tests[-1].p > alpha:
            return update, tuple(tests)
    return most_flexible, tuple(tests)


def _likelihood_ratio(simple: Update, flexible: Update) -> RungTest:
    df = flexible.n_parameters - simple.n_parameters
    # A rung holds the simpler one, so that only rounding can make its likelihood the smaller.
    statistic = max(0.0, 2 * (flexible.log_likelihood - simple.log_likelihood))
    return RungTest(simple.rung, flexible.rung, statistic, df, float(chi2.sf(statistic, df)))


def _too_few(cases: UpdateCases, rung: str, needed: Needed, no_refit: str) -> str:
    columns = 0 if cases.columns is None else cases.columns.shape[1]
    if rung == REFIT and not columns:
        return no_refit or "the last layer reads no columns"
    if rung == REFIT and columns == 1:
        return "the last layer weighs one column: refitting it is the slope"
    least, found = needed.of_rung(rung, columns), cases.informative
    if found >= least:
        return ""
    told = str(found) if found >= SMALLEST_TOLD or not found else f"fewer than {SMALLEST_TOLD}"
    what = "events" if cases.exposure is not None else "cases of the rarer outcome"
    coefficients = f" for an intercept and {columns} coefficients" if rung == REFIT else ""
    return f"{told} {what}; at least {least} are needed{coefficients}"


def _intercept(cases: UpdateCases) -> Update | str:
    beta = cases.fit(np.ones((cases.n, 1)), cases.linear_predictor)
    if beta is None:
        return "the likelihood has no maximum: no finite intercept exists"
    shifted = cases.linear_predictor + beta[0]
    return Update(INTERCEPT, float(beta[0]), log_likelihood=cases.log_likelihood(shifted))


def _slope(cases: UpdateCases) -> Update | str:
    predictor = cases.linear_predictor
    if np.ptp(predictor) == 0:
        return "every case has the same risk: there is no slope"
    beta = cases.fit(np.column_stack([np.ones(cases.n), predictor]), np.zeros(cases.n))
    if beta is None:
        return "the likelihood has no maximum: no finite slope exists"
    if beta[1] <= 0:
        return f"the slope would be {beta[1]:.2f}: the model ranks no better than chance here, which no slope mends"
    likelihood = cases.log_likelihood(beta[0] + beta[1] * predictor)
    return Update(SLOPE, float(beta[0]), float(beta[1]), log_likelihood=likelihood)


def _refit(cases: UpdateCases) -> Update | str:
    if cases.columns is None:
        return "the last layer reads no columns"
    beta = cases.fit(np.column_stack([np.ones(cases.n), cases.columns]), np.zeros(cases.n))
    if beta is None:
        return "no finite coefficients exist here: columns say the same, or one parts events from all others"
    likelihood = cases.log_likelihood(beta[0] + cases.columns @ beta[1:])
    return Update(REFIT, float(beta[0]), coefficients=beta[1:], log_likelihood=likelihood)


_FIT: dict[str, Callable[[UpdateCases], Update | str]] = {INTERCEPT: _intercept, SLOPE: _slope, REFIT: _refit}
