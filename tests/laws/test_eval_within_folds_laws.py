"""What ranking within folds must not care about, and what it must agree with."""

from __future__ import annotations

import numpy as np
import pytest

from outcome.evaluation.comparison.differences_within import difference_within
from outcome.evaluation.discrimination.within_folds import within_folds
from outcome.evaluation.kinds import KINDS
from outcome.evaluation.sample import Settings, checked_sample
from outcome.evaluation.summary import measure
from outcome.types import EndpointKind, Estimate, FloatArray, Target

N, FOLDS = 120, 4
EVERY_KIND = pytest.mark.parametrize("kind", list(EndpointKind))


def cases(kind: EndpointKind, seed: int = 0) -> tuple[Target, FloatArray, FloatArray, FloatArray]:
    """Outcomes, two scores with ties, and folds."""
    rng = np.random.default_rng(seed)
    drive = rng.normal(size=N)
    first, second = (np.round(drive + rng.normal(0, noise, N), 1) for noise in (0.8, 1.6))
    fold = rng.integers(0, FOLDS, N).astype(float)
    if kind is EndpointKind.BINARY:
        return Target.binary("e", (drive + rng.logistic(size=N) > 0).astype(float)), first, second, fold
    if kind is EndpointKind.TIME_TO_EVENT:
        time = np.ceil(rng.exponential(100 * np.exp(-drive)))
        return Target.survival("e", time, rng.choice([0.0, 1.0, 1.0, 2.0], N)), first, second, fold
    empty = np.full(N, np.nan)
    return Target("e", kind, np.round(3 * drive), empty, empty), first, second, fold


def numbers(estimate: Estimate) -> list[float | None]:
    return [estimate.value, estimate.low, estimate.high]


@EVERY_KIND
def test_a_constant_for_each_fold_and_a_monotone_change_within_it_move_nothing(kind: EndpointKind) -> None:
    target, score, other, fold = cases(kind)
    level = np.random.default_rng(1).normal(0, 50, FOLDS)[fold.astype(int)]
    moved = np.where(fold == 2, np.exp(score), score) + level
    assert numbers(within_folds(target, moved, fold)) == numbers(within_folds(target, score, fold))
    pair, same = (difference_within(target, one, other, fold).estimate for one in (moved, score))
    assert numbers(pair) == numbers(same)


@EVERY_KIND
def test_one_fold_gives_what_all_cases_together_give(kind: EndpointKind) -> None:
    target, score, other, _ = cases(kind)
    alone, primary = np.zeros(N), KINDS[kind].primary
    pooled = measure(checked_sample(target, None, score, Settings()))[primary]
    assert numbers(within_folds(target, score, alone)) == pytest.approx(numbers(pooled))
    pair, usual = difference_within(target, score, other, alone), KINDS[kind].difference(target, score, other, 0.95)
    assert numbers(pair.estimate) == pytest.approx(numbers(usual.estimate))
    assert pair.p_value == pytest.approx(usual.p_value)


@EVERY_KIND
def test_the_value_is_the_mean_of_the_folds_and_the_variance_their_sum(kind: EndpointKind) -> None:
    target, score, other, fold = cases(kind)
    each = [KINDS[kind].difference(target.take(fold == k), score[fold == k], other[fold == k], 0.95).estimate
            for k in range(FOLDS)]  # fmt: skip
    found = difference_within(target, score, other, fold).estimate
    assert found.value == pytest.approx(np.mean([one.value for one in each]))
    widths = [one.high - one.low for one in each]  # type: ignore[operator]
    assert found.high - found.low == pytest.approx(np.sqrt(np.sum(np.square(widths))) / FOLDS)  # type: ignore[operator]


@EVERY_KIND
def test_order_and_names_of_folds_are_irrelevant_and_a_score_never_differs_from_itself(kind: EndpointKind) -> None:
    target, score, _, fold = cases(kind)
    rows = np.random.default_rng(2).permutation(N)
    again = within_folds(target.take(rows), score[rows], np.array(["a", "b", "c", "d"])[fold.astype(int)][rows])
    assert numbers(again) == pytest.approx(numbers(within_folds(target, score, fold)))
    itself = difference_within(target, score, score.copy(), fold).estimate
    assert numbers(itself) == [0, 0, 0]


@EVERY_KIND
def test_a_reversed_score_complements(kind: EndpointKind) -> None:
    target, score, _, fold = cases(kind)
    found, turned = within_folds(target, score, fold), within_folds(target, -score, fold)
    assert turned.value == pytest.approx(1 - found.value)  # type: ignore[operator]


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Five models of unlike level: 95 % intervals of the mean over folds, 300 draws, true AUROC of the score 0.76."""
    rng, held, pooled = np.random.default_rng(5), 0, []
    truth = 0.7602  # Phi(1 / sqrt 2): events one standard deviation higher
    for _ in range(300):
        y = (np.arange(200) % 4 == 0).astype(float)
        fold = np.repeat(np.arange(5), 40)
        score = rng.normal(size=200) + y + rng.normal(0, 2, 5)[fold]
        found = within_folds(Target.binary("e", y), score, fold)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
        pooled.append(measure(checked_sample(Target.binary("e", y), None, score, Settings()))["auroc"].value)
    assert 0.91 <= held / 300 <= 0.985
    assert np.mean(np.array(pooled, dtype=float)) < truth - 0.05
