"""Cox regression with a ridge or elastic net penalty: the log relative hazard of a case.

Minimises  -log partial likelihood / n + penalty * (l1_ratio * |b|_1 + (1 - l1_ratio) / 2 * |b|_2^2)  by Newton
steps; each step with an L1 part is a small lasso problem. Ties by Breslow. A competing event is treated as
censoring at its time: the score belongs to the cause-specific hazard, not to the risk (see `outcome.models.hazard`).

Simon, Friedman, Hastie & Tibshirani 2011, doi:10.18637/jss.v039.i05. Departure: full Hessian, since columns are few.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet

from outcome.models.linear import LinearScorer, Params, penalties
from outcome.types import FloatArray, Target

MAX_STEPS = 40
TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class PartialLikelihood:
    """Breslow's partial likelihood of cases sorted by time; `first` is the first row of each row's tie group."""

    X: FloatArray  # (n, p)
    event: FloatArray  # (n,) 0/1
    first: np.ndarray  # (n,)
    last: np.ndarray  # (n,)

    @classmethod
    def of(cls, X: FloatArray, target: Target) -> PartialLikelihood:
        order = np.argsort(target.time_days, kind="stable")
        time = target.time_days[order]
        first, last = np.searchsorted(time, time, "left"), np.searchsorted(time, time, "right") - 1
        return cls(X[order], (target.event[order] == 1).astype(float), first, last)

    def loss(self, b: FloatArray) -> float:
        """The negative log partial likelihood over n."""
        score = self.X @ b
        top = score.max()
        at_risk = np.cumsum(np.exp(score - top)[::-1])[::-1][self.first]
        return float(-np.sum(self.event * (score - top - np.log(at_risk))) / len(score))

    def derivatives(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gradient (p,) and Hessian (p, p) of the loss."""
        score = self.X @ b
        weight = np.exp(score - score.max())
        at_risk = np.cumsum(weight[::-1])[::-1][self.first]
        mean = np.cumsum((weight[:, None] * self.X)[::-1], axis=0)[::-1][self.first] / at_risk[:, None]
        passed = weight * np.cumsum(self.event / at_risk)[self.last]
        gradient = self.X.T @ (passed - self.event)
        hessian = self.X.T @ (passed[:, None] * self.X) - (self.event[:, None] * mean).T @ mean
        return gradient / len(score), hessian / len(score)


def fit_cox(X: FloatArray, target: Target, params: Params, seed: int) -> LinearScorer:
    """The log relative hazard of a time-to-event endpoint; at least one event must be present."""
    penalty, ratio = penalties(params)
    centre = X.mean(axis=0)
    likelihood = PartialLikelihood.of(X - centre, target)
    b = np.zeros(X.shape[1])
    for _ in range(MAX_STEPS):
        moved = _step(likelihood, b, penalty * ratio, penalty * (1 - ratio))
        done = np.max(np.abs(moved - b), initial=0.0) < TOLERANCE
        b = moved
        if done:
            break
    return LinearScorer(b, -float(np.sum(centre * b)))


def _step(likelihood: PartialLikelihood, b: FloatArray, l1: float, l2: float) -> FloatArray:
    """One Newton step, halved until the objective does not rise."""
    gradient, hessian = likelihood.derivatives(b)
    hessian = hessian + l2 * np.eye(len(b))
    aim = _quadratic_minimum(hessian, hessian @ b - gradient - l2 * b, l1)
    before = _objective(likelihood, b, l1, l2)
    for halving in range(20):
        candidate = b + (aim - b) * 0.5**halving
        if _objective(likelihood, candidate, l1, l2) <= before:
            return candidate
    return b


def _objective(likelihood: PartialLikelihood, b: FloatArray, l1: float, l2: float) -> float:
    return likelihood.loss(b) + l1 * float(np.abs(b).sum()) + l2 / 2 * float(b @ b)


def _quadratic_minimum(hessian: FloatArray, linear: FloatArray, l1: float) -> FloatArray:
    """The b that minimises b'Hb/2 - linear'b + l1 |b|_1."""
    if l1 == 0:
        return np.asarray(np.linalg.solve(hessian, linear), dtype=float)
    # with H = LL' this is a lasso of y = inverse(L) linear on the columns of L'
    p = len(linear)
    ridge = 1e-10 * max(float(np.trace(hessian)) / p, 1e-10)
    lower = np.linalg.cholesky(hessian + ridge * np.eye(p))
    lasso = ElasticNet(alpha=l1 / p, l1_ratio=1.0, fit_intercept=False, max_iter=5000, tol=1e-8)
    with warnings.catch_warnings():
        # an early stop of the inner problem is caught by the step halving of the outer one
        warnings.simplefilter("ignore", ConvergenceWarning)
        lasso.fit(lower.T, np.linalg.solve(lower, linear))
    return np.array(lasso.coef_, dtype=float)
