"""Where is a log likelihood largest? Newton's method for a handful of coefficients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from outcome.types import FloatArray

Derivatives = tuple[float, FloatArray, FloatArray]  # log likelihood, score (k,), information (k, k)

MAX_ITERATIONS = 60
TOLERANCE = 1e-9
# Above it a coefficient has fewer than four digits of meaning: two columns say the same thing.
MAX_CONDITION = 1e12


def maximise(derivatives: Callable[[FloatArray], Derivatives], k: int) -> tuple[FloatArray, FloatArray] | None:
    """The k coefficients of the maximum and the inverse of their information, from zero on, halving a step that loses.

    None where there is no maximum. Under separation the likelihood settles while the coefficients go on growing, so
    convergence is judged by the coefficients.
    """
    beta, reached = np.zeros(k), -np.inf
    step = beta
    for _ in range(MAX_ITERATIONS):
        likelihood, score, information = derivatives(beta + step)
        if not likelihood >= reached - TOLERANCE * abs(reached):
            step = step / 2
            continue
        beta, reached = beta + step, likelihood
        covariance = inverse(information)
        if covariance is None:
            return None
        step = covariance @ score
        if np.all(np.abs(step) <= TOLERANCE * (1 + np.abs(beta))):
            return beta + step, covariance
    return None


def inverse(information: FloatArray) -> FloatArray | None:
    """The inverse of a symmetric positive matrix (k, k); None where it is singular or nearly so.

    Columns are scaled to 1 first: a spline's bend and an intercept differ by orders of magnitude.
    """
    with np.errstate(invalid="ignore"):
        scale = np.sqrt(np.diag(information))
    if not np.all(np.isfinite(scale)) or not np.all(scale > 0):
        return None
    scaled = information / np.outer(scale, scale)
    if not np.all(np.isfinite(scaled)) or np.linalg.cond(scaled) > MAX_CONDITION:
        return None
    return np.asarray(np.linalg.inv(scaled) / np.outer(scale, scale))
