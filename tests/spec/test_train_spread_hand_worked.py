"""The interval from few refits, worked out on paper; from many, their percentiles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from outcome.training.spread import spread_interval, widened
from outcome.types import EndpointKind

T_2 = 4.302652729749464  # 97.5th percentile of Student's distribution, 2 degrees of freedom: any table, 4.303


def one(values: list[float]) -> np.ndarray:
    """Refits of one case at one horizon."""
    return np.array(values)[:, None, None]


def test_three_refits_of_a_yes_or_no_outcome() -> None:
    # log odds -1, 0, 1: standard deviation 1, mean 0; the chosen model says log odds 0.5
    low, high = spread_interval(one(list(expit([-1.0, 0.0, 1.0]))), np.array([[expit(0.5)]]), EndpointKind.BINARY)
    assert low[0, 0] == pytest.approx(1 / (1 + np.exp(-(0.5 - T_2))), rel=1e-9)
    assert high[0, 0] == pytest.approx(1 / (1 + np.exp(-(0.5 + T_2))), rel=1e-9)
    assert (round(low[0, 0], 4), round(high[0, 0], 4)) == (0.0218, 0.9919)


def test_two_refits_of_a_value() -> None:
    # 9 and 11: standard deviation sqrt(2), 1 degree of freedom: t = 12.7062
    low, high = spread_interval(one([9.0, 11.0]), np.array([[12.0]]), EndpointKind.CONTINUOUS)
    assert (low[0, 0], high[0, 0]) == (pytest.approx(12 - 17.9693, abs=1e-3), pytest.approx(12 + 17.9693, abs=1e-3))


def test_three_refits_of_a_time_to_event() -> None:
    # log(-log(1 - risk)) of -2, -2.5, -3: standard deviation 0.5
    refits = one([1 - np.exp(-np.exp(x)) for x in (-2.0, -2.5, -3.0)])
    low, high = spread_interval(refits, np.array([[1 - np.exp(-np.exp(-2.5))]]), EndpointKind.TIME_TO_EVENT)
    assert low[0, 0] == pytest.approx(1 - np.exp(-np.exp(-2.5 - T_2 / 2)), rel=1e-9)
    assert high[0, 0] == pytest.approx(1 - np.exp(-np.exp(-2.5 + T_2 / 2)), rel=1e-9)


def test_three_refits_of_a_stay_never_go_below_a_day_less_than_none() -> None:
    # log1p of 1, 3, 7 days: log 2, log 4, log 8, standard deviation log 2; around 3 days
    low, high = spread_interval(one([1.0, 3.0, 7.0]), np.array([[3.0]]), EndpointKind.DURATION)
    assert low[0, 0] == 0.0  # log 4 - 4.30 log 2 lies below log 1
    assert high[0, 0] == pytest.approx(4 * 2**T_2 - 1, rel=1e-9)


def test_from_twenty_refits_on_the_percentiles_are_taken() -> None:
    refits = np.linspace(0.2, 0.4, 41)
    low, high = spread_interval(refits[:, None, None], np.array([[0.3]]), EndpointKind.BINARY)
    assert (low[0, 0], high[0, 0]) == (pytest.approx(0.205), pytest.approx(0.395))  # 1st and 39th of 40 steps
    low, _ = spread_interval(refits[:, None, None], np.array([[0.1]]), EndpointKind.BINARY)
    assert low[0, 0] == 0.1


def test_one_refit_tells_no_spread() -> None:
    low, high = spread_interval(one([0.3]), np.array([[0.2]]), EndpointKind.BINARY)
    assert np.isnan(low).all()
    assert np.isnan(high).all()


@pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT])
def test_certain_refits_stay_inside_zero_and_one(kind: EndpointKind) -> None:
    refits = np.array([[[0.0]], [[1.0]], [[0.5]]])
    for risk in (0.0, 0.5, 1.0):
        low, high = spread_interval(refits, np.array([[risk]]), kind)
        assert 0 <= low[0, 0] <= risk <= high[0, 0] <= 1


def test_missing_blocks_add_in_quadrature_on_the_score_s_scale() -> None:
    """Log odds 0 from -3 to 4; a change of 2 reaches 3.92: sqrt(9 + 15.366) below, sqrt(16 + 15.366) above."""
    risk, interval = expit(np.zeros((2, 1))), (expit(np.full((2, 1), -3.0)), expit(np.full((2, 1), 4.0)))
    low, high = widened(interval, risk, EndpointKind.BINARY, np.array([2.0, 0.0]))
    assert low[0, 0] == pytest.approx(expit(-4.93619), rel=1e-4)
    assert high[0, 0] == pytest.approx(expit(5.60053), rel=1e-4)
    assert (low[1, 0], high[1, 0]) == (interval[0][1, 0], interval[1][1, 0])


@pytest.mark.parametrize("kind", list(EndpointKind))
@pytest.mark.parametrize("risk", [0.0, 1e-15, 0.3, 1.0])
def test_a_widened_interval_is_never_narrower_and_without_refits_stays_absent(kind: EndpointKind, risk: float) -> None:
    risks = np.full((3, 2), risk)
    low, high = widened((risks * 0.9, risks), risks, kind, np.array([0.0, 1e-9, 40.0]))
    assert np.all(low <= risks * 0.9)
    assert np.all(high >= risks)
    absent = np.full((3, 2), np.nan)
    assert np.isnan(widened((absent, absent), risks, kind, np.ones(3))).all()
