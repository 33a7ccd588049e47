"""Cox regression with a ridge or elastic net penalty: the log relative hazard of a case.

Minimises  -log partial likelihood / n + penalty * (l1_ratio * |b|_1 + (1 - l1_ratio) / 2 * |b|_2^2)  by Newton
steps (`outcome.models.newton`). Ties by Breslow. A competing event is treated as
censoring at its time: the score belongs to the cause-specific hazard, not to the risk (see `outcome.models.hazard`).

Simon, Friedman, Hastie & Tibshirani 2011, doi:10.18637/jss.v039.i05.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from outcome.models.linear import LinearScorer, Params, penalties
from outcome.models.newton import minimise
from outcome.types import FloatArray, Target


@dataclass(frozen=True, eq=False)
class PartialLikelihood:
    """Breslow's partial likelihood of cases sorted by time; `first` is the first row of each row's tie group."""

    X: FloatArray  # (n, p)
    event: FloatArray  # (n,) 0/1
    first: np.ndarray  # (n,)
    last: np.ndarray  # (n,)
    has_level: ClassVar[bool] = False

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
    b = minimise(PartialLikelihood.of(X - centre, target), np.zeros(X.shape[1]), penalty * ratio, penalty * (1 - ratio))
    return LinearScorer(b, -float(np.sum(centre * b)))
