"""What must hold of every update: the closed test keeps its level and finds what is wrong, and no more."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binom

from outcome.evaluation.updating.cases import UpdateCases
from outcome.evaluation.updating.closed_testing import RUNGS, closed_test, fit_rungs
from outcome.evaluation.updating.gain import gain_by_bootstrap
from outcome.evaluation.updating.judged import JudgedYesNo
from outcome.types import FloatArray

REPEATS = 200
WEIGHTS = np.array([0.8, 0.5, 0.3])


def drawn(rng: np.random.Generator, intercept: float, slope: float, other: float = 0.0, n: int = 400) -> UpdateCases:
    """Cases of a model whose log odds are right after intercept + slope * log odds + other * first column."""
    columns = rng.normal(size=(n, 3))
    log_odds = columns @ WEIGHTS - 1
    y = (rng.random(n) < expit(intercept + slope * log_odds + other * columns[:, 0])).astype(float)
    return UpdateCases.binary(y, log_odds, columns)


def drawn_times(rng: np.random.Generator, intercept: float, slope: float, n: int = 300) -> UpdateCases:
    """The same for times with a known baseline of one event in 100 days, a third of them censored."""
    log_hazard = rng.normal(size=n)
    days = rng.exponential(100 / np.exp(intercept + slope * log_hazard))
    lost = rng.uniform(0, 300, n)
    event = (days <= lost).astype(float)
    return UpdateCases.timed(np.minimum(days, lost), event, log_hazard, lambda t: t / 100, 200.0)


def chosen(make, *truth: float, seed: int) -> Counter[str]:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    return Counter(closed_test(make(rng, *truth)).chosen.rung for _ in range(REPEATS))


@pytest.mark.parametrize("make", [drawn, drawn_times])
def test_the_closed_test_keeps_its_level(make) -> None:  # type: ignore[no-untyped-def]
    """A right model is changed in 5 of 100 studies; 99.9 % of binomial draws lie within these ends."""
    changed = REPEATS - chosen(make, 0.0, 1.0, seed=1)["none"]
    assert binom.ppf(0.0005, REPEATS, 0.05) <= changed <= binom.ppf(0.9995, REPEATS, 0.05)


@pytest.mark.parametrize("make", [drawn, drawn_times])
def test_where_only_the_level_differs_the_intercept_is_chosen(make) -> None:  # type: ignore[no-untyped-def]
    found = chosen(make, 0.8, 1.0, seed=2)
    assert found["intercept"] >= 0.88 * REPEATS
    assert found["none"] <= 0.05 * REPEATS


@pytest.mark.parametrize("make", [drawn, drawn_times])
def test_where_only_the_spread_differs_the_slope_is_chosen(make) -> None:  # type: ignore[no-untyped-def]
    """The mean log odds are kept: 0.4 * lp - 0.6 has the mean of lp, so that no intercept would do."""
    found = chosen(make, -0.6 if make is drawn else 0.0, 0.4, seed=3)
    assert found["slope"] >= 0.88 * REPEATS


def test_where_a_predictor_works_otherwise_the_last_layer_is_refitted() -> None:
    assert chosen(drawn, 0.0, 1.0, -1.2, seed=4)["refit"] >= 0.95 * REPEATS


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), shift=st.floats(-2, 2), factor=st.floats(0.2, 3))
def test_every_rung_is_at_least_as_likely_as_the_one_before(seed: int, shift: float, factor: float) -> None:
    cases = drawn(np.random.default_rng(seed), shift, factor)
    fits, _ = fit_rungs(cases, RUNGS[1:])
    likelihoods = [fits[rung].log_likelihood for rung in RUNGS if rung in fits]
    assert likelihoods == sorted(likelihoods)
    for rung, update in fits.items():
        assert update.log_likelihood == pytest.approx(cases.log_likelihood(update.linear_predictor(cases)))
        if rung != "none":
            assert expit(update.linear_predictor(cases)).sum() == pytest.approx(cases.n_events)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), shift=st.floats(-2, 2))
def test_a_shifted_model_is_brought_to_the_same_risks(seed: int, shift: float) -> None:
    cases = drawn(np.random.default_rng(seed), 0.5, 0.7)
    moved = replace(cases, linear_predictor=cases.linear_predictor + shift)
    ours, theirs = (fit_rungs(each, RUNGS[1:])[0] for each in (cases, moved))
    for rung in RUNGS[1:]:
        assert theirs[rung].linear_predictor(moved) == pytest.approx(ours[rung].linear_predictor(cases), abs=1e-6)
    assert theirs["intercept"].intercept == pytest.approx(ours["intercept"].intercept - shift, abs=1e-6)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_the_order_of_cases_is_irrelevant(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cases = drawn(rng, 0.6, 1.0)
    mixed = cases.take(rng.permutation(cases.n))
    ours, theirs = closed_test(cases), closed_test(mixed)
    assert ours.chosen.rung == theirs.chosen.rung
    assert [t.chi2 for t in ours.tests] == pytest.approx([t.chi2 for t in theirs.tests])


def test_a_stricter_level_never_changes_more() -> None:
    rng = np.random.default_rng(5)
    for _ in range(40):
        cases = drawn(rng, 0.25, 0.8)
        rungs = [RUNGS.index(closed_test(cases, alpha=alpha).chosen.rung) for alpha in (0.2, 0.05, 0.005)]
        assert rungs == sorted(rungs, reverse=True)


def test_the_corrected_ratio_covers_what_the_updated_model_does_elsewhere() -> None:
    """Forty updates of 200 cases: the true ratio of each updated model lies in nearly every interval."""
    rng = np.random.default_rng(6)
    population = rng.normal(-1, 1, 20_000)
    truth = expit(population - 0.9).mean()
    covered = []
    for _ in range(40):
        log_odds = rng.normal(-1, 1, 200)
        y = (rng.random(200) < expit(log_odds - 0.9)).astype(float)
        cases = UpdateCases.binary(y, log_odds)
        choice = closed_test(cases)
        gain = gain_by_bootstrap(cases, _Ratio(y), choice, expit, seed=1, draws=60)
        elsewhere = UpdateCases.binary(np.zeros(len(population)), population)
        ratio = truth / expit(choice.chosen.linear_predictor(elsewhere)).mean()
        found = gain.after["oe_ratio"]
        covered.append(found.low <= ratio <= found.high)
    assert sum(covered) >= 34


class _Ratio(JudgedYesNo):
    """Only the ratio, for speed."""

    def values(self, risk: FloatArray, rows: np.ndarray) -> dict[str, float]:
        return {"oe_ratio": float(self.y[rows].sum() / risk.sum())}
