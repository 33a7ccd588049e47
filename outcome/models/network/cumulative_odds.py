"""Proportional odds by one number: log odds of reaching grade k or more = slope * score + level k.

McCullagh 1980, J R Stat Soc B 42:109-42. Convex in slope and levels together, so Newton's method finds the one best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from outcome.models.newton import minimise
from outcome.types import FloatArray

NEARLY_FREE = 1e-6  # ridge: where a score parts the grades completely, the slope stays finite
FAR = 40.0  # log odds that are certainty

Grades = npt.NDArray[np.int_]


def fit_cumulative_odds(score: FloatArray, grade: Grades, grades: int) -> tuple[float, FloatArray]:
    """(slope, levels (grades - 1,) falling) of most likelihood; `grade` (n,) from 0, each occurring.

    Without a relation, or with one the wrong way round, the slope is 0.
    """
    centre, spread = float(score.mean()), float(score.std()) or 1.0
    nothing = np.zeros(len(score))
    found = _minimum(CumulativeLoss((score[:, None] - centre) / spread, grade, grades, nothing))
    if found[0] <= 0:
        return 0.0, cumulative_levels(nothing, grade, grades)
    slope = float(found[0]) / spread
    return slope, found[1:] - slope * centre


def cumulative_levels(offset: FloatArray, grade: Grades, grades: int) -> FloatArray:
    """The levels (grades - 1,), falling, of most likelihood, where the log odds hold `offset` (n,) as it is."""
    return _minimum(CumulativeLoss(np.empty((len(grade), 0)), grade, grades, offset))


@dataclass(frozen=True, eq=False)
class CumulativeLoss:
    """The mean negative log likelihood of grades; coordinates are slopes (p,), then levels (grades - 1,)."""

    X: FloatArray  # (n, p)
    grade: Grades
    grades: int
    offset: FloatArray
    has_level: ClassVar[bool] = False

    def loss(self, b: FloatArray) -> float:
        """The mean over cases; infinite where levels do not fall."""
        if np.any(np.diff(b[self.X.shape[1] :]) >= 0):
            return float("inf")
        reached, passed = (expit(x) for x in self._log_odds(b))
        return -float(np.mean(np.log(np.maximum(reached - passed, 1e-300))))

    def derivatives(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gradient (q,) and Hessian (q, q) of the loss."""
        reached, passed = (expit(x) for x in self._log_odds(b))
        chance = np.maximum(reached - passed, 1e-300)
        slopes = np.array([reached * (1 - reached), -passed * (1 - passed)]) / chance
        bends = slopes * np.array([1 - 2 * reached, 1 - 2 * passed])
        rows = self._row_of(self.grade - 1), self._row_of(self.grade)
        first = slopes[0][:, None] * rows[0] + slopes[1][:, None] * rows[1]
        second = sum(row.T @ (bend[:, None] * row) for row, bend in zip(rows, bends, strict=True))
        return -first.mean(axis=0), (first.T @ first - second) / len(self.grade)

    def _log_odds(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log odds of reaching the own grade, and of passing it; certainty at both ends."""
        p = self.X.shape[1]
        levels = np.concatenate([[np.inf], b[p:], [-np.inf]])
        along = self.X @ b[:p] + self.offset
        return along + levels[self.grade], along + levels[self.grade + 1]

    def _row_of(self, which: Grades) -> FloatArray:
        """(n, q): what the log odds of level `which` are made of; nothing at both ends."""
        there = (which >= 0) & (which < self.grades - 1)
        level = (which[:, None] == np.arange(self.grades - 1)).astype(float)
        return np.hstack([self.X * there[:, None], level])


def _minimum(loss: CumulativeLoss) -> FloatArray:
    reached = np.array([(loss.grade >= k).mean() for k in range(1, loss.grades)])
    start = np.clip(np.log(reached / (1 - reached)) - loss.offset.mean(), -FAR, FAR)
    return minimise(loss, np.concatenate([np.zeros(loss.X.shape[1]), start]), 0.0, NEARLY_FREE)
