"""Which risk was observed near each predicted risk? The smoothers of a binary outcome, by name, at the foot.

Every smoother takes `y` (n,) 0 or 1, `risk` (n,) in [0, 1], and `where` (k,): risks at which the curve is wanted, the
cases' own if None. It gives the observed risk there, or None where its curve does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from outcome.evaluation.calibration.indices import clipped_logit, logistic_fit, separates
from outcome.evaluation.calibration.loess import Loess, local_curve, local_name
from outcome.evaluation.calibration.restricted_spline import spline_columns, spline_knots
from outcome.types import FloatArray

Columns = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Smoother:
    """A way from cases to a curve, and its definition in words for these risks (n,)."""

    fitted: Callable[[FloatArray, FloatArray, FloatArray | None], FloatArray | None]
    name: Callable[[FloatArray], str]


def observed_at(y: FloatArray, risk: FloatArray, smoother: str, where: FloatArray | None = None) -> FloatArray | None:
    """The observed risk at every predicted one by the smoother of this name; ValueError where there is none such.

    Loess is not cut to [0, 1], as in the sources of its published values.
    """
    if smoother not in SMOOTHERS:
        raise ValueError(f"a smoother is one of {sorted(SMOOTHERS)}, found {smoother!r}")
    return SMOOTHERS[smoother].fitted(np.asarray(y, dtype=float), np.asarray(risk, dtype=float), where)


def _loess(y: FloatArray, risk: FloatArray, where: FloatArray | None) -> FloatArray | None:
    return local_curve(risk, y, Loess(), where)


def _on_risk(y: FloatArray, risk: FloatArray, where: FloatArray | None) -> FloatArray | None:
    return _logistic(y, risk, where, lambda p: p[:, None])


def _on_logit(y: FloatArray, risk: FloatArray, where: FloatArray | None) -> FloatArray | None:
    return _logistic(y, risk, where, lambda p: clipped_logit(p)[:, None])


def _on_spline(y: FloatArray, risk: FloatArray, where: FloatArray | None) -> FloatArray | None:
    knots = spline_knots(clipped_logit(risk)) if risk.size else None
    if knots is None:
        return None
    return _logistic(y, risk, where, lambda p: spline_columns(clipped_logit(p), knots))


def _logistic(y: FloatArray, risk: FloatArray, where: FloatArray | None, columns: Columns) -> FloatArray | None:
    if not 0 < y.sum() < y.size or separates(y, risk):
        return None
    design = _with_intercept(columns(risk))
    fit = logistic_fit(design, y)
    if fit is None:
        return None
    return np.asarray(expit((design if where is None else _with_intercept(columns(where))) @ fit[0]))


def _with_intercept(columns: FloatArray) -> FloatArray:
    return np.column_stack([np.ones(len(columns)), columns])


SMOOTHERS: dict[str, Smoother] = {
    "loess": Smoother(_loess, lambda risk: local_name(risk, Loess())),
    "logistic_risk": Smoother(_on_risk, lambda risk: "logistic model on the risk"),
    "logistic_logit": Smoother(_on_logit, lambda risk: "logistic model on the logit of the risk"),
    "spline": Smoother(_on_spline, lambda risk: "logistic model on a restricted cubic spline of logit risk, 3 knots"),
}
