"""One finished unit of training: an endpoint with an input set, from the features frame to files.

Everything runs on one thread and from one seed, so the same table gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from outcome.errors import DataRefusal
from outcome.features.columns import FeatureColumn
from outcome.features.crops import NO_CROPS, Crops
from outcome.features.stability import Repeats
from outcome.models.state import State
from outcome.training.adequacy import with_notes
from outcome.training.data import TrainingData
from outcome.training.details import rung_details
from outcome.training.ensemble import Ensemble, refit_ensemble
from outcome.training.files import UNIT, read_as, read_unit, unit_files
from outcome.training.folds import Folds, derive_seed, patient_folds
from outcome.training.information import case_information
from outcome.training.ladder import ladder_json, skipped_json
from outcome.training.nested import cross_fit, prediction_frame
from outcome.training.nested_rungs import likelihood_ratios
from outcome.training.out_of_fold import fold_table, out_of_fold_table
from outcome.training.procedure import FittedProcedure, RungFit, fit_procedure
from outcome.training.rungs import CHOSEN
from outcome.training.settings import TrainingSettings
from outcome.training.spread import widened
from outcome.training.unit_cases import UnitCases
from outcome.training.unit_tables import UNIT_COLUMNS, UNIT_DETAILS, UNIT_INFORMATION, empty_table
from outcome.types import FOLD_COLUMNS, EndpointKind, InputSet, Target


@dataclass(frozen=True, eq=False)
class TrainedUnit:
    """What training gave. `skipped` says why there is no model; then procedure and ensemble are None.

    `out_of_fold_details` (UNIT_DETAILS), `out_of_fold_information` (UNIT_INFORMATION) and `outer_folds` (FOLD_COLUMNS)
    belong to the training run alone: no file of the unit holds them.
    """

    endpoint: str
    kind: EndpointKind
    inputs: InputSet
    horizons_days: tuple[float, ...]
    out_of_fold: pd.DataFrame  # UNIT_COLUMNS, rows by rung ("chosen" first), case, horizon
    ladder: dict[str, Any]
    procedure: FittedProcedure | None = None
    ensemble: Ensemble | None = None
    skipped: str | None = None
    out_of_fold_details: pd.DataFrame = field(default_factory=lambda: empty_table(UNIT_DETAILS))
    out_of_fold_information: pd.DataFrame = field(default_factory=lambda: empty_table(UNIT_INFORMATION))
    outer_folds: pd.DataFrame = field(default_factory=lambda: empty_table(FOLD_COLUMNS))

    @property
    def rungs(self) -> tuple[RungFit, ...]:
        """Every rung fitted to all development rows, simplest first, the chosen one among them."""
        return self.procedure.rungs if self.procedure else ()

    @property
    def harmonised(self) -> tuple[RungFit, ...]:
        """The rungs that put batches on one scale first."""
        return tuple(fit for fit in self.rungs if fit.preprocessor.harmoniser is not None)

    def entered(self, cases: Mapping[str, pd.DataFrame]) -> TrainedUnit:
        """The same unit with further batches, each from the features of some of its cases; nothing else is learned."""
        if self.procedure is None or self.ensemble is None:
            return self
        return replace(self, procedure=self.procedure.entered(cases), ensemble=self.ensemble.entered(cases))

    def rung_named(self, name: str) -> RungFit | None:
        """The fitted rung of this name; None where this unit has none."""
        return next((fit for fit in self.rungs if fit.rung.name == name), None)

    def predict(self, frame: pd.DataFrame, crops: Crops = NO_CROPS, *, every_rung: bool = False) -> pd.DataFrame:
        """Predictions of the final model for new cases, in UNIT_COLUMNS form, with low and high from the refits, wider
        where a case lacks blocks (`outcome.training.spread`).

        With `every_rung` the rows of all rungs follow, simplest first, without low and high. Raises DataRefusal where
        the unit was skipped.
        """
        (procedure, ensemble), days = self._modelled(), self.horizons_days
        made = (
            procedure.predict_rungs(frame, days, crops)
            if every_rung
            else {CHOSEN: procedure.predict(frame, days, crops)}
        )
        risk = made[CHOSEN].risk
        low, high = widened(ensemble.interval(frame, risk, days, crops), risk, self.kind, procedure.change(frame))
        ids = frame.index.to_numpy(dtype=object).tolist()
        tables = [prediction_frame(name, prediction, ids, days, self.kind) for name, prediction in made.items()]
        tables[0] = tables[0].assign(low=low.ravel(), high=high.ravel())
        return self._named(pd.concat(tables, ignore_index=True), UNIT_COLUMNS)

    def details(self, frame: pd.DataFrame, crops: Crops = NO_CROPS) -> pd.DataFrame:
        """What the chosen rung says of new cases beyond its risk, in UNIT_DETAILS form; no row where that is nothing.

        Raises DataRefusal where the unit was skipped.
        """
        chosen, days = self._modelled()[0].chosen, self.horizons_days
        table = rung_details(chosen, chosen.predict(frame, days, crops), frame, days, crops)
        return self._named(table, UNIT_DETAILS)

    def information(self, frame: pd.DataFrame) -> pd.DataFrame:
        """How much of what the chosen rung reads is known of new cases, in UNIT_INFORMATION form, one row a case.

        No row where the unit is of an earlier version. Raises DataRefusal where the unit was skipped.
        """
        procedure = self._modelled()[0]
        told = case_information(procedure.information, procedure.chosen.preprocessor, frame)
        return self._named(told, UNIT_INFORMATION)

    def _modelled(self) -> tuple[FittedProcedure, Ensemble]:
        if self.procedure is None or self.ensemble is None:
            raise DataRefusal(f"there is no model for {self.endpoint}", found=self.skipped or "", next_step="none")
        return self.procedure, self.ensemble

    def _named(self, table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
        return table.assign(endpoint=self.endpoint, inputs=self.inputs.value)[list(columns)]

    def files(self) -> dict[str, bytes]:
        """The unit as files, by name: the same unit gives the same bytes."""
        facts = {
            "endpoint": self.endpoint,
            "kind": self.kind.value,
            "inputs": self.inputs.value,
            "horizons_days": list(self.horizons_days),
            "skipped": self.skipped,
            "ladder": self.ladder,
        }
        states = self.procedure.to_states() if self.procedure else {}
        if self.ensemble:
            states["ensemble"] = self.ensemble.to_state()
        return unit_files(facts, states, self.out_of_fold)

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> TrainedUnit:
        """The unit behind such files. Raises BundleRefusal for missing or foreign files."""
        facts, states, out_of_fold = read_unit(files)
        with read_as(UNIT):
            return cls._of(facts, states, out_of_fold)

    @classmethod
    def _of(cls, facts: Mapping[str, Any], states: Mapping[str, State], out_of_fold: pd.DataFrame) -> TrainedUnit:
        return cls(
            endpoint=facts["endpoint"],
            kind=EndpointKind(facts["kind"]),
            inputs=InputSet(facts["inputs"]),
            horizons_days=tuple(facts["horizons_days"]),
            out_of_fold=out_of_fold,
            ladder=facts["ladder"],
            procedure=FittedProcedure.from_states(states) if "procedure" in states else None,
            ensemble=cls._ensemble(states["ensemble"]) if "ensemble" in states else None,
            skipped=facts["skipped"],
        )

    @staticmethod
    def _ensemble(state: State) -> Ensemble:
        with read_as("ensemble"):
            return Ensemble.from_state(state)

    def save(self, folder: Path) -> None:
        """Write the unit's files into a folder (made if absent)."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files().items():
            (folder / name).write_bytes(content)

    @classmethod
    def load(cls, folder: Path) -> TrainedUnit:
        """Read a unit back; nothing in it is executed."""
        return cls.from_files({path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()})


def train_unit(
    frame: pd.DataFrame,
    columns: Sequence[FeatureColumn],
    target: Target,
    patients: Sequence[str],
    settings: TrainingSettings,
    *,
    inputs: InputSet,
    seed: int,
    horizons: Sequence[float] = (),
    one_number: str | None = None,
    outer_folds: Folds | None = None,
    crops: Crops = NO_CROPS,
    repeats: Repeats | None = None,
    joint: Sequence[Target] = (),
) -> TrainedUnit:
    """Nested cross-validation, then the final model and its refits, for one endpoint and input set.

    The cases are described in `outcome.training.unit_cases`, the rest in `train_cases`.
    """
    cases = UnitCases(
        frame, tuple(columns), target, tuple(patients), inputs,
        horizons=tuple(horizons), one_number=one_number, crops=crops, repeats=repeats, joint=tuple(joint),
    )  # fmt: skip
    return train_cases(cases, settings, seed, outer_folds)


def train_cases(
    cases: UnitCases, settings: TrainingSettings, seed: int, outer_folds: Folds | None = None
) -> TrainedUnit:
    """Nested cross-validation, then the final model and its refits, of one unit.

    `outer_folds` fixes the outer folds (n,), in the order of the frame; without it they are drawn from patients,
    outcome and seed. Too few events, patients or follow-up, or no column: a unit marked `skipped` with the reason, no
    error. Raises DataRefusal for a repeated case.
    """
    data, inputs, days = cases.data(), cases.inputs, cases.horizons
    if outer_folds is not None:
        order = np.argsort(cases.frame.index.to_numpy(dtype=str), kind="stable")
        outer_folds = np.asarray(outer_folds)[order]
    data = data.sorted()
    offered = cases.offer(data, settings)
    if offered.reason:
        return _skipped(data, inputs, days, offered.reason)
    with threadpool_limits(limits=1):
        if outer_folds is None:
            outer_folds = patient_folds(data.patients, data.target, settings.outer_folds, derive_seed(seed, "out"))
        crossed = cross_fit(data, offered.rungs, settings, seed, folds=outer_folds, horizons_days=days)
        procedure = fit_procedure(data, offered.rungs, settings, derive_seed(seed, "final"))
        ensemble = refit_ensemble(procedure, data, settings, derive_seed(seed, "ensemble"))
        nested = likelihood_ratios(data, procedure.rungs)
    table = out_of_fold_table(data, crossed.predictions, inputs, days)
    ladder = ladder_json(data, inputs, procedure, crossed, outer_folds, settings, nested)
    ladder = with_notes(ladder, procedure, data.target, days, offered.refused)
    unit = TrainedUnit(data.target.endpoint, data.target.kind, inputs, days, table, ladder, procedure, ensemble)
    return replace(
        unit,
        outer_folds=fold_table(data, inputs, outer_folds),
        out_of_fold_details=unit._named(crossed.details, UNIT_DETAILS),
        out_of_fold_information=unit._named(crossed.information, UNIT_INFORMATION),
    )


def _skipped(data: TrainingData, inputs: InputSet, days: tuple[float, ...], reason: str) -> TrainedUnit:
    ladder, table = skipped_json(data, inputs, reason), empty_table(UNIT_COLUMNS)
    return TrainedUnit(data.target.endpoint, data.target.kind, inputs, days, table, ladder, skipped=reason)
