"""A rung with one set of params and what inner cross-validation found of it, in the primary metric of its endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from outcome.evaluation.discrimination.concordance import (
    concordance,
    concordance_influence,
    harrell_c,
    measured_influence,
)
from outcome.evaluation.discrimination.roc import auroc, auroc_influence
from outcome.training.data import TrainingData
from outcome.training.folds import Folds
from outcome.training.rungs import Params, Rung
from outcome.training.stacking import Stack
from outcome.training.trials import Trial
from outcome.types import EndpointKind, FloatArray, Target


@dataclass(frozen=True, eq=False)
class Candidate:
    """One rung with one set of params: its inner out-of-fold scores (n,) and its metric in each fold tried (k,).

    `pulls` (patients,) is how much each patient pulls `mean`: the sum of squares is its variance, and that of the
    difference between two candidates' pulls is the variance of the difference between their means. `stack` is what was
    settled of a stack, on the first partition into folds; `trials` are those of which these params were the best.
    """

    rung: Rung
    params: Params
    out_of_fold: FloatArray
    fold_scores: FloatArray
    pulls: FloatArray
    stack: Stack | None = None
    trials: tuple[Trial, ...] = ()

    @property
    def mean(self) -> float:
        """The mean over folds that could be scored (both outcomes present); chance level where none could."""
        return mean_score(self.fold_scores)

    def behind(self, other: Candidate) -> tuple[float, float]:
        """How far this one's mean lies below the other's, and the standard error of that difference."""
        return other.mean - self.mean, float(np.sqrt(np.sum((other.pulls - self.pulls) ** 2)))


def averaged(same: Sequence[Candidate]) -> Candidate:
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


def mean_score(fold_scores: FloatArray) -> float:
    """The mean over folds that could be scored; chance level where none could."""
    scored = fold_scores[np.isfinite(fold_scores)]
    return float(scored.mean()) if len(scored) else 0.5


def fold_scores(data: TrainingData, score: FloatArray, folds: Folds) -> tuple[FloatArray, FloatArray]:
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
