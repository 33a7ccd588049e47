"""Numbers as text: every case a reader can meet."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from outcome.report.numbers import (
    amount,
    events_text,
    format_difference,
    format_estimate,
    format_number,
    horizon_words,
    is_number,
    per_100,
    risk_per_100,
)


def test_an_estimate_is_value_and_interval(estimate: Any) -> None:
    assert format_estimate(estimate(0.71, 0.62, 0.79)) == "0.71 (0.62–0.79)"


def test_a_signed_difference_keeps_its_signs(estimate: Any) -> None:
    assert format_estimate(estimate(0.04, -0.02, 0.1), signed=True) == "+0.04 (−0.02 to +0.10)"


def test_a_difference_never_shows_zero_for_an_end_that_is_not(estimate: Any) -> None:
    assert format_difference(estimate(0.02, 0.003, 0.04)) == "+0.020 (+0.003 to +0.040)"
    assert format_difference(estimate(0.04, -0.02, 0.1)) == "+0.04 (−0.02 to +0.10)"
    assert format_difference(estimate(0.0, 0.0, 0.0)) == "0.00 (0.00 to 0.00)"
    assert format_difference(None) == "not given"


def test_a_negative_end_is_never_joined_by_a_dash(estimate: Any) -> None:
    assert format_estimate(estimate(0.06, -0.03, 0.15)) == "0.06 (−0.03 to 0.15)"


def test_a_withheld_number_says_why(estimate: Any) -> None:
    assert format_estimate(estimate(None, withheld="7 events")) == "withheld: 7 events"


def test_a_missing_number_is_said() -> None:
    assert format_estimate(None) == "not given"


def test_a_value_without_interval_says_so(estimate: Any) -> None:
    assert format_estimate(estimate(1.6), unit="days") == "1.60 days (no interval)"


@pytest.mark.parametrize(
    ("risk", "low", "high", "text"),
    [
        (0.123, 0.08, 0.171, "12 of 100 (8–17)"),
        (0.003, 0.001, 0.02, "<1 of 100 (<1–2)"),
        (0.999, 0.98, 1.0, ">99 of 100 (98–100)"),
        (0.0, 0.0, 0.05, "0 of 100 (0–5)"),
        (0.125, math.nan, math.nan, "13 of 100 (no interval)"),
        (math.nan, math.nan, math.nan, "no risk was computed"),
    ],
)
def test_a_risk_is_a_count_of_a_hundred(risk: float, low: float, high: float, text: str) -> None:
    assert risk_per_100(risk, low, high) == text


def test_an_amount_carries_its_unit() -> None:
    assert amount(4.23, 2.9, 6.1, "days") == "4.2 days (2.9–6.1)"


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (30, "within 30 days"),
        (1, "within 1 day"),
        (90, "within 90 days"),
        (365, "within 1 year"),
        (1095, "within 3 years"),
        (1826, "within 5 years"),
        (200, "within 200 days"),
        (None, "no fixed horizon"),
        (math.nan, "no fixed horizon"),
        ([1095, 1826], "within 3 years and 5 years"),
        ([], "no fixed horizon"),
    ],
)
def test_horizons_in_words(days: Any, words: str) -> None:
    assert horizon_words(days) == words


def test_events_among_cases() -> None:
    assert events_text(90, 23) == "23 of 90 (26 %)"
    assert events_text(1200, None) == "1,200"
    assert events_text(None, None) == "suppressed: too few cases to show"
    assert events_text(0, 0) == "0 of 0"


def test_truth_values_are_not_numbers() -> None:
    assert not is_number(True)
    assert not is_number("n/a")
    assert not is_number(math.inf)


@given(some.floats(-1e6, 1e6), some.integers(0, 4))
def test_no_number_is_written_as_minus_zero_or_with_a_hyphen(value: float, decimals: int) -> None:
    text = format_number(value, decimals)
    assert "-" not in text
    assert not (text.startswith("−") and float(text[1:]) == 0)


@given(some.floats(0, 1), some.floats(0, 1))
def test_a_higher_risk_never_reads_lower(one: float, other: float) -> None:
    def rank(risk: float) -> float:
        text = per_100(risk)
        return {"<1": 0.5, ">99": 99.5}.get(text) or float(text)

    low, high = sorted((one, other))
    assert rank(low) <= rank(high)
