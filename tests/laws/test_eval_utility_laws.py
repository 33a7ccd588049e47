"""What must hold of benefit, restricted means, groups, readers and pooling for any cases."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from outcome.evaluation.comparison.differences import paired_delong
from outcome.evaluation.comparison.readers import (
    ReadersAre,
    mean_over_readers,
    model_against_readers,
    readers_with_model,
)
from outcome.evaluation.comparison.recalibrated_score import recalibrate_score
from outcome.evaluation.discrimination.roc import auroc, auroc_influence
from outcome.evaluation.event_rate import BinaryOutcome, OutcomeByHorizon
from outcome.evaluation.multiplicity import benjamini_hochberg, holm
from outcome.evaluation.sites.meta_analysis import Between, pool
from outcome.evaluation.times.restricted_mean import restricted_mean, restricted_mean_contrast
from outcome.evaluation.utility.net_benefit import (
    net_benefit,
    net_benefit_difference,
    net_benefit_estimate,
    net_benefit_t,
)
from outcome.evaluation.utility.risk_groups import risk_groups, risk_groups_t
from outcome.types import FloatArray

HORIZON = 5.0
QUICK = settings(max_examples=60, deadline=None)
KINDS: tuple[ReadersAre, ReadersAre] = ("random", "fixed")
Binary = tuple[FloatArray, FloatArray]
Timed = tuple[FloatArray, FloatArray, FloatArray]


@st.composite
def binary(draw: st.DrawFn) -> Binary:
    """Both classes twice at least; risks in twentieths, so that ties are common."""
    cells = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 19)), min_size=1, max_size=30))
    y, twentieths = np.array([*cells, (0, 3), (0, 12), (1, 7), (1, 16)], dtype=float).T
    return y, twentieths / 20


@st.composite
def timed(draw: st.DrawFn) -> Timed:
    """Days 1 to 9, all three kinds of end; one of the highest risk is followed beyond the horizon."""
    cells = draw(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2), st.integers(1, 19)), min_size=1, max_size=30))
    ends = [(2, 1, 5), (4, 1, 14), (10, 0, 9), (10, 0, 19)]
    days, event, twentieths = np.array(cells + ends, dtype=float).T
    return days, event, twentieths / 20


thresholds = st.integers(0, 18).map(lambda k: k / 20)


@QUICK
@given(binary(), thresholds)
def test_net_benefit_is_at_most_the_event_rate_and_that_of_the_truth(case: Binary, threshold: float) -> None:
    y, risk = case
    found = net_benefit(y, risk, threshold)
    assert found <= y.mean() + 1e-12
    # Treating exactly those with the event reaches it, whatever the threshold (above 0, where all are treated).
    assert net_benefit(y, y, max(threshold, 0.05)) == pytest.approx(y.mean())
    estimate = net_benefit_estimate(BinaryOutcome(y), risk, threshold, standardised=True)
    assert estimate.value == pytest.approx(found / y.mean())


@QUICK
@given(timed(), thresholds, st.booleans())
def test_complete_follow_up_makes_times_a_binary_outcome(case: Timed, threshold: float, doubled: bool) -> None:
    days, event, risk = case
    kinds = np.where(event == 0, 1, event)  # nobody is lost
    y = ((kinds == 1) & (days <= HORIZON)).astype(float)
    if doubled:
        days, kinds, risk, y = (np.tile(part, 2) for part in (days, kinds, risk, y))
    timed_estimate = net_benefit_estimate(OutcomeByHorizon.at(days, kinds, HORIZON), risk, threshold)
    plain = net_benefit_estimate(BinaryOutcome(y), risk, threshold)
    assert timed_estimate.value == pytest.approx(plain.value, abs=1e-12)
    assert (timed_estimate.low is None) == (plain.low is None)
    if plain.low is not None:
        assert timed_estimate.low == pytest.approx(plain.low, abs=1e-9)
        assert timed_estimate.high == pytest.approx(plain.high, abs=1e-9)


@QUICK
@given(timed(), thresholds)
def test_the_pulls_of_a_rate_cancel_and_copies_change_nothing(case: Timed, threshold: float) -> None:
    days, event, risk = case
    rows = risk >= threshold
    value, pull = OutcomeByHorizon.at(days, event, HORIZON).rate(rows)
    assert pull.sum() == pytest.approx(0, abs=1e-12)
    assert not pull[~rows].any()
    assert 0 <= value <= 1 + 1e-12
    once = net_benefit_t(days, event, risk, HORIZON, threshold)
    days, event, risk = (np.tile(part, 2) for part in case)
    assert net_benefit_t(days, event, risk, HORIZON, threshold) == pytest.approx(once, nan_ok=True)


@QUICK
@given(timed(), thresholds)
def test_differences_of_benefit_add_up(case: Timed, threshold: float) -> None:
    days, event, risk = case
    outcome = OutcomeByHorizon.at(days, event, HORIZON)
    back = risk[::-1].copy()
    there = net_benefit_difference(outcome, risk, back, threshold)
    again = net_benefit_difference(outcome, back, risk, threshold)
    if there.estimate.value is not None:
        first, second = (net_benefit_t(days, event, r, HORIZON, threshold) for r in (risk, back))
        assert there.estimate.value == pytest.approx(first - second, abs=1e-12)
        assert again.estimate.low == pytest.approx(-there.estimate.high, abs=1e-12)
        assert again.p_value == there.p_value


@QUICK
@given(timed(), st.integers(1, 9))
def test_restricted_means_grow_with_the_time_watched(case: Timed, until: int) -> None:
    days, event, _ = case
    here, further = (restricted_mean(days, event, float(end)) for end in (until, until + 1))
    assert 0 <= here <= until
    assert here <= further <= here + 1 + 1e-12
    scaled = restricted_mean(days * 7, event, until * 7.0)
    assert scaled == pytest.approx(here * 7)
    same = restricted_mean_contrast((days, event), (days, event), float(until))
    assert same.difference.value == 0
    assert same.p_value in (None, 1.0)


@QUICK
@given(timed(), st.lists(st.integers(2, 18), min_size=1, max_size=3, unique=True).map(sorted))
def test_risk_groups_hold_every_case_once(case: Timed, cuts: list[int]) -> None:
    days, event, risk = (np.tile(part, 6) for part in case)
    limits = [cut / 20 for cut in cuts]
    groups = risk_groups_t(days, event, risk, limits, HORIZON, ticks_days=[0.0])
    assert sum(g.n or 0 for g in groups) == days.size  # six copies of each: nothing is hidden
    assert sum(g.n_events or 0 for g in groups) == np.sum((event == 1) & (days <= HORIZON))
    means = [g.mean_risk for g in groups if g.mean_risk is not None]
    assert means == sorted(means)
    for g in groups:
        if g.curve is not None:
            assert g.curve.at_risk == (g.n,)
            assert np.all(np.diff(g.curve.value) >= 0)
            assert np.all(np.array(g.curve.low) <= np.array(g.curve.value) + 1e-12)
            assert np.all(np.array(g.curve.value) <= np.array(g.curve.high) + 1e-12)


@QUICK
@given(binary(), st.lists(st.integers(2, 18), min_size=1, max_size=3, unique=True).map(sorted))
def test_hidden_groups_cannot_be_found_by_subtraction(case: Binary, cuts: list[int]) -> None:
    groups = risk_groups(*case, [cut / 20 for cut in cuts])
    shown = [g.n for g in groups if g.n is not None]
    assert all(n == 0 or n >= 5 for n in shown)
    # One hidden group alone would be the total less the others, unless it is all there is.
    hidden = len(groups) - len(shown)
    assert hidden != 1 or sum(shown) == 0


@QUICK
@given(binary(), st.integers(0, 99))
def test_readers_who_agree_are_one_reader(case: Binary, seed: int) -> None:
    y, risk = case
    reader = np.random.default_rng(seed).integers(0, 5, y.size).astype(float)
    single = paired_delong(y, risk, reader)
    for readers_are in KINDS:
        three = model_against_readers(y, risk, np.tile(reader, (3, 1)), readers_are=readers_are).difference
        assert three.estimate.value == pytest.approx(single.estimate.value, abs=1e-12)
        assert three.estimate.high == pytest.approx(single.estimate.high, abs=1e-9)
    # The order of readers is irrelevant, and so is a monotone transform of one reader's scale.
    others = np.stack([reader, risk[::-1], -reader])
    bent = np.stack([-reader, np.exp(reader), risk[::-1]])
    first, second = (readers_with_model(y, np.tile(risk, (3, 1)), r).difference for r in (others, bent))
    assert first.estimate.high == pytest.approx(second.estimate.high)


sites = st.lists(st.tuples(st.floats(-2, 2), st.floats(0.05, 1.0)), min_size=2, max_size=8)


@QUICK
@given(sites, st.sampled_from(["reml", "paule_mandel"]), st.booleans())
def test_pooling_keeps_to_the_values_and_knows_no_order(
    cells: list[tuple[float, float]], between: Between, modified: bool
) -> None:
    values, errors = np.array(cells).T
    pooled = pool(values, errors, "identity", between=between, modified=modified)
    assert values.min() - 1e-9 <= pooled.average.value <= values.max() + 1e-9
    assert pooled.tau2 >= 0
    assert 0 <= pooled.i2 <= 1
    if pooled.next_site.value is not None:
        assert pooled.next_site.low <= pooled.average.low + 1e-12
        assert pooled.next_site.high >= pooled.average.high - 1e-12
    turned = pool(values[::-1].copy(), errors[::-1].copy(), "identity", between=between, modified=modified)
    assert turned.average.value == pytest.approx(pooled.average.value, abs=1e-4)
    # Odds pool like their logs: the same numbers on another scale.
    logs = pool(values, errors, "log", between=between, modified=modified)
    assert logs.average.high == pytest.approx(np.exp(pooled.average.high))
    opposite = pool(-values, errors, "logit", between=between, modified=modified)
    back = 1 / (1 + np.exp(pooled.average.low))
    assert opposite.average.high == pytest.approx(back, abs=1e-6)


@QUICK
@given(st.lists(st.integers(0, 64), min_size=1, max_size=8))
def test_adjusted_p_values_are_larger_and_in_the_same_order(sixty_fourths: list[int]) -> None:
    asked = {str(k): p / 64 for k, p in enumerate(sixty_fourths)}
    strict, mild = holm(asked), benjamini_hochberg(asked)
    for name, p in asked.items():
        assert p <= mild[name] + 1e-12
        assert mild[name] <= strict[name] + 1e-12
        assert strict[name] <= 1
    ranked = sorted(asked, key=lambda name: asked[name])
    for adjusted in (strict, mild):
        assert np.all(np.diff([adjusted[name] or 0.0 for name in ranked]) >= 0)
    assert holm({"one": 0.04, "none": None}) == {"one": 0.04, "none": None}


def test_a_score_and_its_reverse_are_recalibrated_to_the_same_risks() -> None:
    rng = np.random.default_rng(0)
    score = rng.normal(50, 20, 300)
    y = (rng.random(300) < 1 / (1 + np.exp(3 - score / 20))).astype(float)
    straight = recalibrate_score(y, score, seed=4).risk
    assert recalibrate_score(y, 7 - 3 * score, seed=4).risk == pytest.approx(straight)
    assert recalibrate_score(y, score, seed=5).risk != pytest.approx(straight)


def test_the_test_for_random_readers_keeps_its_level() -> None:
    # Readers and cases vary, and so does the model's gain from reader to reader, around zero (Roe and Metz' model).
    rng = np.random.default_rng(11)
    y, draws = (np.arange(80) < 40).astype(float), 200
    hits = np.zeros(2)
    for _ in range(draws):
        case, by_condition = rng.normal(0, 0.7, 80), rng.normal(0, 0.3, (2, 1, 80))
        by_reader, skill = rng.normal(0, 0.3, (1, 5, 80)), 1.2 + rng.normal(0, 0.25, (2, 5, 1))
        scores = y * skill + case + by_condition + by_reader + rng.normal(0, 0.6, (2, 5, 80))
        gaps = np.array([auroc(y, a) - auroc(y, b) for a, b in zip(*scores, strict=True)])
        pulls = np.array([auroc_influence(y, a) - auroc_influence(y, b) for a, b in zip(*scores, strict=True)])
        random, fixed = (mean_over_readers(gaps, pulls @ pulls.T, kind) for kind in KINDS)
        hits += [abs(m.value) > t.ppf(0.975, m.degrees_of_freedom) * m.se for m in (random, fixed)]
    # 200 draws at 5 %: standard error 1.5 %. Who takes these readers as fixed is wrong about readers in general.
    assert 0.01 <= hits[0] / draws <= 0.095
    assert hits[1] / draws > 0.10
