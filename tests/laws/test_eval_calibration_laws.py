"""What must hold of calibration for any patients: order, leaving one out, bounds between the numbers, known changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from outcome.evaluation.calibration.curve import calibration_curve
from outcome.evaluation.calibration.error import calibration_error_estimates, calibration_errors
from outcome.evaluation.calibration.error_survival import (
    SMOOTHERS_T,
    calibration_error_t_estimates,
    calibration_errors_t,
    smooth_curve_t,
)
from outcome.evaluation.calibration.indices_survival import slope_t_estimate
from outcome.evaluation.calibration.loess import MAX_POINTS, Loess
from outcome.evaluation.calibration.smoothing import SMOOTHERS, observed_at
from outcome.evaluation.overall.binary import discrimination_slope, log_loss
from outcome.evaluation.overall.brier_survival import integrated_brier, scaled_brier_t
from outcome.evaluation.overall.likelihood_indices import likelihood_indices
from outcome.evaluation.overall.predicted_quantiles import pinball, pit_brackets, pit_values, uniformity_test
from outcome.evaluation.times.cox import cox_fit
from outcome.evaluation.times.incidence import aalen_johansen
from outcome.evaluation.times.pseudo_observations import pseudo_values
from outcome.types import FloatArray

QUICK = settings(max_examples=60, deadline=None)
Timed = tuple[FloatArray, FloatArray]


@st.composite
def timed(draw: st.DrawFn) -> Timed:
    """Whole days with many ties, all three kinds of end."""
    cells = draw(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 2)), min_size=2, max_size=25))
    days, event = np.array(cells, dtype=float).T
    return days, event


def binary_cases(n: int, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Risks that are too extreme and too high."""
    rng = np.random.default_rng(seed)
    risk = expit(rng.normal(0.0, 1.5, n))
    return (rng.random(n) < expit(-0.4 + 0.7 * np.log(risk / (1 - risk)))).astype(float), risk


def timed_cases(n: int, seed: int = 0, competing: float = 0.0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Risks by day 50 that are right without competing events."""
    rng = np.random.default_rng(seed)
    lp = rng.normal(size=n)
    rates = np.column_stack([0.01 * np.exp(lp), np.full(n, 0.006), np.full(n, competing)])
    ends = rng.exponential(size=(n, 3)) / np.maximum(rates, 1e-12)
    return np.ceil(ends.min(axis=1)), np.array([1.0, 0, 2])[ends.argmin(axis=1)], 1 - np.exp(-0.5 * np.exp(lp))


@QUICK
@given(timed(), st.floats(0.5, 8.5))
def test_pseudo_values_are_leaving_one_out(case: Timed, horizon: float) -> None:
    days, event = case
    n, whole = len(days), float(aalen_johansen(days, event).at(horizon))
    without = [float(aalen_johansen(np.delete(days, k), np.delete(event, k)).at(horizon)) for k in range(n)]
    assert pseudo_values(days, event, horizon) == pytest.approx(n * whole - (n - 1) * np.array(without), abs=1e-9)


@QUICK
@given(timed())
def test_pseudo_values_without_censoring_are_the_outcomes(case: Timed) -> None:
    days, event = case[0], np.where(case[1] == 0, 2.0, case[1])
    expected = ((event == 1) & (days <= 4)).astype(float)
    assert pseudo_values(days, event, 4.0) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("smoother", sorted(SMOOTHERS))
def test_distances_are_ordered_and_blind_to_the_order_of_cases(smoother: str) -> None:
    y, risk = binary_cases(400)
    found = calibration_errors(y, risk, smoother=smoother)
    order = np.random.default_rng(1).permutation(400)
    again = calibration_errors(y[order], risk[order], smoother=smoother)
    assert found is not None
    assert again is not None
    for name in ("ici", "e50", "e90", "emax", "eci"):
        assert getattr(again, name) == pytest.approx(getattr(found, name), abs=1e-9)
    assert 0 <= found.e50 <= found.e90 <= found.emax
    assert found.ici <= found.emax
    assert found.ici**2 <= found.eci / 100 <= found.emax**2


@pytest.mark.parametrize("smoother", sorted(SMOOTHERS))
def test_a_smoother_finds_a_known_curve(smoother: str) -> None:
    y, risk = binary_cases(20_000)
    truth = expit(-0.4 + 0.7 * np.log(risk / (1 - risk)))
    found = calibration_errors(y, risk, smoother=smoother)
    assert found is not None
    # A line in the risk itself cannot follow this curve: near 1 it must overshoot.
    assert found.ici == pytest.approx(np.mean(np.abs(truth - risk)), abs=0.03 if smoother == "logistic_risk" else 0.008)
    grid = np.array([0.1, 0.5, 0.9])
    assert observed_at(y, risk, smoother, grid) is not None


def test_resampled_distances_enclose_the_value_and_follow_the_seed() -> None:
    y, risk = binary_cases(300)
    first, again, other = (calibration_error_estimates(y, risk, seed=s, draws=40) for s in (1, 1, 2))
    assert first == again
    assert first != other
    for estimate in first.values():
        assert estimate.low is not None
        assert estimate.value is not None
        assert estimate.high is not None
        assert 0 <= estimate.low <= estimate.value <= estimate.high
        assert "loess" in estimate.method


def test_many_cases_are_grouped_without_moving_the_curve() -> None:
    y, risk = binary_cases(2 * MAX_POINTS)
    grid = np.linspace(0.05, 0.95, 19)
    grouped = Loess().fitted(risk, y, grid)
    # The same cases twice over are the same curve: here by groups of four.
    twice = Loess().fitted(np.tile(risk, 2), np.tile(y, 2), grid)
    assert grouped == pytest.approx(twice, abs=2e-4)
    assert "groups" in Loess().name(2 * MAX_POINTS)
    assert "groups" not in Loess().name(MAX_POINTS)
    half = Loess().fitted(risk[:MAX_POINTS], y[:MAX_POINTS], grid)
    assert grouped == pytest.approx(half, abs=0.03)


def test_the_loess_band_holds_a_known_curve() -> None:
    y, risk = binary_cases(3000, seed=3)
    curve = calibration_curve(y, risk, smoother="loess", seed=1)
    truth = expit(-0.4 + 0.7 * np.log(curve.risk / (1 - curve.risk)))
    assert curve.kind == "loess"
    assert np.mean((curve.low <= truth) & (truth <= curve.high)) > 0.8
    assert 0.01 < np.median(curve.high - curve.low) < 0.15
    with pytest.raises(ValueError, match="spline"):
        calibration_curve(y, risk, smoother="lowess")


def test_a_cleverer_recalibration_never_loses_likelihood() -> None:
    y, risk = binary_cases(500)
    found = likelihood_indices(y, risk)
    assert found is not None
    assert found.u_chi2 >= 0
    assert found.q == pytest.approx(found.d - found.u)
    # A model that is its own recalibration: the same D, nothing left to test.
    log_odds = np.log(risk / (1 - risk))
    from_moved = likelihood_indices(y, expit(0.3 + 2 * log_odds))
    assert from_moved is not None
    assert from_moved.d == pytest.approx(found.d, abs=1e-6)
    assert from_moved.nagelkerke_r2 == pytest.approx(found.nagelkerke_r2, abs=1e-6)


def test_reversed_classes_keep_losses_and_gaps() -> None:
    y, risk = binary_cases(200)
    assert log_loss(1 - y, 1 - risk) == pytest.approx(log_loss(y, risk))
    assert discrimination_slope(1 - y, 1 - risk) == pytest.approx(discrimination_slope(y, risk))


@pytest.mark.parametrize("competing", [0.0, 0.006])
def test_doubled_log_hazards_halve_the_slope(competing: float) -> None:
    days, event, risk = timed_cases(1500, competing=competing)
    # Moderate ones, since risks within 1e-6 of 0 and 1 are moved.
    hazard = np.clip(-np.log1p(-risk), 0.01, 3)
    once = slope_t_estimate(days, event, -np.expm1(-hazard), 50.0)
    doubled = slope_t_estimate(days, event, -np.expm1(-0.4 * hazard**2), 50.0)
    assert once.value is not None
    assert doubled.value == pytest.approx(once.value / 2, abs=1e-6)
    assert ("pseudo" in once.method) == (competing > 0)
    if not competing:
        assert once.value == pytest.approx(1, abs=0.15)


def test_cox_and_pseudo_values_agree_on_slope_and_curve() -> None:
    # Two ways through censoring, on risks that are right.
    days, event, risk = timed_cases(6000)
    curves = [smooth_curve_t(days, event, risk, 50.0, smoother=name) for name in sorted(SMOOTHERS_T)]
    for curve in curves:
        assert curve is not None
        assert curve.observed == pytest.approx(curve.risk, abs=0.05)
        assert np.mean((curve.low <= curve.risk) & (curve.risk <= curve.high)) > 0.8
        assert np.all((curve.low >= 0) & (curve.high <= 1))


def test_days_after_the_horizon_change_nothing() -> None:
    days, event, risk = timed_cases(400)
    late = days > 50
    other_days, other_event = np.where(late, days + 7, days), np.where(late, 1 - np.minimum(event, 1), event)
    for smoother in sorted(SMOOTHERS_T):
        found, again = (
            calibration_errors_t(d, e, risk, 50.0, smoother=smoother)
            for d, e in ((days, event), (other_days, other_event))
        )
        assert found == again
    assert slope_t_estimate(days, event, risk, 50.0) == slope_t_estimate(other_days, other_event, risk, 50.0)


def test_errors_in_time_are_withheld_or_enclosed() -> None:
    days, event, risk = timed_cases(300, competing=0.004)
    found = calibration_error_t_estimates(days, event, risk, 50.0, draws=30)
    assert found == calibration_error_t_estimates(days, event, risk, 50.0, draws=30)
    for estimate in found.values():
        assert estimate.low is not None
        assert estimate.value is not None
        assert estimate.high is not None
        assert estimate.low <= estimate.value <= estimate.high
        assert "pseudo" in estimate.method
    too_late = calibration_error_t_estimates(np.minimum(days, 40), event * (days < 40), risk, 50.0)
    assert all("follow-up ends" in (e.withheld or "") for e in too_late.values())


def test_cox_is_blind_to_units_of_time_and_shifts_of_columns() -> None:
    days, event, risk = timed_cases(300)
    column = np.log(-np.log1p(-risk))[:, None]
    first, moved = cox_fit(days, event, column), cox_fit(days / 365, event, 3 * column + 100)
    assert first is not None
    assert moved is not None
    assert 3 * moved.beta == pytest.approx(first.beta)
    at = column[:5]
    assert moved.risk(3 * at + 100, 50 / 365) == pytest.approx(first.risk(at, 50.0))
    assert moved.log_hazard_se(3 * at + 100, 50 / 365) == pytest.approx(first.log_hazard_se(at, 50.0))


def test_the_average_risk_gains_nothing() -> None:
    days, event, _ = timed_cases(300, competing=0.004)
    average = np.full(300, float(aalen_johansen(days, event).at(50.0)))
    assert scaled_brier_t(days, event, average, 50.0) == pytest.approx(0, abs=1e-12)
    # No other risk for all does better.
    assert scaled_brier_t(days, event, average + 0.03, 50.0) < -1e-4
    assert scaled_brier_t(days, event, average - 0.03, 50.0) < -1e-4


def test_a_constant_score_integrates_to_itself() -> None:
    days, event = np.full(6, 90.0), np.zeros(6)
    risks = np.full((6, 3), 0.3)
    assert integrated_brier(days, event, risks, np.array([10.0, 20, 70])) == pytest.approx(0.09)


@QUICK
@given(st.lists(st.integers(0, 40), min_size=1, max_size=40), st.sampled_from([0.1, 0.5, 0.8]), st.integers(0, 40))
def test_no_constant_beats_the_quantile(days: list[int], level: float, other: int) -> None:
    observed = np.array(days, dtype=float)
    best = np.full(observed.size, np.quantile(observed, level, method="inverted_cdf"))
    assert pinball(observed, best, level) <= pinball(observed, np.full(observed.size, float(other)), level) + 1e-12


def test_pit_is_uniform_for_right_distributions_only() -> None:
    rng = np.random.default_rng(0)
    mean = rng.normal(size=2000)
    observed = mean + rng.normal(size=2000)
    levels = np.array([0.1, 0.25, 0.5, 0.75, 0.9])
    normal = np.array([-1.2815516, -0.6744898, 0, 0.6744898, 1.2815516])
    p_values = []
    for width in (1.0, 0.7):
        low, high = pit_brackets(observed, mean[:, None] + width * normal, levels)
        test = uniformity_test(pit_values(low, high, seed=5))
        assert test is not None
        p_values.append(test.p_value)
    assert p_values[0] > 0.05
    assert p_values[1] < 1e-6
    assert uniformity_test(np.array([])) is None
