"""What must hold of subgroups for any cases: nothing hidden is solved for, tests keep their level, pooling helps."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.special import expit, logit
from scipy.stats import binom, norm

from outcome.evaluation import evaluate_target
from outcome.evaluation.event_rate import BinaryOutcome, OutcomeByHorizon
from outcome.evaluation.subgroups.fairness import fairness
from outcome.evaluation.subgroups.fairness_conflict import implied_false_positive_rate
from outcome.evaluation.subgroups.gap import detectable_gap
from outcome.evaluation.subgroups.groups import subgroup_rows
from outcome.evaluation.subgroups.interaction import (
    adjusted,
    calibration_by_group,
    calibration_by_group_t,
    heterogeneity,
)
from outcome.evaluation.subgroups.partial_pooling import shrink
from outcome.evaluation.subgroups.suppression import SMALL_CELL
from outcome.types import Estimate, FloatArray, Target

Z = norm.ppf(0.975)
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
Table = dict[str, npt.NDArray[Any]]
Row = dict[str, Any]


@st.composite
def tables(draw: st.DrawFn, variables: str = "uvw") -> tuple[Table, npt.NDArray[np.bool_]]:
    """Three variables of two or three labels, so uneven that small cells are common; events of any rarity."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n = draw(st.integers(5, 80))
    evenness = draw(st.sampled_from([0.3, 1.0, 3.0]))
    rate = draw(st.sampled_from([0.05, 0.3, 0.9]))
    groups = {}
    for name in variables:
        labels = list("abc"[: draw(st.integers(2, 3))])
        groups[name] = rng.choice(np.array(labels, dtype=object), n, p=rng.dirichlet(np.full(len(labels), evenness)))
    return groups, rng.random(n) < rate


def joint_cells(groups: Table) -> list[tuple[str, ...]]:
    return list(itertools.product(*(sorted(set(labels)) for labels in groups.values())))


def inside(row: Row, cell: tuple[str, ...], names: list[str]) -> bool:
    wanted = zip(row["variable"].split(" × "), row["group"].split(" × "), strict=True)
    return all(cell[names.index(variable)] == label for variable, label in wanted)


def attack(rows: tuple[Row, ...], groups: Table, y: npt.NDArray[np.bool_]) -> Iterator[tuple[str, float, float]]:
    """Every hidden count with the range that a reader of the table can narrow it to: any joint distribution of all
    variables and the outcome is possible that gives every published number and both totals.
    """
    names, cells = list(groups), joint_cells(groups)
    masks = [np.array([inside(row, cell, names) for cell in cells], dtype=float) for row in rows]
    none = np.zeros(len(cells))
    known, right = [np.r_[none + 1, none], np.r_[none, none + 1]], [float(y.sum()), float((~y).sum())]
    for row, mask in zip(rows, masks, strict=True):
        for shown, side in ((row["n"], np.r_[mask, mask]), (row["n_events"], np.r_[mask, none])):
            if shown is not None:
                known.append(side)
                right.append(float(shown))
    listed = {(row["variable"], row["group"]) for row in rows}
    for pair in {row["variable"] for row in rows if " × " in row["variable"]}:  # what has no row has no case
        at = [names.index(name) for name in pair.split(" × ")]
        empty = [(pair, " × ".join(cell[k] for k in at)) not in listed for cell in cells]
        known.append(np.r_[empty, empty].astype(float))
        right.append(0.0)
    for row, mask in zip(rows, masks, strict=True):
        asked = {"n": np.r_[mask, mask], "events": np.r_[mask, none], "non-events": np.r_[none, mask]}
        for kind, side in asked.items():
            if row["n" if kind == "n" else "n_events"] is None and np.any(mask == 0):  # everybody is the total itself
                ends = [linprog(s * side, np.empty((0, side.size)), None, np.array(known), right).fun for s in (1, -1)]
                yield kind, ends[0], -ends[1]


@pytest.mark.parametrize("pairs", [(), (("u", "v"),), (("u", "v"), ("v", "w"))])
@settings(QUICK, max_examples=15)
@given(data=tables())
def test_no_hidden_count_can_be_solved_for(
    pairs: tuple[tuple[str, str], ...], data: tuple[Table, npt.NDArray[np.bool_]]
) -> None:
    groups, y = data
    # All cases together stand in the endpoint's own entry: where these are a handful no subgroup can hide them.
    assume(all(total == 0 or total >= SMALL_CELL for total in (y.sum(), (~y).sum())))
    totals = {"n": y.size, "events": y.sum(), "non-events": (~y).sum()}
    rows = subgroup_rows(groups, y, lambda members: {}, (), pairs=pairs)
    for kind, low, high in attack(rows, groups, y):
        assert high - low >= min(SMALL_CELL, totals[kind]) - 1e-6, (kind, low, high)


@QUICK
@given(tables())
def test_what_is_shown_is_right_and_what_is_small_is_not_shown(data: tuple[Table, npt.NDArray[np.bool_]]) -> None:
    groups, y = data
    for row in subgroup_rows(groups, y, lambda members: {}, (), pairs=[("u", "w")]):
        named = zip(row["variable"].split(" × "), row["group"].split(" × "), strict=True)
        members = np.all([groups[name] == label for name, label in named], axis=0)
        n, n_events = int(members.sum()), int((members & y).sum())
        assert row["n"] == n or (row["n"] is None and row["n_events"] is None)
        assert row["n_events"] in (n_events, None)
        assert row["n"] is None or n >= SMALL_CELL
        assert row["n_events"] is None or all(k == 0 or k >= SMALL_CELL for k in (n_events, n - n_events))


def test_nothing_is_hidden_where_nothing_is_small() -> None:
    groups = {"u": np.repeat(["a", "b"], 40), "v": np.tile(["c", "d"], 40)}
    y = np.tile([True, True, False, False], 20)
    rows = subgroup_rows(groups, y, lambda members: {}, (), pairs=[("u", "v")])
    assert [row["n_events"] for row in rows] == [20, 20, 20, 20, 10, 10, 10, 10]


groups_of_estimates = st.lists(st.tuples(st.integers(-20, 20), st.integers(1, 20)), min_size=3, max_size=8)


def estimates_of(parts: list[tuple[int, int]]) -> dict[str, Estimate]:
    return {str(k): Estimate(v / 10, v / 10 - Z * s / 10, v / 10 + Z * s / 10, n=50) for k, (v, s) in enumerate(parts)}


@QUICK
@given(groups_of_estimates)
def test_shrinking_lies_between_and_pulls_the_unsure_more(parts: list[tuple[int, int]]) -> None:
    found = shrink(estimates_of(parts), "identity")
    for (value, _), shrunken in zip(parts, found.values(), strict=True):
        low, high = sorted((value / 10, shrunken.common))
        assert low - 1e-9 <= shrunken.estimate.value <= high + 1e-9
    kept = [shrunken.kept for shrunken in found.values()]
    order = np.argsort([s for _, s in parts], kind="stable")
    assert np.all(np.diff(np.array(kept)[order]) <= 1e-12)


@QUICK
@given(groups_of_estimates, st.integers(-30, 30), st.randoms(use_true_random=False))
def test_heterogeneity_sees_neither_shift_nor_order(parts: list[tuple[int, int]], shift: int, random: Any) -> None:
    first = heterogeneity(estimates_of(parts), "identity")
    moved = [(v + shift, s) for v, s in parts]
    random.shuffle(moved)
    second = heterogeneity(estimates_of(moved), "identity")
    assert second.statistic == pytest.approx(first.statistic, abs=1e-8)
    assert second.p_value == pytest.approx(first.p_value, abs=1e-8)


def cases(seed: int, n: int = 400) -> tuple[FloatArray, FloatArray, npt.NDArray[Any]]:
    """Well calibrated cases of three groups with different risks."""
    rng = np.random.default_rng(seed)
    groups = rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    risk = expit(rng.normal(-0.7, 1.0, n) + (groups == "b") * 0.8)
    return (rng.random(n) < risk).astype(float), risk, groups


def timed_cases(seed: int, n: int = 400) -> tuple[FloatArray, FloatArray, FloatArray, npt.NDArray[Any]]:
    """The same for times: proportional hazards, so risks by any day have the same order; a third is lost early."""
    rng = np.random.default_rng(seed)
    groups = rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2])
    hazard = 0.02 * np.exp(rng.normal(0, 0.8, n) + (groups == "b") * 0.5)
    time, lost = rng.exponential(1 / hazard), rng.exponential(80, n)
    return np.minimum(time, lost), (time < lost).astype(float), -np.expm1(-hazard * 40), groups


@pytest.mark.parametrize("seed", range(4))
def test_one_recalibration_for_all_leaves_the_question_unchanged(seed: int) -> None:
    """Both models have an intercept and a slope, so risks moved alike in all groups change nothing; nor does order."""
    y, risk, groups = cases(seed)
    found = calibration_by_group(y, risk, groups)
    moved = calibration_by_group(y, expit(0.7 * logit(risk) - 1), groups)
    assert moved.statistic == pytest.approx(found.statistic, abs=1e-6)
    order = np.random.default_rng(seed).permutation(y.size)
    assert calibration_by_group(y[order], risk[order], groups[order]).statistic == pytest.approx(found.statistic)


@pytest.mark.parametrize("seed", range(4))
def test_the_share_of_the_relation_holds_in_every_group(seed: int) -> None:
    y, risk, groups = cases(seed)
    members = {label: groups == label for label in ("a", "b", "c")}
    days = np.where(y == 1, 2.0, 9.0)
    for outcome in (BinaryOutcome(y), OutcomeByHorizon.at(days, y, 5.0)):
        gaps = fairness(outcome, risk, members, 0.4).gaps
        for label in members:
            p, tpr, fpr, ppv = (
                gaps[name].groups[label].value
                for name in ("event_rate", "equal_opportunity", "predictive_equality", "predictive_parity")
            )
            assert fpr == pytest.approx(implied_false_positive_rate(p, tpr, ppv))
    assert gaps["equalised_odds"].gap.value == pytest.approx(
        max(gaps["equal_opportunity"].gap.value, gaps["predictive_equality"].gap.value)
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_standard_error_of_a_censored_rate_is_that_of_the_jackknife(seed: int) -> None:
    time, event, risk, groups = timed_cases(seed, 300)
    rng = np.random.default_rng(seed)
    event = np.where((event == 1) & (rng.random(300) < 0.2), 2.0, event)

    def rates(rows: npt.NDArray[Any]) -> FloatArray:
        outcome = OutcomeByHorizon.at(time[rows], event[rows], 40.0)
        members = {"a": np.ones(rows.size, dtype=bool)}
        gaps = fairness(outcome, risk[rows], members, 0.5).gaps
        return np.array([gaps[name].groups["a"].value for name in ("equal_opportunity", "predictive_equality")])

    everybody = np.flatnonzero(groups != "c")
    left_out = np.array([rates(np.delete(everybody, k)) for k in range(everybody.size)])
    jackknife = np.sqrt((everybody.size - 1) * left_out.var(axis=0))
    outcome = OutcomeByHorizon.at(time[everybody], event[everybody], 40.0)
    own = fairness(outcome, risk[everybody], {"a": np.ones(everybody.size, dtype=bool)}, 0.5).gaps
    for name, se in zip(("equal_opportunity", "predictive_equality"), jackknife, strict=True):
        found = own[name].groups["a"]
        assert (logit(found.high) - logit(found.low)) / (2 * Z) * found.value * (1 - found.value) == pytest.approx(
            se, rel=0.02
        )


REPEATS = 400


def within_limits(rejected: int, alpha: float = 0.05) -> bool:
    """Not more, and not absurdly fewer, than chance gives in so many repeats (one in ten thousand at either end)."""
    return bool(binom.ppf(1e-4, REPEATS, alpha) <= rejected <= binom.ppf(1 - 1e-4, REPEATS, alpha))


def test_well_calibrated_groups_are_called_different_as_often_as_the_level_says() -> None:
    found = [calibration_by_group(*cases(1000 + k, 500)) for k in range(REPEATS)]
    assert within_limits(sum(test.p_value < 0.05 for test in found))


def test_the_same_for_times() -> None:
    found = []
    for k in range(REPEATS):
        time, event, risk, groups = timed_cases(5000 + k)
        found.append(calibration_by_group_t(time, event, risk, 40.0, groups))
    assert within_limits(sum(test.p_value < 0.05 for test in found))


def test_holm_over_many_variables_keeps_the_chance_of_any_false_alarm() -> None:
    alarms = 0
    for k in range(REPEATS):
        y, risk, _ = cases(9000 + k, 400)
        columns = np.random.default_rng(k).choice(["x", "y"], (4, 400))
        tests = adjusted([calibration_by_group(y, risk, column) for column in columns])
        alarms += any(test.holm < 0.05 for test in tests)
    assert within_limits(alarms)


def planted(seed: int) -> tuple[Target, FloatArray, FloatArray, Table]:
    """2,000 cases; in 400 of them (site d) the risk is 1 too low on the logit; two other variables mean nothing."""
    rng = np.random.default_rng(seed)
    lp = rng.normal(-1.0, 1.0, 2000)
    site = np.repeat(["a", "b", "c", "d"], [700, 500, 400, 400])
    y = (rng.random(2000) < expit(lp + (site == "d"))).astype(float)
    groups = {"site": site, "sex": rng.choice(["f", "m"], 2000), "age": rng.choice(["<60", "60-75", ">75"], 2000)}
    return Target.binary("x", y), expit(lp), lp, groups


def test_a_planted_miscalibrated_group_is_found_after_holm_and_the_others_are_not() -> None:
    target, risk, score, groups = planted(11)
    tests = {name: calibration_by_group(target.value, risk, labels) for name, labels in groups.items()}
    found = dict(zip(tests, adjusted(list(tests.values())), strict=True))
    assert found["site"].holm < 1e-6
    assert min(found["sex"].holm, found["age"].holm) > 0.05
    section = evaluate_target(target, risk, score, threshold=0.3, groups=groups).subgroup_analysis
    rows = {(t["variable"], t["metric"]): t for t in section["interaction_tests"]}
    assert rows["site", "calibration"]["holm"] < 1e-5
    assert rows["site", "oe_ratio"]["holm"] < 0.05
    assert min(t["holm"] for key, t in rows.items() if key[0] != "site") > 0.05
    worst = {(g["group"]): g for g in section["gaps"] if g["variable"] == "site" and g["metric"] == "oe_ratio"}
    assert worst["d"]["difference"]["low"] > 1


def test_a_group_off_in_its_times_is_found_with_and_without_competing_events() -> None:
    time, event, risk, groups = timed_cases(3, 2000)
    off = np.where(groups == "c", -np.expm1(2.0 * np.log1p(-risk)), risk)
    assert calibration_by_group_t(time, event, risk, 40.0, groups).p_value > 0.01
    assert calibration_by_group_t(time, event, off, 40.0, groups).p_value < 1e-4
    rng = np.random.default_rng(4)
    other = rng.exponential(300, 2000)
    kind, until = np.where(other < time, 2.0, event), np.minimum(other, time)
    assert calibration_by_group_t(until, kind, risk, 40.0, groups).p_value > 0.01
    found = calibration_by_group_t(until, kind, off, 40.0, groups)
    assert found.p_value < 1e-4
    assert "pseudo-observations" in found.method


def test_the_detectable_gap_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(8)
    se = 0.3
    differences = rng.normal(detectable_gap(se), se, 4000)
    share = np.mean(np.abs(differences) > Z * se)
    assert abs(share - 0.8) < 4 * np.sqrt(0.16 / 4000)


def test_pooling_is_nearer_to_the_truth_and_its_intervals_cover_on_average() -> None:
    rng = np.random.default_rng(21)
    own_error, pooled_error, covered = [], [], []
    for _ in range(60):
        se = rng.uniform(0.1, 0.6, 12)
        truth = rng.normal(0, 0.3, 12)
        seen = rng.normal(truth, se)
        given_ = {str(k): Estimate(v, v - Z * s, v + Z * s, n=9) for k, (v, s) in enumerate(zip(seen, se, strict=True))}
        pooled = [shrunken.estimate for shrunken in shrink(given_, "identity").values()]
        own_error.extend((seen - truth) ** 2)
        pooled_error.extend((np.array([e.value for e in pooled]) - truth) ** 2)
        covered.extend(e.low <= t <= e.high for e, t in zip(pooled, truth, strict=True))
    assert np.mean(pooled_error) < 0.7 * np.mean(own_error)
    assert np.mean(covered) > 0.85


def test_the_interval_of_a_range_covers_it_for_three_groups_that_are_equal_and_that_are_not() -> None:
    rng = np.random.default_rng(5)
    members = {label: np.repeat(["a", "b", "c"], [150, 90, 60]) == label for label in "abc"}
    for rates in ([0.3, 0.3, 0.3], [0.2, 0.3, 0.45]):
        p = np.repeat(rates, [150, 90, 60])
        inside_ = 0
        for _ in range(150):
            y = (rng.random(300) < p).astype(float)
            gap = fairness(BinaryOutcome(y), p, members, 0.5).gaps["event_rate"].gap
            inside_ += gap.low <= max(rates) - min(rates) <= gap.high
        assert inside_ >= binom.ppf(1e-4, 150, 0.95)
