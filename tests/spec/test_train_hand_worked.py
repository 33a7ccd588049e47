"""Threshold, choice and standard error, worked out on paper."""

from __future__ import annotations

import numpy as np
import pytest

from outcome.training.choice import choose
from outcome.training.rungs import Rung
from outcome.training.search import Candidate, Search, pooled_standard_error
from outcome.training.threshold import youden_threshold


def candidate(name: str, complexity: int, scores: list[float]) -> Candidate:
    rung = Rung(name, "logistic", ({"penalty": 1.0},), complexity, ("clinical",))
    return Candidate(rung, rung.grid[0], np.zeros(3), np.array(scores))


def test_youden_of_eight_patients() -> None:
    # at >= 0.6: sensitivity 3/4, specificity 4/4 -> 0.75; at >= 0.2: 4/4 and 2/4 -> 0.5
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1], dtype=float)
    risk = np.array([0.1, 0.1, 0.3, 0.4, 0.2, 0.6, 0.7, 0.9])
    found = youden_threshold(y, risk)
    assert found.value == 0.6
    assert "Youden index 0.75" in found.provenance
    assert "8 training cases, 4 with the event" in found.provenance


def test_of_equal_thresholds_the_lower_wins() -> None:
    # >= 0.2: 2/2 + 1/2; >= 0.4: 1/2 + 2/2
    found = youden_threshold(np.array([0, 1, 0, 1], dtype=float), np.array([0.1, 0.2, 0.3, 0.4]))
    assert found.value == 0.2


def test_a_threshold_needs_both_outcomes() -> None:
    with pytest.raises(ValueError, match="0 events of 3"):
        youden_threshold(np.zeros(3), np.array([0.1, 0.2, 0.3]))


def test_pooled_standard_error_of_two_candidates() -> None:
    # variances 0.01 and 0.04 over three folds: sqrt(mean(0.01/3, 0.04/3)) = sqrt(0.025/3)
    both = [candidate("a", 0, [0.5, 0.6, 0.7]), candidate("b", 1, [0.4, 0.6, 0.8])]
    assert pooled_standard_error(both) == pytest.approx(np.sqrt(0.025 / 3))


def test_folds_that_cannot_be_scored_are_left_out() -> None:
    assert candidate("a", 0, [0.5, np.nan, 0.7]).mean == pytest.approx(0.6)
    assert candidate("a", 0, [np.nan, np.nan, np.nan]).mean == 0.5
    assert pooled_standard_error([candidate("a", 0, [np.nan, 0.5, np.nan])]) == 0.0


def test_the_simplest_within_one_standard_error_is_chosen() -> None:
    low, middle, high = (candidate(n, i, [s]) for i, (n, s) in enumerate([("a", 0.60), ("b", 0.66), ("c", 0.70)]))
    found = choose(Search((low, middle, high), 0.05), "auroc")
    assert found.candidate is middle
    assert "'b' is the simplest rung within one standard error (0.050)" in found.reason
    assert "best 'c' 0.700" in found.reason


def test_a_clear_winner_and_a_tie() -> None:
    low, high = candidate("a", 0, [0.6]), candidate("b", 1, [0.7])
    assert choose(Search((low, high), 0.01), "auroc").candidate is high
    same = candidate("c", 2, [0.7])
    found = choose(Search((high, same), 0.0), "auroc")
    assert found.candidate is high
    assert "no simpler rung came within" in found.reason
