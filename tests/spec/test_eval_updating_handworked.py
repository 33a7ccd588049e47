"""Updates that can be counted on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import chi2

from outcome.errors import DataRefusal
from outcome.evaluation.updating.cases import UpdateCases
from outcome.evaluation.updating.closed_testing import Needed, UpdateChoice, closed_test, fit_rungs
from outcome.evaluation.updating.gain import gain_by_bootstrap, gain_held_out
from outcome.evaluation.updating.judged import JudgedByHorizon, JudgedYesNo
from outcome.types import FloatArray

ANY = Needed(1, 1, 1)
NO_SLOPE_YET = Needed(1, 10**6, 1)


def repeated(*groups: tuple[int, int, float]) -> tuple[FloatArray, FloatArray]:
    """(outcome, value) of groups given as (events, cases, value)."""
    y = [np.repeat([1.0, 0.0], [events, cases - events]) for events, cases, _ in groups]
    value = [np.full(cases, value) for _, cases, value in groups]
    return np.concatenate(y), np.concatenate(value)


def test_the_intercept_of_one_risk_for_all_is_the_log_odds_seen() -> None:
    y, log_odds = repeated((32, 40, 0.0))
    choice = closed_test(UpdateCases.binary(y, log_odds), needed=NO_SLOPE_YET)
    assert choice.chosen.rung == "intercept"
    assert choice.chosen.intercept == pytest.approx(math.log(4))
    (test,) = choice.tests
    assert test.chi2 == pytest.approx(2 * (32 * math.log(0.8) + 8 * math.log(0.2) - 40 * math.log(0.5)))
    assert (test.df, test.p) == (1, pytest.approx(chi2.sf(test.chi2, 1)))


def test_two_groups_give_intercept_and_slope_by_their_log_odds() -> None:
    y, log_odds = repeated((30, 100, -1.0), (60, 100, 2.0))
    slope = fit_rungs(UpdateCases.binary(y, log_odds), ["slope"])[0]["slope"]
    wanted = (logit(0.6) - logit(0.3)) / 3
    assert slope.slope == pytest.approx(wanted)
    assert slope.intercept == pytest.approx(logit(0.3) + wanted)


def test_a_model_that_is_right_is_left_alone() -> None:
    y, log_odds = repeated((20, 80, float(logit(0.25))), (60, 80, float(logit(0.75))))
    choice = closed_test(UpdateCases.binary(y, log_odds))
    assert choice.chosen.rung == "none"
    assert [(t.rung, t.against, t.df) for t in choice.tests] == [("none", "slope", 2)]
    assert choice.tests[0].chi2 == pytest.approx(0, abs=1e-9)


def test_twice_the_expected_events_double_the_hazard() -> None:
    """Eight events in an exposure of 40 cases times 0.1; a case's own linear predictor is 0."""
    days, event = np.tile([10.0, 20.0], 20), np.repeat([1.0, 0.0], [8, 32])
    cases = UpdateCases.timed(days, event, np.zeros(40), lambda t: np.full(len(t), 0.1), 365.0)
    choice = closed_test(cases, needed=NO_SLOPE_YET)
    assert choice.offered["intercept"].intercept == pytest.approx(math.log(2))
    assert choice.tests[0].chi2 == pytest.approx(2 * (8 * math.log(2) - (8 - 4)))


def test_follow_up_is_cut_at_the_horizon_and_a_competing_event_ends_the_exposure() -> None:
    days, event = np.array([5.0, 15.0, 8.0]), np.array([1.0, 1.0, 2.0])
    cases = UpdateCases.timed(days, event, np.zeros(3), lambda t: t / 100, 10.0)
    assert cases.happened.tolist() == [1, 0, 0]
    assert cases.exposure.tolist() == pytest.approx([0.05, 0.1, 0.08])


def test_every_rung_is_tested_against_the_most_flexible_with_its_degrees_of_freedom() -> None:
    rng = np.random.default_rng(3)
    columns = rng.normal(size=(600, 3))
    y = (rng.random(600) < expit(columns @ [1.5, -1.0, 0.5])).astype(float)
    choice = closed_test(UpdateCases.binary(y, columns @ [-0.2, 1.0, 0.8], columns), needed=ANY)
    assert [(t.rung, t.against, t.df) for t in choice.tests] == [
        ("none", "refit", 4),
        ("intercept", "refit", 3),
        ("slope", "refit", 2),
    ][: len(choice.tests)]
    assert choice.chosen.rung == "refit"
    assert choice.chosen.linear_predictor(UpdateCases.binary(y, y, columns)) == pytest.approx(
        choice.chosen.intercept + columns @ choice.chosen.coefficients
    )


@pytest.mark.parametrize(
    ("events", "offered"),
    [(3, []), (19, []), (20, ["intercept"]), (40, ["intercept", "slope"]), (41, ["intercept", "slope"])],
)
def test_few_events_offer_few_rungs_and_say_so(events: int, offered: list[str]) -> None:
    rng = np.random.default_rng(1)
    y = np.repeat([1.0, 0.0], [events, 200])
    choice = closed_test(UpdateCases.binary(y, rng.normal(size=len(y)) - 1), no_refit="a forest has no last layer")
    assert [rung for rung in choice.offered if rung != "none"] == offered
    assert choice.not_offered["refit"] == "a forest has no last layer"
    assert choice.was_tested == bool(offered)
    if not offered:
        assert choice.chosen.rung == "none"
        assert "at least 20 are needed" in choice.not_offered["intercept"]
    if events == 3:
        assert "fewer than 5" in choice.not_offered["intercept"]
        assert "3 " not in choice.not_offered["intercept"]


def test_a_refit_needs_ten_events_a_coefficient() -> None:
    rng = np.random.default_rng(1)
    columns = rng.normal(size=(300, 9))
    y = np.repeat([1.0, 0.0], [99, 201])
    choice = closed_test(UpdateCases.binary(y, columns @ np.ones(9), columns))
    assert "99 cases of the rarer outcome; at least 100" in choice.not_offered["refit"]


def test_one_column_is_refitted_by_its_slope() -> None:
    y, value = repeated((30, 100, -1.0), (60, 100, 2.0))
    choice = closed_test(UpdateCases.binary(y, value, value[:, None]))
    assert "one column" in choice.not_offered["refit"]


def test_a_slope_that_would_turn_the_ranking_round_is_no_update() -> None:
    y, log_odds = repeated((60, 100, -1.0), (30, 100, 2.0))
    choice = closed_test(UpdateCases.binary(y, log_odds))
    assert "ranks no better than chance" in choice.not_offered["slope"]
    assert choice.tests[0].against == "intercept"


def test_one_risk_for_all_has_no_slope() -> None:
    y, log_odds = repeated((50, 100, 0.3))
    assert "same risk" in closed_test(UpdateCases.binary(y, log_odds)).not_offered["slope"]


def test_columns_that_say_the_same_cannot_be_refitted() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=300)
    y = (rng.random(300) < 0.5).astype(float)
    choice = closed_test(UpdateCases.binary(y, x, np.column_stack([x, 2 * x])))
    assert "columns say the same" in choice.not_offered["refit"]


def test_impossible_input_is_refused() -> None:
    with pytest.raises(DataRefusal, match="infinite"):
        UpdateCases.binary(np.array([0.0, 1.0]), np.array([0.0, np.inf]))
    with pytest.raises(DataRefusal, match="yes or no"):
        UpdateCases.binary(np.array([0.0, 2.0]), np.zeros(2))
    with pytest.raises(ValueError, match="length"):
        UpdateCases.binary(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="alpha"):
        closed_test(UpdateCases.binary(np.array([0.0, 1.0]), np.zeros(2)), alpha=0.0)


def too_high(n: int = 200) -> tuple[UpdateCases, JudgedYesNo, UpdateChoice]:
    rng = np.random.default_rng(2)
    log_odds = rng.normal(-1, 1, n)
    y = (rng.random(n) < expit(log_odds - 1)).astype(float)
    cases = UpdateCases.binary(y, log_odds)
    return cases, JudgedYesNo(y), closed_test(cases, needed=NO_SLOPE_YET)


def test_the_gain_of_an_intercept_is_told_without_praise() -> None:
    """On its own cases the updated ratio is 1 and its interval a point; resampled cases know better."""
    cases, judged, choice = too_high()
    gain = gain_by_bootstrap(cases, judged, choice, expit, seed=1, draws=60)
    assert gain.before["oe_ratio"].value == pytest.approx(cases.n_events / expit(cases.linear_predictor).sum())
    assert gain.before["oe_ratio"].value < 0.75
    after = gain.after["oe_ratio"]
    assert after.low < 0.9 < 1.1 < after.high
    assert "optimism-corrected" in after.method
    risk = expit(choice.chosen.linear_predictor(cases))
    assert gain.after["brier"].value > float(np.mean((risk - judged.y) ** 2))
    assert gain.after["brier_gain"].low > 0


def test_a_model_left_alone_gains_nothing_and_loses_nothing() -> None:
    y, log_odds = repeated((20, 80, float(logit(0.25))), (60, 80, float(logit(0.75))))
    cases = UpdateCases.binary(y, log_odds)
    gain = gain_by_bootstrap(cases, JudgedYesNo(y), closed_test(cases), expit, seed=1, draws=20)
    assert gain.after == gain.before


def test_held_out_cases_are_measured_as_they_are() -> None:
    cases, judged, choice = too_high()
    before, after = expit(cases.linear_predictor), expit(choice.chosen.linear_predictor(cases))
    gain = gain_held_out(judged, before, after, seed=1, draws=60)
    assert gain.after["oe_ratio"].value == pytest.approx(1)
    assert gain.after["brier_gain"].value == pytest.approx(gain.before["brier"].value - gain.after["brier"].value)


def test_too_few_events_held_out_judge_nothing() -> None:
    judged = JudgedYesNo(np.repeat([1.0, 0.0], [9, 50]))
    gain = gain_held_out(judged, np.full(59, 0.2), np.full(59, 0.1), seed=1)
    assert all(estimate.value is None for estimate in gain.after.values())
    assert "fewer than 10 events" in gain.how


def test_a_timed_gain_is_judged_at_the_horizon() -> None:
    rng = np.random.default_rng(4)
    log_hazard = rng.normal(size=250)
    days = rng.exponential(100 / np.exp(log_hazard + 0.8))
    lost = rng.uniform(0, 300, 250)
    time, event = np.minimum(days, lost), (days <= lost).astype(float)
    cases = UpdateCases.timed(time, event, log_hazard, lambda t: t / 100, 60.0)
    choice = closed_test(cases)
    assert choice.chosen.rung == "intercept"
    assert choice.chosen.intercept == pytest.approx(0.8, abs=0.25)
    gain = gain_by_bootstrap(cases, JudgedByHorizon(time, event, 60.0), choice, _risk_at_60_days, seed=1, draws=30)
    assert gain.before["oe_ratio_t"].low > 1
    assert gain.after["oe_ratio_t"].low < 1 < gain.after["oe_ratio_t"].high
    assert gain.after["brier_gain_t"].value > 0


def _risk_at_60_days(log_hazard: FloatArray) -> FloatArray:
    return np.asarray(-np.expm1(-0.6 * np.exp(log_hazard)))
