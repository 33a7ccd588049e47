"""Intervals from drawing cases, or patients, again."""

from __future__ import annotations

import numpy as np
import pytest

from outcome.evaluation.resampled import resampled_estimates
from outcome.evaluation.sample import Sample, Settings, checked_sample
from outcome.evaluation.summary import measure
from outcome.types import Target


def _sample(n: int, seed: int = 1, threshold: float | None = 0.3) -> Sample:
    rng = np.random.default_rng(seed)
    risk = 1 / (1 + np.exp(-rng.normal(-0.8, 1.2, n)))
    target = Target.binary("event", (rng.random(n) < risk).astype(float))
    return checked_sample(target, risk, risk, Settings(threshold=threshold))


def test_every_metric_keeps_its_value_and_an_interval_like_the_formulas() -> None:
    sample = _sample(800)
    by_formula, drawn = measure(sample), resampled_estimates(sample, draws=300, seed=2)
    assert set(drawn) == set(by_formula)
    for name, estimate in by_formula.items():
        assert drawn[name].value == pytest.approx(estimate.value, abs=1e-12), name
        assert "300 draws" in drawn[name].method
        width, theirs = drawn[name].high - drawn[name].low, estimate.high - estimate.low
        assert width == pytest.approx(theirs, rel=0.3), name


def test_patients_with_several_cases_are_drawn_whole() -> None:
    once = _sample(150)
    rows = np.repeat(np.arange(once.n), 6)
    copied = once.take(rows)
    by_case = resampled_estimates(copied, draws=200, seed=3)["auroc"]
    by_patient = resampled_estimates(copied, draws=200, seed=3, patients=rows)["auroc"]
    alone = resampled_estimates(once, draws=200, seed=3)["auroc"]
    assert (by_patient.high - by_patient.low) == pytest.approx(alone.high - alone.low, rel=0.25)
    assert (by_case.high - by_case.low) < 0.6 * (by_patient.high - by_patient.low)
    assert "patients" in by_patient.method


def test_the_seed_decides_and_the_order_of_cases_of_different_risk_does_not() -> None:
    sample = _sample(200)
    shuffled = sample.take(np.random.default_rng(0).permutation(sample.n))
    first, second = (resampled_estimates(each, draws=50, seed=5) for each in (sample, shuffled))
    assert first == second
    assert first["auroc"] != resampled_estimates(sample, draws=50, seed=6)["auroc"]


def test_few_events_stay_withheld() -> None:
    sample = _sample(12)
    found = resampled_estimates(sample, draws=10, seed=1)
    assert all(estimate.value is None and "at least 10" in str(estimate.withheld) for estimate in found.values())


def test_times_are_drawn_too() -> None:
    rng = np.random.default_rng(8)
    risk = rng.uniform(0.05, 0.6, 300)
    until, lost = rng.exponential(-300 / np.log1p(-risk)), rng.uniform(200, 900, 300)
    target = Target.survival("death", np.minimum(until, lost), (until <= lost).astype(float))
    sample = checked_sample(target, risk, risk, Settings(300.0, curve_errors=False))
    by_formula, drawn = measure(sample), resampled_estimates(sample, draws=200, seed=2)
    for name in ("harrell_c", "brier_t", "oe_ratio_t"):
        assert drawn[name].value == pytest.approx(by_formula[name].value, abs=1e-12)
        width = by_formula[name].high - by_formula[name].low
        assert drawn[name].high - drawn[name].low == pytest.approx(width, rel=0.3), name


def test_no_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one draw"):
        resampled_estimates(_sample(100), draws=0, seed=1)
