"""A score compared with itself: no difference, at the level that was asked for."""

from __future__ import annotations

import numpy as np

from outcome.evaluation.comparison.differences import paired_delong


def test_the_level_asked_for_stands_beside_a_certain_zero() -> None:
    y, score = np.tile([0.0, 1.0], 10), np.arange(20.0)
    found = paired_delong(y, score, score, level=0.9).estimate
    assert (found.value, found.low, found.high, found.level) == (0.0, 0.0, 0.0, 0.9)
