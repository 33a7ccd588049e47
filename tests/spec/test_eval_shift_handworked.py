"""Distances between groups, conformal quantiles and unit factors that can be worked out on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest

from outcome.evaluation.shift.case_mix import category_difference, is_shifted, number_difference
from outcome.evaluation.shift.conformal import (
    conformal_quantile,
    conformal_quantiles,
    held_in_interval,
    held_in_set,
)
from outcome.evaluation.shift.conversion import suspected_conversion
from outcome.evaluation.shift.linear_predictor import Spread, linear_predictor, mean_difference, sd_ratio
from outcome.evaluation.shift.membership import Moments, independent_columns, membership
from outcome.types import EndpointKind, Target


def test_a_number_s_distance_is_in_standard_deviations() -> None:
    assert number_difference((70.0, 6.0), (60.0, 8.0)) == pytest.approx(10 / math.sqrt(50))
    assert number_difference((70.0, 0.0), (60.0, 0.0)) is None


def test_two_categories_give_the_distance_of_two_shares() -> None:
    """Shares 0.5 and 0.2: |0.3| / √((0.25 + 0.16) / 2)."""
    found = category_difference({"m": 50, "f": 50}, {"m": 20, "f": 80})
    assert found == pytest.approx(0.3 / math.sqrt(0.205))


def test_three_categories_by_yang_and_dalton() -> None:
    """T = (.5, .3, .2), C = (.3, .3, .4); without the first: away (0, -.2), S = [[.21, -.09], [-.09, .20]]."""
    found = category_difference({"a": 50, "b": 30, "c": 20}, {"a": 30, "b": 30, "c": 40})
    determinant = 0.21 * 0.20 - 0.09**2
    assert found == pytest.approx(math.sqrt(0.04 * 0.21 / determinant))


def test_groups_without_a_common_category_have_no_finite_distance() -> None:
    assert category_difference({"a": 9}, {"b": 9}) is None
    assert category_difference({"a": 9}, {"a": 4}) == 0.0


def test_a_difference_that_chance_gives_small_groups_is_no_shift() -> None:
    assert not is_shifted(0.4, 20, 100)
    assert is_shifted(0.4, 200, 1000)
    assert not is_shifted(0.24, 100_000, 100_000)
    assert not is_shifted(None, 200, 1000)


def test_the_distance_of_one_column_is_corrected_for_its_own_noise() -> None:
    """Here 0 to 4 (mean 2, variance 2.5); development mean 5, variance 2.5, n 5: D² = 3.6.

    Unbiased: 3.6 · (10 - 1 - 3) / 8 - 1 · 10 / 25 = 2.3; AUROC Φ(√2.3 / √2).
    """
    here = np.arange(5.0)[:, None]
    found = membership(here, Moments(5, np.array([5.0]), np.array([[2.5]])))
    assert found.auroc.value == pytest.approx(0.5 * (1 + math.erf(math.sqrt(2.3) / 2)))
    assert found.columns == 1


def test_a_column_that_others_add_up_to_is_left_out() -> None:
    a, b = np.array([1.0, 2, 3, 5, 8]), np.array([2.0, 1, 4, 0, 3])
    X = np.column_stack([a, b, a + b, np.ones(5)])
    assert len(independent_columns(np.cov(X, rowvar=False))) == 2
    development = Moments.of(np.vstack([X, X[::-1]]))
    found = membership(np.vstack([X, X]), development)
    assert (found.columns, found.collinear) == (2, 2)
    assert "more than" in (membership(X[:4], development).auroc.withheld or "")


def test_nothing_that_varies_gives_no_membership() -> None:
    flat = Moments(50, np.array([1.0]), np.array([[0.0]]))
    assert membership(np.ones((30, 1)), flat).auroc.withheld == "no column varies"
    assert membership(np.ones((1, 1)), flat).auroc.withheld


def test_the_linear_predictor_of_each_kind() -> None:
    risk = np.array([0.5, 1 - math.exp(-1)])
    assert linear_predictor(EndpointKind.BINARY, risk)[0] == pytest.approx(0.0)
    assert linear_predictor(EndpointKind.TIME_TO_EVENT, risk)[1] == pytest.approx(0.0)
    assert linear_predictor(EndpointKind.DURATION, np.array([math.e - 1]))[0] == pytest.approx(1.0)
    assert np.isfinite(linear_predictor(EndpointKind.BINARY, np.array([0.0, 1.0]))).all()


def test_spread_and_mean_beside_development_s() -> None:
    """Twelve values ±1 (sd √(12/11), kurtosis 1, so no uncertainty of the ratio); development sd 2, mean 0.5."""
    lp = np.array([1.0, -1.0] * 6)
    ratio = sd_ratio(lp, Spread(100, 0.5, 2.0))
    assert ratio.value == pytest.approx(math.sqrt(12 / 11) / 2)
    assert (ratio.low, ratio.high) == (pytest.approx(ratio.value), pytest.approx(ratio.value))
    moved = mean_difference(lp, Spread(100, 0.5, 2.0))
    assert moved.value == pytest.approx(-0.5)
    assert sd_ratio(lp[:9], Spread(100, 0.5, 2.0)).withheld == "fewer than 10 cases here"
    assert sd_ratio(np.ones(12), Spread(100, 0.5, 2.0)).withheld


def test_the_conformal_quantile_counts_the_next_case() -> None:
    """Of 1 … 20: ceil(21 · 0.8) = 17th; of nine at 0.9: ceil(9.0) = 9th; at 0.95 the 10th of nine does not exist."""
    assert conformal_quantile(np.arange(20.0, 0, -1), 0.8) == 17
    assert conformal_quantile(np.arange(1.0, 10), 0.9) == 9
    assert conformal_quantile(np.arange(1.0, 10), 0.95) == math.inf


def test_each_class_has_its_own_quantile() -> None:
    y = np.repeat([1.0, 0.0], 20)
    risk = np.concatenate([np.arange(1, 21) / 25, np.arange(1, 21) / 50])
    found = conformal_quantiles(Target.binary("e", [*y, np.nan]), np.array([*risk, 0.99]))
    # with the event 1 - risk is 0.96 … 0.20: the 17th smallest is 1 - 4/25; without it the 17th of 0.02 … 0.40
    assert found["levels"]["0.8"] == {"1": pytest.approx(0.84), "0": pytest.approx(0.34)}
    held, size = held_in_set(np.array([1.0, 0.0, 0.0]), np.array([0.9, 0.9, 0.2]), found["levels"]["0.8"])
    assert held.tolist() == [True, False, True]
    assert size.tolist() == [1, 1, 2]


def test_few_cases_have_no_conformal_set_and_times_are_refused() -> None:
    few = conformal_quantiles(Target.binary("e", [1.0] * 19 + [0.0] * 80), np.full(99, 0.2))
    assert few == {"withheld": "fewer than 20 development cases with the event, or without it"}
    with pytest.raises(ValueError, match="survival_bound"):
        conformal_quantiles(Target.survival("e", [1.0] * 50, [1.0] * 50), np.full(50, 0.2))


def test_a_stay_s_interval_is_wider_for_longer_stays_and_never_negative() -> None:
    reach = {"error": math.log(2)}
    held, width = held_in_interval(EndpointKind.DURATION, np.array([3.1, 2.9]), np.array([1.0, 0.0]), reach)
    assert held.tolist() == [False, False]
    assert width == pytest.approx([3.0, 1.0])  # from 0 to 3 days, and from 0 (not -0.5) to 1
    held, width = held_in_interval(EndpointKind.CONTINUOUS, np.array([1.0]), np.array([1.5]), {"error": 0.5})
    assert held.tolist() == [True]
    assert width.tolist() == [1.0]


QUANTILES = {"0.05": 0.6, "0.25": 0.8, "0.5": 0.95, "0.75": 1.1, "0.95": 1.6}


def times(factor: float) -> dict[str, float]:
    return {level: value * factor for level, value in QUANTILES.items()}


@pytest.mark.parametrize("factor", [88.42, 10.0, 100.0, 1000.0, 1 / 88.42, 1 / 30.48, 1 / 7.5006])
def test_a_known_factor_is_named(factor: float) -> None:
    found = suspected_conversion("clinical:something", times(factor), QUANTILES)
    assert found is not None
    assert found.factor == pytest.approx(factor, rel=0.002)


def test_the_name_of_a_variable_decides_between_near_factors() -> None:
    """17.1 (bilirubin) and 18.016 (glucose) are too close to be told apart by the medians."""
    bilirubin = suspected_conversion("clinical:bilirubin", times(17.9), QUANTILES)
    glucose = suspected_conversion("clinical:glucose", times(17.2), QUANTILES)
    assert bilirubin is not None
    assert glucose is not None
    assert (bilirubin.factor, glucose.factor) == (17.1, 18.016)


def test_sicker_patients_are_no_other_unit() -> None:
    assert suspected_conversion("clinical:creatinine", times(1.4), QUANTILES) is None
    wide = {**times(2.2), "0.25": 1.5}
    assert suspected_conversion("clinical:weight", wide, QUANTILES) is None
    assert suspected_conversion("clinical:x", times(-10.0), QUANTILES) is None
