"""What one prediction gains over another, counted on paper."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, ttest_rel

from outcome.evaluation.comparison.errors import paired_brier, paired_brier_t, paired_mae
from outcome.evaluation.comparison.gains import gains
from outcome.evaluation.overall.survival import brier_t
from outcome.evaluation.sample import Settings, checked_sample
from outcome.types import EndpointKind, Target

Y = np.array([1.0, 1.0, 0.0, 0.0])
A = np.array([0.9, 0.6, 0.4, 0.1])
B = np.array([0.5, 0.5, 0.5, 0.5])
Z = norm.ppf(0.975)


def test_the_brier_scores_are_subtracted_case_by_case() -> None:
    # Squared errors of a: .01 .16 .16 .01, of b: .25 each. Differences: -.24 -.09 -.09 -.24, mean -.165, sd (n - 1)
    # sqrt(4 * .075^2 / 3), standard error half of that.
    found = paired_brier(Y, A, B).estimate
    se = math.sqrt(4 * 0.075**2 / 3) / 2
    assert found.value == pytest.approx(-0.165)
    assert (found.low, found.high) == (pytest.approx(-0.165 - Z * se), pytest.approx(-0.165 + Z * se))
    assert paired_brier(Y, A, B).statistic == pytest.approx(ttest_rel((A - Y) ** 2, (B - Y) ** 2).statistic)


def test_absolute_errors_are_subtracted_in_the_unit_of_the_endpoint() -> None:
    # Days observed 2 4 9; a errs by 0 1 3, b by 1 1 0: differences -1 0 3, mean 2/3.
    observed, a, b = np.array([2.0, 4, 9]), np.array([2.0, 5, 6]), np.array([3.0, 3, 9])
    assert paired_mae(observed, a, b).estimate.value == pytest.approx(2 / 3)
    assert paired_mae(observed, a, b).statistic == pytest.approx(ttest_rel([0, 1, 3], [1, 1, 0]).statistic)


def test_at_a_horizon_nobody_lost_it_is_the_plain_brier_score() -> None:
    days, event = np.array([5.0, 8, 30, 30]), np.array([1.0, 1, 0, 0])
    timed, plain = paired_brier_t((days, event), A, B, 20).estimate, paired_brier(Y, A, B).estimate
    assert timed.value == pytest.approx(plain.value)
    # the influence function divides by n where the plain one divides by n - 1
    assert timed.high - timed.low == pytest.approx((plain.high - plain.low) * math.sqrt(3 / 4))


def test_a_case_lost_before_the_horizon_weighs_nothing_and_the_others_more() -> None:
    # The second is lost at day 8: the two followed stand for 1.5 each, so -.24/4 - (.09 + .24) * 1.5 / 4.
    days, event = np.array([5.0, 8, 30, 30]), np.array([1.0, 0, 0, 0])
    found = paired_brier_t((days, event), A, B, 20).estimate.value
    assert found == pytest.approx(-0.24 / 4 - 0.33 * 1.5 / 4)
    assert found == pytest.approx(brier_t(days, event, A, 20) - brier_t(days, event, B, 20))


def test_follow_up_that_ends_early_is_withheld() -> None:
    days, event = np.array([5.0, 8, 10, 12]), np.array([1.0, 0, 0, 0])
    assert "follow-up ends at 12 days" in paired_brier_t((days, event), A, B, 20).estimate.withheld


def test_gains_of_a_yes_no_endpoint_in_ranking_error_and_net_benefit() -> None:
    # Ten of the first model's four patterns, ten of the second's: AUC 1 against 1/2, net benefit at 0.45: a treats the
    # events alone, 1/2; b treats everybody, 1/2 - 1/2 * 45/55.
    y, a, b = (np.tile(x, 10) for x in (Y, A, B))
    target, settings = Target.binary("e", y), Settings(threshold=0.45)
    found = gains(checked_sample(target, a, a, settings), checked_sample(target, b, b, settings))
    assert list(found) == ["auroc", "brier", "net_benefit"]
    assert found["auroc"].value == pytest.approx(0.5)
    assert found["brier"].value == pytest.approx(-0.165)
    assert found["net_benefit"].value == pytest.approx(0.5 * 45 / 55)


@pytest.mark.parametrize("kind", [EndpointKind.DURATION, EndpointKind.ORDINAL, EndpointKind.CONTINUOUS])
def test_gains_of_an_amount_in_concordance_and_error(kind: EndpointKind) -> None:
    value = np.arange(12.0)
    nothing = np.full(12, np.nan)
    target = Target("e", kind, value, nothing, nothing.copy())
    good, bad = (checked_sample(target, x, x, Settings()) for x in (value, value[::-1].copy()))
    found = gains(good, bad)
    # 0 against 12 numbers in reverse: errors 11 9 7 5 3 1 1 3 5 7 9 11
    assert {name: each.value for name, each in found.items()} == {"concordance": 1.0, "mae": pytest.approx(-6.0)}


def test_gains_of_a_time_to_event_are_withheld_by_their_own_counts() -> None:
    days, event = np.arange(1.0, 31), np.tile([1.0, 0, 0], 10)
    target, risk = Target.survival("e", days, event), np.linspace(0.9, 0.1, 30)
    first = checked_sample(target, risk, risk, Settings(10.0))
    other = checked_sample(target, risk[::-1].copy(), risk[::-1].copy(), Settings(10.0))
    found = gains(first, other)
    assert found["harrell_c"].value == pytest.approx(1.0)
    assert found["brier_t"].withheld == "4 events by 10 days; at least 10 are needed for an interval"
    few = gains(
        *(checked_sample(target.take(event == 0), r[event == 0], r[event == 0], Settings(10.0)) for r in (risk, risk))
    )
    assert {each.withheld for each in few.values()} == {"0 events; at least 10 are needed for an interval"}


def test_a_score_alone_has_no_error_to_compare() -> None:
    target = Target.binary("e", np.tile(Y, 10))
    score = checked_sample(target, None, np.tile(A, 10), Settings())
    with pytest.raises(ValueError, match="score alone"):
        gains(score, score)
