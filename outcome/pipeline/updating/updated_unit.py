"""A trained unit on other patients: what an update is learned from there, and the unit with the update built in.

An update of intercept or slope goes into the calibrator of the chosen model and, unchanged, into that of every refit
behind its intervals, so that an interval moves with its risk. A refitted last layer has refits of its own, on resampled
patients of the update. The other rungs of the ladder are updated by the same means on the same cases, at most by a
slope, so that the choice is not compared with rungs that know nothing of this hospital.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.evaluation.updating.cases import UpdateCases
from outcome.evaluation.updating.closed_testing import INTERCEPT, NONE, REFIT, SLOPE, Update, fit_rungs
from outcome.features.crops import NO_CROPS, Crops
from outcome.pipeline.updating.refitted_layer import layer_columns, refitted, refitted_ensemble
from outcome.pipeline.updating.updated_calibrator import moved, moved_threshold, timed_cases
from outcome.training.data import read_inputs
from outcome.training.ensemble import Ensemble
from outcome.training.procedure import RungFit
from outcome.training.unit import TrainedUnit
from outcome.types import Target


@dataclass(frozen=True, eq=False)
class Patients:
    """Features, outcome (all known) and patient of the same n cases, in the same order; `where` names them."""

    frame: pd.DataFrame
    target: Target
    patients: npt.NDArray[np.generic]  # (n,)
    where: str
    crops: Crops = NO_CROPS
    horizon_days: float | None = None  # follow-up is cut there; None for yes/no

    def take(self, rows: npt.NDArray[np.bool_]) -> Patients:
        """Some of them."""
        return replace(self, frame=self.frame[rows], target=self.target.take(rows), patients=self.patients[rows])

    def until(self, horizon_days: float | None) -> Patients:
        """The same, with follow-up cut at a horizon."""
        return replace(self, horizon_days=horizon_days)


def cases_of(fit: RungFit, seen: Patients) -> UpdateCases:
    """The outcomes beside this rung's linear predictor, and its columns where the last layer can be refitted."""
    score = fit.model.score(read_inputs(fit.rung.algorithm, fit.preprocessor, seen.frame, seen.crops))
    calibrator, columns = fit.calibrator, layer_columns(fit, seen.frame)
    if calibrator.baseline is None or seen.horizon_days is None:
        return UpdateCases.binary(seen.target.value, calibrator.intercept + calibrator.ranking(score), columns)
    return timed_cases(fit, seen.target, calibrator.ranking(score), seen.horizon_days, columns)


def updated_unit(unit: TrainedUnit, update: Update, seen: Patients, seed: int) -> TrainedUnit:
    """The unit with the update in every part of it; the same unit where the update is "none" or there is no model."""
    if unit.procedure is None or unit.ensemble is None or update.rung == NONE:
        return unit
    old, members, cases = unit.procedure.chosen, unit.ensemble.members, cases_of(unit.procedure.chosen, seen)
    if update.rung == REFIT:
        chosen = _refitted_rung(old, update, cases, seen.where)
        drawn = (cases, seen.patients, len(members))
        ensemble = refitted_ensemble(old, *drawn, where=seen.where, seed=seed)
    else:
        chosen = _moved_rung(old, update, seen.where)
        ensemble = Ensemble(tuple(replace(m, calibrator=moved(m.calibrator, update, seen.where)) for m in members))
    rungs = tuple(chosen if fit is old else _beside(fit, update, seen) for fit in unit.procedure.rungs)
    procedure = replace(unit.procedure, chosen=chosen, rungs=rungs)
    if update.rung == REFIT:  # other coefficients: what a block moves is learned where they were
        procedure = replace(procedure, information=chosen.information(seen.frame, seen.crops))
    return replace(unit, procedure=procedure, ensemble=ensemble)


def _refitted_rung(fit: RungFit, update: Update, cases: UpdateCases, where: str) -> RungFit:
    threshold = moved_threshold(fit.threshold, _up_to(SLOPE, cases), where, rung=REFIT)
    return replace(refitted(fit, update, cases, where), threshold=threshold)


def _beside(fit: RungFit, update: Update, seen: Patients) -> RungFit:
    """Another rung of the ladder, updated as far as the chosen one, at most by a slope."""
    return _moved_rung(fit, _up_to(update.rung, cases_of(fit, seen)), seen.where)


def _moved_rung(fit: RungFit, update: Update, where: str) -> RungFit:
    if update.rung == NONE:
        return fit
    threshold = moved_threshold(fit.threshold, update, where, rung=update.rung)
    return replace(fit, calibrator=moved(fit.calibrator, update, where), threshold=threshold)


def _up_to(rung: str, cases: UpdateCases) -> Update:
    """The most that can be fitted here: an intercept where `rung` is that or no slope exists, else a slope too."""
    wanted = [INTERCEPT] if rung == INTERCEPT else [INTERCEPT, SLOPE]
    return list(fit_rungs(cases, wanted)[0].values())[-1]
