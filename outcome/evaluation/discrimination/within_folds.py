"""How well are cases ranked among those that the same model predicted? Each outer fold by itself, then the mean.

Out-of-fold scores come from one model a fold. Ranked together, a case of one fold is compared with cases of another
whose model may have another level or spread: that counts the models' differences too. Within folds it does not.
LeDell, Petersen & van der Laan 2015, doi:10.1214/15-EJS1035: the mean of the folds' AUROCs, and its variance from
influence curves, here the sum of the folds' DeLong variances / V². Concordances likewise, by their jackknife.
Departures: variances keep DeLong's n - 1; folds that have no variance are left out.

Arguments of every function: `score` and `fold` (n,), of the same cases as the outcome; higher scores are riskier or
larger, equal values of `fold` mark the cases of one fold. All outcomes are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from outcome.evaluation.discrimination.concordance import (
    concordance,
    concordance_influence,
    harrell_c,
    measured_influence,
)
from outcome.evaluation.discrimination.roc import auroc, auroc_influence
from outcome.evaluation.intervals import LEVEL, measured, wald
from outcome.types import BoolArray, EndpointKind, Estimate, FloatArray, Target

Folds = npt.NDArray[np.generic]
LEAST = 2  # cases with the event and cases without: a single one has no variance
NO_FOLD = f"no fold has a pair to compare with at least {LEAST} cases of each class"
SAME_SCORE = "in every fold all cases have the same score: nothing is ranked"


@dataclass(frozen=True, eq=False)
class FoldRanks:
    """A ranking metric in each fold that counts.

    `values` (v,) by fold; `pulls` (n,) how much each case pulls their mean, whose variance is the sum of squares;
    `used` (n,) the cases of these folds. `left_out`: folds without a pair to compare, or with a single case of a class.
    """

    values: FloatArray
    pulls: FloatArray
    used: BoolArray
    left_out: int

    @property
    def mean(self) -> float:
        """In [0, 1], 0.5 is chance; NaN where no fold counts."""
        return float(self.values.mean()) if self.values.size else math.nan

    @property
    def counted(self) -> str:
        """How many folds stand behind the mean, in words."""
        n = len(self.values)
        aside = f", {self.left_out} left out" if self.left_out else ""
        return f"mean over {n} fold{'' if n == 1 else 's'}{aside}"


def fold_ranks(target: Target, score: FloatArray, fold: Folds) -> FoldRanks:
    """The endpoint's primary metric in each fold. Which folds count depends on the outcomes alone, not on the score."""
    rank, score, fold = RANKS[target.kind], np.asarray(score, dtype=float), np.asarray(fold)
    values, pulls, used = [], np.zeros(len(score)), np.zeros(len(score), dtype=bool)
    names = np.unique(fold)
    for name in names:
        rows = fold == name
        found = rank(target.take(rows), score[rows])
        if found is not None:
            values.append(found[0])
            pulls[rows], used[rows] = found[1], True
    return FoldRanks(np.array(values), pulls / max(len(values), 1), used, len(names) - len(values))


def within_folds(target: Target, score: FloatArray, fold: Folds, *, level: float = LEVEL) -> Estimate:
    """The mean over folds of the endpoint's primary metric, with a Wald interval cut to [0, 1].

    Withheld where no fold counts and where every fold has one score alone; without an interval where each fold's
    variance is zero.
    """
    score, fold = np.asarray(score, dtype=float), np.asarray(fold)
    found = fold_ranks(target, score, fold)
    reason = NO_FOLD if not len(found.values) else SAME_SCORE if _flat(score, fold) else ""
    if reason:
        return Estimate.withhold(reason, n=len(target), n_events=target.n_events)
    counted, se = target.take(found.used), math.sqrt(float(np.sum(found.pulls**2)))
    interval = wald(found.mean, se, level=level, bounds=(0.0, 1.0)) if se > 0 else None
    method = f"{found.counted}, {VARIANCES[target.kind]} within"
    return measured(found.mean, interval, method=method, n=len(counted), n_events=counted.n_events, level=level)


def auroc_within(y: FloatArray, score: FloatArray, fold: Folds, *, level: float = LEVEL) -> Estimate:
    """How likely does a random case with the event (`y` 1) outrank one without (0) of its own fold? In [0, 1]."""
    return within_folds(Target.binary("", np.asarray(y, dtype=float)), score, fold, level=level)


def _flat(score: FloatArray, fold: Folds) -> bool:
    return all(np.ptp(score[fold == name]) == 0 for name in np.unique(fold))


Ranked = tuple[float, FloatArray] | None


def _auroc(target: Target, score: FloatArray) -> Ranked:
    events = int(np.sum(target.value == 1))
    if min(events, len(target) - events) < LEAST:
        return None
    return auroc(target.value, score), auroc_influence(target.value, score)


def _harrell_c(target: Target, score: FloatArray) -> Ranked:
    value = harrell_c(target.time_days, target.event, score)
    if math.isnan(value) or np.sum(target.event == 1) < LEAST:
        return None
    return value, concordance_influence(target.time_days, target.event, score)


def _concordance(target: Target, score: FloatArray) -> Ranked:
    value = concordance(target.value, score)
    return None if math.isnan(value) else (value, measured_influence(target.value, score))


RANKS: Mapping[EndpointKind, Callable[[Target, FloatArray], Ranked]] = {
    EndpointKind.BINARY: _auroc,
    EndpointKind.TIME_TO_EVENT: _harrell_c,
    EndpointKind.DURATION: _concordance,
    EndpointKind.ORDINAL: _concordance,
    EndpointKind.CONTINUOUS: _concordance,
}
VARIANCES: Mapping[EndpointKind, str] = {
    kind: "DeLong" if kind is EndpointKind.BINARY else "jackknife" for kind in EndpointKind
}
