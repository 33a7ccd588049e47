"""Is one score better than another among cases that the same model predicted? Paired within folds, then averaged."""

from __future__ import annotations

import numpy as np

from outcome.evaluation.comparison.differences import PairedDifference, normal_test
from outcome.evaluation.discrimination.within_folds import NO_FOLD, VARIANCES, Folds, fold_ranks
from outcome.evaluation.intervals import LEVEL
from outcome.types import Estimate, FloatArray, Target


def difference_within(
    target: Target, score_a: FloatArray, score_b: FloatArray, fold: Folds, *, level: float = LEVEL
) -> PairedDifference:
    """The mean over folds of a minus b in the endpoint's primary metric, with the test of no difference.

    All arguments (n,), of the same cases with known outcomes; higher scores are riskier or larger. The variance is the
    sum of the folds' paired variances (DeLong's covariances, or the jackknife's) / V². Withheld where no fold counts
    (see `discrimination.within_folds`).
    """
    first, second = (fold_ranks(target, score, fold) for score in (score_a, score_b))
    if not len(first.values):
        withheld = Estimate.withhold(NO_FOLD, n=len(target), n_events=target.n_events)
        return PairedDifference(withheld, None, None)
    counted = target.take(first.used)
    return normal_test(
        first.mean - second.mean,
        float(np.sum((first.pulls - second.pulls) ** 2)),
        f"{first.counted}, paired {VARIANCES[target.kind]} within",
        n=len(counted),
        n_events=counted.n_events,
        level=level,
    )
