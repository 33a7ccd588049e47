"""Calibration, likelihood and predicted quantiles of a few patients, every answer worked out in the comment by it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from outcome.evaluation.calibration.error import CalibrationErrors, calibration_error_estimates, calibration_errors, ici
from outcome.evaluation.calibration.error_survival import calibration_errors_t, smooth_curve_t
from outcome.evaluation.calibration.indices import slope
from outcome.evaluation.calibration.indices_survival import (
    citl_t,
    oe_ratio_t_poisson_estimate,
    slope_t,
    slope_t_estimate,
)
from outcome.evaluation.calibration.loess import Loess, grouped, local_curve
from outcome.evaluation.overall.binary import discrimination_slope, log_loss, scaled_brier
from outcome.evaluation.overall.brier_survival import integrated_brier, integrated_brier_estimate, scaled_brier_t
from outcome.evaluation.overall.likelihood_indices import likelihood_estimates, likelihood_indices
from outcome.evaluation.overall.predicted_quantiles import (
    interval_coverage_estimate,
    pinball,
    pinball_estimates,
    pit_brackets,
    pit_values,
    quantile_share_estimates,
)
from outcome.evaluation.times.cox import cox_fit
from outcome.evaluation.times.pseudo_observations import cloglog_regression, pseudo_values
from outcome.types import FloatArray


def two_groups() -> tuple[FloatArray, FloatArray]:
    # Risk 1/5 for six cases, two of them with the event; 4/5 for six, four of them with it.
    return np.array([1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0], dtype=float), np.repeat([0.2, 0.8], 6)


def test_slope_of_two_groups() -> None:
    # Log odds foretold -log 4 and log 4, seen -log 2 and log 2.
    assert slope(*two_groups()) == pytest.approx(0.5)


@pytest.mark.parametrize("smoother", ["logistic_risk", "logistic_logit"])
def test_distances_of_two_groups(smoother: str) -> None:
    # A line through two points meets both: 1/3 seen for 1/5, 2/3 for 4/5.
    found = calibration_errors(*two_groups(), smoother=smoother)
    assert found is not None
    off = 1 / 3 - 1 / 5
    assert (found.ici, found.e50, found.e90, found.emax) == pytest.approx((off,) * 4)
    assert found.eci == pytest.approx(100 * off**2)


def test_distances_are_mean_median_late_and_largest() -> None:
    # 0, .1, .2, .3 and .4 away.
    found = CalibrationErrors.between(np.full(5, 0.5), np.array([0.5, 0.4, 0.7, 0.2, 0.9]))
    assert found is not None
    assert (found.ici, found.e50, found.emax) == pytest.approx((0.2, 0.2, 0.4))
    assert found.e90 == pytest.approx(0.3 + 0.6 * 0.1)
    assert found.eci == pytest.approx(100 * (0.01 + 0.04 + 0.09 + 0.16) / 5)


def test_distances_need_a_curve() -> None:
    y, risk = two_groups()
    assert math.isnan(ici(y, np.full(12, 0.4), smoother="loess"))
    withheld = calibration_error_estimates(y, np.full(12, 0.4), draws=5)["e90"]
    assert withheld.value is None
    assert "every case has the same risk" in (withheld.withheld or "")
    assert "spline" in (calibration_error_estimates(y, risk, smoother="spline", draws=5)["e90"].withheld or "")
    assert calibration_errors((risk > 0.5).astype(float), risk, smoother="logistic_logit") is None
    assert "only one class" in (calibration_error_estimates(np.ones(12), risk)["ici"].withheld or "")
    with pytest.raises(ValueError, match="one of"):
        ici(y, risk, smoother="lowess")


def test_loess_of_degree_two_follows_a_parabola() -> None:
    x = np.linspace(0, 1, 40) ** 2
    assert Loess().fitted(x, 1 - x + 2 * x**2, np.array([0.05, 0.5])) == pytest.approx([0.955, 1.0], abs=2e-3)
    assert Loess(degree=1).fitted(x, 3 - 2 * x) == pytest.approx(3 - 2 * x)
    assert Loess().fitted(np.array([0.1, 0.1, 0.4]), np.zeros(3)) is None


def test_a_few_classes_are_met_at_their_means() -> None:
    # 1/3 seen for 1/5, 2/3 for 4/5; half way between the two half of the way up.
    y, risk = two_groups()
    found = calibration_error_estimates(y, risk, draws=20)["ici"]
    assert found.value == pytest.approx(1 / 3 - 1 / 5)
    assert found.method.startswith("mean at each of 2 distinct risks")
    assert local_curve(risk, y, Loess(), np.array([0.0, 0.5, 0.8])) == pytest.approx([1 / 3, 1 / 2, 2 / 3])


def test_a_span_without_cases_has_no_curve() -> None:
    # A third of two or three cases is none: the library would crash there.
    for n in (2, 3, 6):
        assert Loess(span=0.33, degree=1).fitted(np.linspace(0.1, 0.9, n), np.ones(n)) is None
    assert Loess().fitted(np.array([]), np.array([])) is None


def test_neighbours_are_grouped_by_rank() -> None:
    # Sorted: .1 .2 .3 | .4 .5 of five into two groups of 2 and 3: starts at 0 and 2.
    x, y = np.array([0.5, 0.1, 0.4, 0.2, 0.3]), np.array([1.0, 0, 1, 1, 0])
    points, heights, sizes = grouped(x, y, 2)
    assert points == pytest.approx([0.15, 0.4])
    assert heights == pytest.approx([0.5, 2 / 3])
    assert sizes.tolist() == [2, 3]


def test_log_loss_and_discrimination_slope() -> None:
    y, risk = np.array([1.0, 0, 1, 0]), np.array([0.5, 0.25, 0.8, 0.0])
    assert log_loss(y, risk) == pytest.approx((math.log(2) + math.log(4 / 3) + math.log(5 / 4)) / 4, abs=1e-6)
    assert discrimination_slope(y, risk) == pytest.approx(0.65 - 0.125)
    # A risk of 0 that fails costs log(1e6), not infinity.
    assert log_loss(np.array([1.0]), np.array([0.0])) == pytest.approx(6 * math.log(10))


def test_likelihood_indices_of_two_groups() -> None:
    # Best: 2/6 and 4/6; given: 1/5 and 4/5; one risk for all: 1/2.
    y, risk = two_groups()
    best = 8 * math.log(2 / 3) + 4 * math.log(1 / 3)
    given = 8 * math.log(4 / 5) + 4 * math.log(1 / 5)
    null = 12 * math.log(1 / 2)
    found = likelihood_indices(y, risk)
    assert found is not None
    assert found.d == pytest.approx((2 * (best - null) - 1) / 12)
    assert found.u_chi2 == pytest.approx(2 * (best - given))
    assert found.u == pytest.approx((2 * (best - given) - 2) / 12)
    assert found.q == pytest.approx((2 * (given - null) + 1) / 12)
    # The survival function of a chi-square with 2 degrees of freedom is exp(-x / 2).
    assert found.u_p_value == pytest.approx(math.exp(given - best))
    assert found.nagelkerke_r2 == pytest.approx((1 - math.exp(-(best - null) / 6)) / (1 - math.exp(null / 6)))
    assert all(e.value is None for e in likelihood_estimates(y, np.full(12, 0.3)).values())


def test_cox_of_three_patients() -> None:
    # With u = exp(beta): 1 / (2u + 1) = u / (1 + u), so u² = 1/2.
    fit = cox_fit(np.array([1.0, 2, 3]), np.ones(3), np.array([[1.0], [0], [1]]))
    assert fit is not None
    assert fit.beta[0] == pytest.approx(-math.log(2) / 2)
    # By day 1.5 one event among two hazards u and one 1.
    assert fit.risk(np.array([[0.0]]), 1.5)[0] == pytest.approx(1 - math.exp(-1 / (1 + math.sqrt(2))))


def test_cox_thins_tied_events_as_efron_does() -> None:
    # u / ((u + 2)(u + 3) / 2): 1/u = 1/(u + 2) + 1/(u + 3), so u² = 6.
    fit = cox_fit(np.array([1.0, 1, 2]), np.array([1.0, 1, 0]), np.array([[1.0], [0], [0]]))
    assert fit is not None
    assert fit.beta[0] == pytest.approx(math.log(6) / 2)
    assert cox_fit(np.array([1.0, 2, 3]), np.ones(3), np.array([[3.0], [2], [1]])) is None  # separation
    assert cox_fit(np.array([1.0, 2]), np.zeros(2), np.array([[1.0], [0]])) is None  # nobody


def test_pseudo_values() -> None:
    days, event = np.array([1.0, 2, 3]), np.array([1.0, 0, 1])
    # By day 2.5: 1/3; without the first 0, without another 1/2.
    assert pseudo_values(days, event, 2.5) == pytest.approx([1, 0, 0])
    # By day 3: 1; without the last 1/2, without another 1.
    assert pseudo_values(days, event, 3.0) == pytest.approx([1, 1, 2])
    # Nobody lost: the outcome itself, a competing event counting 0.
    assert pseudo_values(days, np.array([1.0, 2, 1]), 3.0) == pytest.approx([1, 0, 1])


def test_calibration_of_pseudo_values_of_two_groups() -> None:
    # Nobody lost; risks 1/4 and 1/2, seen 1/2 and 3/4: hazards log(4/3), log 2 foretold, log 2, log 4 seen.
    days = np.tile([1.0, 9, 9, 9], 4)
    days[[0, 1, 4, 5]], days[8:] = 1.0, [1, 1, 1, 9] * 2
    days[[2, 3, 6, 7]] = 9
    event, risk = (days == 1).astype(float), np.repeat([0.25, 0.5], 8)
    event[[3, 7]], days[[3, 7]] = 2, 4  # two competing events among those without the event
    seen, foretold = np.log([math.log(2), math.log(4)]), np.log([math.log(4 / 3), math.log(2)])
    expected = (seen[1] - seen[0]) / (foretold[1] - foretold[0])
    found = slope_t_estimate(days, event, risk, 5.0)
    assert found.value == pytest.approx(expected)
    assert "pseudo" in found.method
    # In the large: a common step in log hazard; least squares between both groups' own steps.
    assert min(seen - foretold) < citl_t(days, event, risk, 5.0) < max(seen - foretold)
    assert cloglog_regression(np.array([0.5, 0.5]), np.zeros((2, 1)), np.zeros(2)) is None


def test_slope_in_time_is_the_coefficient_of_cox() -> None:
    # As the three patients above, with log hazards 0.5 and -0.5 apart by 1.
    hazard = np.exp(np.array([0.5, -0.5, 0.5]))
    assert slope_t(np.array([1.0, 2, 3]), np.ones(3), 1 - np.exp(-hazard), 3.0) == pytest.approx(-math.log(2) / 2)
    # Cut at day 1.5 only the first event is left, u / (2u + 1), which rises for ever.
    late = slope_t_estimate(np.array([1.0, 2, 3]), np.ones(3), 1 - np.exp(-hazard), 1.5)
    assert "no maximum" in (late.withheld or "")


def test_ratio_at_a_horizon_with_a_count_for_its_interval() -> None:
    days, event = np.array([1.0, 2, 3, 4]), np.array([1.0, 0, 1, 0])
    # 1 - 3/4 x 1/2 seen by day 3.5 from two events, 1/2 foretold.
    found = oe_ratio_t_poisson_estimate(days, event, np.full(4, 0.5), 3.5)
    assert found.value == pytest.approx(5 / 8 / 0.5)
    assert found.high == pytest.approx(5 / 4 * math.exp(1.959964 / math.sqrt(2)), rel=1e-6)
    assert found.n_events == 2


def test_cox_is_refused_where_its_survival_is_no_risk() -> None:
    days, event = np.arange(1.0, 9), np.array([1.0, 2, 1, 0, 1, 0, 1, 0])
    with pytest.raises(ValueError, match="no risk"):
        calibration_errors_t(days, event, np.linspace(0.1, 0.8, 8), 6.0, smoother="cox_spline")
    with pytest.raises(ValueError, match="no risk"):
        smooth_curve_t(days, event, np.linspace(0.1, 0.8, 8), 6.0, smoother="cox_spline")
    with pytest.raises(ValueError, match="one of"):
        calibration_errors_t(days, event, np.linspace(0.1, 0.8, 8), 6.0, smoother="loess")


def test_brier_scores_over_time_without_censoring() -> None:
    days, event = np.array([1.0, 3, 9, 9]), np.array([1.0, 1, 0, 0])
    risks = np.array([[0.5, 0.5, 0.5], [0.0, 0.5, 0.5], [0.0, 0.0, 0.5], [0.0, 0.0, 0.5]])
    # By day 2, 4 and 8: .25/4, .5/4, 1/4; over 2 and 4 days of 6.
    assert integrated_brier(days, event, risks, np.array([2.0, 4, 8])) == pytest.approx(
        (2 * (0.0625 + 0.125) / 2 + 4 * (0.125 + 0.25) / 2) / 6
    )
    y = (days <= 4).astype(float)
    assert scaled_brier_t(days, event, risks[:, 1], 4.0) == pytest.approx(scaled_brier(y, risks[:, 1]))
    with pytest.raises(ValueError, match="rising"):
        integrated_brier(days, event, risks, np.array([2.0, 2, 8]))
    beyond = integrated_brier_estimate(days - 1, event, risks, np.array([2.0, 4, 10]))
    assert "follow-up ends" in (beyond.withheld or "")


def test_pinball_and_coverage() -> None:
    observed, predicted = np.array([3.0, 5, 10]), np.array([4.0, 4, 4])
    # One too long by 1, two too short by 1 and 6: .9 of what is short, .1 of what is long.
    assert pinball(observed, predicted, 0.9) == pytest.approx((0.1 + 0.9 + 5.4) / 3)
    assert pinball(observed, predicted, 0.5) == pytest.approx(8 / 3 / 2)
    found = interval_coverage_estimate(observed, np.array([3.0, 5.5, 0]), np.array([4.0, 9, 20]))
    assert found.value == pytest.approx(2 / 3)
    both = np.column_stack([predicted, predicted + 2])
    estimates = pinball_estimates(observed, both, np.array([0.5, 0.9]))
    assert set(estimates) == {"pinball_0.5", "pinball_0.9", "pinball"}
    # .9 of 4 for the last, .1 of 3 and of 1.
    assert estimates["pinball_0.9"].value == pytest.approx((0.3 + 0.1 + 3.6) / 3)
    assert estimates["pinball"].value == pytest.approx((8 / 6 + 4 / 3) / 2)
    shares = quantile_share_estimates(observed, both, np.array([0.5, 0.9]))
    assert [shares[f"share_below_{q}"].value for q in ("0.5", "0.9")] == pytest.approx([1 / 3, 2 / 3])


def test_where_a_value_falls_among_its_quantiles() -> None:
    levels, quantiles = np.array([0.25, 0.5, 0.75]), np.tile([2.0, 4, 6], (5, 1))
    low, high = pit_brackets(np.array([1.0, 3, 4, 6.5, 6]), quantiles, levels)
    assert low.tolist() == [0, 0.25, 0.25, 0.75, 0.5]
    assert high.tolist() == [0.25, 0.5, 0.75, 1, 1]
    assert pit_values(np.array([0.3]), np.array([0.3]), seed=1).tolist() == [0.3]
    with pytest.raises(ValueError, match="low <= high"):
        pit_values(np.array([0.4]), np.array([0.3]), seed=1)
    with pytest.raises(ValueError, match="1 of 1"):
        pit_brackets(np.array([1.0]), np.array([[2.0, 1.0, 3.0]]), levels)
