"""Laws of absolute risk over time."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from outcome.models.hazard import BaselineHazard, fit_baseline
from outcome.types import Target

ROWS = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 2), st.floats(-3, 3)), min_size=2, max_size=40)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_incidences_and_survival_sum_to_one(rows: list[tuple[int, int, float]]) -> None:
    time, event, score = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    baseline = fit_baseline(Target.survival("e", time, event), score)
    zero = np.zeros(1)
    swapped = BaselineHazard(baseline.times, baseline.competing, baseline.event)
    horizons = tuple(np.arange(0.0, 14.0))
    ours, theirs = baseline.incidence(zero, horizons), swapped.incidence(zero, horizons)
    upto = np.searchsorted(baseline.times, horizons, side="right")
    hazard = np.concatenate([[0.0], np.cumsum(baseline.event + baseline.competing)])[upto]
    np.testing.assert_allclose(ours + theirs + np.exp(-hazard), 1.0, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_risk_rises_with_time_and_with_the_score(rows: list[tuple[int, int, float]]) -> None:
    time, event, score = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    baseline = fit_baseline(Target.survival("e", time, event), score)
    risk = baseline.incidence(np.array([-60.0, -1.0, 0.0, 1.0, 60.0]), tuple(np.arange(0.0, 14.0)))
    assert np.all(np.diff(risk, axis=1) >= 0)
    assert np.all(np.diff(risk, axis=0) >= -1e-12)
    assert risk.min() >= 0
    assert risk.max() <= 1


@settings(max_examples=40, deadline=None)
@given(ROWS, st.floats(-2, 2))
def test_a_shift_of_all_scores_is_taken_up_by_the_baseline(rows: list[tuple[int, int, float]], shift: float) -> None:
    time, event, score = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    target = Target.survival("e", time, event)
    here = fit_baseline(target, score).incidence(score, (6.0,))
    there = fit_baseline(target, score + shift).incidence(score + shift, (6.0,))
    np.testing.assert_allclose(here, there, atol=1e-9)
