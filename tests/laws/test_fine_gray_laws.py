"""What must hold for Fine-Gray on any cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcome.evaluation.times.incidence import aalen_johansen
from outcome.models.cox import PartialLikelihood, fit_cox
from outcome.models.fine_gray import (
    fit_fine_gray,
    fit_subdistribution_baseline,
    subdistribution_exposure,
    subdistribution_likelihood,
)
from outcome.models.registry import fit_model
from outcome.types import FloatArray, Target

ROWS = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 2), st.floats(-2, 2)), min_size=2, max_size=40)
WEAK = {"penalty": 1e-6}


def cases(n: int = 400, seed: int = 3) -> tuple[FloatArray, Target]:
    """Two columns, days with ties, and a quarter each of censorings and competing events."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    days = np.ceil(40 * rng.exponential(np.exp(-0.8 * X[:, 0])))
    return X, Target.survival("e", days, rng.choice([0, 1, 1, 2], n))


def with_events(target: Target, event: FloatArray) -> Target:
    return replace(target, event=event)


@pytest.mark.parametrize("params", [WEAK, {"penalty": 0.1}, {"penalty": 0.05, "l1_ratio": 0.5}])
def test_without_competing_events_it_is_cox_regression(params: dict[str, float]) -> None:
    X, target = cases()
    alone = with_events(target, np.where(target.event == 2, 0.0, target.event))
    ours, theirs = (fit(X, alone, params, 0) for fit in (fit_fine_gray, fit_cox))
    assert ours.coefficients == pytest.approx(theirs.coefficients, abs=1e-8)
    assert ours.intercept == pytest.approx(theirs.intercept, abs=1e-8)


def test_without_censoring_a_competing_event_stays_at_risk_for_ever() -> None:
    X, target = cases()
    whole = with_events(target, np.where(target.event == 0, 1.0, target.event))
    last = whole.time_days.max() + 1
    for_ever = replace(
        whole,
        time_days=np.where(whole.event == 2, last, whole.time_days),
        event=np.where(whole.event == 2, 0.0, whole.event),
    )
    ours, theirs = fit_fine_gray(X, whole, WEAK, 0), fit_cox(X, for_ever, WEAK, 0)
    assert ours.coefficients == pytest.approx(theirs.coefficients, abs=1e-8)
    b = np.array([0.4, -0.3])
    likelihoods = subdistribution_likelihood(X, whole), PartialLikelihood.of(X, for_ever)
    assert likelihoods[0].loss(b) == pytest.approx(likelihoods[1].loss(b), abs=1e-12)


def test_the_likelihood_is_the_one_written_out_case_by_case() -> None:
    X, target = cases(60)
    time, event, b = target.time_days, target.event, np.array([0.5, -0.2])
    relative, total = np.exp(X @ b), 0.0

    def uncensored(day: float) -> float:
        free = 1.0
        for u in sorted({t for t, e in zip(time, event, strict=True) if e == 0 and t < day}):
            censored = np.sum((time == u) & (event == 0))
            free *= 1 - censored / (np.sum(time > u) + censored)
        return free

    for day in np.unique(time[event == 1]):
        stays = [uncensored(day) / uncensored(t) if t < day and e == 2 else float(t >= day)
                 for t, e in zip(time, event, strict=True)]  # fmt: skip
        at_risk = np.asarray(stays) @ relative
        tied = np.flatnonzero((time == day) & (event == 1))
        for left, row in enumerate(tied):
            total += np.log(at_risk - left / len(tied) * relative[tied].sum()) - np.log(relative[row])
    assert subdistribution_likelihood(X, target).loss(b) * 60 == pytest.approx(total, rel=1e-12)


def test_derivatives_equal_differences() -> None:
    X, target = cases(80)
    likelihood, b, step = subdistribution_likelihood(X, target), np.array([0.3, -0.2]), 1e-5
    gradient, hessian = likelihood.derivatives(b)
    for j, e in enumerate(np.eye(2) * step):
        slope = (likelihood.loss(b + e) - likelihood.loss(b - e)) / (2 * step)
        assert gradient[j] == pytest.approx(slope, abs=1e-8)
        bend = (likelihood.derivatives(b + e)[0] - likelihood.derivatives(b - e)[0]) / (2 * step)
        assert hessian[j] == pytest.approx(bend, abs=1e-7)


@settings(max_examples=80, deadline=None)
@given(ROWS)
def test_without_a_score_the_jumps_multiply_to_aalen_johansen(rows: list[tuple[int, int, float]]) -> None:
    """Geskus 2011, doi:10.1111/j.1541-0420.2010.01420.x: the weighted risk sets give the very same curve."""
    time, event, _ = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    baseline = fit_subdistribution_baseline(Target.survival("e", time, event), np.zeros(len(time)))
    curve = aalen_johansen(time, event)
    np.testing.assert_allclose(1 - np.cumprod(1 - baseline.event), curve.at(baseline.times), atol=1e-12)


@settings(max_examples=80, deadline=None)
@given(ROWS)
def test_expected_events_add_up_to_those_that_happened(rows: list[tuple[int, int, float]]) -> None:
    time, event, score = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    target = Target.survival("e", time, event)
    exposure = subdistribution_exposure(fit_subdistribution_baseline(target, score), target, 12.0)
    assert exposure @ np.exp(score) == pytest.approx(np.sum(event == 1), abs=1e-9)


def test_the_order_of_cases_changes_nothing_but_rounding() -> None:
    X, target = cases()
    order = np.random.default_rng(0).permutation(len(X))
    here, there = fit_fine_gray(X, target, WEAK, 0), fit_fine_gray(X[order], target.take(order), WEAK, 0)
    assert here.coefficients == pytest.approx(there.coefficients, abs=1e-10)
    exposed = subdistribution_exposure(fit_subdistribution_baseline(target, X[:, 0]), target, 30.0)
    again = subdistribution_exposure(fit_subdistribution_baseline(target, X[:, 0]), target.take(order), 30.0)
    assert again == pytest.approx(exposed[order])


def test_the_risk_is_the_cumulative_incidence() -> None:
    """A proportional subdistribution hazard is found again: Fine & Gray's own way to draw times."""
    rng = np.random.default_rng(11)
    n, log_ratio = 20_000, 0.7
    x = rng.integers(0, 2, n).astype(float)
    at_last = 1 - 0.6 ** np.exp(log_ratio * x)  # the chance of ever having the event
    ours = rng.random(n) < at_last
    inside = rng.random(n) * at_last
    first = -np.log(1 - (1 - (1 - inside) ** np.exp(-log_ratio * x)) / 0.4)
    days = 100 * np.where(ours, first, rng.exponential(1, n))
    left = 300 * rng.random(n)
    target = Target.survival("e", np.minimum(days, left), np.where(left < days, 0, np.where(ours, 1, 2)))
    model = fit_model("fine_gray", x[:, None], target, WEAK, 0)
    risk = model.predict(np.array([[0.0], [1.0]]), (50.0, 150.0))
    base = 0.4 * (1 - np.exp(-np.array([0.5, 1.5])))
    assert float(np.diff(model.score(np.array([[0.0], [1.0]])))[0]) == pytest.approx(log_ratio, abs=0.06)
    assert risk[0] == pytest.approx(base, abs=0.012)
    assert risk[1] == pytest.approx(1 - (1 - base) ** np.exp(log_ratio), abs=0.012)
