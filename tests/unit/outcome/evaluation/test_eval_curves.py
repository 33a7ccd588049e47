"""Calibration curves: right on data whose truth is known, honest where data are few."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from outcome.evaluation.calibration.curve import calibration_curve, calibration_curve_t
from outcome.types import FloatArray


def skewed(n: int, seed: int = 2) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Outcomes whose true risk is a known function of the predicted one."""
    rng = np.random.default_rng(seed)
    risk = expit(1.5 * rng.normal(size=n))
    truth = expit(-0.7 + 0.6 * logit(risk))
    return (rng.random(n) < truth).astype(float), risk, truth


def test_the_spline_finds_a_known_miscalibration() -> None:
    y, risk, _ = skewed(20_000)
    curve = calibration_curve(y, risk)
    assert curve.kind == "spline"
    assert len(curve.risk) <= 200
    assert np.all(np.diff(curve.risk) > 0)
    truth = expit(-0.7 + 0.6 * logit(curve.risk))
    assert curve.observed == pytest.approx(truth, abs=0.03)
    assert np.mean((curve.low <= truth) & (truth <= curve.high)) > 0.8


def test_the_band_narrows_with_data() -> None:
    small, large = (calibration_curve(*skewed(n)[:2]) for n in (500, 8000))
    assert np.median(large.high - large.low) == pytest.approx(np.median(small.high - small.low) / 4, rel=0.25)


def test_few_events_are_shown_in_groups() -> None:
    y = np.repeat([0.0, 1.0], [80, 12])
    risk = np.concatenate([np.linspace(0.01, 0.5, 80), np.linspace(0.2, 0.8, 12)])
    curve = calibration_curve(y, risk)
    assert curve.kind == "groups"
    assert curve.n is not None
    assert sum(curve.n) == 92
    assert np.sum(curve.observed * curve.n) == pytest.approx(12)
    assert np.sum(curve.risk * curve.n) == pytest.approx(risk.sum())


def test_equal_risks_are_never_parted() -> None:
    y, risk = np.tile([0.0, 1.0, 1.0], 40), np.tile([0.2, 0.2, 0.7], 40)
    curve = calibration_curve(y, risk)
    assert curve.risk.tolist() == pytest.approx([0.2, 0.7])
    assert curve.observed.tolist() == [0.5, 1.0]
    assert curve.low[1] < 1


def test_a_separated_outcome_gets_groups_instead_of_a_diverging_fit() -> None:
    risk = np.linspace(0.01, 0.99, 100)
    assert calibration_curve((risk > 0.5).astype(float), risk).kind == "groups"


def test_in_time_a_right_model_lies_on_the_diagonal() -> None:
    rng = np.random.default_rng(0)
    lp = rng.normal(size=40_000)
    ends = np.stack([rng.exponential(100 * np.exp(-lp)), rng.exponential(200, 40_000)])
    risk = 1 - np.exp(-0.5 * np.exp(lp))
    curve = calibration_curve_t(ends.min(axis=0), (ends.argmin(axis=0) == 0).astype(float), risk, 50.0)
    assert curve is not None
    assert curve.observed == pytest.approx(curve.risk, abs=0.025)
    assert np.all((curve.low <= curve.observed) & (curve.observed <= curve.high))


def test_in_time_a_group_without_events_keeps_an_interval() -> None:
    days, event = np.full(40, 90.0), np.repeat([0.0, 1.0], [30, 10])
    days = np.where(event == 1, 20.0, days)
    risk = np.repeat([0.1, 0.8], [20, 20])
    curve = calibration_curve_t(days, event, risk, 60.0)
    assert curve is not None
    assert curve.observed.tolist() == [0, 0.5]
    assert curve.high[0] > 0.1


def test_in_time_no_curve_where_follow_up_ends_early() -> None:
    days = np.arange(1.0, 41)
    assert calibration_curve_t(days, np.tile([1.0, 0.0], 20), np.linspace(0, 1, 40), 60.0) is None
