"""Suppression, interaction, gaps, pooling and fairness small enough to be counted on paper, the count beside each."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import chi2

from outcome.errors import DataRefusal
from outcome.evaluation.event_rate import BinaryOutcome, OutcomeByHorizon
from outcome.evaluation.subgroups.fairness import fairness, range_of_groups
from outcome.evaluation.subgroups.fairness_conflict import implied_false_positive_rate
from outcome.evaluation.subgroups.gap import detectable_gap, gap_to_rest
from outcome.evaluation.subgroups.interaction import adjusted, calibration_by_group, heterogeneity
from outcome.evaluation.subgroups.partial_pooling import shrink
from outcome.evaluation.subgroups.suppression import CellCounts, Hidden, Line, hide
from outcome.types import Estimate

Z = 1.959963984540054


def counts(sizes: list[int], with_event: list[int] | None = None, lines: tuple[Line, ...] = ()) -> CellCounts:
    inside = np.array([with_event] if with_event else [], dtype=np.intp).reshape(-1, len(sizes))
    return CellCounts(np.array(sizes), inside, lines or (Line(tuple(range(len(sizes)))),))


def estimate(value: float, se: float) -> Estimate:
    return Estimate(value, value - Z * se, value + Z * se, n=100, n_events=40)


@pytest.mark.parametrize(
    ("sizes", "hidden"),
    [
        ([50, 30, 20], set()),
        ([50, 30, 4], {1, 2}),  # 84 - 50 - 30 = 4: the next smallest goes with it
        ([50, 4, 3], {1, 2}),  # 84 - 50 = 7, so each may be 0 to 7
        ([50, 30, 1, 1], {1, 2, 3}),  # 2 together: each at most 2
        ([50, 5, 0], set()),  # five is told, and so is nobody
        ([50, 2, 2, 1], {1, 2, 3}),  # 5 together: each may be 0 to 5
        ([3], {0}),  # all cases are three: nothing is left to hide behind
        ([40, 30, 30, 2], {1, 3}),  # of two equal ones the first
    ],
)
def test_a_line_hides_as_many_as_it_must(sizes: list[int], hidden: set[int]) -> None:
    assert hide(counts(sizes)).sizes == hidden


def test_a_handful_with_or_without_the_event_hides_outcomes_but_not_sizes() -> None:
    # Third: 2 events. With the total of 42 they are 42 - 25 - 15, so the second's are hidden too.
    assert hide(counts([50, 30, 20], [25, 15, 2])) == Hidden(frozenset(), frozenset({1, 2}))
    # Without the event: 50 - 47 = 3.
    assert hide(counts([50, 30, 20], [47, 15, 10])) == Hidden(frozenset(), frozenset({0, 2}))
    # No event at all points to nobody.
    assert hide(counts([50, 30, 20], [25, 15, 0])) == Hidden(frozenset(), frozenset())


def test_margins_of_a_crossed_table_do_not_give_a_cell_back() -> None:
    # Rows 0, 1 (60, 40) and columns 2, 3 (55, 45); cells 4 to 7 are 52 8 / 3 37. The 3 = 40 - 37 = 55 - 52 needs a
    # partner in its row and in its column, and these two another: all four.
    lines = (Line((0, 1)), Line((2, 3)), Line((4, 5), 0), Line((6, 7), 1), Line((4, 6), 2), Line((5, 7), 3))
    assert hide(counts([60, 40, 55, 45, 52, 8, 3, 37], lines=lines)).sizes == {4, 5, 6, 7}


def test_cochrans_q_of_two_groups_is_the_square_of_z() -> None:
    # (1.0 - 0.4) / sqrt(0.3² + 0.1²), squared.
    found = heterogeneity({"a": estimate(1.0, 0.3), "b": estimate(0.4, 0.1)}, "identity")
    assert found.statistic == pytest.approx(0.36 / 0.1)
    assert found.df == 1
    assert found.p_value == pytest.approx(chi2.sf(3.6, 1))


def test_groups_without_an_estimate_are_left_out_and_named() -> None:
    few = Estimate.withhold("7 events", n=30, n_events=7)
    found = heterogeneity({"a": estimate(1.0, 0.3), "b": estimate(0.4, 0.1), "few": few}, "identity")
    assert (found.groups, found.left_out, found.df) == (("a", "b"), {"few": "7 events"}, 1)
    alone = heterogeneity({"a": estimate(1.0, 0.3), "few": few}, "identity")
    assert (alone.p_value, alone.withheld) == (None, "1 usable groups; at least 2 are needed to compare")


def test_calibration_by_group_where_the_fits_are_known() -> None:
    # Two risks a group, .2 and .6, so each model is saturated: fitted rates are the observed ones.
    risk = np.tile(np.repeat([0.2, 0.6], 10), 2)
    events = {"a": (2, 6), "b": (4, 8)}
    y = np.concatenate([np.repeat([1.0, 0.0], [k, 10 - k]) for pair in events.values() for k in pair])
    groups = np.repeat(["a", "b"], 20)

    def likelihood(k: int, n: int) -> float:
        return k * math.log(k / n) + (n - k) * math.log(1 - k / n)

    apart = sum(likelihood(k, 10) for pair in events.values() for k in pair)
    together = likelihood(6, 20) + likelihood(14, 20)
    found = calibration_by_group(y, risk, groups, min_events=1)
    assert found.statistic == pytest.approx(2 * (apart - together))
    assert found.df == 2


def test_holm_and_benjamini_hochberg_stand_beside_the_raw_p() -> None:
    tests = [heterogeneity({"a": estimate(d, 1.0), "b": estimate(0.0, 1.0)}, "identity") for d in (4.0, 1.0, 3.0)]
    silent = heterogeneity({"a": estimate(1.0, 1.0)}, "identity")
    raw = [test.p_value for test in tests]
    found = adjusted([*tests, silent])
    assert [test.p_value for test in found] == [*raw, None]
    assert [test.holm for test in found[:3]] == pytest.approx([3 * raw[0], raw[1], 2 * raw[2]])
    assert [test.benjamini_hochberg for test in found[:3]] == pytest.approx([3 * raw[0], raw[1], 1.5 * raw[2]])
    assert (found[3].holm, found[3].benjamini_hochberg) == (None, None)


def test_the_detectable_gap_is_2_8_standard_errors() -> None:
    assert detectable_gap(1.0) == pytest.approx(2.80158521814)  # 1.959963984540 + 0.841621233573
    found = gap_to_rest(estimate(0.70, 0.03), estimate(0.72, 0.04), metric="AUROC")
    assert found.difference.value == pytest.approx(-0.02)
    assert found.difference.high == pytest.approx(-0.02 + Z * 0.05)
    assert found.detectable == pytest.approx(2.80158521814 * 0.05)
    assert "0.14 either way" in found.words
    assert "does not mean that there is none" in found.words


def test_a_ratio_is_detected_as_a_factor() -> None:
    own, rest = (Estimate(v, v / math.exp(Z * 0.1), v * math.exp(Z * 0.1), n=9) for v in (1.5, 1.0))
    found = gap_to_rest(own, rest, metric="O:E", scale="log")
    assert found.difference.value == pytest.approx(1.5)
    assert found.detectable == pytest.approx(math.exp(2.80158521814 * 0.1 * math.sqrt(2)))
    assert found.words.startswith("A difference in O:E from all others was found")


def test_an_interval_cut_at_one_counts_by_its_longer_side() -> None:
    cut = Estimate(0.95, 0.87, 1.0, n=50)
    whole = Estimate(0.95, 0.87, 1.03, n=50)
    rest = estimate(0.8, 0.02)
    detectable = [gap_to_rest(group, rest, metric="AUROC").detectable for group in (cut, whole)]
    assert detectable[0] == pytest.approx(detectable[1])


def test_shrinking_is_by_tau2_over_tau2_plus_variance() -> None:
    # Equal standard errors of 1: REML's tau² is the variance of the values (mean 4, variance 9.333) less 1.
    values = {"a": 1.0, "b": 4.0, "c": 3.0, "d": 8.0}
    found = shrink({name: estimate(v, 1.0) for name, v in values.items()}, "identity")
    spread = 26 / 3
    kept = (spread - 1) / spread
    assert found["a"].kept == pytest.approx(kept, abs=1e-5)
    assert found["d"].estimate.value == pytest.approx(4 + kept * 4, abs=1e-4)
    assert found["a"].common == pytest.approx(4.0)
    se = math.sqrt(kept + (1 - kept) ** 2 * spread / 4)
    assert found["b"].estimate.high == pytest.approx(4 + Z * se, abs=1e-4)
    assert "shrunken" in found["a"].estimate.method


def test_groups_that_agree_are_all_given_the_common_value() -> None:
    found = shrink({name: estimate(0.5 + d, 0.2) for name, d in (("a", 0.0), ("b", 0.01), ("c", -0.01))}, "logit")
    assert {shrunken.kept for shrunken in found.values()} == {0.0}
    assert len({round(shrunken.estimate.value, 12) for shrunken in found.values()}) == 1
    assert all(shrunken.estimate.low < expit(logit(0.5)) < shrunken.estimate.high for shrunken in found.values())


def test_two_groups_are_too_few_to_pool() -> None:
    found = shrink({"a": estimate(1.0, 0.1), "b": estimate(2.0, 0.1)}, "identity")
    assert found["a"].estimate.withheld == "2 usable groups; at least 3 are needed to pool"


# Two groups of 20 at a threshold of .5. a: 10 events of which 8 are called, 10 others of which 2 are.
# b: 5 events of which 3 are called, 15 others of which 3 are.
GROUPS = {"a": (8, 2, 2, 8), "b": (3, 2, 3, 12)}
Y = np.concatenate([np.repeat([1.0, 1.0, 0.0, 0.0], cells) for cells in GROUPS.values()])
RISK = np.concatenate([np.repeat([0.7, 0.2, 0.7, 0.2], cells) for cells in GROUPS.values()])
MEMBERS = {"a": np.arange(40) < 20, "b": np.arange(40) >= 20}


def test_fairness_counts_the_cells() -> None:
    found = fairness(BinaryOutcome(Y), RISK, MEMBERS, 0.5).gaps
    assert found["event_rate"].gap.value == pytest.approx(0.5 - 0.25)
    assert found["demographic_parity"].gap.value == pytest.approx(10 / 20 - 6 / 20)
    assert found["equal_opportunity"].gap.value == pytest.approx(8 / 10 - 3 / 5)
    assert found["predictive_equality"].gap.value == pytest.approx(2 / 10 - 3 / 15)
    assert found["predictive_parity"].gap.value == pytest.approx(8 / 10 - 3 / 6)
    assert found["equalised_odds"].gap.value == pytest.approx(0.2)
    # Expected: (10 · .7 + 10 · .2) / 20 = .45 and (6 · .7 + 14 · .2) / 20 = .35.
    assert found["calibration"].gap.value == pytest.approx((0.5 / 0.45) / (0.25 / 0.35))
    assert (found["calibration"].highest, found["calibration"].lowest) == ("a", "b")
    # Mean risk among events: (8 · .7 + 2 · .2) / 10 = .6 and (3 · .7 + 2 · .2) / 5 = .5.
    assert found["balance_events"].gap.value == pytest.approx(0.1)
    assert found["predictive_parity"].groups["b"].n == 6


def test_the_interval_of_a_gap_of_two_proportions_is_newcombes() -> None:
    # Newcombe 1998, example (a): 56/70 against 48/80, method 10: .0524 to .3339.
    y = np.repeat([1.0, 0.0, 1.0, 0.0], [56, 14, 48, 32])
    members = {"a": np.arange(150) < 70, "b": np.arange(150) >= 70}
    gap = fairness(BinaryOutcome(y), np.full(150, 0.3), members, 0.5).gaps["event_rate"].gap
    assert (gap.value, gap.low, gap.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_a_share_of_too_few_is_withheld() -> None:
    found = fairness(BinaryOutcome(Y), RISK, MEMBERS, 0.8).gaps
    assert "fewer than 2 groups" in found["predictive_parity"].gap.withheld
    assert "fewer than 5 cases at or above" in found["predictive_parity"].groups["a"].withheld
    assert found["demographic_parity"].gap.value == 0


def test_times_without_censoring_give_the_counts() -> None:
    days = np.where(Y == 1, 3.0, 9.0)
    timed = fairness(OutcomeByHorizon.at(days, Y, 5.0), RISK, MEMBERS, 0.5).gaps
    counted = fairness(BinaryOutcome(Y), RISK, MEMBERS, 0.5).gaps
    for name in ("event_rate", "demographic_parity", "equal_opportunity", "predictive_equality", "predictive_parity"):
        assert timed[name].gap.value == pytest.approx(counted[name].gap.value), name
    assert timed["calibration"].gap.value == pytest.approx(counted["calibration"].gap.value)
    assert timed["balance_events"].gap.withheld


def test_the_relation_of_chouldechova() -> None:
    # Group a: p .5, PPV .8, TPR .8, so FPR = 1 · .25 · .8 = .2; group b: p .25, PPV .5, TPR .6: 1/3 · 1 · .6 = .2.
    assert implied_false_positive_rate(0.5, 0.8, 0.8) == pytest.approx(2 / 10)
    assert implied_false_positive_rate(0.25, 0.6, 0.5) == pytest.approx(3 / 15)


def scaled(times: int) -> str:
    members = {label: np.tile(rows, times) for label, rows in MEMBERS.items()}
    return fairness(BinaryOutcome(np.tile(Y, times)), np.tile(RISK, times), members, 0.5).words


def test_the_conflict_is_named_from_the_data() -> None:
    assert "no difference in event rates was shown" in scaled(1)
    assert "Here event rates differ (a 0.50, b 0.25)" in scaled(4)
    # False-positive rates are equal here; sensitivity and predictive value are not, once there are cases enough.
    many = scaled(100)
    assert "predictive parity and equalised odds are both broken" in many
    assert "calibration within groups" in many.partition("Broken besides")[2]
    # Overall: sensitivity 11/15, predictive value 11/16, so b needs 1/3 · 5/11 · 11/15.
    assert "a 0.33, b 0.11" in many


def test_the_conflict_of_a_calibrated_model_is_unequal_errors() -> None:
    # In each group .8 of those called and .2 of the others have the event; a calls 300 of 400, b 100 of 400.
    y = np.repeat([1.0, 0, 1, 0, 1, 0, 1, 0], [240, 60, 20, 80, 80, 20, 60, 240])
    risk = np.repeat([0.8, 0.2, 0.8, 0.2], [300, 100, 100, 300])
    found = fairness(BinaryOutcome(y), risk, {"a": np.arange(800) < 400, "b": np.arange(800) >= 400}, 0.5)
    assert found.gaps["predictive_parity"].gap.value == 0
    assert found.gaps["calibration"].gap.value == pytest.approx(1)
    assert "equalised odds is broken, while no gap in predictive parity was shown" in found.words
    assert "Broken besides: equal average risks" in found.words


def test_many_groups_pay_for_their_number() -> None:
    two = {name: estimate(v, 0.05) for name, v in (("a", 0.5), ("b", 0.6))}
    gap, highest, lowest = range_of_groups(two)
    assert (highest, lowest) == ("b", "a")
    assert (gap.low, gap.high) == pytest.approx((0.0, 0.1 + Z * 0.05 * math.sqrt(2)))
    y, risk = np.tile(Y, 10), np.tile(RISK, 10)
    pair = {label: np.tile(rows, 10) for label, rows in MEMBERS.items()}
    third = {**pair, "b": pair["b"] & (np.arange(400) < 200), "c": pair["b"] & (np.arange(400) >= 200)}
    wide, narrow = (fairness(BinaryOutcome(y), risk, m, 0.5).gaps["event_rate"].gap for m in (third, pair))
    assert wide.value == pytest.approx(narrow.value)
    assert wide.low < narrow.low


@pytest.mark.parametrize("threshold", [-0.1, 1.1, math.nan])
def test_a_threshold_must_be_a_risk(threshold: float) -> None:
    with pytest.raises(DataRefusal, match="fairness"):
        fairness(BinaryOutcome(Y), RISK, MEMBERS, threshold)
