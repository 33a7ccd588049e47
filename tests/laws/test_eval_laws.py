"""What must hold for any patients: order, scale and duplication of cases, complements, and monotone curves."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcome.evaluation.calibration.indices import citl_estimate, oe_ratio, slope_estimate
from outcome.evaluation.comparison.differences import paired_delong, paired_harrell_c
from outcome.evaluation.discrimination.concordance import (
    concordance,
    concordance_influence,
    count_below,
    harrell_c,
    harrell_c_estimate,
)
from outcome.evaluation.discrimination.roc import auroc, auroc_delong, average_precision
from outcome.evaluation.overall.binary import brier, scaled_brier
from outcome.evaluation.overall.survival import auc_t, auc_t_estimate, brier_t, brier_t_estimate, oe_ratio_t
from outcome.evaluation.times.incidence import aalen_johansen, kaplan_meier
from outcome.types import FloatArray

HORIZON = 5.0
QUICK = settings(max_examples=60, deadline=None)
Binary = tuple[FloatArray, FloatArray]
Timed = tuple[FloatArray, FloatArray, FloatArray]


@st.composite
def binary(draw: st.DrawFn) -> Binary:
    """Both classes twice at least; risks in twentieths, so that ties are common."""
    cells = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 19)), min_size=1, max_size=30))
    ends = [(0, 3), (0, 12), (1, 7), (1, 16)]
    y, twentieths = np.array(cells + ends, dtype=float).T
    return y, twentieths / 20


@st.composite
def timed(draw: st.DrawFn) -> Timed:
    """Days 1 to 9, all three kinds of end; follow-up goes beyond the horizon."""
    cells = draw(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2), st.integers(1, 19)), min_size=1, max_size=30))
    ends = [(2, 1, 5), (4, 1, 14), (10, 0, 9), (10, 0, 3)]
    days, event, twentieths = np.array(cells + ends, dtype=float).T
    return days, event, twentieths / 20


@QUICK
@given(binary())
def test_a_monotone_transform_keeps_every_ranking_number(case: Binary) -> None:
    y, risk = case
    bent = np.exp(3 * risk) - 7
    assert auroc(y, bent) == auroc(y, risk)
    assert average_precision(y, bent) == average_precision(y, risk)
    assert auroc_delong(y, bent) == auroc_delong(y, risk)


@QUICK
@given(binary())
def test_reversed_scores_and_reversed_outcomes_give_the_complement(case: Binary) -> None:
    y, risk = case
    assert auroc(y, -risk) == pytest.approx(1 - auroc(y, risk))
    assert auroc(1 - y, risk) == pytest.approx(1 - auroc(y, risk))
    assert paired_delong(y, risk, -risk).estimate.value == pytest.approx(2 * auroc(y, risk) - 1)


@QUICK
@given(timed())
def test_reversed_scores_give_the_complement_in_time(case: Timed) -> None:
    days, event, risk = case
    assert harrell_c(days, event, -risk) == pytest.approx(1 - harrell_c(days, event, risk))
    assert auc_t(days, event, -risk, HORIZON) == pytest.approx(1 - auc_t(days, event, risk, HORIZON))
    assert concordance(days, -risk) == pytest.approx(1 - concordance(days, risk))


@QUICK
@given(binary(), st.randoms(use_true_random=False))
def test_patient_order_is_irrelevant(case: Binary, random: object) -> None:
    y, risk = case
    order = np.arange(len(y))
    random.shuffle(order)
    for metric in (auroc, average_precision, brier, scaled_brier, oe_ratio):
        assert metric(y[order], risk[order]) == pytest.approx(metric(y, risk))


@QUICK
@given(timed(), st.randoms(use_true_random=False))
def test_patient_order_is_irrelevant_in_time(case: Timed, random: object) -> None:
    days, event, risk = case
    order = np.arange(len(days))
    random.shuffle(order)
    pull = concordance_influence(days, event, risk)
    assert concordance_influence(days[order], event[order], risk[order]) == pytest.approx(pull[order])
    for metric in (auc_t, brier_t, oe_ratio_t):
        shuffled = metric(days[order], event[order], risk[order], HORIZON)
        assert shuffled == pytest.approx(metric(days, event, risk, HORIZON))


@QUICK
@given(binary())
def test_duplicated_patients_keep_the_value_and_narrow_the_interval(case: Binary) -> None:
    y, risk = case
    twice = np.tile(y, 2), np.tile(risk, 2)
    for metric in (auroc, average_precision, brier, scaled_brier, oe_ratio):
        assert metric(*twice) == pytest.approx(metric(y, risk))
    for estimate in (citl_estimate, slope_estimate):
        once, doubled = estimate(y, risk), estimate(*twice)
        if once.value is not None:
            assert doubled.value == pytest.approx(once.value, abs=1e-6)
            assert doubled.high - doubled.low == pytest.approx((once.high - once.low) / np.sqrt(2), rel=1e-3)


@QUICK
@given(timed())
def test_duplicated_patients_keep_the_value_in_time(case: Timed) -> None:
    days, event, risk = case
    twice = np.tile(days, 2), np.tile(event, 2), np.tile(risk, 2)
    assert harrell_c(*twice) == pytest.approx(harrell_c(days, event, risk))
    for metric in (auc_t, brier_t, oe_ratio_t):
        assert metric(*twice, HORIZON) == pytest.approx(metric(days, event, risk, HORIZON))
    assert np.sum(concordance_influence(*twice) ** 2) == pytest.approx(
        np.sum(concordance_influence(days, event, risk) ** 2) / 2
    )


@QUICK
@given(timed())
def test_influences_sum_to_nothing(case: Timed) -> None:
    # Doubling everybody moves no ratio, so the pulls of all cases cancel.
    assert concordance_influence(*case).sum() == pytest.approx(0, abs=1e-12)


@QUICK
@given(timed())
def test_survival_never_rises_and_everybody_is_somewhere(case: Timed) -> None:
    days, event, _ = case
    free = kaplan_meier(days, (event > 0).astype(float))
    assert np.all(np.diff(free.value) <= 0)
    grid = np.arange(0.0, 11.0)
    own, other = (aalen_johansen(days, event, cause=cause).at(grid) for cause in (1, 2))
    assert own + other + free.at(grid) == pytest.approx(np.ones(11))
    assert np.all(np.diff(own) >= 0)


@QUICK
@given(timed())
def test_without_competing_events_incidence_is_one_minus_survival(case: Timed) -> None:
    days, event, _ = case
    only = (event == 1).astype(float)
    curve, free = aalen_johansen(days, only), kaplan_meier(days, only)
    assert curve.value == pytest.approx(1 - free.value)
    assert curve.se == pytest.approx(free.se, abs=1e-7)


@QUICK
@given(timed())
def test_fast_pair_counts_agree_with_counting_every_pair(case: Timed) -> None:
    days, event, risk = case
    lasting = np.where(event == 2, np.inf, days)
    won = counted = 0.0
    for i in np.flatnonzero(event == 1):
        later = (lasting > days[i]) | ((lasting == days[i]) & (event != 1))
        counted += later.sum()
        won += np.sum(later & (risk[i] > risk)) + np.sum(later & (risk[i] == risk)) / 2
    assert harrell_c(days, event, risk) == pytest.approx(won / counted)


@QUICK
@given(st.lists(st.integers(0, 40), max_size=40), st.data())
def test_count_below_agrees_with_counting(values: list[int], data: st.DataObject) -> None:
    queries = data.draw(st.lists(st.tuples(st.integers(0, len(values)), st.integers(0, 45)), min_size=1, max_size=20))
    stop, limit = np.array(queries, dtype=np.int64).T
    found = count_below(np.array(values, dtype=np.int64), stop, limit)
    assert found.tolist() == [sum(v < b for v in values[:a]) for a, b in queries]


@QUICK
@given(binary())
def test_the_interval_holds_the_value_and_stays_inside(case: Binary) -> None:
    estimate = auroc_delong(*case)
    if estimate.value is not None:
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
        assert estimate.low < estimate.high


@QUICK
@given(timed())
def test_intervals_in_time_hold_the_value_and_stay_inside(case: Timed) -> None:
    days, event, risk = case
    found = (harrell_c_estimate(*case), auc_t_estimate(*case, HORIZON), brier_t_estimate(*case, HORIZON))
    for estimate in found:
        if estimate.value is not None and estimate.low is not None:
            assert 0 <= estimate.low <= estimate.value <= estimate.high
    assert paired_harrell_c(days, event, risk, risk).estimate.value == 0
