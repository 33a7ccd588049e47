"""Intervals: resampling of patients, undefined draws, and coverage where a formula is ours to choose."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import numpy as np
import pytest

from outcome.evaluation.comparison.differences import paired_bootstrap
from outcome.evaluation.discrimination.roc import auroc, auroc_delong, pseudo_score_interval
from outcome.evaluation.intervals import bootstrap, measured, percentile_interval, resample, wald, wilson
from outcome.evaluation.overall.binary import brier


def test_wilson_stays_inside_and_refuses_nobody() -> None:
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == 1
    assert wilson(10, 10)[0] == pytest.approx(1 - wilson(0, 10)[1])
    with pytest.raises(ValueError, match="n must be positive"):
        wilson(0, 0)


def test_a_wider_level_gives_a_wider_interval() -> None:
    assert wald(1.0, 0.5, level=0.99)[0] < wald(1.0, 0.5, level=0.9)[0]
    y, score = np.tile([0.0, 1.0], 20), np.random.default_rng(0).random(40)
    assert auroc_delong(y, score, level=0.99).low < auroc_delong(y, score, level=0.9).low
    assert auroc_delong(y, score, level=0.9).level == 0.9


def test_whole_patients_are_drawn() -> None:
    patients = np.array(["b", "a", "b", "c", "a", "b"])
    rows = resample(6, np.random.default_rng(0), patients)
    for name in "abc":
        own = np.flatnonzero(patients == name)
        counts = [np.sum(rows == k) for k in own]
        assert len(set(counts)) == 1
    assert not np.array_equal(rows, resample(6, np.random.default_rng(1), patients))


def test_patients_with_two_rows_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=60), 2)
    alone = bootstrap(lambda rows: values[rows].mean(), 120, seed=1, draws=400)
    together = bootstrap(lambda rows: values[rows].mean(), 120, seed=1, draws=400, patients=np.repeat(np.arange(60), 2))
    # Doubled rows hold half the information they seem to: the spread is wrong by the square root of two.
    assert together.std() / alone.std() == pytest.approx(np.sqrt(2), rel=0.15)


def test_too_many_undefined_draws_leave_no_interval() -> None:
    assert percentile_interval(np.array([np.nan] * 10 + [1.0] * 90)) is None
    assert percentile_interval(np.array([np.nan] * 2 + [1.0] * 98)) == (1, 1)
    assert "no interval" in measured(1.0, None, method="bootstrap", n=3).method


def test_the_same_seed_gives_the_same_difference() -> None:
    y, a, b = np.tile([0.0, 1.0], 30), np.linspace(0, 1, 60), np.linspace(1, 0, 60)
    first = paired_bootstrap(brier, (y,), (a, b), seed=3, draws=50)
    assert first == paired_bootstrap(brier, (y,), (a, b), seed=3, draws=50)
    assert first != paired_bootstrap(brier, (y,), (a, b), seed=4, draws=50)
    assert paired_bootstrap(brier, (y,), (a, a), seed=3, draws=50).p_value == 1


def test_pseudo_score_interval_is_symmetric_and_open_at_the_ends() -> None:
    low, high = pseudo_score_interval(1.0, 10, 30)
    assert high == 1
    assert 0.7 < low < 1
    assert pseudo_score_interval(0.0, 10, 30) == pytest.approx((0, 1 - low), abs=1e-6)
    middle = pseudo_score_interval(0.5, 20, 20)
    assert 0.5 - middle[0] == pytest.approx(middle[1] - 0.5, abs=1e-6)
    assert pseudo_score_interval(1.0, 40, 120)[0] > low


def test_delong_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    y = np.repeat([0.0, 1.0], [60, 40])
    truth = 0.7602499  # standard normal scores, shifted by 1: Φ(1 / √2)
    hits = 0
    for _ in range(400):
        estimate = auroc_delong(y, rng.normal(size=100) + y)
        hits += estimate.low <= truth <= estimate.high
    # 95 % of 400 is 380, with a standard deviation of 4.4; DeLong is known to run 1 to 2 points low at this size.
    assert 360 <= hits <= 393
    assert auroc(y, y) == 1
