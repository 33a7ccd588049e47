"""How far does a number depend on who was held out with whom? The same procedure on further outer folds.

Each repeat cross-fits the whole procedure once more, on other folds of the same patients, and gives its own out-of-fold
predictions. They are not averaged over repeats: that would judge an ensemble, and not a model like the one handed on.
Repeats judge; nothing of them enters the choice of the model, its refits or its calibration. Krstajic et al. 2014,
doi:10.1186/1758-2946-6-10 (repeated nested cross-validation).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd
from threadpoolctl import threadpool_limits

from outcome.training.folds import derive_seed, patient_folds
from outcome.training.nested import cross_fit
from outcome.training.out_of_fold import FIRST, fold_table, out_of_fold_table
from outcome.training.procedure import FittedProcedure
from outcome.training.rungs import CHOSEN
from outcome.training.settings import TrainingSettings
from outcome.training.unit_cases import UnitCases


@dataclass(frozen=True, eq=False)
class OuterRepeat:
    """What one further partition gave, or why there is none (`skipped`).

    `predictions`: rows of the rung "chosen" as in a unit's out-of-fold table, with `repeat` and `fold`; empty where
    skipped. `procedures`: what was fitted without each fold.
    """

    repeat: int
    predictions: pd.DataFrame
    procedures: tuple[FittedProcedure, ...] = ()
    chosen_in_outer_folds: Mapping[str, int] = field(default_factory=dict)  # rung: in how many folds
    skipped: str | None = None


def repeat_outer_folds(repeat: int, cases: UnitCases, settings: TrainingSettings, seed: int) -> OuterRepeat:
    """Cross-fit one unit on the partition number `repeat`, 2 or more.

    Folds are of patients and stratified as the first ones, from a seed of their own, and so are the fits. The procedure
    of a fold depends on the rows outside it alone. Raises ValueError for another number and
    DataRefusal for a repeated case.
    """
    if repeat <= FIRST:
        raise ValueError(f"repeats count from {FIRST + 1}, for {FIRST} is the partition of the unit, found {repeat}")
    data, days = cases.data().sorted(), cases.horizons
    offered = cases.offer(data, settings)
    if offered.reason:
        return OuterRepeat(repeat, pd.DataFrame(), skipped=offered.reason)
    own = derive_seed(seed, "repeat", repeat)
    folds = patient_folds(data.patients, data.target, settings.outer_folds, derive_seed(own, "out"))
    with threadpool_limits(limits=1):
        crossed = cross_fit(data, offered.rungs, settings, own, folds=folds, horizons_days=days)
    made = out_of_fold_table(data, {CHOSEN: crossed.predictions[CHOSEN]}, cases.inputs, days)
    held = fold_table(data, cases.inputs, folds, repeat)[["case_id", "repeat", "fold"]]
    picks = Counter(fitted.chosen.rung.name for fitted in crossed.procedures)
    return OuterRepeat(repeat, made.merge(held, on="case_id"), crossed.procedures, dict(sorted(picks.items())))
