"""A weighted sum of the model columns: logistic regression for yes/no, linear regression for amounts.

Both are penalised: minimise  mean loss + penalty * (l1_ratio * |b|_1 + (1 - l1_ratio) / 2 * |b|_2^2).
The intercept is free. `penalty` must be positive, which keeps a perfectly separated outcome finite.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

from outcome.models.inputs import Inputs
from outcome.models.scale import modelled
from outcome.models.state import State
from outcome.types import FloatArray, Target

Params = Mapping[str, Any]  # numbers and, for networks, names

# the most restrained first; more cases bear weaker ones
RIDGE_PENALTIES = (1.0, 0.3, 0.1, 0.03, 0.01)
ELASTIC_NET_PENALTIES = (0.2, 0.1, 0.05, 0.025, 0.0125, 0.006, 0.003)
L1_RATIO = 0.5  # of the elastic net


@dataclass(frozen=True, eq=False)
class LinearScorer:
    """score = intercept + sum of coefficient times column."""

    coefficients: FloatArray  # (p,)
    intercept: float

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
    """Log odds of a binary endpoint, by scikit-learn; both classes must be present."""
    penalty, ratio = penalties(params)
    solver = "lbfgs" if ratio == 0 else "saga"
    model = LogisticRegression(
        C=1.0 / (penalty * len(X)), l1_ratio=ratio, solver=solver, max_iter=1000, tol=1e-5, random_state=seed
    )
    with warnings.catch_warnings():
        # stopping after 1000 rounds is one more, harmless, form of shrinkage; it is deterministic
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, target.value)
    return LinearScorer(np.array(model.coef_[0], dtype=float), float(model.intercept_[0]))


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
