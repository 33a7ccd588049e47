"""A ridge on top of a score that stands already: what further columns add to it.

Minimises  mean loss of (offset + level + columns b) + penalty / 2 |b|^2  by Newton steps; the level is free and only
binary outcomes have one. Ties in time by Breslow; a competing event counts as censoring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from outcome.models.cox import PartialLikelihood
from outcome.types import EndpointKind, FloatArray, Target

MAX_STEPS = 50
TOLERANCE = 1e-9
LEVEL_RIDGE = 1e-6  # keeps the level finite where every outcome is the same


@dataclass(frozen=True, eq=False)
class Addition:
    """score = offset + level + sum of coefficient times column."""

    coefficients: FloatArray  # (q,)
    level: float = 0.0

    def added(self, columns: FloatArray) -> FloatArray:
        return np.asarray(np.sum(columns * self.coefficients, axis=1) + self.level)


def fit_addition(columns: FloatArray, offset: FloatArray, target: Target, penalty: float) -> Addition:
    """The ridge of standardised columns (n, q) over an offset (n,); an infinite penalty adds nothing."""
    q = columns.shape[1]
    if not np.isfinite(penalty) or q == 0:
        return Addition(np.zeros(q))
    survival = target.kind is EndpointKind.TIME_TO_EVENT
    if survival and not np.any(target.event == 1):
        return Addition(np.zeros(q))
    problem = _Hazard(columns, offset, target) if survival else _Odds(columns, offset, target)
    ridge = np.full(problem.size, penalty)
    if not survival:
        ridge[-1] = LEVEL_RIDGE
    b = _newton(problem, ridge)
    return Addition(b[:q], 0.0 if survival else float(b[-1]))


class _Odds:
    """The mean log loss of log odds; the last column is the level."""

    def __init__(self, columns: FloatArray, offset: FloatArray, target: Target) -> None:
        self.X, self.offset, self.y = np.c_[columns, np.ones(len(columns))], offset, target.value
        self.size = self.X.shape[1]

    def loss(self, b: FloatArray) -> float:
        score = self.offset + self.X @ b
        return float(np.mean(np.logaddexp(0.0, score) - self.y * score))

    def derivatives(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        chance = expit(self.offset + self.X @ b)
        gradient = self.X.T @ (chance - self.y)
        hessian = self.X.T @ ((chance * (1 - chance))[:, None] * self.X)
        return gradient / len(self.y), hessian / len(self.y)


class _Hazard:
    """Breslow's partial likelihood; the offset is a column whose coefficient stays 1."""

    def __init__(self, columns: FloatArray, offset: FloatArray, target: Target) -> None:
        self.likelihood = PartialLikelihood.of(np.c_[offset, columns], target)
        self.size = columns.shape[1]

    def loss(self, b: FloatArray) -> float:
        return self.likelihood.loss(np.r_[1.0, b])

    def derivatives(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        gradient, hessian = self.likelihood.derivatives(np.r_[1.0, b])
        return gradient[1:], hessian[1:, 1:]


def _newton(problem: _Odds | _Hazard, ridge: FloatArray) -> FloatArray:
    """Newton steps, each halved until the objective does not rise."""
    b = np.zeros(problem.size)
    for _ in range(MAX_STEPS):
        gradient, hessian = problem.derivatives(b)
        step = np.linalg.solve(hessian + np.diag(ridge), gradient + ridge * b)
        before, moved = _objective(problem, ridge, b), b - step
        for halving in range(20):
            moved = b - step * 0.5**halving
            if _objective(problem, ridge, moved) <= before:
                break
        if np.max(np.abs(moved - b)) < TOLERANCE:
            return moved
        b = moved
    return b


def _objective(problem: _Odds | _Hazard, ridge: FloatArray, b: FloatArray) -> float:
    return problem.loss(b) + float(np.sum(ridge * b**2)) / 2
