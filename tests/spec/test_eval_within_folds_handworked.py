"""Ranking within outer folds: eight patients in two folds, counted on paper in the comments."""

from __future__ import annotations

import math

import numpy as np
import pytest

from outcome.evaluation.comparison.differences_within import difference_within
from outcome.evaluation.discrimination.roc import auroc
from outcome.evaluation.discrimination.within_folds import auroc_within, fold_ranks, within_folds
from outcome.types import Target

# Fold 1: the events .9 and .4 meet .6 and .1: three pairs of four. Fold 2, five higher: all four.
FOLD = np.array([1, 1, 1, 1, 2, 2, 2, 2])
Y = np.array([1, 1, 0, 0, 1, 1, 0, 0], dtype=float)
SCORE = np.array([0.9, 0.4, 0.6, 0.1, 5.8, 5.7, 5.2, 5.6])
# Fold 1: events win 1 and 1/2, others lose 1/2 and 1: variance 1/8 / 2 + 1/8 / 2. Fold 2: 0. Of the mean: 1/8 / 2².
MEAN, VARIANCE = 7 / 8, 1 / 32


def test_the_mean_of_two_folds_and_what_ranking_them_together_gives() -> None:
    found = auroc_within(Y, SCORE, FOLD, level=0.5)
    half = 0.6744897501960817 * math.sqrt(VARIANCE)
    assert found.value == MEAN
    assert found.low == pytest.approx(MEAN - half)
    assert found.high == pytest.approx(MEAN + half)
    assert (found.n, found.n_events) == (8, 4)
    assert found.method == "mean over 2 folds, DeLong within"
    # Together, .9 wins 2, .4 wins 1, both events of fold 2 win 4.
    assert auroc(Y, SCORE) == 11 / 16


def test_a_paired_difference_has_delongs_covariance_of_each_fold() -> None:
    # Fold 1: the two events change places, so the AUROC stays and their shares differ by 1/2 and -1/2: variance 1/4.
    # Fold 2: one score for all, 1/2 of 1, without variance. Mean difference (0 + 1/2) / 2, variance 1/4 / 2².
    other = np.array([0.4, 0.9, 0.6, 0.1, 5.0, 5.0, 5.0, 5.0])
    found = difference_within(Target.binary("e", Y), SCORE, other, FOLD)
    assert found.estimate.value == 1 / 4
    assert found.statistic == pytest.approx(1.0)
    assert found.p_value == pytest.approx(0.31731, abs=1e-5)


@pytest.mark.parametrize("y", [[1, 1, 1, 1], [0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0]])
def test_a_fold_with_one_case_of_a_class_or_none_is_left_out_and_counted(y: list[float]) -> None:
    outcome = np.concatenate([Y, y])
    found = auroc_within(outcome, np.concatenate([SCORE, [1.0, 2.0, 3.0, 4.0]]), np.append(FOLD, [3] * 4))
    assert found.value == MEAN
    assert (found.n, found.n_events) == (8, 4)
    assert found.method == "mean over 2 folds, 1 left out, DeLong within"


def test_no_number_without_a_fold_that_counts_or_without_a_ranking() -> None:
    assert "no fold has a pair" in str(auroc_within(Y, SCORE, np.arange(8)).withheld)
    assert "nothing is ranked" in str(auroc_within(Y, FOLD.astype(float), FOLD).withheld)
    pair = difference_within(Target.binary("e", Y), SCORE, -SCORE, np.arange(8))
    assert (pair.estimate.value, pair.p_value) == (None, None)


def test_a_fold_that_one_score_cannot_rank_counts_one_half() -> None:
    score = np.where(FOLD == 1, 0.3, SCORE)
    assert auroc_within(Y, score, FOLD).value == (1 / 2 + 1) / 2


def test_complete_separation_in_every_fold_has_no_interval() -> None:
    found = auroc_within(Y, Y + FOLD, FOLD)
    assert (found.value, found.low, found.high) == (1, None, None)


def test_times_and_amounts_by_fold() -> None:
    # Fold 1, events on days 1, 2, 4, lost on day 3: of the pairs (1,2) (1,3) (1,4) (2,3) (2,4) the score 3 1 2 4 wins
    # (1,2) (1,3). Fold 2, events on days 1 and 2, two followed to day 9: five pairs, four of them won by 4 2 3 1.
    time = np.array([1, 2, 3, 4, 1, 2, 9, 9], dtype=float)
    event = np.array([1, 1, 0, 1, 1, 1, 0, 0], dtype=float)
    score = np.array([3, 1, 2, 4, 4, 2, 3, 1], dtype=float)
    found = fold_ranks(Target.survival("e", time, event), score, FOLD)
    assert found.values.tolist() == pytest.approx([2 / 5, 4 / 5])
    # Amounts 1 2 3 4: the score 3 1 2 4 orders four of six pairs rightly, 4 2 3 1 one.
    amount = Target.binary("e", [1, 2, 3, 4, 1, 2, 3, 4])
    amount = Target("e", "continuous", amount.value, amount.time_days, amount.event)  # type: ignore[arg-type]
    assert within_folds(amount, score, FOLD).value == pytest.approx((4 / 6 + 1 / 6) / 2)
