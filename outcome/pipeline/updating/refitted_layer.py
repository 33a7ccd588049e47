"""The last layer of a linear model learned anew on other patients, and the refits behind its risks' intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.evaluation.intervals import resample
from outcome.evaluation.updating.cases import UpdateCases
from outcome.evaluation.updating.closed_testing import REFIT, Update, fit_rungs
from outcome.models.fitted import FittedModel
from outcome.models.linear import LinearScorer
from outcome.pipeline.updating.updated_calibrator import scaled
from outcome.training.calibration import Calibrator
from outcome.training.ensemble import Ensemble, Member
from outcome.training.procedure import RungFit
from outcome.types import BoolArray, FloatArray


def no_refit(fit: RungFit) -> str:
    """Why the last layer of this rung cannot be refitted, or ""."""
    if not isinstance(fit.model.scorer, LinearScorer):
        return f"the last layer of '{fit.rung.algorithm}' cannot be refitted: updating ends at the slope"
    return "" if _weighed(fit).any() else "the model weighs no column: there is nothing to refit"


def layer_columns(fit: RungFit, frame: pd.DataFrame) -> FloatArray | None:
    """What the last layer weighs, (n, k): columns whose coefficient is 0 stay out. None where it cannot be refitted."""
    return None if no_refit(fit) else np.asarray(fit.preprocessor.transform(frame)[:, _weighed(fit)])


def refitted(fit: RungFit, update: Update, cases: UpdateCases, where: str) -> RungFit:
    """The rung with new coefficients and a calibrator that adds nothing to them; the threshold is not touched."""
    model, calibrator = _layer(fit, update, cases, where)
    return replace(fit, model=model, calibrator=calibrator)


def refitted_ensemble(
    fit: RungFit, cases: UpdateCases, patients: npt.NDArray[np.generic], count: int, *, where: str, seed: int
) -> Ensemble:
    """`count` refits of the last layer of `fit` on resampled patients; a resample without a finite fit gives none.

    The preprocessing is the parent's throughout. `fit` is the parent's rung, `cases` what it is refitted on.
    """
    rng = np.random.default_rng(seed)
    preprocessor = replace(fit.preprocessor, dropped=())
    members = []
    for _ in range(count):
        drawn = cases.take(resample(cases.n, rng, patients))
        update = fit_rungs(drawn, [REFIT])[0].get(REFIT)
        if update is not None:
            model, calibrator = _layer(fit, update, drawn, where)
            members.append(Member(preprocessor, _without_baseline(model), calibrator))
    return Ensemble(tuple(members))


def _layer(fit: RungFit, update: Update, cases: UpdateCases, where: str) -> tuple[FittedModel, Calibrator]:
    if update.coefficients is None or cases.columns is None:
        raise ValueError("a refit has coefficients and the columns that they weigh")
    weights = np.zeros(len(_weighed(fit)))
    weights[_weighed(fit)] = update.coefficients
    centre = float(np.mean(cases.columns @ update.coefficients))
    note = f"last layer refitted on {where}"
    if fit.calibrator.baseline is None:
        scorer, level = LinearScorer(weights, update.intercept), update.intercept + centre
        model = replace(fit.model, scorer=scorer)
        return model, replace(fit.calibrator, centre=level, intercept=level, slope=1.0, note=note)
    at_zero = scaled(fit.calibrator.baseline, update.intercept)
    model = replace(fit.model, scorer=LinearScorer(weights, 0.0), baseline=at_zero)
    baseline = scaled(at_zero, centre)
    return model, replace(fit.calibrator, centre=centre, slope=1.0, baseline=baseline, note=note)


def _without_baseline(model: FittedModel) -> FittedModel:
    """The calibrator carries the baseline; a member's own would only be dead weight in the file."""
    if model.baseline is None:
        return model
    empty = np.empty(0)
    return replace(model, baseline=replace(model.baseline, times=empty, event=empty, competing=empty))


def _weighed(fit: RungFit) -> BoolArray:
    """Which model columns have a coefficient, (p,): an elastic net gives most of them none."""
    scorer = fit.model.scorer
    return np.asarray(scorer.coefficients != 0) if isinstance(scorer, LinearScorer) else np.zeros(0, dtype=bool)
