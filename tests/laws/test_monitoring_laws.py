"""Laws of monitoring: no more false alarms than stated, whatever the distribution; larger changes are seen sooner."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binom

from outcome.evaluation.monitoring.check import Check, alarm_threshold
from outcome.evaluation.monitoring.cuts import Cuts, cuts_of, fitting_ranks, lots_of
from outcome.evaluation.monitoring.exchangeable import bet_increments, bets_on, urn_chances, urn_evidence
from outcome.evaluation.monitoring.pairs import ranked_pairs
from outcome.evaluation.monitoring.restarts import evidence_of, start_weights
from outcome.evaluation.monitoring.sequential_ranks import rank_evidence, sequential_ranks
from outcome.evaluation.monitoring.told_risks import Band, event_evidence, hazard_evidence, ranking_evidence
from outcome.pipeline.reference.monitoring_summary import cuts_json
from outcome.types import Target

RATE, STREAMS, CASES = 0.1, 120, 200
MOST = int(binom.ppf(0.999, STREAMS, RATE))  # alarms that a rate of exactly RATE would exceed once in a thousand
DRAWS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "long tail": lambda rng, n: np.exp(1.5 * rng.standard_normal(n)),
    "rounded": lambda rng, n: np.round(rng.normal(60, 2, n)),
    "two categories": lambda rng, n: (rng.random(n) < 0.2).astype(float),
    "rarely missing": lambda rng, n: (rng.random(n) < 0.02).astype(float),
}


def reference_and_stream(rng: np.random.Generator, draw: Callable, n: int, cases: int) -> tuple[Cuts, np.ndarray]:
    cuts = cuts_of(draw(rng, n), rng.random(n))
    assert cuts is not None
    return cuts, cuts.parts(draw(rng, cases), rng.random(cases))


def first_alarm(log_e: np.ndarray, rate: float = RATE) -> float:
    reached = np.flatnonzero(log_e >= math.log(1 / rate))
    return float(reached[0] + 1) if len(reached) else math.inf


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("n", [20, 200])
def test_without_a_change_alarms_are_no_more_than_stated(name: str, n: int) -> None:
    """The reference is drawn anew each time: its own chance is part of the promise, however small it is."""
    rng, alarms = np.random.default_rng([1, n]), 0
    for _ in range(STREAMS):
        cuts, parts = reference_and_stream(rng, DRAWS[name], n, CASES)
        alarms += math.isfinite(first_alarm(urn_evidence(parts, cuts, bets_on(cuts)).log_e))
    assert alarms <= MOST


def test_ranks_among_earlier_cases_keep_the_rate_too() -> None:
    rng, alarms = np.random.default_rng(2), 0
    for _ in range(STREAMS):
        values = np.round(rng.exponential(3, CASES))
        alarms += math.isfinite(first_alarm(rank_evidence(values, rng.random(CASES), rng.random(CASES))[0].log_e))
    assert alarms <= MOST


@pytest.mark.parametrize("off", [-0.2, 0.0, 0.2])
def test_a_model_inside_its_band_raises_no_more_alarms_than_stated(off: float) -> None:
    """At either end of the band the promise is tight, in between it is kept with room."""
    rng, alarms = np.random.default_rng(3), np.zeros(2)
    for _ in range(STREAMS):
        risk = rng.beta(2, 5, CASES)
        happened = (rng.random(CASES) < expit(logit(risk) + off)).astype(float)
        alarms[0] += math.isfinite(first_alarm(event_evidence(happened, risk, Band(-0.2, 0.2)).log_e))
        told, end = rng.gamma(2, 0.1, CASES), rng.exponential(1.0, CASES)
        died = rng.exponential(1 / math.exp(off), CASES)  # in units of the hazard told
        follow = np.minimum(end * told, died)
        alarms[1] += math.isfinite(first_alarm(hazard_evidence((died <= follow) * 1.0, follow, Band(-0.2, 0.2)).log_e))
    assert (alarms <= MOST).all()


def test_pairs_won_as_often_as_they_should_raise_no_more_alarms_than_stated() -> None:
    rng, alarms = np.random.default_rng(4), 0
    for _ in range(STREAMS):
        target = Target.binary("e", (rng.random(CASES) < 0.3).astype(float))
        score = rng.standard_normal(CASES) + 0.9 * target.value  # AUC 0.738
        pairs = ranked_pairs(target, score, rng.random(CASES))
        alarms += math.isfinite(first_alarm(ranking_evidence(pairs.won, 0.73).log_e))
    assert alarms <= MOST


def test_all_checks_together_share_the_rate() -> None:
    rng, alarms, checks = np.random.default_rng(5), 0, 12
    for _ in range(STREAMS // 3):
        common = rng.standard_normal(120)  # dependent columns: the union bound does not mind
        raised = False
        for _ in range(checks):
            cuts = cuts_of(rng.standard_normal(80), rng.random(80))
            assert cuts is not None
            parts = cuts.parts(0.8 * common + 0.6 * rng.standard_normal(120), rng.random(120))
            raised |= urn_evidence(parts, cuts, bets_on(cuts)).log_e.max() >= alarm_threshold(RATE, checks)
        alarms += raised
    assert alarms <= binom.ppf(0.999, STREAMS // 3, RATE)


def test_a_larger_sudden_change_is_seen_sooner_and_where_it_began() -> None:
    """150 quiet cases first: what was lost in them need not be won back."""
    rng, delays = np.random.default_rng(6), {}
    for shift in (0.75, 1.5, 4.0):
        found = []
        for _ in range(15):
            cuts = cuts_of(rng.standard_normal(200), rng.random(200))
            assert cuts is not None
            values = rng.standard_normal(550) + shift * (np.arange(550) >= 150)
            evidence = urn_evidence(cuts.parts(values, rng.random(550)), cuts, bets_on(cuts))
            at = first_alarm(evidence.log_e, 1e-4)
            assert math.isfinite(at)
            found.append(at - 150)
            if shift == 4.0:
                assert abs(evidence.since(int(at) - 1) - 150) <= 5
        delays[shift] = float(np.median(found))
    assert 0 < delays[4.0] < delays[1.5] < delays[0.75]
    assert delays[4.0] <= 12


def test_a_gradual_drift_is_seen_and_a_steeper_one_sooner() -> None:
    rng, delays = np.random.default_rng(7), []
    for slope in (0.005, 0.02):
        cuts = cuts_of(rng.standard_normal(200), rng.random(200))
        assert cuts is not None
        values = rng.standard_normal(800) + slope * np.arange(800)
        evidence = urn_evidence(cuts.parts(values, rng.random(800)), cuts, bets_on(cuts))
        delays.append(first_alarm(evidence.log_e, 1e-4))
    assert delays[1] < delays[0] < math.inf


@pytest.mark.parametrize(("off", "word"), [(1.2, "more"), (-1.2, "fewer")])
def test_risks_that_no_longer_hold_are_seen_with_their_direction(off: float, word: str) -> None:
    rng = np.random.default_rng(8)
    risk = rng.beta(3, 5, 600)
    happened = (rng.random(600) < expit(logit(risk) + off)).astype(float)
    evidence = event_evidence(happened, risk, Band(-0.3, 0.3))
    at = first_alarm(evidence.log_e, 1e-4)
    assert at < 400
    assert (evidence.best_bet(int(at) - 1) < 3) == (word == "more")


def test_every_bet_is_fair_given_the_cases_before() -> None:
    """Summed over where the next case may fall, weighted by the urn, every factor's mean is 1."""
    rng = np.random.default_rng(9)
    cuts, parts = reference_and_stream(rng, DRAWS["normal"], 100, 30)
    bets = bets_on(cuts)
    k = len(cuts.gaps)
    chance = cuts.gaps + np.bincount(parts, minlength=k)
    futures = [np.append(parts, j) for j in range(k)]
    nexts = np.array([bet_increments(one, urn_chances(one, cuts.gaps), bets)[-1] for one in futures])
    assert (chance / chance.sum()) @ np.exp(nexts) == pytest.approx(np.ones(len(bets.words)))
    assert bets.prior.sum() == pytest.approx(1)


def test_the_evidence_so_far_does_not_change_when_cases_are_added() -> None:
    rng = np.random.default_rng(10)
    cuts, parts = reference_and_stream(rng, DRAWS["rounded"], 100, 200)
    whole, begun = (urn_evidence(some, cuts, bets_on(cuts)).log_e for some in (parts, parts[:80]))
    np.testing.assert_allclose(whole[:80], begun)
    values, lots = rng.standard_normal(90), rng.random(90)
    begun = sequential_ranks(values[:40], lots[:40], lots[:40])
    np.testing.assert_allclose(sequential_ranks(values, lots, lots)[:40], begun)


def test_units_and_monotone_transforms_change_nothing() -> None:
    """Cuts read the order alone: a reference and its cases in another unit give the same parts."""
    rng = np.random.default_rng(11)
    values, new, lots, new_lots = rng.gamma(2, 1, 100), rng.gamma(2, 1, 50), rng.random(100), rng.random(50)
    one, other = cuts_of(values, lots), cuts_of(np.log(88.42 * values), lots)
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.parts(new, new_lots), other.parts(np.log(88.42 * new), new_lots))


@pytest.mark.parametrize("n", [20, 37, 200, 5000])
def test_no_part_of_a_reference_is_smaller_than_the_suppression_limit(n: int) -> None:
    ranks = fitting_ranks(n)
    assert ranks
    assert np.diff([0, *ranks, n]).min() >= 5
    assert fitting_ranks(9) == ()


def test_the_weights_of_all_starts_sum_to_one() -> None:
    starts, waiting = start_weights(1000)
    assert np.exp(starts).sum() + np.exp(waiting[-1]) == pytest.approx(1)
    still = evidence_of(np.zeros((50, 2)), np.log([0.5, 0.5]))  # bets that never pay nor cost
    np.testing.assert_allclose(still.log_e, 0, atol=1e-12)


def test_lots_hang_on_case_and_column_alone() -> None:
    both = lots_of(["a", "b"], "x")
    assert both[1] == lots_of(["b"], "x")[0] != lots_of(["b"], "y")[0]
    many = lots_of([f"case {i}" for i in range(4000)], "x")
    assert abs(many.mean() - 0.5) < 0.02
    assert np.histogram(many, 10, (0, 1))[0].min() > 330


def test_silence_of_few_cases_is_not_called_quiet() -> None:
    quiet = evidence_of(np.zeros((9, 1)), np.zeros(1))
    assert "10 are needed" in Check("value", "a", "A", np.arange(9), quiet).silent_because(5.0)
    loud = evidence_of(np.full((9, 1), 2.0), np.zeros(1))
    assert Check("value", "a", "A", np.arange(9), loud).silent_because(5.0) == ""


@pytest.mark.parametrize("n", [0, 1, 12, 40, 400])
@pytest.mark.parametrize("levels", [1, 2, 7, 10**9])
def test_lots_of_cases_beside_the_cuts_decide_nothing(n: int, levels: int) -> None:
    values = np.random.default_rng(n).integers(0, levels, n).astype(float)
    names = [f"case {i}" for i in range(n)]
    every = cuts_of(values, lots_of(names, "x"))
    assert cuts_json(values, names, "x") == (None if every is None else every.to_json())
