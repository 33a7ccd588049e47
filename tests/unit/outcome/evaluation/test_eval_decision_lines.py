"""The lines of a decision curve are the net benefits at their thresholds; no line where there is no probability."""

from __future__ import annotations

import numpy as np
import pytest

from outcome.evaluation.sample import Sample, Settings
from outcome.evaluation.utility.decision_lines import THRESHOLDS, decision_lines
from outcome.evaluation.utility.net_benefit import net_benefit, net_benefit_t
from outcome.types import EndpointKind, Target


def made(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    risk = rng.uniform(0.02, 0.7, n)
    return (rng.random(n) < risk).astype(float), risk


def test_binary_lines_are_net_benefits() -> None:
    y, risk = made()
    found = decision_lines(Sample(Target.binary("e", y), risk, risk, Settings()))
    assert found is not None
    assert found["threshold"] == list(THRESHOLDS)
    assert found["model"] == pytest.approx([net_benefit(y, risk, t) for t in THRESHOLDS])
    everybody = [y.mean() - (1 - y.mean()) * t / (1 - t) for t in THRESHOLDS]
    assert found["treat_all"] == pytest.approx(everybody)
    above = [t > risk.max() for t in THRESHOLDS]
    assert [low is None for low in found["low"]] == above
    assert all(value == 0 for value, nobody in zip(found["model"], above, strict=True) if nobody)


def test_lines_by_a_horizon() -> None:
    rng = np.random.default_rng(1)
    y, risk = made(300)
    time = np.where(y == 1, rng.uniform(1, 99, 300), rng.uniform(50, 300, 300))
    sample = Sample(Target.survival("e", time, y), risk, risk, Settings(horizon_days=100.0))
    found = decision_lines(sample)
    assert found is not None
    assert found["model"][19] == pytest.approx(net_benefit_t(time, y, risk, 100.0, 0.2))
    assert decision_lines(Sample(sample.target, risk, risk, Settings())) is None


def test_no_lines_without_a_probability_or_with_too_few_events() -> None:
    y, risk = made()
    assert decision_lines(Sample(Target.binary("e", y), None, risk, Settings())) is None
    few = np.zeros(200)
    few[:9] = 1
    assert decision_lines(Sample(Target.binary("e", few), risk, risk, Settings())) is None
    days = Target("stay", EndpointKind.DURATION, y * 3 + 1, np.full(200, np.nan), np.full(200, np.nan))
    assert decision_lines(Sample(days, risk, risk, Settings())) is None
