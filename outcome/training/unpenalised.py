"""Unpenalised regressions for tests between nested models: the maximal log likelihood, or why there is none.

Nothing here scores a case: models are penalised (`outcome.models.linear`, `outcome.models.cox`).
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from outcome.models.cox import PartialLikelihood
from outcome.types import EndpointKind, FloatArray, Target

# of a log hazard ratio between a column's ends: beyond it the likelihood is flat, and the coefficient was running away
LARGEST_ERROR = 50.0
SEPARATED = "the columns separate the outcome, or the fit did not settle"


class NoTest(Exception):
    """Why there is no test, e.g. since the likelihood has no maximum at finite coefficients or none was found."""


def independent_columns(X: FloatArray, most: int) -> list[int]:
    """The columns of X (n, p) that are no sum of a constant and the columns before them, up to `most` + 1 of them."""
    basis = np.full((len(X), 1), 1 / np.sqrt(len(X)))
    kept: list[int] = []
    for place, column in enumerate(X.T):
        left = column - basis @ (basis.T @ column)
        left = left - basis @ (basis.T @ left)  # once more: the first difference is only as exact as its rounding
        length = float(np.linalg.norm(left))
        if length > 1e-8 * float(np.linalg.norm(column)):
            kept.append(place)
            basis = np.column_stack([basis, left / length])
        if len(kept) > most:
            break
    return kept


def log_likelihood(X: FloatArray, target: Target) -> float:
    """The maximal log likelihood of logistic or Cox regression (ties by Efron) on independent columns (n, p), p >= 0.

    binary: with a level. time_to_event: partial; a competing event is censoring. All outcomes known. Raises NoTest.
    """
    spread = X.std(axis=0)
    columns = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    fit = _logistic if target.kind is EndpointKind.BINARY else _cox
    try:
        return fit(columns, target)
    except (Warning, ValueError, ArithmeticError) as error:  # numpy's LinAlgError is a ValueError
        raise NoTest(SEPARATED) from error


def _logistic(X: FloatArray, target: Target) -> float:
    """By statsmodels, which warns of separation and of a fit that does not settle."""
    from statsmodels.discrete.discrete_model import Logit  # two seconds, which only training pays
    from statsmodels.tools.sm_exceptions import ModelWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", ModelWarning)
        warnings.simplefilter("error", RuntimeWarning)
        fitted = Logit(target.value, np.column_stack([np.ones(len(X)), X])).fit(disp=False, maxiter=100)
    return float(fitted.llf)


def _cox(X: FloatArray, target: Target) -> float:
    """By lifelines, which calls a rare column without an event settled; without a column there is nothing to fit."""
    from lifelines import CoxPHFitter  # as above

    if X.shape[1] == 0:
        return -PartialLikelihood.of(X, target).loss(np.zeros(0)) * len(X)
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    frame = frame.assign(days=target.time_days, event=target.event == 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # lifelines' own warnings are such
        fitted = CoxPHFitter().fit(frame, "days", "event")
    if np.max(fitted.standard_errors_.to_numpy() * np.ptp(X, axis=0)) > LARGEST_ERROR:
        raise NoTest(SEPARATED)
    return float(fitted.log_likelihood_)
