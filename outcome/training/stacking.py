"""Stacking inside the folds: weights are learned on scores of cases that the stacked models had not seen.

Its inner score is honest too. The weights for a fold are learned on the other folds, each scored by models that were
trained without both folds, so that nothing of a fold's outcomes is in its params or weights. Scores made without one
fold alone would not do: models that saw this fold's outcomes score the others well where this fold agrees with them by
chance, and outcomes without any cause seem foretold (see tests/leakage/test_stacking_leakage.py).

van der Laan, Polley & Hubbard 2007, doi:10.2202/1544-6115.1309. Departure: where they would split the other folds anew,
here one of them is left out beside the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from outcome.models.registry import constant_scorer, fit_model, nothing_to_learn
from outcome.models.scale import modelled
from outcome.models.stacking import Base, Weights, fit_weights
from outcome.training.data import TrainingData
from outcome.training.folds import Folds
from outcome.training.learning import rung_preprocessor
from outcome.training.rungs import Params, Rung
from outcome.training.settings import TrainingSettings
from outcome.training.stability import without_unstable
from outcome.types import BoolArray, EndpointKind, FloatArray, Target

Metric = Callable[[Target, FloatArray], float]
Tried = list[FloatArray]  # for each base its standardised scores (entries of its grid, n)


@dataclass(frozen=True, eq=False)
class Stack:
    """What a search settles of a stack: the params of each base, and the weights."""

    params: tuple[Params, ...]
    weights: Weights


def search_stack(
    data: TrainingData, rung: Rung, settings: TrainingSettings, folds: Folds, seed: int, metric: Metric
) -> tuple[FloatArray, Stack]:
    """The stack's inner out-of-fold scores (n,), and its params and weights from all folds.

    `folds` (n,) are at least three. A base's params are those of the best mean metric over the folds in question, of
    equals the more restrained. Costs a fit of every base without each fold, and one without each pair of folds.
    """
    numbers = range(int(folds.max()) + 1)
    alone = {k: _unseen(data, rung, folds == k, settings, seed) for k in numbers}
    pairs = {
        frozenset((j, k)): _unseen(data, rung, (folds == j) | (folds == k), settings, seed)
        for j in numbers
        for k in range(j)
    }
    unit = _unit_of(data.target, len(rung.bases))
    scores = np.empty(len(data))
    for k in numbers:
        others = _joined({j: pairs[frozenset((j, k))] for j in numbers if j != k}, folds)
        picks, weight = _weighed(data, rung, others, folds, [j for j in numbers if j != k], metric)
        held = np.column_stack([tried[pick] for tried, pick in zip(alone[k], picks, strict=True)])[folds == k]
        scores[folds == k] = Weights(weight, *unit).combine(held)
    picks, weight = _weighed(data, rung, _joined(alone, folds), folds, list(numbers), metric)
    params = tuple(base.grid[pick] for base, pick in zip(rung.bases, picks, strict=True))
    return scores, Stack(params, Weights(weight, *unit))


def _unseen(data: TrainingData, rung: Rung, left_out: BoolArray, settings: TrainingSettings, seed: int) -> Tried:
    """The scores of the cases left out, by models of all others; 0 for these."""
    train, test = without_unstable(data.take(~left_out)), data.take(left_out)
    found = []
    for base in rung.bases:
        columns = base.pick(train.columns)
        names = [column.name for column in columns]
        preprocessor = rung_preprocessor(train, base, columns, settings)
        X, held = (rows.inputs(base.algorithm, preprocessor) for rows in (train, test))
        known, held_known = (rows.frame[names].notna().any(axis=1).to_numpy(dtype=bool) for rows in (train, test))
        scores = np.zeros((len(base.grid), len(data)))
        for entry, params in zip(scores, base.grid, strict=True):
            model = fit_model(base.algorithm, X, train.target, params, seed, device=settings.device, joint=train.joint)
            own = Base.of(base.name, base.blocks, model.score(X), known)
            entry[left_out] = own.standardised(model.score(held), held_known)
        found.append(scores)
    return found


def _joined(parts: Mapping[int, Tried], folds: Folds) -> Tried:
    """Each fold's cases from its own part; 0 for cases of other folds."""
    by_base = zip(*parts.values(), strict=True)
    return [
        np.asarray(sum(np.where(folds == fold, scores, 0.0) for fold, scores in zip(parts, same, strict=True)))
        for same in by_base
    ]


def _weighed(
    data: TrainingData, rung: Rung, tried: Tried, folds: Folds, numbers: Sequence[int], metric: Metric
) -> tuple[list[int], FloatArray]:
    """Which entry of its grid serves each base best in these folds, and the weights (k,) learned on them."""
    picks = [int(np.argmax([_mean_metric(data, entry, folds, numbers, metric) for entry in each])) for each in tried]
    rows = np.isin(folds, numbers)
    z = np.column_stack([each[pick] for each, pick in zip(tried, picks, strict=True)])[rows]
    target = data.target.take(rows)
    if nothing_to_learn(z, target):
        return picks, np.zeros(len(picks))
    return picks, fit_weights(z, target, float(rung.grid[0]["penalty"]))


def _mean_metric(data: TrainingData, score: FloatArray, folds: Folds, numbers: Sequence[int], metric: Metric) -> float:
    """The mean over folds that could be scored; chance level where none could."""
    found = [metric(data.target.take(folds == fold), score[folds == fold]) for fold in numbers]
    finite = [value for value in found if np.isfinite(value)]
    return float(np.mean(finite)) if finite else 0.5


def _unit_of(target: Target, bases: int) -> tuple[float, float]:
    """Level and unit of a stack's scores: one scale for all folds, which ranks nothing and calibration replaces."""
    level = constant_scorer(target, bases).intercept
    if target.kind in (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT):
        return level, 1.0
    return level, float(modelled(target).std()) or 1.0
