"""How well does each rung do on training cases it has not seen? Inner cross-validation over rungs and their grids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from outcome.evaluation.discrimination.concordance import (
    concordance,
    concordance_influence,
    harrell_c,
    measured_influence,
)
from outcome.evaluation.discrimination.roc import auroc, auroc_influence
from outcome.models.inputs import Inputs
from outcome.models.registry import ALGORITHMS, fit_model
from outcome.training.data import TrainingData
from outcome.training.folds import Folds, derive_seed, patient_folds
from outcome.training.learning import rung_preprocessor
from outcome.training.rungs import Params, Rung
from outcome.training.settings import TrainingSettings
from outcome.training.stability import without_unstable
from outcome.training.stacking import Stack, search_stack
from outcome.types import EndpointKind, FloatArray, Target


@dataclass(frozen=True, eq=False)
class Candidate:
    """One rung with one set of params: its inner out-of-fold scores (n,) and its metric in each fold tried (k,).

    `pulls` (patients,) is how much each patient pulls `mean`: the sum of squares is its variance, and that of the
    difference between two candidates' pulls is the variance of the difference between their means. `stack` is what was
    settled of a stack, on the first partition into folds.
    """

    rung: Rung
    params: Params
    out_of_fold: FloatArray
    fold_scores: FloatArray
    pulls: FloatArray
    stack: Stack | None = None

    @property
    def mean(self) -> float:
        """The mean over folds that could be scored (both outcomes present); chance level where none could."""
        scored = self.fold_scores[np.isfinite(self.fold_scores)]
        return float(scored.mean()) if len(scored) else 0.5

    def behind(self, other: Candidate) -> tuple[float, float]:
        """How far this one's mean lies below the other's, and the standard error of that difference."""
        return other.mean - self.mean, float(np.sqrt(np.sum((other.pulls - self.pulls) ** 2)))


def search(data: TrainingData, rungs: Sequence[Rung], settings: TrainingSettings, seed: int) -> tuple[Candidate, ...]:
    """The best params of every rung, simplest first, by inner patient-grouped cross-validation on these rows alone.

    All outcomes known. Of equal scores the more restrained params (earlier in the grid) win. With several
    `inner_repeats` the folds are drawn anew each time, so that one lucky partition decides less.
    """
    rounds = [_round(data, rungs, settings, seed, repeat) for repeat in range(settings.inner_repeats)]
    candidates = [_averaged(same) for same in zip(*rounds, strict=True)]
    ordered = sorted(rungs, key=lambda rung: rung.complexity)
    return tuple(max((c for c in candidates if c.rung is rung), key=lambda c: c.mean) for rung in ordered)


def _round(
    data: TrainingData, rungs: Sequence[Rung], settings: TrainingSettings, seed: int, repeat: int
) -> list[Candidate]:
    """Every rung with every entry of its grid, cross-validated over one partition into folds."""
    drawn = derive_seed(seed, "inner") if repeat == 0 else derive_seed(seed, f"inner {repeat}")
    folds = patient_folds(data.patients, data.target, settings.inner_folds, drawn)
    plain = [rung for rung in rungs if not rung.bases]
    out_of_fold = _out_of_fold(data, plain, settings, folds, seed)
    candidates = [
        Candidate(rung, params, scores, *_fold_scores(data, scores, folds))
        for rung, tried in zip(plain, out_of_fold, strict=True)
        for params, scores in zip(rung.grid, tried, strict=True)
    ]
    return candidates + [_stacked(data, rung, settings, folds, seed) for rung in rungs if rung.bases]


def _stacked(data: TrainingData, rung: Rung, settings: TrainingSettings, folds: Folds, seed: int) -> Candidate:
    scores, stack = search_stack(data, rung, settings, folds, seed, metric_of)
    return Candidate(rung, rung.grid[0], scores, *_fold_scores(data, scores, folds), stack)


def _averaged(same: Sequence[Candidate]) -> Candidate:
    """One candidate over several partitions: all folds' scores, mean pulls.

    The out-of-fold scores stay those of the first partition: a calibrator learned on a mean of several models' scores
    would not fit the one model that is handed on.
    """
    scores = np.concatenate([candidate.fold_scores for candidate in same])
    pulls = np.mean([candidate.pulls for candidate in same], axis=0)
    return replace(same[0], fold_scores=scores, pulls=np.asarray(pulls))


def metric_of(target: Target, score: FloatArray) -> float:
    """The primary metric of an endpoint's kind; 0.5 is chance, NaN where it is undefined."""
    return METRICS[target.kind][1](target, score)


def _out_of_fold(
    data: TrainingData, rungs: Sequence[Rung], settings: TrainingSettings, folds: Folds, seed: int
) -> list[list[FloatArray]]:
    """Inner out-of-fold scores, by rung and params; rungs that read the same columns share a preprocessing."""
    scores = [[np.empty(len(data)) for _ in rung.grid] for rung in rungs]
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        train, test = without_unstable(data.take(~held)), data.take(held)
        prepared: dict[Any, tuple[Inputs, Inputs]] = {}
        for rung, tried in zip(rungs, scores, strict=True):
            columns = rung.pick(train.columns)
            reads_images = ALGORITHMS[rung.algorithm].reads_images
            key = (reads_images, rung.top_k, rung.harmonised, tuple(column.name for column in columns))
            if key not in prepared:
                fitted = rung_preprocessor(train, rung, columns, settings)
                prepared[key] = train.inputs(rung.algorithm, fitted), test.inputs(rung.algorithm, fitted)
            X, held_X = prepared[key]
            for params, column in zip(rung.grid, tried, strict=True):
                model = fit_model(
                    rung.algorithm,
                    X,
                    train.target,
                    params,
                    seed,
                    device=settings.device,
                    weights=settings.encoder_weights,
                    joint=train.joint,
                )
                column[held] = model.score(held_X)
    return scores


def _fold_scores(data: TrainingData, score: FloatArray, folds: Folds) -> tuple[FloatArray, FloatArray]:
    """The metric in each fold (k,), NaN where it is undefined, and each patient's pull on the mean of the others."""
    _, metric, influence = METRICS[data.target.kind]
    pulls, found = np.zeros(len(score)), np.full(int(folds.max()) + 1, np.nan)
    for fold in range(len(found)):
        rows = folds == fold
        found[fold] = metric(data.target.take(rows), score[rows])
        if np.isfinite(found[fold]):
            pulls[rows] = influence(data.target.take(rows), score[rows])
    by_patient = np.bincount(np.unique(data.patients, return_inverse=True)[1], pulls)
    return found, by_patient / max(1, np.isfinite(found).sum())


# by kind: the name of the metric, the metric, and how much each case pulls it (n,)
Metric = tuple[str, Callable[[Target, FloatArray], float], Callable[[Target, FloatArray], FloatArray]]
AUROC: Metric = (
    "auroc",
    lambda target, score: auroc(target.value, score),
    lambda target, score: auroc_influence(target.value, score),
)
HARRELL: Metric = (
    "harrell_c",
    lambda target, score: harrell_c(target.time_days, target.event, score),
    lambda target, score: concordance_influence(target.time_days, target.event, score),
)
CONCORDANCE: Metric = (
    "concordance",
    lambda target, score: concordance(target.value, score),
    lambda target, score: measured_influence(target.value, score),
)
METRICS: Mapping[EndpointKind, Metric] = {
    EndpointKind.BINARY: AUROC,
    EndpointKind.TIME_TO_EVENT: HARRELL,
    EndpointKind.DURATION: CONCORDANCE,
    EndpointKind.ORDINAL: CONCORDANCE,
    EndpointKind.CONTINUOUS: CONCORDANCE,
}
