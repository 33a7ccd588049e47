"""How well does each rung do on training cases it has not seen? Inner cross-validation over rungs and their grids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from outcome.evaluation.concordance import concordance, harrell_c
from outcome.evaluation.discrimination import auroc
from outcome.features.preprocess import Rules, fit_preprocessor
from outcome.models.inputs import Inputs
from outcome.models.registry import ALGORITHMS, fit_model
from outcome.training.data import TrainingData
from outcome.training.folds import Folds, derive_seed, patient_folds
from outcome.training.rungs import Params, Rung
from outcome.training.settings import TrainingSettings
from outcome.types import EndpointKind, FloatArray, Target


@dataclass(frozen=True, eq=False)
class Candidate:
    """One rung with one set of params: its inner out-of-fold scores (n,) and its metric in each inner fold (k,)."""

    rung: Rung
    params: Params
    out_of_fold: FloatArray
    fold_scores: FloatArray

    @property
    def mean(self) -> float:
        """The mean over folds that could be scored (both outcomes present); chance level where none could."""
        scored = self.fold_scores[np.isfinite(self.fold_scores)]
        return float(scored.mean()) if len(scored) else 0.5


@dataclass(frozen=True, eq=False)
class Search:
    """The best candidate of each rung, simplest rung first, and the standard error of a mean score."""

    best: tuple[Candidate, ...]
    standard_error: float


def search(data: TrainingData, rungs: Sequence[Rung], settings: TrainingSettings, seed: int) -> Search:
    """The best params of every rung by inner patient-grouped cross-validation on these rows alone.

    All outcomes known. Of equal scores the more restrained params (earlier in the grid) win.
    """
    folds = patient_folds(data.patients, data.target, settings.inner_folds, derive_seed(seed, "inner"))
    out_of_fold = _out_of_fold(data, rungs, settings, folds, seed)
    candidates = [
        Candidate(rung, params, scores, _fold_scores(data.target, scores, folds))
        for rung, tried in zip(rungs, out_of_fold, strict=True)
        for params, scores in zip(rung.grid, tried, strict=True)
    ]
    ordered = sorted(rungs, key=lambda rung: rung.complexity)
    best = tuple(max((c for c in candidates if c.rung is rung), key=lambda c: c.mean) for rung in ordered)
    return Search(best, pooled_standard_error(candidates))


def pooled_standard_error(candidates: Sequence[Candidate]) -> float:
    """The standard error of a mean over folds, from the between-fold variance pooled over all candidates.

    Three numbers give no usable variance, so every candidate lends its own; see decision 0002.
    """
    scored = [c.fold_scores[np.isfinite(c.fold_scores)] for c in candidates]
    variances = [float(np.var(scores, ddof=1)) / len(scores) for scores in scored if len(scores) > 1]
    return float(np.sqrt(np.mean(variances))) if variances else 0.0


def metric_of(target: Target, score: FloatArray) -> float:
    """The primary metric of an endpoint's kind; 0.5 is chance, NaN where it is undefined."""
    return METRICS[target.kind][1](target, score)


def rung_rules(rung: Rung, rules: Rules) -> Rules:
    """The preprocessing rules of one rung."""
    return replace(rules, top_k=rung.top_k)


def _out_of_fold(
    data: TrainingData, rungs: Sequence[Rung], settings: TrainingSettings, folds: Folds, seed: int
) -> list[list[FloatArray]]:
    """Inner out-of-fold scores, by rung and params; rungs that read the same columns share a preprocessing."""
    scores = [[np.empty(len(data)) for _ in rung.grid] for rung in rungs]
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        train, test = data.take(~held), data.take(held)
        prepared: dict[Any, tuple[Inputs, Inputs]] = {}
        for rung, tried in zip(rungs, scores, strict=True):
            columns = rung.pick(data.columns)
            reads_images = ALGORITHMS[rung.algorithm].reads_images
            key = (reads_images, rung.top_k, tuple(column.name for column in columns))
            if key not in prepared:
                fitted = fit_preprocessor(train.frame, columns, rung_rules(rung, settings.rules), train.target)
                prepared[key] = train.inputs(rung.algorithm, fitted), test.inputs(rung.algorithm, fitted)
            X, held_X = prepared[key]
            for params, column in zip(rung.grid, tried, strict=True):
                model = fit_model(rung.algorithm, X, train.target, params, seed, device=settings.device)
                column[held] = model.score(held_X)
    return scores


def _fold_scores(target: Target, score: FloatArray, folds: Folds) -> FloatArray:
    held = [folds == fold for fold in range(int(folds.max()) + 1)]
    return np.array([metric_of(target.take(rows), score[rows]) for rows in held])


def _auroc(target: Target, score: FloatArray) -> float:
    return auroc(target.value, score)


def _harrell(target: Target, score: FloatArray) -> float:
    return harrell_c(target.time_days, target.event, score)


def _concordance(target: Target, score: FloatArray) -> float:
    return concordance(target.value, score)


METRICS: Mapping[EndpointKind, tuple[str, Callable[[Target, FloatArray], float]]] = {
    EndpointKind.BINARY: ("auroc", _auroc),
    EndpointKind.TIME_TO_EVENT: ("harrell_c", _harrell),
    EndpointKind.DURATION: ("concordance", _concordance),
    EndpointKind.ORDINAL: ("concordance", _concordance),
    EndpointKind.CONTINUOUS: ("concordance", _concordance),
}
