"""Partial areas, Uno's and Antolini's C, the AUC over time and unpaired tests, counted on paper in the comments."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import t as student

from outcome.errors import DataRefusal
from outcome.evaluation.comparison.differences import paired_uno_c, unpaired_delong
from outcome.evaluation.discrimination.auc_over_time import auc_curve, integrated_auc, integrated_auc_estimate
from outcome.evaluation.discrimination.concordance_ipcw import antolini_c, antolini_c_estimate, uno_c, uno_c_estimate
from outcome.evaluation.discrimination.dominance import pair_weights
from outcome.evaluation.discrimination.partial_auc import RocRange, partial_auroc, partial_auroc_estimate
from outcome.evaluation.discrimination.prognostic_separation import explained_variation, royston_d_estimate
from outcome.evaluation.discrimination.roc import auroc_logit_delong
from outcome.types import FloatArray

Y = np.array([1, 1, 1, 0, 1, 0, 0, 0], dtype=float)
RISK = np.array([0.9, 0.8, 0.6, 0.6, 0.3, 0.4, 0.2, 0.1])
# As worked out in the sheet for DeLong: AUC 27/32, squared distances 172 and 108 in 32nds, three and four of a class.
AUC, VARIANCE = 27 / 32, (172 + 108) / 32**2 / 3 / 4


def array(*values: float) -> FloatArray:
    return np.array(values, dtype=float)


def test_logit_delong_interval() -> None:
    estimate = auroc_logit_delong(Y, RISK)
    half = 1.959964 * math.sqrt(VARIANCE) / (AUC * (1 - AUC))
    ends = [1 / (1 + math.exp(-(math.log(AUC / (1 - AUC)) + sign * half))) for sign in (-1, 1)]
    assert estimate.value == AUC
    assert [estimate.low, estimate.high] == pytest.approx(ends, rel=1e-6)


def test_logit_delong_at_complete_separation_claims_no_certainty() -> None:
    estimate = auroc_logit_delong(array(0, 0, 0, 1, 1, 1), array(1, 2, 3, 4, 5, 6))
    assert estimate.value == estimate.high == 1
    assert estimate.low < 0.9
    assert "Newcombe" in estimate.method


# Steps of the curve: (0, 0) up to (0, 1/2), across to (1/2, 1/2), up to (1/2, 1), across to (1, 1).
STEPS = array(1, 1, 0, 0), array(0.9, 0.4, 0.6, 0.1)


@pytest.mark.parametrize(
    ("part", "area"),
    [
        (RocRange(0.5, 1), 1 / 4),
        (RocRange(0.75, 1), 1 / 8),
        (RocRange(0.25, 0.75), 1 / 8 + 1 / 4),
        (RocRange(0, 0.5), 1 / 2),
        (RocRange(0, 1), 3 / 4),
        (RocRange(0.5, 1, "sensitivity"), 1 / 4),
        (RocRange(0, 0.5, "sensitivity"), 1 / 2),
        # Under the diagonal lies 1/8, under perfection 1/2: (1 + (1/4 - 1/8) / (3/8)) / 2.
        (RocRange(0.5, 1, corrected=True), 2 / 3),
    ],
)
def test_partial_area(part: RocRange, area: float) -> None:
    assert partial_auroc(*STEPS, part) == pytest.approx(area)


def test_partial_area_across_a_tie_is_straight() -> None:
    # One event above all, then a tie of one event and both others: (0, 1/2) straight to (1, 1).
    # Up to 1/2 of false alarms: a trapezium of heights 1/2 and 3/4.
    assert partial_auroc(array(1, 1, 0, 0), array(3, 1, 1, 1), RocRange(0.5, 1)) == pytest.approx(5 / 16)


def test_partial_area_below_chance_has_no_correction() -> None:
    part = RocRange(0.5, 1, corrected=True)
    assert math.isnan(partial_auroc(STEPS[0], -STEPS[1], part))
    assert "below chance" in (partial_auroc_estimate(STEPS[0], -STEPS[1], part).withheld or "")
    assert "only one class" in (partial_auroc_estimate(array(1, 1), array(1, 2), part).withheld or "")


@pytest.mark.parametrize("wrong", [(0.5, 0.5, "specificity"), (-0.1, 0.5, "specificity"), (0.5, 1, "precision")])
def test_an_impossible_range_is_refused(wrong: tuple[float, float, str]) -> None:
    with pytest.raises(ValueError, match="found"):
        RocRange(*wrong)


def test_unpaired_delong() -> None:
    # The same eight cases against themselves turned round: 27/32 - 5/32, twice the variance, 7 + 7 degrees of freedom.
    found = unpaired_delong((Y, RISK), (Y, -RISK))
    statistic = (22 / 32) / math.sqrt(2 * VARIANCE)
    assert found.estimate.value == pytest.approx(22 / 32)
    assert found.df == pytest.approx(14)
    assert found.statistic == pytest.approx(statistic)
    assert found.p_value == pytest.approx(2 * student.sf(statistic, 14))
    assert found.estimate.low == pytest.approx(22 / 32 - student.ppf(0.975, 14) * math.sqrt(2 * VARIANCE))
    assert found.estimate.n == 16
    assert unpaired_delong((Y, RISK), (Y[:4], RISK[:4])).estimate.withheld


def test_weighted_pairs() -> None:
    # First cases: day 1 (score 2, weight 10) and day 2 (score 1, weight 100). Later weights 1, 2, 3, 4.
    pairs = pair_weights(
        array(1, 2, 2, 3), array(2, 1, 1, 5), np.array([True, True, False, False]), array(10, 100, 9, 9),
        array(1, 2, 3, 4),
    )  # fmt: skip
    # Day 1 beats 2 + 3, not 4; day 2 ties with the other of day 2 (3/2) and loses to day 3.
    assert pairs.first_comparable.tolist() == [10 * 9, 100 * 7, 0, 0]
    assert pairs.first_concordant.tolist() == [10 * 5, 100 * 1.5, 0, 0]
    assert pairs.later_comparable.tolist() == [0, 2 * 10, 3 * 110, 4 * 110]
    assert pairs.later_concordant.tolist() == [0, 2 * 10, 3 * (10 + 50), 0]


def test_uno_c_weights_pairs_by_the_event() -> None:
    days, event, score = array(1, 2, 3, 4), array(1, 0, 1, 0), array(3, 5, 1, 2)
    # Day 1 (3): beats 1 and 2 of 5, 1, 2. On day 2 one of three is lost: G = 2/3, day 3 counts 9/4 and loses to 2.
    assert uno_c(days, event, score) == pytest.approx(2 / (3 + 9 / 4))
    assert uno_c(days, event, score, tau_days=3) == pytest.approx(2 / 3)
    assert "events before 3," in uno_c_estimate(days, event, score, tau_days=3).method


def test_uno_c_where_event_and_censoring_share_a_day() -> None:
    # Day 3: the event goes first, then one of two is lost: G(3) = 1/2. Day 1 wins 3 of 3; day 3 wins 1 of 2, four-fold.
    assert uno_c(array(1, 3, 3, 5), array(1, 1, 0, 0), array(4, 1, 2, 0)) == pytest.approx((3 + 4) / (3 + 8))


def test_uno_c_leaves_out_events_on_the_day_follow_up_ends_and_says_so() -> None:
    days, event, score = array(1, 2, 2, 2), array(1, 1, 0, 0), array(3, 1, 4, 2)
    assert uno_c(days, event, score) == pytest.approx(2 / 3)
    assert "events before 2, where follow-up ends" in uno_c_estimate(days, event, score).method


def test_uno_c_with_a_competing_event() -> None:
    # Day 1 competing (G = 1), day 2 lost (G = 2/3 from then), day 3 event (score 1): loses to day 4 with weight 9/4,
    # wins over the competing one (score 0) with weight 1 / (2/3 x 1).
    assert uno_c(array(1, 2, 3, 4), array(2, 0, 1, 0), array(0, 9, 1, 2)) == pytest.approx(1.5 / (1.5 + 2.25))


def test_uno_c_without_a_pair_is_withheld() -> None:
    assert math.isnan(uno_c(array(1, 2), array(0, 0), array(1, 2)))
    assert "no pair" in (uno_c_estimate(array(1, 2), array(0, 0), array(1, 2)).withheld or "")
    assert "same score" in (uno_c_estimate(array(1, 2), array(1, 0), array(1, 1)).withheld or "")
    assert paired_uno_c(array(1, 2), array(0, 0), (array(1, 2), array(2, 1))).estimate.withheld
    with pytest.raises(DataRefusal, match="> 0"):
        uno_c(array(1, 2), array(1, 0), array(1, 2), tau_days=0)


def test_antolini_c_judges_each_event_at_its_own_time() -> None:
    days, event = array(1, 2, 3), array(1, 1, 0)
    risk = np.array([[0.3, 0.5], [0.2, 0.6], [0.4, 0.5]])
    # Day 1 by the first column: beats .2, not .4. Day 2 by the second: .6 beats .5.
    assert antolini_c(days, event, risk, [1, 2]) == pytest.approx(2 / 3)
    # With one horizon day 1 loses to .6 and ties with .5; events after the last horizon do not count.
    assert antolini_c(days, event, risk[:, 1:], [2]) == pytest.approx(1.5 / 3)
    assert antolini_c(days, event, risk[:, :1], [1]) == pytest.approx(1 / 2)
    assert math.isnan(antolini_c(days, event, risk[:, :1], [0.5]))
    assert antolini_c_estimate(days, event, risk, [1, 2]).n_events == 2
    with pytest.raises(DataRefusal, match="do not fit"):
        antolini_c(days, event, risk, [2, 1])


def test_auc_over_time_and_its_mean() -> None:
    days, event, score = array(1, 2, 9, 9), array(1, 1, 0, 0), array(3, 1, 2, 0)
    # Day 1: 3 beats all. Day 2: 3 beats both, 1 beats one. Half of the events by day 2 came by day 1.
    assert auc_curve(days, event, score, [1, 2]).tolist() == pytest.approx([1, 3 / 4])
    assert integrated_auc(days, event, score, [1, 2]) == pytest.approx(7 / 8)
    # A score of its own for each horizon: on day 2 now perfect.
    columns = np.column_stack([score, array(3, 4, 2, 0)])
    assert integrated_auc(days, event, columns, [1, 2]) == pytest.approx(1)
    assert math.isnan(auc_curve(days, event, score, [10])[0])
    assert "follow-up ends" in (integrated_auc_estimate(days, event, score, [1, 10]).withheld or "")
    with pytest.raises(DataRefusal, match="rising"):
        auc_curve(days, event, score, [2, 1])


def test_royston_d_of_two_pairs_of_cases() -> None:
    # Two distinct scores of two cases each: their normal scores are -a and a. Low score: events on days 2 and 4, high
    # score: days 1 and 3. With r = exp(2 a D) the likelihood r/(2r+2) · 1/(r+2) · r/(r+1) is largest where
    # 2/r = 1/(r+2) + 2/(r+1).
    normal = [NormalDist().inv_cdf((rank - 3 / 8) / (4 + 1 / 4)) for rank in (3, 4)]
    a = sum(normal) / 2 / math.sqrt(8 / math.pi)
    # 2 (r+1)(r+2) = r (r+1) + 2 r (r+2)  gives  r² - r - 4 = 0.
    ratio = (1 + math.sqrt(17)) / 2
    found = royston_d_estimate(array(2, 4, 1, 3), array(1, 1, 1, 1), array(1, 1, 7, 7))
    assert found.value == pytest.approx(math.log(ratio) / (2 * a), rel=1e-6)
    assert "no events" in (royston_d_estimate(array(1, 2), array(0, 2), array(1, 2)).withheld or "")
    assert "same score" in (royston_d_estimate(array(1, 2), array(1, 1), array(1, 1)).withheld or "")
    # D = sqrt(8/π) explains 1 / (1 + π²/6).
    assert explained_variation(math.sqrt(8 / math.pi)) == pytest.approx(1 / (1 + math.pi**2 / 6))
