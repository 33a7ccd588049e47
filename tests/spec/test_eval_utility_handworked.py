"""Benefit, groups, readers, sites and sizes small enough to be counted on paper, the count beside each."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from outcome.errors import DataRefusal
from outcome.evaluation.comparison.readers import (
    added_value,
    mean_over_readers,
    model_against_readers,
    readers_with_model,
)
from outcome.evaluation.comparison.recalibrated_score import (
    cross_fitted_risk,
    recalibrate_score,
    recalibrate_score_t,
    stratified_folds,
)
from outcome.evaluation.event_rate import BinaryOutcome, OutcomeByHorizon
from outcome.evaluation.intervals import clopper_pearson
from outcome.evaluation.multiplicity import ADJUSTMENTS, benjamini_hochberg, holm
from outcome.evaluation.planning.sample_size import (
    FollowUp,
    LinearPredictor,
    development_size,
    development_size_survival,
)
from outcome.evaluation.planning.validation_size import validation_size
from outcome.evaluation.sites.meta_analysis import paule_mandel, pool, pool_sites, reml
from outcome.evaluation.times.restricted_mean import restricted_mean, restricted_mean_contrast, restricted_mean_estimate
from outcome.evaluation.utility.net_benefit import (
    TREAT_ALL,
    TREAT_NONE,
    decision_curve,
    net_benefit,
    net_benefit_difference,
    net_benefit_estimate,
    net_benefit_t,
)
from outcome.evaluation.utility.risk_groups import MAX_POINTS, risk_groups, risk_groups_t
from outcome.types import Estimate

Y = np.array([1, 1, 1, 0, 1, 0, 0, 0], dtype=float)
RISK = np.array([0.9, 0.8, 0.6, 0.6, 0.3, 0.4, 0.2, 0.1])
DAYS = np.array([1, 2, 3, 4, 4, 6, 7, 8], dtype=float)
EVENT = np.array([0, 1, 0, 1, 0, 1, 0, 0], dtype=float)
COMPETING = np.array([0, 1, 0, 2, 0, 1, 0, 0], dtype=float)


def test_net_benefit_counts_the_treated() -> None:
    # At .5: .9 .8 .6 rightly, .6 needlessly: (3 - 1) / 8. At .25, odds 1/3: 4 rightly, 2 needlessly.
    assert net_benefit(Y, RISK, 0.5) == pytest.approx(2 / 8)
    assert net_benefit(Y, RISK, 0.25) == pytest.approx((4 - 2 / 3) / 8)
    standardised = net_benefit_estimate(BinaryOutcome(Y), RISK, 0.25, standardised=True)
    assert standardised.value == pytest.approx((4 - 2 / 3) / 4)


def test_who_sits_on_the_threshold_is_treated_unless_told_otherwise() -> None:
    # At .6, odds 3/2: with the two at .6: 3 - 1.5; without them 2.
    assert net_benefit(Y, RISK, 0.6) == pytest.approx(1.5 / 8)
    assert net_benefit(Y, RISK, 0.6, ties="untreated") == pytest.approx(2 / 8)
    # At 0 everybody is treated by definition; a yes-or-no rule treats only its yes in other programs.
    rule = np.array([1.0, 0, 0, 1, 0, 0, 0, 0])
    assert net_benefit(Y, rule, 0.0) == 4 / 8
    assert net_benefit(Y, rule, 0.0, ties="untreated") == 1 / 8


def test_net_benefit_of_a_binary_outcome_has_the_variance_of_a_mean() -> None:
    # Worth of each case at .25: 1 for an event treated, -1/3 for another treated, 0 untreated.
    worth = np.array([1, 1, 1, -1 / 3, 1, -1 / 3, 0, 0])
    estimate = net_benefit_estimate(BinaryOutcome(Y), RISK, 0.25)
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.959964 * worth.std() / math.sqrt(8), rel=1e-6)


def test_net_benefit_of_times_reads_the_curve_of_those_treated() -> None:
    # Treated are days 2, 3, 4 (event), 6 and 8: at risk 5, 3, 2; by day 5 free 4/5 x 2/3 = 8/15.
    risk = np.array([0.1, 0.9, 0.9, 0.9, 0.1, 0.9, 0.1, 0.9])
    assert net_benefit_t(DAYS, EVENT, risk, 5.0, 0.2) == pytest.approx(5 / 8 * (7 / 15 - 8 / 15 / 4))
    # The event on day 4 becomes a competing one: 1/5 had the event, 4/5 had not.
    assert net_benefit_t(DAYS, COMPETING, risk, 5.0, 0.2) == pytest.approx(5 / 8 * (1 / 5 - 4 / 5 / 4))


def test_treating_nobody_is_worth_nothing_and_has_no_interval() -> None:
    outcome = BinaryOutcome(Y)
    nobody = net_benefit_estimate(outcome, RISK, 0.95)
    assert (nobody.value, nobody.low) == (0.0, None)
    curve = decision_curve(outcome, {"model": RISK}, [0.25, 0.5])
    assert [e.value for e in curve.net_benefit[TREAT_NONE]] == [0.0, 0.0]
    assert [e.value for e in curve.net_benefit[TREAT_ALL]] == pytest.approx([(4 - 4 / 3) / 8, 0.0])
    assert [e.value for e in curve.standardised["model"]] == pytest.approx([(4 - 2 / 3) / 4, 2 / 4])
    assert curve.to_json()["net_benefit"]["model"][1]["value"] == pytest.approx(2 / 8)


def test_benefit_against_treating_all() -> None:
    # Eight cases treated are worth (4 - 4/3) / 8; the model spares two of the needless treatments.
    gain = net_benefit_difference(BinaryOutcome(Y), RISK, np.ones(8), 0.25)
    assert gain.estimate.value == pytest.approx(2 / 3 / 8)
    same = net_benefit_difference(BinaryOutcome(Y), RISK, RISK + 0.001, 0.25)
    assert (same.estimate.value, same.estimate.low, same.statistic, same.p_value) == (0.0, 0.0, None, 1.0)


@pytest.mark.parametrize("threshold", [1.0, -0.1, math.nan])
def test_a_threshold_without_odds_is_refused(threshold: float) -> None:
    with pytest.raises(DataRefusal, match="threshold"):
        net_benefit(Y, RISK, threshold)


def test_benefit_is_withheld_where_nothing_is_known() -> None:
    # Those treated are lost on day 4 and earlier.
    early = OutcomeByHorizon.at(DAYS, np.zeros(8), 6.0)
    lost = net_benefit_estimate(early, np.where(DAYS < 5, 0.9, 0.1), 0.5)
    assert "among the 5 cases treated follow-up ends at 4 days" in lost.withheld
    assert net_benefit_difference(early, np.where(DAYS < 5, 0.9, 0.1), RISK, 0.5).p_value is None
    none_had_it = net_benefit_estimate(BinaryOutcome(np.zeros(8)), RISK, 0.5, standardised=True)
    assert "no events" in none_had_it.withheld
    assert math.isnan(net_benefit(np.array([]), np.array([]), 0.5))


def test_restricted_mean() -> None:
    # Free: 1 to day 2, 6/7 to day 4, 24/35 from there to day 5.
    assert restricted_mean(DAYS, EVENT, 5.0) == pytest.approx(2 + 2 * 6 / 7 + 24 / 35)
    # Areas behind the steps: 2 x 6/7 + 24/35 after day 2 (1 of 7 struck), 24/35 after day 4 (1 of 5).
    variance = (12 / 7 + 24 / 35) ** 2 / (7 * 6) + (24 / 35) ** 2 / (5 * 4)
    estimate = restricted_mean_estimate(DAYS, EVENT, 5.0)
    assert (estimate.value - estimate.low) / 1.959964 == pytest.approx(math.sqrt(variance), rel=1e-6)
    # A competing event ends the time as well.
    assert restricted_mean(DAYS, COMPETING, 5.0) == restricted_mean(DAYS, EVENT, 5.0)
    assert "8 days" in restricted_mean_estimate(DAYS, EVENT, 9.0).withheld


def test_restricted_means_of_two_groups() -> None:
    # Nobody is lost in either: means of min(day, 10): 6 and 4, so 4 and 6 lost.
    a, b = np.array([2.0, 6, 10, 12, 0]), np.array([1.0, 2, 3, 4, 20])
    found = restricted_mean_contrast((a, np.ones(5)), (b, np.ones(5)), 10.0)
    assert found.difference.value == pytest.approx(28 / 5 - 20 / 5)
    assert found.ratio_free.value == pytest.approx(28 / 20)
    assert found.ratio_lost.value == pytest.approx(22 / 30)
    short = restricted_mean_contrast((a, np.zeros(5)), (b, np.zeros(5)), 15.0)
    assert "follow-up ends at 12 days" in short.difference.withheld
    assert short.p_value is None


def test_risk_groups_count_and_keep_small_ones_to_themselves() -> None:
    risk = np.repeat([0.05, 0.10, 0.15, 0.4, 0.9], [6, 1, 8, 7, 5])
    y = (np.arange(27) % 3 == 0).astype(float)
    low, middle, high = risk_groups(y, risk, [0.1, 0.3])
    # A risk on a cut belongs above it: 6, 9 and 12 cases.
    assert [g.n for g in (low, middle, high)] == [6, 9, 12]
    assert [g.n_events for g in (low, middle, high)] == [2, 3, 4]
    assert middle.mean_risk == pytest.approx((0.1 + 8 * 0.15) / 9)
    assert middle.observed.value == pytest.approx(1 / 3)
    # Three cases at the top are hidden, and the smallest other group with them: the total tells neither.
    hidden = risk_groups(y[:24], risk[:24], [0.1, 0.3, 0.8])
    assert [g.n for g in hidden] == [None, 9, 7, None]
    assert hidden[0].observed.withheld.startswith("suppressed")
    assert hidden[0].to_json()["lower"] is None
    empty = risk_groups(y, risk, [0.3, 0.95])[2]
    assert (empty.n, empty.mean_risk, empty.observed.withheld) == (0, None, "no case has such a risk")


@pytest.mark.parametrize("cuts", [[], [0.3, 0.1], [0.2, 0.2], [math.nan]])
def test_cuts_that_make_no_groups_are_refused(cuts: list[float]) -> None:
    with pytest.raises(DataRefusal, match="cut points"):
        risk_groups(Y, RISK, cuts)


def test_risk_groups_in_time_are_ready_for_a_figure() -> None:
    time, kinds = np.tile(DAYS, 2), np.tile(EVENT, 2)
    low, high = risk_groups_t(time, kinds, np.repeat([0.1, 0.9], 8), [0.5], 5.0, ticks_days=[0, 3, 5])
    assert low.curve.time_days == (0.0, 2.0, 4.0, 5.0)
    assert low.curve.value == pytest.approx((0, 1 / 7, 11 / 35, 11 / 35))
    assert high.observed.value == pytest.approx(11 / 35)
    # On day 3 six are still there; the three of day 5 are too few to be told.
    assert low.curve.at_risk == (8, 6, None)
    assert (low.n, low.n_events, low.observed.n_events) == (8, 2, 2)
    # Free: 24/35; the band multiplies log(24/35) by exp(± z se / ...), Greenwood's sum is 1/42 + 1/20.
    half = 1.959964 * math.sqrt(1 / 42 + 1 / 20) / -math.log(24 / 35)
    assert low.curve.low[-1] == pytest.approx(1 - (24 / 35) ** math.exp(-half), rel=1e-6)
    assert low.curve.high[-1] == pytest.approx(1 - (24 / 35) ** math.exp(half), rel=1e-6)


def test_risk_groups_use_the_curve_for_competing_events_in_every_group() -> None:
    # Only the first group has competing events; both curves must mean the same.
    time, kinds = np.tile(DAYS, 2), np.concatenate([COMPETING, EVENT])
    first, second = risk_groups_t(time, kinds, np.repeat([0.1, 0.9], 8), [0.5], 7.0)
    assert first.observed.value == pytest.approx(1 / 7 + 6 / 7 * 4 / 5 / 3)
    assert first.curve.method == second.curve.method == "Aalen-Johansen, complementary log-log band"


def test_a_figure_does_not_grow_with_the_cases() -> None:
    time = np.arange(1.0, 3001.0)
    curve = risk_groups_t(time, np.ones(3000), np.zeros(3000), [0.5], 2000.0)[0].curve
    assert len(curve.time_days) <= MAX_POINTS + 2
    assert (curve.time_days[-1], curve.value[-1]) == (2000.0, pytest.approx(2 / 3))


def test_holm_and_benjamini_hochberg() -> None:
    asked = {"a": 0.01, "b": None, "c": 0.04, "d": 0.03, "e": math.nan, "f": 0.005}
    # Sorted .005 .01 .03 .04 times 4 3 2 1, never falling; and times 4/1 4/2 4/3 4/4, never rising backwards.
    assert holm(asked) == pytest.approx({"a": 0.03, "b": None, "c": 0.06, "d": 0.06, "e": None, "f": 0.02})
    expected = {"a": 0.02, "b": None, "c": 0.04, "d": 0.04, "e": None, "f": 0.02}
    assert benjamini_hochberg(asked) == pytest.approx(expected)
    assert list(holm(asked)) == list(asked)
    assert ADJUSTMENTS["holm"]({"alone": None}) == {"alone": None}
    with pytest.raises(ValueError, match="wild"):
        holm({"wild": 1.2})


def test_pooling_three_sites_of_equal_error() -> None:
    # Errors 1, values 0, 3, 6: both estimators give the sample variance 9 less 1. Mean 3, its error sqrt(9 / 3).
    values, errors = np.array([0.0, 3.0, 6.0]), np.ones(3)
    for between in (paule_mandel, reml):
        assert between(values, errors**2) == pytest.approx(8, rel=1e-5)
    pooled = pool(values, errors, "identity")
    assert pooled.average.value == pytest.approx(3)
    # t with 2 degrees of freedom 4.302653, with 1 12.706205.
    assert pooled.average.high - 3 == pytest.approx(4.302653 * math.sqrt(3), rel=1e-5)
    assert pooled.next_site.high - 3 == pytest.approx(12.706205 * math.sqrt(3 + 8), rel=1e-5)
    # Q is 18 on 2: 16 of 18 beyond chance; p = exp(-9).
    assert (pooled.q, pooled.i2) == (pytest.approx(18), pytest.approx(16 / 18))
    assert pooled.p_value == pytest.approx(math.exp(-9))


def test_sites_that_agree_by_chance_claim_no_certainty_when_modified() -> None:
    values, errors = np.zeros(4), np.full(4, 2.0)
    assert pool(values, errors, "identity").average.high == 0
    # Classic error 2 / sqrt(4), t with 3 degrees of freedom 3.182446.
    assert pool(values, errors, "identity", modified=True).average.high == pytest.approx(3.182446, rel=1e-6)


def test_pooling_reads_the_estimates_of_sites() -> None:
    def site(value: float, low: float, high: float) -> Estimate:
        return Estimate(value, low, high, n=100, n_events=20)

    # O/E of 1/2, 1 and 2 with errors of log 2 / z around: mean of logs 0.
    z = 1.959964
    ratios = [site(v, v / 2, v * 2) for v in (0.5, 1.0, 2.0)]
    pooled = pool_sites([*ratios, Estimate.withhold("too few events", n=7)], "log")
    direct = pool(np.log([0.5, 1, 2]), np.full(3, math.log(2) / z), "log")
    assert pooled.average.value == pytest.approx(1)
    assert pooled.average.high == pytest.approx(direct.average.high, rel=1e-6)
    assert (pooled.average.n, pooled.average.n_events, pooled.n_sites) == (300, 60, 3)
    assert pooled.left_out == ("site 4: too few events",)
    # A C-statistic's interval that was cut at 1 keeps its other side; one of 1 has no place on the scale.
    cut = pool_sites([site(0.9, 0.8, 1.0), site(0.7, 0.6, 0.8), site(1.0, 0.9, 1.0)], "logit")
    assert cut.n_sites == 2
    assert cut.left_out[0].startswith("site 3")
    assert cut.next_site.withheld.startswith("2 sites")
    assert 0 < cut.average.low < 0.8 < cut.average.high < 1
    assert "1 usable sites" in pool_sites(ratios[:1], "log").average.withheld


def test_the_mean_over_readers() -> None:
    # Differences .1 .2 .3: mean square .01, mean covariance .002, so variance (.01 + 3 x .002) / 3.
    differences = np.array([0.1, 0.2, 0.3])
    covariance = np.array([[4, 1, 2], [1, 4, 3], [2, 3, 4]]) / 1000
    random = mean_over_readers(differences, covariance, "random")
    assert random.value == pytest.approx(0.2)
    assert random.se == pytest.approx(math.sqrt(0.016 / 3))
    assert random.degrees_of_freedom == pytest.approx(0.016**2 / (0.01**2 / 2))
    # The mean of three has the mean of the nine entries as variance: 24 / 9 thousandths.
    fixed = mean_over_readers(differences, covariance, "fixed")
    assert fixed.se == pytest.approx(math.sqrt(24 / 9000))
    # Cases that oppose readers leave the readers' own spread: two degrees of freedom.
    opposed = mean_over_readers(differences, np.diag([4, 4, 4]) / 1000 - 0.001, "random")
    assert (opposed.se, opposed.degrees_of_freedom) == (pytest.approx(math.sqrt(0.01 / 3)), pytest.approx(2))


def test_readers_are_compared_in_auroc() -> None:
    # The model wins 13.5 of 16; the readers, yes or no, win 12 and 10: sensitivity and specificity 3/4; 2/4 and 3/4.
    readers = np.array([[1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 1]], dtype=float)
    found = model_against_readers(Y, RISK, readers)
    assert [e.value for e in found.second] == [12 / 16, 10 / 16]
    assert found.difference.estimate.value == pytest.approx((13.5 - 11) / 16)
    assert found.by_reader[1].estimate.value == pytest.approx(3.5 / 16)
    assert found.difference.df >= 1
    assert model_against_readers(Y, RISK, readers, readers_are="fixed").difference.df is None
    # With the model's risk added they win 4 + 4 + 3.5 + 2 and 4 + 4 + 2.5 + 1.
    helped = readers_with_model(Y, readers + RISK, readers)
    assert helped.difference.estimate.value == pytest.approx((13.5 + 11.5) / 2 / 16 - 11 / 16)


def test_readers_that_cannot_be_compared() -> None:
    readers = np.array([[1, 1, 1, 1, 0, 0, 0, 0]], dtype=float)
    alone = model_against_readers(Y, RISK, readers)
    assert "one reader" in alone.difference.estimate.withheld
    assert alone.by_reader[0].estimate.value == pytest.approx(1.5 / 16)
    assert model_against_readers(Y, RISK, readers, readers_are="fixed").difference.p_value == pytest.approx(
        alone.by_reader[0].p_value
    )
    one_event = model_against_readers(np.eye(8)[0], RISK, np.tile(readers, (2, 1)))
    assert "1 of 8" in one_event.difference.estimate.withheld
    with pytest.raises(DataRefusal, match="missing"):
        model_against_readers(Y, RISK, np.where(readers == 1, np.nan, 0))
    with pytest.raises(DataRefusal, match="fit the cases"):
        model_against_readers(Y, RISK, readers[0])
    with pytest.raises(DataRefusal, match="same readers"):
        readers_with_model(Y, np.tile(readers, (2, 1)), readers)


def test_added_value_of_two_tables() -> None:
    # Yes or no twice: the first source says 1 for half; within each half the second doubles the events.
    first = np.repeat([0.0, 1.0], 60)
    second = np.tile(np.repeat([0.0, 1.0], 30), 2)
    y = np.concatenate([np.arange(30) < k for k in (5, 15, 10, 20)]).astype(float)
    found = added_value(y, first, second, seed=0)
    # The first alone: 20 and 30 of 60. Log odds additive in both fit the four cells (logits differ by 1.609, 1.386).
    alone = 20 * math.log(1 / 3) + 40 * math.log(2 / 3) + 60 * math.log(1 / 2)
    saturated = sum(k * math.log(k / 30) + (30 - k) * math.log(1 - k / 30) for k in (5, 15, 10, 20))
    assert 0 < found.statistic <= 2 * (saturated - alone)
    assert found.statistic == pytest.approx(2 * (saturated - alone), abs=0.1)
    assert found.p_value < 0.001
    assert found.auroc_change.value > 0
    assert "cross-fitted" in found.auroc_change.method


def test_added_value_is_withheld_where_there_is_no_fit() -> None:
    y = np.tile([0.0, 1.0], 40)
    noise = np.random.default_rng(0).normal(size=80)
    assert "the two sources are one" in added_value(y, noise, noise, seed=0).auroc_change.withheld
    assert added_value(y, noise, y, seed=0).statistic is None
    few = added_value(np.arange(80) < 3, noise, noise[::-1].copy(), seed=0)
    assert "3 with the event" in few.auroc_change.withheld


def test_recalibration_of_two_groups_is_their_event_rate() -> None:
    # 100 cases a group, 20 and 60 events, ten folds of 20 + ... : every fold leaves out 8 events and 12 others.
    score = np.repeat([3.0, 9.0], 100)
    y = np.concatenate([np.arange(100) < 20, np.arange(100) < 60]).astype(float)
    found = recalibrate_score(y, score, seed=1)
    assert found.risk.mean() == pytest.approx(0.4, abs=0.01)
    assert found.risk[:100] == pytest.approx(np.full(100, 0.2), abs=0.03)
    assert found.risk[100:] == pytest.approx(np.full(100, 0.6), abs=0.03)
    measured = found.measure(lambda risk: net_benefit_estimate(BinaryOutcome(y), risk, 0.4))
    assert "flatters the score" in measured.method
    # Who is followed to the horizon weighs the same as a binary outcome.
    timed = recalibrate_score_t(np.where(y == 1, 5.0, 90.0), y, score, 90.0, seed=1)
    assert timed.risk == pytest.approx(found.risk)


def test_no_case_teaches_its_own_risk() -> None:
    rng = np.random.default_rng(2)
    score, event = rng.normal(size=(60, 1)), rng.random(60) < 0.4
    fold = stratified_folds(event, 10, 5)
    assert np.bincount(fold).tolist() == [6] * 10
    held = fold == 3
    before = cross_fitted_risk(event, score, np.ones(60), fold)
    after = cross_fitted_risk(event ^ held, score, np.ones(60), fold)
    # The fold's own outcomes are all turned round: its risks stay, all others move.
    assert np.array_equal(before == after, held)
    # A case of weight 0 (its outcome is unknown) gets a risk and teaches nothing.
    silent = cross_fitted_risk(event, score, (~held).astype(float), fold)
    assert silent[held] == pytest.approx(before[held])


def test_recalibration_is_withheld_where_it_does_not_exist() -> None:
    y = np.tile([0.0, 1.0], 20)
    assert "same score" in recalibrate_score(y, np.ones(40), seed=0).withheld
    separated = recalibrate_score(y, y, seed=0)
    assert "separates" in separated.withheld
    assert separated.measure(lambda risk: Estimate(1.0), n=40).withheld == separated.withheld
    assert "10 folds" in recalibrate_score((np.arange(40) < 9).astype(float), y, seed=0).withheld
    assert "follow-up ends" in recalibrate_score_t(np.full(40, 5.0), np.zeros(40), y, 9.0, seed=0).withheld


def test_development_sizes() -> None:
    # 10 parameters, R² .1, shrinkage .9: 10 / (.1 x log(9/8)) = 849.02; the rate .5 within .05: 1.96² x 100.
    found = development_size(0.1, 10, 0.5)
    assert (found.criteria["shrinkage"], found.criteria["overall_risk"]) == (850, 385)
    # The largest R² at rate 1/2 is 1 - (1/2)² = .75; shrinkage .1 / (.1 + .0375) = .72727.
    assert found.criteria["optimism"] == math.ceil(10 / ((1 - 0.1 / 0.1375) * -math.log(1 - 0.1375)))
    assert (found.n, found.events) == (850, 425)
    with pytest.raises(ValueError, match="r2_cox_snell"):
        development_size(0.8, 10, 0.5)
    with pytest.raises(ValueError, match="prevalence"):
        development_size(0.1, 10, 0.0)


def test_development_size_for_times() -> None:
    # .1 events a year over two years of follow-up: largest R² 1 - exp(2 (.2 log .2 - .2)) = .6479.
    found = development_size_survival(0.05, 20, FollowUp(0.1, 5.0, 2.0))
    assert found.criteria["shrinkage"] == math.ceil(20 / (0.1 * -math.log(1 - 0.05 / 0.9)))
    shrinkage = 0.05 / (0.05 + 0.05 * (1 - math.exp(2 * (0.2 * math.log(0.2) - 0.2))))
    assert found.criteria["optimism"] == math.ceil(20 / ((1 - shrinkage) * -math.log(1 - 0.05 / shrinkage)))
    # The risk by year 5 within .05 on the wider (lower) side: rate log(e^-.5 + .05) / -5 at the least.
    half = 0.1 + math.log(math.exp(-0.5) + 0.05) / 5
    assert found.criteria["overall_risk"] == math.ceil(1.96**2 * 0.1 / (2.0 * half**2))


def test_validation_size_of_observed_over_expected() -> None:
    # Interval exp(± 1.96 se) is .2 wide at se .050936, searched up to .0510; half the cases have the event.
    lp = LinearPredictor.normal(0.0, 1.0)
    assert validation_size(0.5, 0.75, lp).criteria["oe_ratio"] == math.ceil(1 / 0.051**2)
    assert "net_benefit" not in validation_size(0.5, 0.75, lp).criteria


def test_validation_size_of_two_known_risks() -> None:
    # Log odds ± log 3, half each: information 3/16 and 3/16 log² 3, none between: n = (3.92 / .2)² / (3/16 log² 3).
    lp = LinearPredictor.seen(np.array([-1.0, 1.0]) * math.log(3))
    found = validation_size(0.5, 0.75, lp, threshold=0.5)
    assert found.criteria["slope"] == math.ceil(19.6**2 / (3 / 16 * math.log(3) ** 2))
    # At 1/2 three of four events are caught and three of four others spared; weight 1:
    # 2 x 3/16 + 2 x 3/16 + 4 x 1/16 = 1.
    assert found.criteria["net_benefit"] == pytest.approx(19.6**2, abs=1)


def test_clopper_pearson_ends() -> None:
    # None of n: the upper end is 1 - .025^(1/n).
    assert clopper_pearson(0, 10) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert clopper_pearson(10, 10) == (pytest.approx(0.025**0.1), 1.0)
    with pytest.raises(ValueError, match="11 of 10"):
        clopper_pearson(11, 10)


def test_missing_risks_and_scores_are_refused_and_counted() -> None:
    gap, y = np.where(np.arange(40) < 2, np.nan, 0.5), np.tile([0.0, 1.0], 20)
    calls: list[Callable[[], object]] = [
        lambda: net_benefit(y, gap, 0.2),
        lambda: risk_groups(y, gap, [0.1]),
        lambda: recalibrate_score(y, gap, seed=0),
        lambda: added_value(y, gap, y, seed=0),
    ]
    for call in calls:
        with pytest.raises(DataRefusal, match=r"missing(.|\n)*found: 2 "):
            call()
