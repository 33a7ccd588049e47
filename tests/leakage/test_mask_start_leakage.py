"""What masks teach an encoder comes from the fit's own cases that do not judge, and from no outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from outcome.features.crops import Crops
from outcome.models.inputs import Inputs
from outcome.models.network import learning, mask_start
from outcome.models.network.earned_strength import judges
from outcome.models.state import same_state
from outcome.training.data import TrainingData
from outcome.training.folds import patient_folds
from outcome.training.nested import cross_fit
from outcome.training.rungs import FUSION, NETWORK, Rung
from outcome.types import BoolArray, Target
from tests.image_cases import SETTINGS, TINY, image_cases

N = 24
PARAMS = replace(TINY, epochs=1, batch=8, mask="attention", weights="masks", tuning="frozen").params()
RUNG = Rung(FUSION, NETWORK, (PARAMS,), 6, ("clinical", "radiomics", "image:ct"))
Taught = dict[str, np.ndarray]


@pytest.fixture(autouse=True)
def _briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_start, "EPOCHS", 1)


def with_other_images(data: TrainingData, rows: BoolArray) -> TrainingData:
    """The same cases, but images of those rows turn around, and their masks lie elsewhere."""
    other = set(data.frame.index[rows])
    held = {case: {"ct": _other(crops["ct"])} if case in other else crops for case, crops in data.crops.held.items()}
    return replace(data, crops=Crops(held=held))


def _other(crop: np.ndarray) -> np.ndarray:
    return np.stack([-crop[0, ::-1], *np.roll(crop[1:], 3, axis=3)])


def inputs_of(data: TrainingData, rows: slice) -> Inputs:
    there = data.frame["image:ct:crop"].notna().to_numpy()[rows]
    matrix = data.frame.iloc[rows, :3].to_numpy()
    return Inputs(matrix, ("clinical",) * 3, {"image:ct": there}, tuple(data.frame.index[rows]), data.crops)


def taught(data: TrainingData, value: np.ndarray | None = None, rows: slice = slice(None)) -> Taught:
    """What the encoder knows after a fit in which it learns no outcome: its weights before the pooling."""
    outcomes = data.target.value[rows] if value is None else value
    scorer = learning.fit_network(inputs_of(data, rows), Target.binary("e", outcomes), PARAMS, 3)
    state = scorer.module.image_tokens()[0].encoder.state_dict()
    return {name: tensor.numpy() for name, tensor in state.items() if not name.startswith("pooling.")}


def same(one: Taught, two: Taught) -> bool:
    return all(np.array_equal(one[name], two[name]) for name in one)


def test_cases_outside_the_fit_teach_nothing() -> None:
    data, rows = image_cases(n=N), slice(0, 16)
    held_out = np.arange(N) >= 16
    before = taught(data, rows=rows)
    assert same(before, taught(with_other_images(data, held_out), rows=rows))
    assert not same(before, taught(with_other_images(data, ~held_out), rows=rows)), "masks matter"


def fixed_judges(monkeypatch: pytest.MonkeyPatch) -> BoolArray:
    """The same cases judge whatever the outcomes are; these are drawn by them otherwise."""
    aside = np.arange(N) % 4 == 1
    monkeypatch.setattr(learning, "judges", lambda *_: aside)
    return aside


def assert_judges_teach_nothing(data: TrainingData, aside: BoolArray) -> None:
    before = taught(data)
    assert not same(before, taught(with_other_images(data, ~aside))), "masks matter"
    assert same(before, taught(with_other_images(data, aside))), "judges were learned from"


def test_judges_teach_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_judges_teach_nothing(image_cases(n=N), fixed_judges(monkeypatch))


def test_the_check_catches_a_start_from_the_masks_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    honest: Callable[..., str] = mask_start.begin_with_masks

    def leaky(encoders: Any, stack: Any, aside: BoolArray, *rest: Any) -> str:
        return honest(encoders, stack, np.zeros_like(aside), *rest)

    monkeypatch.setattr(learning, "begin_with_masks", leaky)
    with pytest.raises(AssertionError, match="judges were learned from"):
        assert_judges_teach_nothing(image_cases(n=N), fixed_judges(monkeypatch))


def test_outcomes_teach_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed_judges(monkeypatch)
    data = image_cases(n=N)
    flipped = 1 - data.target.value
    assert same(taught(data), taught(data, flipped))


def test_those_who_judge_are_those_left_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """One draw serves both: the cases that weigh the joined path are the ones from which no mask was taken."""
    drawn, left = list[BoolArray](), list[BoolArray]()
    honest: Callable[..., str] = mask_start.begin_with_masks

    def recorded_judges(*given: Any) -> BoolArray:
        drawn.append(judges(*given))
        return drawn[-1]

    def recorded_start(encoders: Any, stack: Any, aside: BoolArray, *rest: Any) -> str:
        left.append(aside)
        return honest(encoders, stack, aside, *rest)

    monkeypatch.setattr(learning, "judges", recorded_judges)
    monkeypatch.setattr(learning, "begin_with_masks", recorded_start)
    taught(image_cases(n=N))
    assert len(drawn) == len(left) == 1
    assert np.array_equal(drawn[0], left[0])
    assert drawn[0].any()


def assert_blind(data: TrainingData) -> None:
    """Images and masks of a held-out fold change nothing that was fitted without it."""
    folds = patient_folds(data.patients, data.target, 2, 4)
    changed = with_other_images(data, folds == 1)
    fits = [cross_fit(each, (RUNG,), SETTINGS, 1, folds=folds).procedures for each in (data, changed)]
    for fold, blind in ((1, True), (0, False)):
        one, two = (list(procedures[fold].to_states().values()) for procedures in fits)
        assert all(map(same_state, one, two)) == blind, f"fold {fold}"


def test_a_held_out_fold_teaches_nothing() -> None:
    assert_blind(image_cases(n=24))
