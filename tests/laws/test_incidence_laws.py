"""Both causes' incidences and the chance of neither share out every case, whatever the baseline and the score."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from outcome.models.hazard import BaselineHazard

JUMPS = st.lists(st.tuples(st.floats(0, 2), st.floats(0, 2)), min_size=0, max_size=8)


@settings(max_examples=80, deadline=None)
@given(JUMPS, st.lists(st.floats(-6, 6), min_size=1, max_size=4))
def test_incidences_and_freedom_from_both_sum_to_one_and_rise(
    jumps: list[tuple[float, float]], scores: list[float]
) -> None:
    event, competing = (np.array([jump[k] for jump in jumps], dtype=float) for k in (0, 1))
    baseline = BaselineHazard(np.arange(1.0, len(jumps) + 1), event, competing)
    score, days = np.array(scores), [0.0, *np.arange(1.0, len(jumps) + 2)]
    first, second = baseline.incidence(score, days), baseline.competing_incidence(score, days)
    hazard = np.cumsum(np.exp(score)[:, None] * event + competing, axis=1)
    free = np.exp(-np.hstack([np.zeros((len(score), 1)), hazard, hazard[:, -1:]])) if jumps else np.ones_like(first)
    np.testing.assert_allclose(first + second + free, 1, rtol=0, atol=1e-12)
    assert np.all(np.diff(first, axis=1) >= 0)
    assert np.all(np.diff(second, axis=1) >= 0)
    assert np.array_equal(baseline.incidence(score, days[-1:]), first[:, -1:])
