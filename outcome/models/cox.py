"""Cox regression with a ridge or elastic net penalty: the log relative hazard of a case.

Minimises  -log partial likelihood / n + penalty * (l1_ratio * |b|_1 + (1 - l1_ratio) / 2 * |b|_2^2)  by Newton
steps (`outcome.models.newton`). Ties by Efron: of d events on one day the l-th (from 0) sees a risk set in which each
of the d counts 1 - l/d. A competing event is treated as censoring at its time: the score belongs to the cause-specific
hazard, not to the risk (see `outcome.models.hazard`; `outcome.models.fine_gray` models the risk).

Simon, Friedman, Hastie & Tibshirani 2011, doi:10.18637/jss.v039.i05; Efron 1977, doi:10.1080/01621459.1977.10480613.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from outcome.models.linear import LinearScorer, Params, penalties
from outcome.models.newton import minimise_sparse
from outcome.models.risk_sets import RiskSets
from outcome.types import FloatArray, Target


@dataclass(frozen=True, eq=False)
class PartialLikelihood:
    """Efron's partial likelihood of cases sorted by time, over the given risk sets."""

    X: FloatArray  # (n, p)
    risk: RiskSets
    has_level: ClassVar[bool] = False

    @classmethod
    def of(cls, X: FloatArray, target: Target) -> PartialLikelihood:
        """That of the cause-specific hazard: whoever had a competing event is at risk no longer."""
        order = np.argsort(target.time_days, kind="stable")
        return cls(X[order], RiskSets.of(target.time_days[order], target.event[order] == 1))

    def loss(self, b: FloatArray) -> float:
        """The negative log partial likelihood over n."""
        score = self.X @ b
        top = score.max()
        at_risk = self.risk.seen(np.exp(score - top))
        return float(-np.sum(score[self.risk.events] - top - np.log(at_risk)) / len(score))

    def of_columns(self, columns: npt.NDArray[np.intp]) -> PartialLikelihood:
        """That of these columns alone."""
        return replace(self, X=self.X[:, columns])

    def gradient(self, b: FloatArray) -> FloatArray:
        """The gradient (p,) alone."""
        expected, _, _ = self._expected(b)
        expected[self.risk.events] -= 1
        return np.asarray(self.X.T @ expected / len(expected))

    def derivatives(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gradient (p,) and Hessian (p, p) of the loss."""
        expected, weight, each = self._expected(b)
        hessian = self.X.T @ (expected[:, None] * self.X) - self._squared_means(weight, each)
        expected[self.risk.events] -= 1
        return self.X.T @ expected / len(expected), hessian / len(expected)

    def _expected(self, b: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Events expected of each case (n,), its weight (n,), and by event one over the weight at risk."""
        score, risk = self.X @ b, self.risk
        weight = np.exp(score - score.max())
        each = 1 / risk.seen(weight)
        expected = risk.collected(risk.per_day(each))
        expected[risk.events] -= risk.per_day(risk.share * each)[risk.day_of]
        return expected * weight, weight, each

    def _squared_means(self, weight: FloatArray, each: FloatArray) -> FloatArray:
        """The sum over events of mm', m (p,) the weighted mean of the columns in the risk set that the event sees.

        m = (s - share * t) * each, s and t the weighted sums over the day's risk set and over its events.
        """
        risk, ties = self.risk, self.risk.ties
        weighted = weight[:, None] * self.X
        s, t = risk.sums(weighted), ties.sums(weighted)
        squares, once, twice = (risk.per_day(each**2 * risk.share**power) for power in (0, 1, 2))
        crossed = s[ties.days].T @ (once[ties.days, None] * t)
        of_ties = t.T @ (twice[ties.days, None] * t) - crossed - crossed.T
        return np.asarray(s.T @ (squares[:, None] * s) + of_ties)


def fit_cox(X: FloatArray, target: Target, params: Params, seed: int) -> LinearScorer:
    """The log relative hazard of a time-to-event endpoint; at least one event must be present."""
    centre = X.mean(axis=0)
    return fit_partial(PartialLikelihood.of(X - centre, target), centre, params)


def fit_partial(likelihood: PartialLikelihood, centre: FloatArray, params: Params) -> LinearScorer:
    """The penalised maximum of a partial likelihood whose columns (n, p) have had `centre` (p,) taken off."""
    penalty, ratio = penalties(params)
    b = minimise_sparse(likelihood, np.zeros(len(centre)), penalty * ratio, penalty * (1 - ratio))
    return LinearScorer(b, -float(np.sum(centre * b)))
