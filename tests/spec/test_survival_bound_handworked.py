"""Lower bounds on times to an event that can be counted on paper."""

from __future__ import annotations

import numpy as np
import pytest

from outcome.evaluation.intervals import wilson
from outcome.evaluation.shift.survival_bound import NEVER, bound_coverage, bound_levels, had_event_before, lower_bounds
from outcome.types import Target


def test_without_censoring_the_threshold_is_a_rank_that_counts_the_next_case() -> None:
    """29 events, incidence 1/100 a day: 0.1 · 30 = 3rd smallest at 90 %, 0.2 · 30 = 6th at 80 %."""
    days = np.arange(29.0, 0, -1)
    found = bound_levels(Target.survival("e", days, np.ones(29)), days / 100, 100.0)
    assert found["kind"] == "bound"
    assert found["cutoff_days"] == 100
    assert found["levels"]["0.9"]["incidence"] == pytest.approx(0.03)
    assert found["levels"]["0.8"]["incidence"] == pytest.approx(0.06)


def test_a_case_stands_for_those_lost_before_it() -> None:
    """10 of 40 are lost first: each event counts 4/3, the next case too. At 90 % 4.1 - 4/3 = 2.77 may lie below: two
    events (2.67), so the 3rd; at 80 % 8.2 - 4/3 = 6.87: five events (6.67), so the 6th. Unweighted it were the 4th.
    """
    days = np.concatenate([np.full(10, 0.5), np.arange(1.0, 31)])
    event = np.concatenate([np.zeros(10), np.ones(30)])
    found = bound_levels(Target.survival("e", days, event), days / 100, 100.0)
    assert found["levels"]["0.9"]["incidence"] == pytest.approx(0.03)
    assert found["levels"]["0.8"]["incidence"] == pytest.approx(0.06)


def test_where_events_are_rarer_than_the_level_allows_the_bound_is_the_cutoff() -> None:
    """20 of 200 have the event: at 80 % 39 may lie below, so all; at 90 % 20.1 - 1 may, so all but the last."""
    days = np.concatenate([np.arange(1.0, 21), np.full(180, 365.0)])
    event = np.concatenate([np.ones(20), np.zeros(180)])
    found = bound_levels(Target.survival("e", days, event), days / 400, 365.0)["levels"]
    assert found["0.8"]["incidence"] == NEVER
    assert found["0.9"]["incidence"] == pytest.approx(20 / 400)
    assert lower_bounds(np.array([10.0]), np.array([[0.4]]), NEVER, 365.0).tolist() == [365]


def test_few_events_and_short_follow_up_have_no_bound() -> None:
    few = bound_levels(Target.survival("e", np.arange(1.0, 60), [1.0] * 19 + [0.0] * 40), np.full(59, 0.5), 50.0)
    assert few == {"withheld": "fewer than 20 development cases with the event before day 50"}
    short = bound_levels(Target.survival("e", np.arange(1.0, 60), [1.0] * 40 + [0.0] * 19), np.full(59, 0.5), 90.0)
    assert "follow-up ends at 59 days" in short["withheld"]


def test_the_bound_is_the_first_day_that_reaches_the_threshold() -> None:
    times, curves = np.array([10.0, 20.0, 30.0]), np.array([[0.1, 0.2, 0.3], [0.0, 0.0, 0.05], [0.5, 0.6, 0.7]])
    assert lower_bounds(times, curves, 0.2, 90.0).tolist() == [20, 90, 10]
    assert lower_bounds(times[:0], curves[:, :0], 0.2, 90.0).tolist() == [90, 90, 90]


def test_coverage_counts_events_before_the_bound_with_their_weight() -> None:
    """Bounds at day 5; two of ten are lost on day 1, so the one event on day 2 stands for 10/8 of ten."""
    target = Target.survival("e", [1.0, 1.0, 2.0, 2.0, 5.0, *[10.0] * 5], [0.0, 0.0, 1.0, 2.0, 1.0, *[0.0] * 5])
    found = bound_coverage(target, np.full(10, 5.0), least=10)
    assert found.value == pytest.approx(1 - 1.25 / 10)
    assert found.n_events == 1  # neither the competing event on day 2 nor the event on the bound itself
    assert had_event_before(target, np.full(10, 5.0)).sum() == 1


def test_without_censoring_coverage_is_the_plain_share_with_wilson_s_interval() -> None:
    target = Target.survival("e", np.arange(1.0, 41), np.ones(40))
    found = bound_coverage(target, np.full(40, 9.0), least=10)
    low, high = wilson(32, 40)
    assert (found.value, found.low, found.high) == (pytest.approx(0.8), pytest.approx(low), pytest.approx(high))


def test_coverage_is_withheld_beyond_the_follow_up_and_for_few_cases() -> None:
    target = Target.survival("e", np.arange(1.0, 13), [1.0] * 6 + [0.0] * 6)
    assert "before the latest bound of 30 days" in str(bound_coverage(target, np.full(12, 30.0), least=10).withheld)
    assert "at least 13" in str(bound_coverage(target, np.full(12, 5.0), least=13).withheld)
