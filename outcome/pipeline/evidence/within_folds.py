"""How are development cases ranked among those that the same model predicted, and what does the choice add there?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from outcome.evaluation.comparison.differences import PairedDifference
from outcome.evaluation.comparison.differences_within import difference_within
from outcome.evaluation.discrimination import within_folds as folds_of
from outcome.evaluation.kinds import PRIMARY_METRIC
from outcome.evaluation.sample import Sample, Settings, checked_sample
from outcome.pipeline.evidence.ladder import is_choice
from outcome.pipeline.evidence.published import rivals
from outcome.pipeline.evidence.scene import CHOSEN, ModelCases
from outcome.types import Estimate, FloatArray

Json = dict[str, Any]
RUNG, COMPARATOR = "rung", "comparator"
WORDS = (
    "Each outer fold ranked by itself, then the mean over folds. The pooled numbers compare cases of different folds "
    "too, whose scores come from different models: a shift between these models counts there and not here"
)
UNTOLD = "training did not tell which outer fold held each case: train again"


def within_folds(model: ModelCases) -> Json:
    """The primary metric within outer folds of the choice, of every rung and comparator, and what the choice adds.

    {} for cases that were not predicted out of fold.
    """
    if not (model.cases.partition.is_development and model.is_out_of_fold):
        return {}
    fold = model.outer_folds()
    if np.isnan(fold).any():
        return {"withheld": UNTOLD}
    rows = [{"kind": kind, "name": name, **_row(model, name, score, fold)} for kind, name, score in _scores(model)]
    return {"metric": PRIMARY_METRIC[model.target.kind], "folds": len(np.unique(fold)), "rows": rows, "words": WORDS}


def ranked_within(model: ModelCases, score: FloatArray, fold: FloatArray) -> Estimate:
    """The metric of a score (n,) within these folds (n,), NaN where a case lacks the score; withheld as everywhere."""
    sample, held = _sample(model, score, score, fold)
    reason = sample.too_few()
    if reason:
        return Estimate.withhold(reason, n=sample.n, n_events=sample.target.n_events)
    return folds_of.within_folds(sample.target, sample.score, held)


def _scores(model: ModelCases) -> Iterator[tuple[str, str, FloatArray]]:
    """(kind, name, score): the choice first, then the ladder, then what the study compares with."""
    yield CHOSEN, CHOSEN, model.chosen.score
    yield from ((RUNG, name, made.score) for name, made in model.rungs.items() if name != CHOSEN)
    yield from ((COMPARATOR, name, score) for name, score in rivals(model.cases).items())


def _row(model: ModelCases, name: str, score: FloatArray, fold: FloatArray) -> Json:
    """`left_out`: folds without a pair to compare or with a single case of a class, among cases with the score."""
    sample, held = _sample(model, score, score, fold)
    found = folds_of.fold_ranks(sample.target, sample.score, held)
    row = {
        "estimate": ranked_within(model, score, fold).to_json(),
        "folds": len(found.values),
        "left_out": len(np.unique(fold)) - len(found.values),
    }
    if name in model.rungs and (name == CHOSEN or is_choice(model, name)):
        return {**row, "difference": None, "p_value": None}
    test = _difference(model, score, fold)
    return {**row, "difference": test.estimate.to_json(), "p_value": test.p_value}


def _difference(model: ModelCases, score: FloatArray, fold: FloatArray) -> PairedDifference:
    """The choice minus a score, on the cases that have it."""
    first, held = _sample(model, model.chosen.score, score, fold)
    second, _ = _sample(model, score, score, fold)
    reason = first.too_few()
    if reason:
        return PairedDifference(Estimate.withhold(reason, n=first.n, n_events=first.target.n_events), None, None)
    return difference_within(first.target, first.score, second.score, held)


def _sample(model: ModelCases, score: FloatArray, wanted: FloatArray, fold: FloatArray) -> tuple[Sample, FloatArray]:
    """The known cases that have the wanted score, with another one or the same, and their folds."""
    rows = np.isfinite(wanted)
    target = model.target.take(rows)
    return checked_sample(target, None, score[rows], Settings()), fold[rows][target.known]
