"""What must hold for partial areas, Uno's and Antolini's C and the AUC over time, whoever the patients are."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcome.evaluation.comparison.differences import paired_uno_c, unpaired_delong
from outcome.evaluation.discrimination.auc_over_time import auc_curve, integrated_auc
from outcome.evaluation.discrimination.concordance import harrell_c
from outcome.evaluation.discrimination.concordance_ipcw import antolini_c, uno_c, uno_c_estimate, uno_influence
from outcome.evaluation.discrimination.partial_auc import RocRange, partial_auroc, partial_auroc_estimate
from outcome.evaluation.discrimination.prognostic_separation import explained_variation, royston_d, royston_d_estimate
from outcome.evaluation.discrimination.roc import auroc, auroc_delong
from outcome.types import FloatArray

QUICK = settings(max_examples=50, deadline=None)
Binary = tuple[FloatArray, FloatArray]
Timed = tuple[FloatArray, FloatArray, FloatArray]
AXES = st.sampled_from(["specificity", "sensitivity"])


@st.composite
def binary(draw: st.DrawFn) -> Binary:
    cells = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 9)), min_size=1, max_size=30))
    y, score = np.array([*cells, (0, 3), (0, 6), (1, 4), (1, 8)], dtype=float).T
    return y, score


@st.composite
def timed(draw: st.DrawFn) -> Timed:
    cells = draw(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2), st.integers(1, 9)), min_size=1, max_size=30))
    days, event, score = np.array([*cells, (2, 1, 5), (4, 1, 8), (10, 0, 6), (10, 0, 3)], dtype=float).T
    return days, event, score


def brute_uno(days: FloatArray, event: FloatArray, score: FloatArray, tau: float) -> float:
    """Every ordered pair in turn, with the censoring curve multiplied out at each time."""
    curve = []
    for at in days:
        factors = [
            1 - np.sum((days == t) & (event == 0)) / (np.sum(days > t) + np.sum((days == t) & (event == 0)))
            for t in np.unique(days[(event == 0) & (days <= at)])
        ]
        curve.append(np.prod(factors))
    top = bottom = 0.0
    for i in np.flatnonzero((event == 1) & (days < tau) & (np.array(curve) > 0)):
        for j in range(days.size):
            if days[i] < days[j] or (days[i] == days[j] and event[j] != 1):
                weight = curve[i] ** -2
            elif event[j] == 2:
                weight = 1 / curve[i] / curve[j]
            else:
                continue
            bottom += weight
            top += weight * ((score[i] > score[j]) + 0.5 * (score[i] == score[j]))
    return top / bottom


@QUICK
@given(timed(), st.sampled_from([3.0, 6.0, np.inf]))
def test_uno_c_is_the_sum_over_all_pairs(case: Timed, tau: float) -> None:
    assert uno_c(*case, tau_days=tau) == pytest.approx(brute_uno(*case, tau), rel=1e-10)


@QUICK
@given(timed())
def test_without_censoring_uno_c_is_harrells(case: Timed) -> None:
    days, event, score = case
    event = np.where(event == 0, 2, event)
    assert uno_c(days, event, score) == pytest.approx(harrell_c(days, event, score))


@QUICK
@given(timed())
def test_a_monotone_transform_keeps_and_a_reversal_complements(case: Timed) -> None:
    days, event, score = case
    value = uno_c(days, event, score)
    assert uno_c(days, event, np.exp(score) - 3) == value
    assert uno_c(days, event, -score) == pytest.approx(1 - value)
    columns = np.column_stack([score, -score])
    assert antolini_c(days, event, -columns, [3, 10]) == pytest.approx(1 - antolini_c(days, event, columns, [3, 10]))


@QUICK
@given(timed(), st.integers(0, 1000))
def test_order_and_unit_of_time_are_irrelevant_and_doubled_cases_change_no_value(case: Timed, seed: int) -> None:
    rows = np.random.default_rng(seed).permutation(len(case[0]))
    value = uno_c(*case)
    assert uno_c(*(part[rows] for part in case)) == pytest.approx(value, rel=1e-12)
    assert uno_c(case[0] / 365.25, *case[1:]) == pytest.approx(value, rel=1e-12)
    assert uno_c(*(np.tile(part, 2) for part in case)) == pytest.approx(value, rel=1e-10)


@QUICK
@given(timed())
def test_pulls_sum_to_zero_and_a_score_never_differs_from_itself(case: Timed) -> None:
    days, event, score = case
    assert uno_influence(days, event, score).sum() == pytest.approx(0, abs=1e-9)
    same = paired_uno_c(days, event, (score, 2 * score))
    assert (same.estimate.value, same.p_value) == (0, 1)
    forth, back = (paired_uno_c(days, event, pair).estimate.value for pair in ((score, days), (days, score)))
    assert forth == pytest.approx(-back)
    estimate = uno_c_estimate(days, event, score)
    assert estimate.withheld or 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@QUICK
@given(timed(), st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True))
def test_risks_that_keep_their_order_give_harrells_c_up_to_the_last_horizon(case: Timed, horizons: list[int]) -> None:
    days, event, score = case
    last = max(horizons)
    cut = np.minimum(days, last + 0.5)
    until = np.where((event == 1) & (days > last), 0, event)
    columns = np.column_stack([score * (k + 1) for k in range(len(horizons))])
    expected = harrell_c(cut, until, score)
    assert antolini_c(days, event, columns, sorted(horizons)) == pytest.approx(expected, nan_ok=True)


@QUICK
@given(timed())
def test_d_knows_order_alone_and_turns_with_it(case: Timed) -> None:
    days, event, score = case
    estimate = royston_d_estimate(days, event, score)
    assert royston_d_estimate(days, event, np.exp(score)) == estimate
    if estimate.value is not None:
        assert royston_d(days, event, -score) == pytest.approx(-estimate.value, abs=1e-5)
        assert 0 <= explained_variation(estimate.value) < 1


@QUICK
@given(timed())
def test_the_mean_auc_lies_within_its_curve(case: Timed) -> None:
    curve = auc_curve(*case, [2, 5, 8])
    mean = integrated_auc(*case, [2, 5, 8])
    assert np.nanmin(curve) - 1e-12 <= mean <= np.nanmax(curve) + 1e-12
    assert integrated_auc(*case, [5]) == pytest.approx(auc_curve(*case, [5])[0])


@QUICK
@given(binary(), st.floats(0.05, 0.95), AXES)
def test_partial_areas_add_up_to_the_whole(case: Binary, cut: float, axis: str) -> None:
    below, above = (partial_auroc(*case, RocRange(*ends, axis)) for ends in ((0.0, cut), (cut, 1.0)))
    assert below + above == pytest.approx(auroc(*case))
    assert above <= 1 - cut + 1e-12


@QUICK
@given(binary(), AXES)
def test_the_whole_range_has_delongs_interval(case: Binary, axis: str) -> None:
    whole, delong = partial_auroc_estimate(*case, RocRange(0, 1, axis)), auroc_delong(*case)
    if delong.method == "DeLong":
        assert [whole.value, whole.low, whole.high] == pytest.approx([delong.value, delong.low, delong.high])


@QUICK
@given(binary(), st.floats(0.1, 0.9))
def test_exchanged_classes_exchange_the_axes(case: Binary, cut: float) -> None:
    y, score = case
    one = partial_auroc(y, score, RocRange(cut, 1))
    assert partial_auroc(1 - y, -score, RocRange(cut, 1, "sensitivity")) == pytest.approx(one)


@QUICK
@given(binary(), binary())
def test_unpaired_differences_are_signed(one: Binary, other: Binary) -> None:
    forth, back = unpaired_delong(one, other), unpaired_delong(other, one)
    assert forth.estimate.value == pytest.approx(auroc(*one) - auroc(*other))
    assert forth.estimate.value == pytest.approx(-back.estimate.value)
    assert forth.p_value == (None if back.p_value is None else pytest.approx(back.p_value))
