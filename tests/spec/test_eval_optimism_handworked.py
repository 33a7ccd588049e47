"""Optimism, counted by hand on a way of modelling that remembers its cases."""

from __future__ import annotations

import numpy as np
import pytest

from outcome.evaluation.intervals import resample
from outcome.evaluation.planning.optimism import optimism_corrected

Y = np.array([0.0, 1.0, 1.0, 0.0])


def share_right(rows: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.mean(predicted == Y[rows]))


def test_who_remembers_outcomes_is_right_on_the_cases_drawn_alone() -> None:
    # Knows the outcome of every case drawn and says -1 of the others: right on the resample, elsewhere on those drawn.
    found = optimism_corrected(
        lambda rows: np.where(np.isin(np.arange(4), rows), Y, -1.0), {"right": share_right}, 4, seed=3, draws=50
    )["right"]
    rng = np.random.default_rng(3)
    drawn = [np.unique(resample(4, rng)).size / 4 for _ in range(50)]
    assert found.apparent == 1.0
    assert found.optimism == pytest.approx(1 - np.mean(drawn))
    assert found.value == pytest.approx(np.mean(drawn))
    assert found.draws == 50


def test_who_learns_nothing_has_no_optimism_on_average() -> None:
    found = optimism_corrected(lambda rows: np.ones(4), {"right": share_right}, 4, seed=1, draws=2000)["right"]
    assert found.apparent == 0.5
    assert abs(found.optimism) < 0.03


def test_resamples_that_cannot_be_measured_are_left_out_and_counted() -> None:
    calls = iter(range(1000))

    def sometimes(rows: np.ndarray, predicted: np.ndarray) -> float:
        return float("nan") if next(calls) % 4 == 1 else 0.5

    found = optimism_corrected(lambda rows: Y, {"m": sometimes}, 4, seed=1, draws=20)["m"]
    assert 0 < found.draws < 20
    assert found.value == 0.5
