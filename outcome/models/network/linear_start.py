"""The simple model that a network starts from and adds to: an elastic net of the table and of measured region numbers.

The penalty is the one of a short list whose cross-validated loss on the training cases is least. Region numbers are
read only where, with a penalty of their own choosing, they gain `TOLL` of log likelihood over the table alone, so that
images which say nothing cost little. The scores of cases that each fold left out come along: a network that learns
what is left unexplained must not see the optimistic residuals of a model fitted to the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from outcome.models.cox import PartialLikelihood, fit_cox
from outcome.models.linear import ELASTIC_NET_PENALTIES, L1_RATIO, LinearScorer, fit_linear, fit_logistic
from outcome.models.network.cumulative_odds import fit_cumulative_odds
from outcome.models.scale import modelled
from outcome.types import EndpointKind, FloatArray, Target

FOLDS = 5
TOLL = 1.0
LEAST_VARIANCE = 1e-12  # an amount met exactly keeps a finite loss

Folds = npt.NDArray[np.int_]


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
    """The elastic net of these rows; rows of one case (n,) stay together in the folds. All outcomes known.

    `images` (n, q) holds standardised region numbers, 0 where a case lacks the image.
    """
    folds, both = case_folds(cases, rng), np.hstack([table, images])
    penalty, scores = _best_penalty(table, target, folds)
    penalty_of_both, scores_of_both = _best_penalty(both, target, folds)
    gain = _loss(target, scores, folds) - _loss(target, scores_of_both, folds)
    p, q = table.shape[1], images.shape[1]
    if gain < TOLL:
        scorer = _fitted(table, target, penalty)
        start = LinearStart(scorer.coefficients, np.zeros(q), scorer.intercept, scores)
    else:
        scorer = _fitted(both, target, penalty_of_both)
        start = LinearStart(scorer.coefficients[:p], scorer.coefficients[p:], scorer.intercept, scores_of_both)
    return _on_log_odds(start, target) if target.kind is EndpointKind.ORDINAL else start


def _on_log_odds(start: LinearStart, target: Target) -> LinearStart:
    """A mean grade as log odds of a higher one, by the slope that fits scores made without the own case.

    The direction of a regression of the grade serves: under proportional odds it is that of the log odds, or near it.
    """
    grades, place = np.unique(target.value, return_inverse=True)
    slope, _ = fit_cumulative_odds(start.out_of_fold, place, len(grades))
    return LinearStart(start.table * slope, start.images * slope, start.intercept * slope, start.out_of_fold * slope)


def case_folds(cases: Sequence[str], rng: np.random.Generator) -> Folds:
    """The fold of each row (n,); rows of one case fall into one."""
    ids, member = np.unique(np.array(cases, dtype=str), return_inverse=True)
    return np.asarray((rng.permutation(len(ids)) % FOLDS)[member])


def _best_penalty(X: FloatArray, target: Target, folds: Folds) -> tuple[float, FloatArray]:
    """The penalty of least cross-validated loss, of equals the most restrained, and the scores (n,) left out."""
    tried = [_left_out(X, target, penalty, folds) for penalty in ELASTIC_NET_PENALTIES]
    best = int(np.argmin([_loss(target, scores, folds) for scores in tried]))
    return ELASTIC_NET_PENALTIES[best], tried[best]


def _left_out(X: FloatArray, target: Target, penalty: float, folds: Folds) -> FloatArray:
    scores = np.zeros(len(target))
    for held in (folds == fold for fold in np.unique(folds)):
        scorer = _fitted(X[~held], target.take(~held), penalty)
        scores[held] = np.sum(X[held] * scorer.coefficients, axis=1) + scorer.intercept
    return scores


def _fitted(X: FloatArray, target: Target, penalty: float) -> LinearScorer:
    """The elastic net, or the same score for everyone where nothing can be fitted."""
    params, nothing = {"penalty": penalty, "l1_ratio": L1_RATIO}, np.zeros(X.shape[1])
    if target.kind is EndpointKind.TIME_TO_EVENT:
        learnable = len(nothing) and np.any(target.event == 1)
        return fit_cox(X, target, params, 0) if learnable else LinearScorer(nothing, 0.0)
    learnable = len(nothing) and np.ptp(target.value) > 0
    if target.kind is not EndpointKind.BINARY:
        mean = float(modelled(target).mean())
        return fit_linear(X, target, params, 0) if learnable else LinearScorer(nothing, mean)
    if learnable:
        return fit_logistic(X, target, params, 0)
    share = (float(target.value.sum()) + 0.5) / (len(target) + 1)
    return LinearScorer(nothing, float(np.log(share / (1 - share))))


def _loss(target: Target, score: FloatArray, folds: Folds) -> float:
    """Minus the log likelihood of all; of an amount that of a normal distribution, its spread the one that fits."""
    if target.kind is EndpointKind.BINARY:
        return float(np.sum(np.logaddexp(0.0, score) - target.value * score))
    if target.kind is not EndpointKind.TIME_TO_EVENT:
        variance = float(np.mean((modelled(target) - score) ** 2))
        return len(target) / 2 * float(np.log(max(variance, LEAST_VARIANCE)))
    held = [folds == fold for fold in np.unique(folds)]
    return sum(int(r.sum()) * PartialLikelihood.of(score[r, None], target.take(r)).loss(np.ones(1)) for r in held)
