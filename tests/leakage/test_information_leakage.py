"""What a block moves is learned without held-out cases; and the same check catches a leak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from outcome.training.data import TrainingData
from outcome.training.folds import Folds
from outcome.training.information import Information
from outcome.training.nested import cross_fit
from outcome.training.rungs import Rung
from outcome.types import Target
from tests.image_cases import AGE, SETTINGS, image_cases

RUNG = Rung("all", "logistic", ({"penalty": 0.1, "l1_ratio": 0.0},), 1, ("clinical", "radiomics"))
HELD = 1
Learner = Callable[[TrainingData, Folds], Information | None]


def honest(data: TrainingData, folds: Folds) -> Information | None:
    return cross_fit(data, [RUNG], SETTINGS, 1, folds=folds).procedures[HELD].information


def leaky(data: TrainingData, folds: Folds) -> Information | None:
    """The mistake: the fold's model asked about all cases."""
    chosen = cross_fit(data, [RUNG], SETTINGS, 1, folds=folds).procedures[HELD].chosen
    return chosen.information(data.frame, data.crops)


def with_other_cases(data: TrainingData, rows: np.ndarray) -> TrainingData:
    """Those rows have another outcome, another age and no measurement."""
    frame = data.frame.copy()
    frame.loc[rows, AGE.name] += 5.0
    frame.loc[rows, [name for name in frame if name.startswith("radiomics:")]] = np.nan
    value = np.where(rows, 1 - data.target.value, data.target.value)
    return replace(data, frame=frame, target=Target.binary("e", value))


def assert_blind(learner: Learner) -> None:
    data = image_cases().sorted()
    folds = np.arange(len(data)) // 2 % 2  # whole patients
    before = learner(data, folds)
    assert before is not None
    assert set(before.moved) == {"clinical", "radiomics"}
    assert learner(with_other_cases(data, folds == HELD), folds) == before, "held-out cases changed a weight"
    assert learner(with_other_cases(data, folds != HELD), folds) != before, "training cases do not matter"


def test_held_out_cases_change_no_weight() -> None:
    assert_blind(honest)


def test_the_check_catches_weights_of_held_out_cases() -> None:
    with pytest.raises(AssertionError, match="changed a weight"):
        assert_blind(leaky)
