"""One complete way from training rows to a model: search, choice, calibration, threshold, refit.

Cross-validating this whole procedure, and nothing less, is what makes an out-of-fold prediction honest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from outcome.features.crops import NO_CROPS, Crops
from outcome.features.preprocess import Preprocessor
from outcome.models.fitted import FittedModel
from outcome.models.inputs import output_blocks
from outcome.models.registry import model_from_state, of_subdistribution
from outcome.models.stacking import StackedScorer
from outcome.models.state import State
from outcome.models.width import refuse_other_width
from outcome.training.calibration import Calibrator, fit_calibrator
from outcome.training.candidates import METRICS, Candidate
from outcome.training.choice import choose
from outcome.training.data import TrainingData, read_inputs
from outcome.training.files import read_as
from outcome.training.folds import derive_seed
from outcome.training.information import Information, learn_information
from outcome.training.learning import Learned, learn, learn_stack
from outcome.training.rungs import CHOSEN, Params, Rung
from outcome.training.search import search
from outcome.training.settings import TrainingSettings
from outcome.training.stability import with_reasons, without_unstable
from outcome.training.threshold import Threshold, youden_threshold
from outcome.types import EndpointKind, FloatArray


@dataclass(frozen=True, eq=False)
class Prediction:
    """`risk` (n, h): probability or predicted value by horizon; `score` (n,) ranks, higher is riskier or larger."""

    risk: FloatArray
    score: FloatArray


@dataclass(frozen=True, eq=False)
class RungFit:
    """One rung fitted to given rows: preprocessing, model, calibration and (binary) threshold."""

    rung: Rung
    params: Params
    preprocessor: Preprocessor
    model: FittedModel
    calibrator: Calibrator
    threshold: Threshold | None

    def predict(self, frame: pd.DataFrame, horizons_days: Sequence[float] = (), crops: Crops = NO_CROPS) -> Prediction:
        """Calibrated risks and ranking scores of new cases."""
        score = self.score(frame, crops)
        return Prediction(self.calibrator.risk(score, horizons_days), self.calibrator.ranking(score))

    def score(self, frame: pd.DataFrame, crops: Crops = NO_CROPS) -> FloatArray:
        """The model's own score of new cases (n,), before calibration."""
        return self.model.score(read_inputs(self.rung.algorithm, self.preprocessor, frame, crops))

    def information(self, frame: pd.DataFrame, crops: Crops = NO_CROPS) -> Information:
        """What each block moves in the scores of the cases that the rung was fitted to."""
        return learn_information(self.preprocessor, lambda cases: self.score(cases, crops), frame)

    def entered(self, cases: Mapping[str, pd.DataFrame]) -> RungFit:
        """The same rung with further batches (name: features of some of its cases), where it harmonises."""
        return replace(self, preprocessor=self.preprocessor.entered(cases))

    def to_state(self) -> State:
        model = self.model.to_state()
        numbers = {
            "rung": self.rung.to_json(),
            "params": dict(self.params),
            "preprocessor": self.preprocessor.to_json(),
            "model": dict(model.numbers),
            "calibrator": self.calibrator.to_json(),
            "threshold": self.threshold.to_json() if self.threshold else None,
        }
        return State(numbers, model.under("model"))

    @classmethod
    def from_state(cls, state: State) -> RungFit:
        numbers = state.numbers
        preprocessor = Preprocessor.from_json(numbers["preprocessor"])
        model = model_from_state(state.part(numbers["model"], "model"))
        refuse_other_width(model.scorer, output_blocks(preprocessor))
        return cls(
            Rung.from_json(numbers["rung"]),
            numbers["params"],
            preprocessor,
            model,
            Calibrator.from_json(numbers["calibrator"]).whole(),
            None if numbers["threshold"] is None else Threshold.from_json(numbers["threshold"]),
        )


@dataclass(frozen=True, eq=False)
class FittedProcedure:
    """Every rung with its own best params, fitted to all given rows, which one was chosen, and why.

    `rungs`: simplest first, the chosen one among them. `rung_scores`: one row a rung, in the same order: rung,
    algorithm, params, mean (inner metric), how far it is behind the best, standard_error of that difference, and the
    trials where params were searched.
    `inner_scores` (n,) are the chosen rung's inner out-of-fold scores of the known rows, on which the calibrator was
    learned; they serve its refits and are not kept in the states (None after reading them).
    `information`: what each block moves in the chosen rung's score; None in files of earlier versions.
    """

    chosen: RungFit
    rungs: tuple[RungFit, ...]
    metric: str
    rung_scores: tuple[dict[str, Any], ...]
    reason: str
    inner_scores: FloatArray | None = None
    information: Information | None = None

    @property
    def threshold(self) -> Threshold | None:
        return self.chosen.threshold

    def predict(self, frame: pd.DataFrame, horizons_days: Sequence[float] = (), crops: Crops = NO_CROPS) -> Prediction:
        """Calibrated risks and ranking scores of new cases by the chosen rung."""
        return self.chosen.predict(frame, horizons_days, crops)

    def change(self, frame: pd.DataFrame) -> FloatArray:
        """(n,) what the blocks that cases lack move in the chosen rung's calibrated score; 0 where none is lacking."""
        if self.information is None:
            return np.zeros(len(frame))
        return abs(self.chosen.calibrator.slope) * self.information.change(self.chosen.preprocessor, frame)

    def predict_rungs(
        self, frame: pd.DataFrame, horizons_days: Sequence[float] = (), crops: Crops = NO_CROPS
    ) -> dict[str, Prediction]:
        """The same by every rung, by name: the choice as "chosen" first, then all rungs, simplest first."""
        made = {fit.rung.name: fit.predict(frame, horizons_days, crops) for fit in self.rungs}
        return {CHOSEN: made[self.chosen.rung.name], **made}

    def entered(self, cases: Mapping[str, pd.DataFrame]) -> FittedProcedure:
        """The same procedure with further batches in every rung that harmonises."""
        rungs = tuple(fit.entered(cases) for fit in self.rungs)
        chosen = next(new for new, old in zip(rungs, self.rungs, strict=True) if old is self.chosen)
        return replace(self, chosen=chosen, rungs=rungs)

    def to_states(self) -> dict[str, State]:
        """`procedure`: the chosen rung and the choice; `rung_<i>`: every other rung, i its place in `rungs`."""
        inner = self.chosen.to_state()
        scores = [dict(row) for row in self.rung_scores]
        numbers = {"chosen": dict(inner.numbers), "metric": self.metric, "rung_scores": scores, "reason": self.reason}
        if self.information is not None:
            numbers["information"] = self.information.to_json()
        others = {f"rung_{i}": fit.to_state() for i, fit in enumerate(self.rungs) if fit is not self.chosen}
        return {"procedure": State(numbers, inner.arrays), **others}

    @classmethod
    def from_states(cls, states: Mapping[str, State]) -> FittedProcedure:
        numbers = states["procedure"].numbers
        with read_as("procedure"):
            chosen = RungFit.from_state(State(numbers["chosen"], states["procedure"].arrays))
        scores = tuple(numbers["rung_scores"])
        rungs = tuple(
            chosen if row["rung"] == chosen.rung.name else _rung(states, f"rung_{i}") for i, row in enumerate(scores)
        )
        told = Information.from_json(numbers["information"]) if "information" in numbers else None
        return cls(chosen, rungs, numbers["metric"], scores, numbers["reason"], information=told)


def _rung(states: Mapping[str, State], name: str) -> RungFit:
    with read_as(name):
        return RungFit.from_state(states[name])


def refit(fitted: RungFit, data: TrainingData, settings: TrainingSettings, seed: int) -> RungFit:
    """The same rung and params learned anew on other rows; calibration and threshold stay as they are.

    Columns that were left out as unstable stay out and no others are: a resample holds fewer distinct repeated cases
    and would lose columns for that alone. A stack keeps its weights: a resample's own would need its models' scores of
    unseen cases.
    """
    scorer, columns = fitted.model.scorer, fitted.preprocessor.columns
    if isinstance(scorer, StackedScorer):
        preprocessor, model = learn_stack(data, fitted.rung, columns, scorer.weights, settings, seed)
    else:
        preprocessor, model = learn(data, fitted.rung, columns, fitted.params, settings, seed)
    return replace(fitted, preprocessor=preprocessor, model=model)


def fit_procedure(data: TrainingData, rungs: Sequence[Rung], settings: TrainingSettings, seed: int) -> FittedProcedure:
    """Search, choose, calibrate, set the threshold and fit every rung, on the rows whose outcome is known.

    Raises ValueError without a rung or with fewer patients than inner folds.
    """
    if not rungs:
        raise ValueError("no rung to fit: the study has no column that a model may read")
    data = data.known()
    found = search(data, rungs, settings, derive_seed(seed, "search"))
    metric = METRICS[data.target.kind][0]
    choice = choose(found, metric)
    stable = without_unstable(data)
    fits = tuple(_finish(stable, candidate, settings, derive_seed(seed, "refit")) for candidate in found)
    scores = tuple(_score_row(candidate, choice.best) for candidate in found)
    chosen = next(fit for fit, candidate in zip(fits, found, strict=True) if candidate is choice.candidate)
    told = chosen.information(data.frame, data.crops)
    return FittedProcedure(chosen, fits, metric, scores, choice.reason, choice.candidate.out_of_fold, told)


def _finish(data: TrainingData, candidate: Candidate, settings: TrainingSettings, seed: int) -> RungFit:
    """Calibrate on the inner out-of-fold scores, then fit preprocessing and model to all rows."""
    subdistribution = of_subdistribution(candidate.rung.algorithm)
    calibrator = fit_calibrator(
        data.target, candidate.out_of_fold, settings.few_events, subdistribution=subdistribution
    )
    threshold = None
    if data.target.kind is EndpointKind.BINARY and 0 < data.target.value.sum() < len(data):
        threshold = youden_threshold(data.target.value, calibrator.risk(candidate.out_of_fold)[:, 0])
    rung = _settled(candidate)
    preprocessor, model = _learned(data, candidate, rung, settings, seed)
    return RungFit(rung, candidate.params, with_reasons(preprocessor, rung, data), model, calibrator, threshold)


def _learned(data: TrainingData, candidate: Candidate, rung: Rung, settings: TrainingSettings, seed: int) -> Learned:
    """Preprocessing and model on all rows; a stack with the weights that its search settled."""
    columns = rung.pick(data.columns)
    if candidate.stack is None:
        return learn(data, rung, columns, candidate.params, settings, seed)
    return learn_stack(data, rung, columns, candidate.stack.weights, settings, seed)


def _settled(candidate: Candidate) -> Rung:
    """The rung, each base of a stack with its best params alone."""
    if candidate.stack is None:
        return candidate.rung
    chosen = zip(candidate.rung.bases, candidate.stack.params, strict=True)
    return replace(candidate.rung, bases=tuple(replace(base, grid=(params,)) for base, params in chosen))


def _score_row(candidate: Candidate, best: Candidate) -> dict[str, Any]:
    rung, (behind, error) = candidate.rung, candidate.behind(best)
    row = {"rung": rung.name, "algorithm": rung.algorithm, "complexity": rung.complexity}
    scores = {"mean": candidate.mean, "behind": behind, "standard_error": error}
    trials = {"trials": [trial.to_json() for trial in candidate.trials]} if candidate.trials else {}
    return {**row, "params": dict(candidate.params), **scores, **trials}
