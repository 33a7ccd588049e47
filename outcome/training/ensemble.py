"""How much would a risk move, had other patients been in the training set? Refits on resampled patients.

The interval says how unstable the model is under resampling of its training patients. It is neither a confidence
interval of the true risk nor a range of outcomes. Riley & Collins 2023, doi:10.1002/bimj.202200302.
Departure: few refits (a network's) give it by way of their standard deviation, see `outcome.training.spread`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from outcome.features.columns import columns_from_json, columns_to_json
from outcome.features.crops import NO_CROPS, Crops
from outcome.features.imputation import Imputer
from outcome.features.outputs import Output
from outcome.features.preprocess import Preprocessor
from outcome.models.fitted import FittedModel
from outcome.models.hazard import BaselineHazard
from outcome.models.inputs import output_blocks
from outcome.models.registry import model_from_state, of_subdistribution
from outcome.models.state import Array, State
from outcome.models.width import refuse_other_width
from outcome.training.calibration import Calibrator, fit_calibrator
from outcome.training.data import TrainingData, read_inputs
from outcome.training.folds import derive_seed
from outcome.training.member_harmonisers import packed, unpacked
from outcome.training.procedure import FittedProcedure, refit
from outcome.training.settings import TrainingSettings
from outcome.training.spread import spread_interval
from outcome.types import FloatArray

SHAPE = ("name", "source", "role", "log1p", "level", "fill_level")
LEARNED = ("fill", "low", "high", "mean", "sd")


@dataclass(frozen=True, eq=False)
class Member:
    """One refit: preprocessing, model and calibration."""

    preprocessor: Preprocessor
    model: FittedModel
    calibrator: Calibrator

    def risk(self, frame: pd.DataFrame, horizons_days: Sequence[float] = (), crops: Crops = NO_CROPS) -> FloatArray:
        """This refit's risk, shape (n, h)."""
        score = self.model.score(read_inputs(self.model.algorithm, self.preprocessor, frame, crops))
        return self.calibrator.risk(score, horizons_days)


@dataclass(frozen=True, eq=False)
class Ensemble:
    """The refits of a chosen rung."""

    members: tuple[Member, ...]

    def risks(self, frame: pd.DataFrame, horizons_days: Sequence[float] = (), crops: Crops = NO_CROPS) -> FloatArray:
        """Every member's risk, shape (members, n, h)."""
        return np.array([member.risk(frame, horizons_days, crops) for member in self.members])

    def interval(
        self, frame: pd.DataFrame, risk: FloatArray, horizons_days: Sequence[float] = (), crops: Crops = NO_CROPS
    ) -> tuple[FloatArray, FloatArray]:
        """(low, high) around the chosen model's risk (n, h), see `spread_interval`; NaN without members."""
        if not self.members:
            return np.full(risk.shape, np.nan), np.full(risk.shape, np.nan)
        kind = self.members[0].model.kind
        return spread_interval(self.risks(frame, horizons_days, crops), risk, kind)

    def entered(self, cases: Mapping[str, pd.DataFrame]) -> Ensemble:
        """The same refits with further batches (name: features of some of its cases), where they harmonise."""
        return Ensemble(tuple(replace(m, preprocessor=m.preprocessor.entered(cases)) for m in self.members))

    def to_state(self) -> State:
        """What outputs are stands once, what each member learned in arrays: many refits stay small."""
        shapes = sorted({_shape(output) for member in self.members for output in member.preprocessor.outputs})
        arrays: dict[str, Any] = {}
        models = []
        for i, member in enumerate(self.members):
            outputs, model = member.preprocessor.outputs, member.model.to_state()
            arrays[f"{i}.outputs"] = np.array([shapes.index(_shape(output)) for output in outputs], dtype=np.int32)
            arrays[f"{i}.learned"] = np.array([_learned(output) for output in outputs]).reshape(-1, len(LEARNED))
            arrays.update(model.under(f"{i}.model"))
            arrays.update(_imputer_arrays(member.preprocessor, f"{i}.imputer"))
            models.append({"model": dict(model.numbers), "calibrator": _without_baseline(member.calibrator)})
            arrays.update(_baseline_arrays(member.calibrator, f"{i}.baseline"))
        columns = columns_to_json(self.members[0].preprocessor.columns) if self.members else []
        rows = [list(shape) for shape in shapes]
        told, numbers = packed([member.preprocessor.harmoniser for member in self.members])
        harmonised = {"harmonisers": told} if told else {}
        return State({"columns": columns, "outputs": rows, "members": models, **harmonised}, {**arrays, **numbers})

    @classmethod
    def from_state(cls, state: State) -> Ensemble:
        columns = columns_from_json(state.numbers["columns"])
        shapes = state.numbers["outputs"]
        members, told = [], state.numbers.get("harmonisers", {})
        for i, numbers in enumerate(state.numbers["members"]):
            harmoniser = unpacked(told, state.arrays, i)
            which, learned = state.arrays[f"{i}.outputs"], state.arrays[f"{i}.learned"]
            if (which < 0).any():
                raise ValueError(f"refit {i} reads a column before the first")
            outputs = tuple(_output(shapes[k], row) for k, row in zip(which, learned.tolist(), strict=True))
            model = model_from_state(state.part(numbers["model"], f"{i}.model"))
            calibrator = _calibrator(numbers["calibrator"], state.arrays.get(f"{i}.baseline"))
            imputer = _imputer(state.part({}, f"{i}.imputer"))
            preprocessor = Preprocessor(columns, outputs, (), harmoniser, imputer)
            if imputer is not None and imputer.columns > len(outputs):
                raise ValueError(f"refit {i} imputes {imputer.columns} columns of {len(outputs)}")
            refuse_other_width(model.scorer, output_blocks(preprocessor))
            members.append(Member(preprocessor, model, calibrator))
        return cls(tuple(members))


def refit_ensemble(procedure: FittedProcedure, data: TrainingData, settings: TrainingSettings, seed: int) -> Ensemble:
    """Refits of the chosen rung, as many as `settings.refits` says, each on patients drawn with replacement.

    Each member's calibrator is learned on the drawn rows' inner out-of-fold scores, so that a model which ranks
    nothing still has an interval: that of the event share. The choice of the rung is not repeated.
    """
    data = data.known()
    scores = procedure.inner_scores
    if scores is None:
        raise ValueError("a procedure read back from files cannot be refitted: its inner scores are not kept")
    subdistribution = of_subdistribution(procedure.chosen.rung.algorithm)
    members = []
    for i in range(settings.refits(procedure.chosen.rung.slowest)):
        rows = resample_patients(data, np.random.default_rng(derive_seed(seed, "bootstrap", i)))
        fitted = refit(procedure.chosen, data.take(rows), settings, derive_seed(seed, "member", i))
        model = fitted.model
        if model.baseline is not None:
            # the calibrator carries the baseline; a member's own would only be dead weight in the file
            empty = np.empty(0)
            model = replace(model, baseline=replace(model.baseline, times=empty, event=empty, competing=empty))
        calibrator = fit_calibrator(
            data.target.take(rows), scores[rows], settings.few_events, subdistribution=subdistribution
        )
        members.append(Member(replace(fitted.preprocessor, dropped=()), model, calibrator))
    return Ensemble(tuple(members))


def _without_baseline(calibrator: Calibrator) -> dict[str, Any]:
    return {**calibrator.to_json(), "baseline": None}


def _baseline_arrays(calibrator: Calibrator, name: str) -> dict[str, FloatArray]:
    baseline = calibrator.baseline
    return {} if baseline is None else {name: np.array([baseline.times, baseline.event, baseline.competing])}


def _imputer_arrays(preprocessor: Preprocessor, name: str) -> dict[str, Array]:
    return {} if preprocessor.imputer is None else State({}, preprocessor.imputer.arrays()).under(name)


def _imputer(state: State) -> Imputer | None:
    return Imputer.from_arrays(state.arrays) if state.arrays else None


def _calibrator(numbers: dict[str, Any], baseline: FloatArray | None) -> Calibrator:
    calibrator = Calibrator.from_json(numbers)
    return (calibrator if baseline is None else replace(calibrator, baseline=BaselineHazard(*baseline))).whole()


def resample_patients(data: TrainingData, rng: np.random.Generator) -> np.ndarray:
    """Row indices of as many patients as there are, drawn with replacement; a patient brings all rows."""
    names, member = np.unique(data.patients, return_inverse=True)
    drawn = rng.integers(0, len(names), size=len(names))
    order = np.argsort(member, kind="stable")
    starts = np.searchsorted(member[order], np.arange(len(names) + 1))
    return np.concatenate([order[starts[i] : starts[i + 1]] for i in drawn])


def _shape(output: Output) -> tuple[Any, ...]:
    """What it is; the order of a step stands last and only there, so that refits without one are written as ever."""
    return (*(getattr(output, name) for name in SHAPE), *([output.order] if output.order else []))


def _learned(output: Output) -> tuple[float, ...]:
    return tuple(getattr(output, name) for name in LEARNED)


def _output(shape: Sequence[Any], learned: Sequence[float]) -> Output:
    order = {"order": shape[len(SHAPE)]} if len(shape) > len(SHAPE) else {}
    parts: dict[str, Any] = dict(zip((*SHAPE, *LEARNED), (*shape[: len(SHAPE)], *learned), strict=True))
    return Output(**parts, **order)
