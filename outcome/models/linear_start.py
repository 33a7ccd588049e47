"""The simple model that a network starts from and adds to: a ridge of the table, then of measured region numbers.

Each of the two penalties is the one of a short list whose cross-validated loss on the training cases is least; for
the images the list begins with "add nothing", which stands unless another gains `TOLL` of log likelihood, so that
images which say nothing cost little. The scores of cases that
each fold left out come along: a network that learns what is left unexplained must not see the optimistic residuals
of a model fitted to the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from outcome.models.cox import PartialLikelihood, fit_cox
from outcome.models.linear import LinearScorer, fit_logistic
from outcome.models.offset_ridge import fit_addition
from outcome.types import BoolArray, EndpointKind, FloatArray, Target

TABLE_PENALTIES = (1.0, 0.3, 0.1, 0.03)  # those of the ladder's ridge rungs, the most restrained first
IMAGE_PENALTIES = (np.inf, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
FOLDS = 5
TOLL = 3.0

Rows = BoolArray
Scores = Callable[[Rows, FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class LinearStart:
    """score = intercept + table coefficients (p,) + image coefficients (q,); `out_of_fold` (n,) without own case."""

    table: FloatArray
    images: FloatArray
    intercept: float
    out_of_fold: FloatArray


def fit_linear_start(
    table: FloatArray, images: FloatArray, cases: Sequence[str], target: Target, rng: np.random.Generator
) -> LinearStart:
    """The ridge of these rows; rows of one case (n,) stay together in the folds. All outcomes known.

    `images` (n, q) holds standardised region numbers, 0 where a case lacks the image.
    """
    folds = case_folds(cases, rng)
    wide = [_table_scores(table, target, penalty, folds) for penalty in TABLE_PENALTIES]
    table_best = _least_loss(wide, target, folds)
    offset = wide[table_best]
    added = [_added_scores(images, offset, target, penalty, folds) for penalty in IMAGE_PENALTIES]
    image_best = _least_loss(added, target, folds, toll=TOLL)
    scorer = _fit_table(table, target, TABLE_PENALTIES[table_best])
    addition = fit_addition(images, offset, target, IMAGE_PENALTIES[image_best])
    intercept = scorer.intercept + addition.level
    return LinearStart(scorer.coefficients, addition.coefficients, intercept, added[image_best])


def case_folds(cases: Sequence[str], rng: np.random.Generator) -> npt.NDArray[np.int_]:
    """The fold of each row (n,); rows of one case fall into one."""
    ids, member = np.unique(np.array(cases, dtype=str), return_inverse=True)
    return np.asarray((rng.permutation(len(ids)) % FOLDS)[member])


def _table_scores(table: FloatArray, target: Target, penalty: float, folds: npt.NDArray[np.int_]) -> FloatArray:
    scores = np.zeros(len(target))
    for held in (folds == fold for fold in np.unique(folds)):
        scorer = _fit_table(table[~held], target.take(~held), penalty)
        scores[held] = np.sum(table[held] * scorer.coefficients, axis=1) + scorer.intercept
    return scores


def _added_scores(
    images: FloatArray, offset: FloatArray, target: Target, penalty: float, folds: npt.NDArray[np.int_]
) -> FloatArray:
    scores = offset.copy()
    for held in (folds == fold for fold in np.unique(folds)):
        addition = fit_addition(images[~held], offset[~held], target.take(~held), penalty)
        scores[held] += addition.added(images[held])
    return scores


def _fit_table(table: FloatArray, target: Target, penalty: float) -> LinearScorer:
    """The ridge, or the same score for everyone where nothing can be fitted."""
    params, nothing = {"penalty": penalty, "l1_ratio": 0.0}, np.zeros(table.shape[1])
    if target.kind is EndpointKind.TIME_TO_EVENT:
        learnable = len(nothing) and np.any(target.event == 1)
        return fit_cox(table, target, params, 0) if learnable else LinearScorer(nothing, 0.0)
    if len(nothing) and np.ptp(target.value) > 0:
        return fit_logistic(table, target, params, 0)
    share = (float(target.value.sum()) + 0.5) / (len(target) + 1)
    return LinearScorer(nothing, float(np.log(share / (1 - share))))


def _least_loss(tried: Sequence[FloatArray], target: Target, folds: npt.NDArray[np.int_], toll: float = 0.0) -> int:
    """Which scores lose least; the first where no other gains the toll over it."""
    losses = [_loss(target, scores, folds) for scores in tried]
    best = int(np.argmin(losses))
    return best if losses[0] - losses[best] >= toll else 0


def _loss(target: Target, score: FloatArray, folds: npt.NDArray[np.int_]) -> float:
    if target.kind is EndpointKind.BINARY:
        return float(np.sum(np.logaddexp(0.0, score) - target.value * score))
    held = [folds == fold for fold in np.unique(folds)]
    return sum(int(r.sum()) * PartialLikelihood.of(score[r, None], target.take(r)).loss(np.ones(1)) for r in held)
