"""A weighted sum of the model columns: logistic regression for yes/no, linear regression for amounts.

Both are penalised: minimise  mean loss + penalty * (l1_ratio * |b|_1 + (1 - l1_ratio) / 2 * |b|_2^2).
The intercept is free. `penalty` must be positive, which keeps a perfectly separated outcome finite.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

from outcome.models.inputs import Inputs
from outcome.models.newton import minimise_sparse
from outcome.models.scale import modelled
from outcome.models.state import State
from outcome.types import FloatArray, Target

Params = Mapping[str, Any]  # numbers and, for networks, names

# the most restrained first; more cases bear weaker ones
RIDGE_PENALTIES = (1.0, 0.3, 0.1, 0.03, 0.01)
ELASTIC_NET_PENALTIES = (0.2, 0.1, 0.05, 0.025, 0.0125, 0.006, 0.003)
L1_RATIO = 0.5  # of the elastic net
ROWS = 16_384  # that are weighed at a time: the weighted copy of a large matrix would be as large again


@dataclass(frozen=True, eq=False)
class LinearScorer:
    """score = intercept + sum of coefficient times column."""

    coefficients: FloatArray  # (p,)
    intercept: float

    def __post_init__(self) -> None:
        if self.coefficients.ndim != 1 or not np.isfinite(np.append(self.coefficients, self.intercept)).all():
            raise ValueError(f"coefficients are finite numbers (p,), found shape {self.coefficients.shape}")

    def score(self, X: Inputs) -> FloatArray:
        # a row's sum, not a matrix product: BLAS may add in another order for another number of rows
        return np.sum(X.matrix * self.coefficients, axis=1) + self.intercept

    def to_state(self) -> State:
        return State({"type": "linear", "intercept": self.intercept}, {"coefficients": self.coefficients})

    @classmethod
    def from_state(cls, state: State) -> LinearScorer:
        return cls(state.arrays["coefficients"], float(state.numbers["intercept"]))


def penalties(params: Params) -> tuple[float, float]:
    """(penalty, l1_ratio) of a linear model. Raises ValueError where the penalty is not positive."""
    penalty, ratio = float(params["penalty"]), float(params.get("l1_ratio", 0.0))
    if not penalty > 0 or not 0 <= ratio <= 1:
        raise ValueError(f"penalty must be positive and l1_ratio in [0, 1], found {penalty} and {ratio}")
    return penalty, ratio


def fit_logistic(X: FloatArray, target: Target, params: Params, seed: int) -> LinearScorer:
    """Log odds of a binary endpoint; both classes must be present.

    The ridge by scikit-learn; an elastic net by Newton steps, which end sooner and nearer than its stochastic solver.
    """
    penalty, ratio = penalties(params)
    if ratio == 0:
        model = LogisticRegression(C=1.0 / (penalty * len(X)), max_iter=1000, tol=1e-5, random_state=seed)
        model.fit(X, target.value)
        return LinearScorer(np.array(model.coef_[0], dtype=float), float(model.intercept_[0]))
    share = float(target.value.mean())
    start = np.append(np.zeros(X.shape[1]), math.log(share / (1 - share)))
    b = minimise_sparse(LogLoss(X, target.value), start, penalty * ratio, penalty * (1 - ratio))
    return LinearScorer(b[:-1], float(b[-1]))


@dataclass(frozen=True, eq=False)
class LogLoss:
    """The mean log loss of yes/no outcomes y (n,); the last coordinate is the level."""

    X: FloatArray  # (n, p)
    y: FloatArray
    has_level: ClassVar[bool] = True

    def loss(self, b: FloatArray) -> float:
        """The mean over cases."""
        score = self.X @ b[:-1] + b[-1]
        return float(np.mean(np.logaddexp(0.0, score) - self.y * score))

    def of_columns(self, columns: npt.NDArray[np.intp]) -> LogLoss:
        """The loss of these columns and the level alone."""
        return LogLoss(self.X[:, columns], self.y)

    def gradient(self, b: FloatArray) -> FloatArray:
        """The gradient (p + 1,) alone, in one pass over the cases."""
        above = expit(self.X @ b[:-1] + b[-1]) - self.y
        return np.append(self.X.T @ above, above.sum()) / len(above)

    def derivatives(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gradient (p + 1,) and Hessian (p + 1, p + 1) of the loss."""
        n, size = len(self.y), len(b)
        gradient, hessian = np.zeros(size), np.zeros((size, size))
        for first in range(0, n, ROWS):
            X, y = self.X[first : first + ROWS], self.y[first : first + ROWS]
            chance = expit(X @ b[:-1] + b[-1])
            columns = np.column_stack([X, np.ones(len(X))])
            weight = chance * (1 - chance)
            gradient += columns.T @ (chance - y)
            hessian += columns.T @ (weight[:, None] * columns)
        return gradient / n, hessian / n


def fit_linear(X: FloatArray, target: Target, params: Params, seed: int) -> LinearScorer:
    """A duration (as log1p), a rank or a continuous value, by scikit-learn, on the outcome in units of its sd."""
    penalty, ratio = penalties(params)
    y = modelled(target)
    centre, spread = float(y.mean()), float(y.std())
    model = Ridge(alpha=penalty * len(X)) if ratio == 0 else ElasticNet(alpha=penalty, l1_ratio=ratio, max_iter=5000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, (y - centre) / spread)
    return LinearScorer(np.array(model.coef_, dtype=float) * spread, float(model.intercept_) * spread + centre)
