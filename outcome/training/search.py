"""How well does each rung do on training cases it has not seen? Inner cross-validation over rungs and their params.

Params are those of the rung's grid, or where the settings ask for it those of trials (`outcome.training.trials`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from outcome.models.inputs import Inputs
from outcome.models.registry import ALGORITHMS
from outcome.training.candidates import Candidate, averaged, fold_scores, mean_score, metric_of
from outcome.training.data import TrainingData
from outcome.training.folds import Folds, derive_seed, patient_folds
from outcome.training.learning import Prepared, imputes, prepare
from outcome.training.rungs import Params, Rung
from outcome.training.settings import TrainingSettings
from outcome.training.stability import without_unstable
from outcome.training.stacking import search_stack
from outcome.training.trials import best_of, run_trials
from outcome.types import BoolArray, FloatArray

Fold = tuple[Prepared, Inputs]  # the training cases as models read them, and the held-out ones


def search(data: TrainingData, rungs: Sequence[Rung], settings: TrainingSettings, seed: int) -> tuple[Candidate, ...]:
    """The best params of every rung, simplest first, by inner patient-grouped cross-validation on these rows alone.

    All outcomes known. Of equal scores the more restrained params (earlier in the grid) win. With several
    `inner_repeats` the folds are drawn anew each time, so that one lucky partition decides less.
    """
    tried = [rung for rung in rungs if settings.search and settings.search.space(rung.algorithm)]
    gridded = [rung for rung in rungs if rung not in tried]
    partitions = [_partition(data, settings, seed, repeat) for repeat in range(settings.inner_repeats)]
    rounds = [_round(data, gridded, settings, folds, seed) for folds in partitions]
    candidates = [averaged(same) for same in zip(*rounds, strict=True)]
    candidates += [_searched(data, rung, settings, partitions, seed) for rung in tried]
    ordered = sorted(rungs, key=lambda rung: rung.complexity)
    return tuple(max((c for c in candidates if c.rung is rung), key=lambda c: c.mean) for rung in ordered)


def _partition(data: TrainingData, settings: TrainingSettings, seed: int, repeat: int) -> Folds:
    drawn = derive_seed(seed, "inner") if repeat == 0 else derive_seed(seed, f"inner {repeat}")
    return patient_folds(data.patients, data.target, settings.inner_folds, drawn)


def _round(
    data: TrainingData, rungs: Sequence[Rung], settings: TrainingSettings, folds: Folds, seed: int
) -> list[Candidate]:
    """Every rung with every entry of its grid, cross-validated over one partition into folds."""
    plain = [rung for rung in rungs if not rung.bases]
    out_of_fold = _out_of_fold(data, plain, settings, folds, seed)
    candidates = [
        Candidate(rung, params, scores, *fold_scores(data, scores, folds))
        for rung, tried in zip(plain, out_of_fold, strict=True)
        for params, scores in zip(rung.grid, tried, strict=True)
    ]
    return candidates + [_stacked(data, rung, settings, folds, seed) for rung in rungs if rung.bases]


def _stacked(data: TrainingData, rung: Rung, settings: TrainingSettings, folds: Folds, seed: int) -> Candidate:
    scores, stack = search_stack(data, rung, settings, folds, seed, metric_of)
    return Candidate(rung, rung.grid[0], scores, *fold_scores(data, scores, folds), stack)


def _out_of_fold(
    data: TrainingData, rungs: Sequence[Rung], settings: TrainingSettings, folds: Folds, seed: int
) -> list[list[FloatArray]]:
    """Inner out-of-fold scores, by rung and params; rungs that read the same columns share a preprocessing."""
    scores = [[np.empty(len(data)) for _ in rung.grid] for rung in rungs]
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        train, test = without_unstable(data.take(~held)), data.take(held)
        prepared: dict[Any, Fold] = {}
        for rung, tried in zip(rungs, scores, strict=True):
            columns = rung.pick(train.columns)
            reads_images = ALGORITHMS[rung.algorithm].reads_images
            how = (reads_images, imputes(rung, settings), rung.top_k, rung.harmonised)
            key = (*how, tuple(column.name for column in columns))
            if key not in prepared:
                prepared[key] = _prepared(train, test, rung, settings, seed)
            for params, column in zip(rung.grid, tried, strict=True):
                column[held] = _scored(prepared[key], train, rung, params, settings, seed)
    return scores


def _prepared(train: TrainingData, test: TrainingData, rung: Rung, settings: TrainingSettings, seed: int) -> Fold:
    made = prepare(train, rung, rung.pick(train.columns), settings, seed)
    return made, test.inputs(rung.algorithm, made.preprocessor)


def _scored(
    fold: Fold, train: TrainingData, rung: Rung, params: Params, settings: TrainingSettings, seed: int
) -> FloatArray:
    """The scores of the held-out cases by a model of the others (`train`)."""
    rows, held = fold
    return rows.fit(rung.algorithm, train, params, settings, seed).score(held)


def _searched(
    data: TrainingData, rung: Rung, settings: TrainingSettings, partitions: Sequence[Folds], seed: int
) -> Candidate:
    """The best of a rung's trials, each of them judged over the folds of all partitions in turn."""
    if settings.search is None:
        raise ValueError("no search was asked for")
    attempts = _Attempts(data, rung, settings, partitions, seed)
    steps = len(attempts.places)
    trials = run_trials(rung, settings.search, steps, attempts.judge, derive_seed(seed, "trials", rung.name))
    best = best_of(trials)
    scores = attempts.scores[best]
    same = [
        Candidate(rung, trials[best].params, one, *fold_scores(data, one, folds))
        for one, folds in zip(scores, partitions, strict=True)
    ]
    return replace(averaged(same), trials=trials)


@dataclass(frozen=True, eq=False)
class _Attempts:
    """Fits of one rung with the params of each trial, and by trial the out-of-fold scores (n,) over each partition."""

    data: TrainingData
    rung: Rung
    settings: TrainingSettings
    partitions: Sequence[Folds]
    seed: int
    scores: dict[int, list[FloatArray]] = field(default_factory=dict)
    found: dict[int, list[float]] = field(default_factory=dict)
    prepared: dict[int, tuple[Fold, TrainingData]] = field(default_factory=dict)

    @property
    def places(self) -> list[tuple[int, int]]:
        """(partition, fold) of each step."""
        return [(i, fold) for i, folds in enumerate(self.partitions) for fold in range(int(folds.max()) + 1)]

    def judge(self, number: int, params: Params, step: int) -> float:
        """The mean metric of trial `number` over its folds up to this step; NaN where a held-out case got no score."""
        partition, fold = self.places[step]
        held = self.partitions[partition] == fold
        prepared, train = self._fold(step, held)
        score = _scored(prepared, train, self.rung, params, self.settings, self.seed)
        if not np.isfinite(score).all():
            return float("nan")
        empty = [np.empty(len(self.data)) for _ in self.partitions]
        self.scores.setdefault(number, empty)[partition][held] = score
        found = self.found.setdefault(number, [])
        found.append(metric_of(self.data.target.take(held), score))
        return mean_score(np.array(found))

    def _fold(self, step: int, held: BoolArray) -> tuple[Fold, TrainingData]:
        """What the models of a fold read, and the cases they learn from; the same for every trial."""
        if step not in self.prepared:
            train, test = without_unstable(self.data.take(~held)), self.data.take(held)
            self.prepared[step] = _prepared(train, test, self.rung, self.settings, self.seed), train
        return self.prepared[step]
