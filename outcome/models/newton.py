"""Newton's method for a smooth loss with an elastic net penalty: what Cox and logistic regression share.

Minimises  loss(b) + l1 |b|_1 + l2 / 2 |b|_2^2 ; each step is a small lasso problem on the loss's quadratic, halved
until the objective does not rise. The work a step is one pass over the cases and some over a matrix of columns by
columns, so that many cases and few columns are cheap. A level, where the loss has one, is the last coordinate and is
not penalised.

Where columns are many and the penalty makes most coefficients zero, only a working set of columns is solved for, which
grows until no column outside it could lower the objective: the same minimum, from a Hessian of the columns that count.

Friedman, Hastie & Tibshirani 2010, doi:10.18637/jss.v033.i01. Departure: full Hessian, of the columns solved for.
Massias, Gramfort & Salmon 2018, arXiv:1802.07481, on working sets. Departure: columns enter by their gradient.
"""

from __future__ import annotations

import warnings
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path

from outcome.types import FloatArray

MAX_STEPS = 40
TOLERANCE = 1e-9
FEW_COLUMNS = 200  # up to here all are solved for at once
FIRST_COLUMNS = 50  # of a working set, which doubles while it grows
SLACK = 1e-6  # of l1: how far a gradient may lie above it before its column must enter


class Loss(Protocol):
    """A smooth convex loss of the coefficients (p,), or (p + 1,) with a level."""

    has_level: ClassVar[bool]

    def loss(self, b: FloatArray) -> float: ...

    def derivatives(self, b: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gradient (p,) and Hessian (p, p)."""
        ...


class LossOfColumns(Loss, Protocol):
    """A loss of linear scores, which knows itself restricted to some of its columns."""

    def gradient(self, b: FloatArray) -> FloatArray:
        """That of `derivatives`."""
        ...

    def of_columns(self, columns: npt.NDArray[np.intp]) -> Loss:
        """The loss where all other columns have coefficient zero; a level stays."""
        ...


def minimise_sparse(loss: LossOfColumns, start: FloatArray, l1: float, l2: float) -> FloatArray:
    """As `minimise`, sooner where columns are many and few of them count."""
    p = len(start) - loss.has_level
    if l1 == 0 or p <= FEW_COLUMNS:
        return minimise(loss, start, l1, l2)
    b, working = start.copy(), np.empty(0, dtype=np.intp)
    if loss.has_level:  # or one that no column joins would stay where it began
        b[p:] = minimise(loss.of_columns(working), b[p:], l1, l2)
    while len(working) < p:
        above = np.abs(loss.gradient(b)[:p] + l2 * b[:p]) - l1 * (1 + SLACK)
        above[working] = -np.inf
        entering = np.argsort(-above, kind="stable")[: max(FIRST_COLUMNS, len(working))]
        entering = entering[above[entering] > 0]
        if not len(entering):
            break
        working = np.sort(np.append(working, entering))
        free = np.append(working, p) if loss.has_level else working
        b[free] = minimise(loss.of_columns(working), b[free], l1, l2)
    return b


def minimise(loss: Loss, start: FloatArray, l1: float, l2: float) -> FloatArray:
    """The coefficients of least penalised loss, from a start of their shape."""
    penalised = np.ones(len(start))
    if loss.has_level:
        penalised[-1] = 0
    b = start
    for _ in range(MAX_STEPS):
        moved = _step(loss, b, l1 * penalised, l2 * penalised)
        done = np.max(np.abs(moved - b), initial=0.0) < TOLERANCE
        b = moved
        if done:
            break
    return b


def _step(loss: Loss, b: FloatArray, l1: FloatArray, l2: FloatArray) -> FloatArray:
    gradient, hessian = loss.derivatives(b)
    hessian = hessian + np.diag(l2)
    linear = hessian @ b - gradient - l2 * b
    aim = _with_level(hessian, linear, l1[:-1], b) if loss.has_level else _quadratic_minimum(hessian, linear, l1, b)
    before = _objective(loss, b, l1, l2)
    for halving in range(20):
        candidate = b + (aim - b) * 0.5**halving
        if _objective(loss, candidate, l1, l2) <= before:
            return candidate
    return b


def _objective(loss: Loss, b: FloatArray, l1: FloatArray, l2: FloatArray) -> float:
    return loss.loss(b) + float(np.sum(l1 * np.abs(b)) + np.sum(l2 * b**2) / 2)


def _with_level(hessian: FloatArray, linear: FloatArray, l1: FloatArray, start: FloatArray) -> FloatArray:
    """The same with the free last coordinate solved for: at any b it is (its linear term - its row b) / its own."""
    row, own = hessian[-1, :-1], hessian[-1, -1]
    free_hessian, free_linear = hessian[:-1, :-1] - np.outer(row, row) / own, linear[:-1] - row * linear[-1] / own
    b = _quadratic_minimum(free_hessian, free_linear, l1, start[:-1])
    return np.append(b, (linear[-1] - row @ b) / own)


def _quadratic_minimum(hessian: FloatArray, linear: FloatArray, l1: FloatArray, start: FloatArray) -> FloatArray:
    """The b that minimises b'Hb/2 - linear'b + l1 |b|_1, l1 the same for all; sought from `start` on."""
    p = len(linear)
    if not l1.any():
        return np.asarray(np.linalg.solve(hessian, linear), dtype=float)
    # with H = LL' this is a lasso of y = inverse(L) linear on the columns of L'
    ridge = 1e-10 * max(float(np.trace(hessian)) / p, 1e-10)
    hessian = np.ascontiguousarray(hessian + ridge * np.eye(p))
    lower = np.linalg.cholesky(hessian)
    with warnings.catch_warnings():
        # an early stop of the inner problem is caught by the step halving of the outer one
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, path, _ = enet_path(
            np.asfortranarray(lower.T), np.linalg.solve(lower, linear), l1_ratio=1.0, alphas=[l1[0] / p],
            precompute=hessian, Xy=linear, coef_init=start.copy(), check_input=False, max_iter=5000, tol=1e-8,
        )  # fmt: skip
    return np.array(path[:, 0], dtype=float)
