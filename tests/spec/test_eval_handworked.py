"""Eight patients or so, every answer counted on paper in the comment beside it."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import math

import numpy as np
import pytest

from outcome.evaluation.calibration.indices import citl, oe_ratio, oe_ratio_estimate, oe_ratio_poisson_estimate
from outcome.evaluation.comparison.differences import paired_delong
from outcome.evaluation.discrimination.concordance import concordance, harrell_c
from outcome.evaluation.discrimination.roc import auroc, average_precision, delong_variance, placements
from outcome.evaluation.overall.binary import brier, scaled_brier
from outcome.evaluation.overall.classification import (
    accuracy,
    classification_estimates,
    npv,
    precision,
    recall,
    sensitivity,
    specificity,
)
from outcome.evaluation.overall.regression import bias, mae, median_ae, r2
from outcome.evaluation.overall.survival import auc_t, brier_t, oe_ratio_t
from outcome.evaluation.times.censoring import HorizonStatus
from outcome.evaluation.times.incidence import aalen_johansen, kaplan_meier

# Four with the event, four without; one tie (0.6) across the classes.
Y = np.array([1, 1, 1, 0, 1, 0, 0, 0], dtype=float)
RISK = np.array([0.9, 0.8, 0.6, 0.6, 0.3, 0.4, 0.2, 0.1])


def test_auroc_counts_sixteen_pairs() -> None:
    # 0.9 wins 4, 0.8 wins 4, 0.6 wins 3 and ties 1, 0.3 wins 2: 13.5 of 16.
    assert auroc(Y, RISK) == 13.5 / 16


def test_placements_and_delong_variance() -> None:
    of_events, of_others = placements(Y, RISK)
    assert of_events.tolist() == [1, 1, 3.5 / 4, 2 / 4]
    # Non-events in order .6 .4 .2 .1: outranked by 2.5, 3, 4, 4 of the four events.
    assert of_others.tolist() == [2.5 / 4, 3 / 4, 1, 1]
    # Both have mean 27/32. In 32nds: (5, 5, 1, -11) and (-7, -3, 5, 5): squares sum to 172 and 108.
    assert delong_variance(of_events, of_others) == pytest.approx((172 + 108) / 32**2 / 3 / 4)


def test_paired_delong_difference() -> None:
    # The second score gives every event but one the top: it wins 3 x 4 and, at 0.3, 2 = 14 of 16.
    better = np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.4, 0.2, 0.1])
    assert paired_delong(Y, better, RISK).estimate.value == pytest.approx(0.5 / 16)


def test_average_precision_with_a_tie() -> None:
    # Downwards: 1/1, 2/2, then .6 twice: 3 hits of 4 at once, .4 no hit, .3: 4 hits of 6.
    assert average_precision(Y, RISK) == pytest.approx((1 + 1 + 3 / 4 + 4 / 6) / 4)


def test_brier_scores() -> None:
    # .01 + .04 + .16 + .36 + .49 + .16 + .04 + .01 = 1.27; the reference is 1/4.
    assert brier(Y, RISK) == pytest.approx(1.27 / 8)
    assert scaled_brier(Y, RISK) == pytest.approx(1 - 1.27 / 8 / 0.25)


def test_observed_over_expected() -> None:
    # 4 of 8 observed, risks sum to 3.9; on the log scale se = sqrt((1 - 4/8) / 4), as a Poisson count sqrt(1 / 4).
    assert oe_ratio(Y, RISK) == pytest.approx(4 / 3.9)
    for estimate, se in ((oe_ratio_estimate(Y, RISK), math.sqrt(1 / 8)), (oe_ratio_poisson_estimate(Y, RISK), 0.5)):
        assert estimate.low == pytest.approx(4 / 3.9 / math.exp(1.959964 * se), rel=1e-6)
        assert estimate.high == pytest.approx(4 / 3.9 * math.exp(1.959964 * se), rel=1e-6)


def test_calibration_in_the_large_of_a_constant_risk() -> None:
    # Risk 1/5 (odds 1/4) for all, half have the event (odds 1): log odds are short of log 4.
    assert citl(Y, np.full(8, 0.2)) == pytest.approx(math.log(4))


def test_two_by_two_table() -> None:
    # At 0.6, equal counts as positive: .9 .8 .6 of the events, .6 of the others.
    assert sensitivity(Y, RISK, 0.6) == recall(Y, RISK, 0.6) == 3 / 4
    assert specificity(Y, RISK, 0.6) == 3 / 4
    assert precision(Y, RISK, 0.6) == 3 / 4
    assert npv(Y, RISK, 0.6) == 3 / 4
    assert accuracy(Y, RISK, 0.6) == 6 / 8
    # At 0.3 one event more, one other more (.4): all four values differ.
    assert sensitivity(Y, RISK, 0.3) == 1
    assert specificity(Y, RISK, 0.3) == 2 / 4
    assert precision(Y, RISK, 0.3) == 4 / 6
    assert npv(Y, RISK, 0.3) == 1
    assert accuracy(Y, RISK, 0.3) == 6 / 8


def test_nobody_called_positive_leaves_precision_undefined() -> None:
    estimates = classification_estimates(Y, RISK, 0.95)
    assert estimates["precision"].value is None
    assert "0/0" in (estimates["precision"].withheld or "")
    assert estimates["sensitivity"].value == 0
    assert estimates["npv"].value == 0.5
    assert math.isnan(precision(Y, RISK, 0.95))


# Day and event: 1 censored, 2 event, 3 censored, 4 event and 4 censored, 6 event, 7 and 8 censored.
DAYS = np.array([1, 2, 3, 4, 4, 6, 7, 8], dtype=float)
EVENT = np.array([0, 1, 0, 1, 0, 1, 0, 0], dtype=float)


def test_kaplan_meier() -> None:
    curve = kaplan_meier(DAYS, EVENT)
    assert curve.time_days.tolist() == [2, 4, 6]
    # At risk 7, 5, 3.
    assert curve.value.tolist() == pytest.approx([6 / 7, 6 / 7 * 4 / 5, 6 / 7 * 4 / 5 * 2 / 3])
    assert curve.se[1] == pytest.approx(6 / 7 * 4 / 5 * math.sqrt(1 / (7 * 6) + 1 / (5 * 4)))
    assert curve.at(1.99) == 1
    assert curve.at(4) == pytest.approx(24 / 35)


def test_aalen_johansen() -> None:
    # The event on day 4 becomes a competing one: 1/7 on day 2, then 6/7 x 4/5 x 1/3 on day 6.
    kinds = np.array([0, 1, 0, 2, 0, 1, 0, 0], dtype=float)
    own, other = aalen_johansen(DAYS, kinds), aalen_johansen(DAYS, kinds, cause=2)
    assert own.at(6) == pytest.approx(1 / 7 + 6 / 7 * 4 / 5 / 3)
    assert other.at(6) == pytest.approx(6 / 7 / 5)


def test_harrell_c_counts_pairs() -> None:
    score = np.array([5, 8, 1, 6, 7, 6, 2, 9], dtype=float)
    # Event 2 (8): later 1 6 7 6 2 9, beats 5 of 6. Event 4 (6): censored at 4 counts: 7, 6, 2, 9: tie, win, 1.5 of 4.
    # Event 6 (6): 2, 9: 1 of 2. In all 7.5 of 12.
    assert harrell_c(DAYS, EVENT, score) == 7.5 / 12


def test_harrell_c_keeps_competing_events_at_risk() -> None:
    # One event on day 5; a competing event on day 2 outlives it, a censoring on day 2 says nothing.
    days, score = np.array([5.0, 2.0]), np.array([2.0, 1.0])
    assert harrell_c(days, np.array([1.0, 2.0]), score) == 1
    assert math.isnan(harrell_c(days, np.array([1.0, 0.0]), score))


def test_concordance_of_measured_values() -> None:
    # Pairs with unequal days: 3-5 right, 3-9 right (twice, one with a tied score 1/2), 5-9 twice: one right, one wrong.
    observed, score = np.array([3.0, 5.0, 9.0, 9.0]), np.array([1.0, 2.0, 4.0, 1.0])
    assert concordance(observed, score) == (1 + 1 + 0.5 + 1 + 0) / 5


def test_censoring_weights() -> None:
    # Horizon 5. Censored before it: day 1 (8 at risk of it), day 3 (6), day 4 (4: the event on day 4 went first).
    status = HorizonStatus.at(DAYS, EVENT, 5.0)
    g = [7 / 8, 7 / 8 * 5 / 6, 7 / 8 * 5 / 6 * 3 / 4]
    assert status.had_event.tolist() == [False, True, False, True, False, False, False, False]
    assert status.is_free.tolist() == [False] * 5 + [True] * 3
    assert status.weight.tolist() == pytest.approx([0, 1 / g[0], 0, 1 / g[2], 0, 1 / g[2], 1 / g[2], 1 / g[2]])


def test_brier_and_auc_at_a_horizon() -> None:
    risk = np.array([0.5, 0.8, 0.5, 0.4, 0.5, 0.6, 0.2, 0.1])
    early, late = 8 / 7, 8 / 7 * 6 / 5 * 4 / 3
    squares = early * 0.04 + late * (0.36 + 0.36 + 0.04 + 0.01)
    assert brier_t(DAYS, EVENT, risk, 5.0) == pytest.approx(squares / 8)
    # The event with .8 beats all three, the one with .4 beats two of three.
    assert auc_t(DAYS, EVENT, risk, 5.0) == pytest.approx((early * 1 + late * 2 / 3) / (early + late))
    # 1 - 24/35 observed.
    assert oe_ratio_t(DAYS, EVENT, risk, 5.0) == pytest.approx(11 / 35 / (3.6 / 8))


def test_fixed_follow_up_is_complete_follow_up() -> None:
    # Everybody is watched to day 90: no weights, the plain Brier score and AUC of the status at day 90.
    days, event = np.array([10.0, 90, 40, 90, 90]), np.array([1.0, 0, 1, 0, 0])
    risk = np.array([0.7, 0.2, 0.3, 0.4, 0.1])
    assert brier_t(days, event, risk, 90.0) == pytest.approx(brier(event, risk))
    assert auc_t(days, event, risk, 90.0) == auroc(event, risk) == 5 / 6
    assert oe_ratio_t(days, event, risk, 90.0) == pytest.approx(2 / 1.7)


def test_errors_of_predicted_days() -> None:
    # Errors +1, -2, 0, +4, +1; mean of observed 5, squared distances 4 + 1 + 0 + 1 + 4 = 10.
    observed, predicted = np.array([3.0, 4, 5, 6, 7]), np.array([4.0, 2, 5, 10, 8])
    assert mae(observed, predicted) == pytest.approx(8 / 5)
    assert median_ae(observed, predicted) == 1
    assert bias(observed, predicted) == pytest.approx(4 / 5)
    assert r2(observed, predicted) == pytest.approx(1 - 22 / 10)
