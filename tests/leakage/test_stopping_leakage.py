"""What ends a network's training are cases of its own fit, and no step learns from these; the checks catch a leak."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from outcome.models.network import learning as network_learning
from outcome.models.network.learning import fit_network
from outcome.models.network.steps import Steps, take_steps
from outcome.models.network.stopping import Watch
from outcome.models.one_thread import one_thread
from outcome.models.state import State, same_state
from outcome.training.data import TrainingData
from outcome.training.folds import Folds, patient_folds
from outcome.training.nested import CrossFit, cross_fit
from outcome.training.rungs import FUSION, NETWORK, Rung
from outcome.types import EndpointKind, Target
from tests.image_cases import SETTINGS, TINY, image_cases
from tests.watched_network import WATCHED, N, begun, outcomes, tables, with_others

PARAMS = replace(TINY, patience=1).params()
RUNG = Rung(FUSION, NETWORK, (PARAMS,), 6, ("clinical", "radiomics"))


def stepped(target: Target, learned: bool) -> tuple[list[float], list[float]]:
    """The losses of all batches and of the watch cases; where these are `learned` from too, a leak is planted."""
    watch = Watch(WATCHED, 99)
    learning, loss, steps = begun(target, watch)
    if learned:
        steps = replace(steps, rows=np.arange(N))
    with one_thread():
        return take_steps(learning, loss, steps, "cpu"), watch.losses


def assert_watched_only(kind: EndpointKind, learned: bool = False) -> None:
    """Other outcomes of the watch cases change what is watched, and no step."""
    target = outcomes(kind)
    (before, watched), (after, watched_after) = (
        stepped(each, learned) for each in (target, with_others(target, WATCHED))
    )
    assert watched != watched_after, "the watch cases do not matter at all: the check would see nothing"
    assert before == after, "a step learned from the watch cases"


@pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT])
def test_no_step_learns_from_the_watch_cases(kind: EndpointKind) -> None:
    assert_watched_only(kind)


def test_the_check_catches_steps_that_do() -> None:
    with pytest.raises(AssertionError, match="a step learned"):
        assert_watched_only(EndpointKind.BINARY, learned=True)


def joint_fit(monkeypatch: pytest.MonkeyPatch, beside: Target) -> tuple[Steps, list[float], State]:
    """What a network that learns `beside` too was stepped with, the losses of its batches, and its state."""
    seen: list[tuple[Steps, list[float]]] = []

    def spy(learning: Any, loss: Any, steps: Steps, *rest: Any) -> list[float]:
        seen.append((steps, take_steps(learning, loss, steps, *rest)))
        return seen[-1][1]

    monkeypatch.setattr(network_learning, "take_steps", spy)
    told = {"epochs": 3, "batch": 12, "learning_rate": 0.02, "patience": 2, "continuous_head": "gaussian"}
    scorer = fit_network(tables(), outcomes(EndpointKind.BINARY), told, 3, joint=(beside,))
    return *seen[0], scorer.to_state()


@pytest.mark.parametrize("kind", [EndpointKind.TIME_TO_EVENT, EndpointKind.CONTINUOUS])
def test_auxiliary_outcomes_of_watch_cases_are_never_learned_from(
    kind: EndpointKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by a step, and not by the units of an amount, which its head is made of."""
    beside = replace(outcomes(kind, seed=2), endpoint="beside")
    steps, losses, state = joint_fit(monkeypatch, beside)
    assert steps.watch is not None
    _, watched, watched_state = joint_fit(monkeypatch, with_others(beside, steps.watch.rows))
    _, learned, _ = joint_fit(monkeypatch, with_others(beside, steps.rows[:9]))
    assert losses == watched
    assert same_state(state, watched_state)
    assert losses != learned, "auxiliary outcomes do not matter at all: the check would see nothing"


def cross_fitted(data: TrainingData, folds: Folds) -> CrossFit:
    return cross_fit(data, (RUNG,), SETTINGS, 1, folds=folds)


def fitted_states(crossed: CrossFit, fold: int) -> list[State]:
    return list(crossed.procedures[fold].to_states().values())


def test_outcomes_held_out_of_the_fit_change_nothing_that_was_fitted() -> None:
    data = image_cases()
    folds = patient_folds(data.patients, data.target, 2, 4)
    changed = replace(data, target=with_others(data.target, folds == 1))
    before, after = cross_fitted(data, folds), cross_fitted(changed, folds)
    notes = str([state.numbers for state in fitted_states(before, 1)])
    assert "epochs, where watch cases lost least" in notes, "nobody was watched: the check would see nothing"
    assert all(map(same_state, fitted_states(before, 1), fitted_states(after, 1)))
    assert not all(map(same_state, fitted_states(before, 0), fitted_states(after, 0)))
