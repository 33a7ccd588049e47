"""One complete way from training rows to a model: search, choice, calibration, threshold, refit.

Cross-validating this whole procedure, and nothing less, is what makes an out-of-fold prediction honest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from outcome.features.preprocess import Preprocessor, fit_preprocessor
from outcome.models.fitted import FittedModel
from outcome.models.registry import fit_model, model_from_state
from outcome.models.state import State
from outcome.training.calibration import Calibrator, fit_calibrator
from outcome.training.choice import choose
from outcome.training.data import TrainingData
from outcome.training.folds import derive_seed
from outcome.training.rungs import Params, Rung
from outcome.training.search import METRICS, Candidate, rung_rules, search
from outcome.training.settings import TrainingSettings
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

    def predict(self, frame: pd.DataFrame, horizons_days: Sequence[float] = ()) -> Prediction:
        """Calibrated risks and ranking scores of new cases."""
        score = self.model.score(self.preprocessor.transform(frame))
        return Prediction(self.calibrator.risk(score, horizons_days), self.calibrator.ranking(score))

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
        return cls(
            Rung.from_json(numbers["rung"]),
            numbers["params"],
            Preprocessor.from_json(numbers["preprocessor"]),
            model_from_state(state.part(numbers["model"], "model")),
            Calibrator.from_json(numbers["calibrator"]),
            None if numbers["threshold"] is None else Threshold.from_json(numbers["threshold"]),
        )


@dataclass(frozen=True, eq=False)
class FittedProcedure:
    """The chosen rung, fitted to all given rows, and how it was chosen.

    `rung_scores`: one row a rung, simplest first: rung, algorithm, params, mean (inner metric), standard_error.
    `inner_scores` (n,) are the chosen rung's inner out-of-fold scores of the known rows, on which the calibrator was
    learned; they serve its refits and are not kept in the state (None after reading one).
    """

    chosen: RungFit
    metric: str
    rung_scores: tuple[dict[str, Any], ...]
    reason: str
    inner_scores: FloatArray | None = None

    @property
    def threshold(self) -> Threshold | None:
        return self.chosen.threshold

    def predict(self, frame: pd.DataFrame, horizons_days: Sequence[float] = ()) -> Prediction:
        """Calibrated risks and ranking scores of new cases by the chosen rung."""
        return self.chosen.predict(frame, horizons_days)

    def to_state(self) -> State:
        inner = self.chosen.to_state()
        scores = [dict(row) for row in self.rung_scores]
        numbers = {"chosen": dict(inner.numbers), "metric": self.metric, "rung_scores": scores, "reason": self.reason}
        return State(numbers, inner.arrays)

    @classmethod
    def from_state(cls, state: State) -> FittedProcedure:
        numbers = state.numbers
        chosen = RungFit.from_state(State(numbers["chosen"], state.arrays))
        return cls(chosen, numbers["metric"], tuple(numbers["rung_scores"]), numbers["reason"])


@dataclass(frozen=True, eq=False)
class FittedLadder:
    """The procedure, and beside it every rung with its own best params, fitted to the same rows."""

    procedure: FittedProcedure
    rungs: tuple[RungFit, ...]


def fit_procedure(data: TrainingData, rungs: Sequence[Rung], settings: TrainingSettings, seed: int) -> FittedProcedure:
    """Search, choose, calibrate, set the threshold and refit, on the rows whose outcome is known.

    Raises ValueError without a rung or with fewer patients than inner folds.
    """
    return _fit(data, rungs, settings, seed, every_rung=False).procedure


def fit_ladder(data: TrainingData, rungs: Sequence[Rung], settings: TrainingSettings, seed: int) -> FittedLadder:
    """As `fit_procedure`, with every rung fitted for comparison."""
    return _fit(data, rungs, settings, seed, every_rung=True)


def refit(fitted: RungFit, data: TrainingData, settings: TrainingSettings, seed: int) -> RungFit:
    """The same rung and params learned anew on other rows; calibration and threshold stay as they are."""
    columns = fitted.preprocessor.columns
    rules = rung_rules(fitted.rung, settings.rules)
    preprocessor = fit_preprocessor(data.frame, columns, rules, data.target)
    X = preprocessor.transform(data.frame)
    model = fit_model(fitted.rung.algorithm, X, data.target, fitted.params, seed)
    return replace(fitted, preprocessor=preprocessor, model=model)


def _fit(
    data: TrainingData, rungs: Sequence[Rung], settings: TrainingSettings, seed: int, *, every_rung: bool
) -> FittedLadder:
    if not rungs:
        raise ValueError("no rung to fit: the study has no column that a model may read")
    data = data.known()
    found = search(data, rungs, settings, derive_seed(seed, "search"))
    metric = METRICS[data.target.kind][0]
    choice = choose(found, metric)
    wanted = found.best if every_rung else (choice.candidate,)
    fits = {id(c): _finish(data, c, settings, derive_seed(seed, "refit")) for c in wanted}
    scores = tuple(_score_row(candidate, found.standard_error) for candidate in found.best)
    chosen = choice.candidate
    procedure = FittedProcedure(fits[id(chosen)], metric, scores, choice.reason, chosen.out_of_fold)
    return FittedLadder(procedure, tuple(fits[id(candidate)] for candidate in wanted))


def _finish(data: TrainingData, candidate: Candidate, settings: TrainingSettings, seed: int) -> RungFit:
    """Calibrate on the inner out-of-fold scores, then fit preprocessing and model to all rows."""
    calibrator = fit_calibrator(data.target, candidate.out_of_fold, settings.few_events)
    threshold = None
    if data.target.kind is EndpointKind.BINARY and 0 < data.target.value.sum() < len(data):
        threshold = youden_threshold(data.target.value, calibrator.risk(candidate.out_of_fold)[:, 0])
    rung = candidate.rung
    rules = rung_rules(rung, settings.rules)
    preprocessor = fit_preprocessor(data.frame, rung.pick(data.columns), rules, data.target)
    X = preprocessor.transform(data.frame)
    model = fit_model(rung.algorithm, X, data.target, candidate.params, seed)
    return RungFit(rung, candidate.params, preprocessor, model, calibrator, threshold)


def _score_row(candidate: Candidate, error: float) -> dict[str, Any]:
    rung = candidate.rung
    row = {"rung": rung.name, "algorithm": rung.algorithm, "complexity": rung.complexity}
    return {**row, "params": dict(candidate.params), "mean": candidate.mean, "standard_error": error}
