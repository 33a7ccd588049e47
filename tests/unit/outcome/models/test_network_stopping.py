"""A network that ends its training by watch cases: who they are, what they change, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from outcome.models.network import learning as network_learning
from outcome.models.network.batches import events
from outcome.models.network.earned_strength import judges
from outcome.models.network.learning import fit_network
from outcome.models.network.shares import Share
from outcome.models.network.steps import Course, Learning, Steps, take_steps
from outcome.models.network.stopping import LEAST_GAIN, Watch, watch_cases
from outcome.models.one_thread import one_thread
from outcome.models.registry import fit_model
from outcome.models.state import same_state
from outcome.types import EndpointKind, Target
from tests.watched_network import COURSE, WATCHED, N, begun, outcomes, tables

HEADS = {"ordinal_head": "cumulative", "duration_head": "quantiles", "continuous_head": "gaussian"}
PARAMS = {"epochs": 4, "batch": 12, "learning_rate": 0.02, **HEADS}
KINDS = [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT, EndpointKind.CONTINUOUS]


def stepped(target: Target, patience: int | None) -> tuple[Learning, Watch | None, list[float]]:
    """A network after its steps, its watch cases, and the loss of every batch."""
    watch = None if patience is None else Watch(WATCHED, patience)
    learning, loss, steps = begun(target, watch)
    with one_thread():
        return learning, watch, take_steps(learning, loss, steps, "cpu")


def loss_now(learning: Learning) -> float:
    """The loss of the watch cases, one case at a time through the network, compared all together."""
    rows = torch.from_numpy(WATCHED)
    with torch.no_grad(), one_thread():
        joined = torch.cat([learning.module.joined(learning.stack.batch(row)) for row in rows.split(1)])
        raw = learning.module.with_linear(joined, learning.linear[rows])
        return float(learning.module.head.loss(raw, learning.outcomes.take(rows)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_at_the_end_are_those_of_the_least_loss(kind: EndpointKind) -> None:
    learning, watch, told = stepped(outcomes(kind), patience=2)
    assert watch is not None
    assert loss_now(learning) == pytest.approx(watch.losses[watch.best], abs=1e-6)
    assert watch.losses[watch.best] <= min(watch.losses) + LEAST_GAIN
    assert watch.best < watch.epochs, "nothing was set back: the test would see nothing"
    assert max(watch.losses) > watch.losses[watch.best] + 0.01
    assert len(told) == watch.epochs * round(len(told) / watch.epochs)
    assert not learning.module.training


@pytest.mark.parametrize("kind", KINDS)
def test_watching_changes_no_step(kind: EndpointKind) -> None:
    """The same batches, augmentation and schedule as of all epochs: only the end is earlier."""
    _, _, unwatched = stepped(outcomes(kind), patience=None)
    for patience in (1, 99):
        _, watch, told = stepped(outcomes(kind), patience)
        assert watch is not None
        assert told == unwatched[: len(told)]
        assert len(told) * COURSE.epochs == len(unwatched) * watch.epochs
        assert watch.epochs < COURSE.epochs or patience == 99


def test_judges_watch_cases_and_the_others_are_three_and_rows_of_a_case_stay_together() -> None:
    cases = [str(row // 2) for row in range(200)]
    target = Target.binary("e", (np.arange(200) // 2 % 4 == 0).astype(float))
    rng = np.random.default_rng(0)
    judge = judges(cases, events(target), rng)
    watch = watch_cases(cases, target, events(target), judge, 3, rng)
    assert watch is not None
    watched = np.isin(np.arange(200), watch.rows)
    assert not (judge & watched).any()
    assert len(watch.rows) == len(set(watch.rows)) == watched.sum()
    assert 0.15 <= watched.sum() / (~judge).sum() <= 0.25
    for rows in (watched, ~watched & ~judge):
        assert np.array_equal(rows[::2], rows[1::2])
        assert target.value[rows].mean() == pytest.approx(0.25, abs=0.05)


def timed(days: list[float], event: list[float]) -> Target:
    return Target.survival("e", np.array(days), np.array(event))


@pytest.mark.parametrize(
    "target",
    [
        timed([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [0.0, 0.0, 2.0, 0.0, 2.0, 0.0]),
        timed([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 2.0, 0.0, 2.0, 0.0]),
        timed([9.0, 9.0, 3.0, 4.0, 5.0, 6.0], [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
        Target.binary("e", np.zeros(6)),
        Target.binary("e", np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])),
    ],
    ids=["no event", "no event left to learn", "the event is the last of the watch cases", "one outcome", "one left"],
)
def test_where_there_is_nothing_to_judge_by_nobody_is_watched(target: Target) -> None:
    for seed in range(8):
        cases, rng = list("abcdef"), np.random.default_rng(seed)
        assert watch_cases(cases, target, events(target), np.zeros(6, dtype=bool), 1, rng) is None


def test_two_watch_cases_of_which_one_outlived_the_other_s_event_are_enough() -> None:
    target = timed([1.0, 1.0, 3.0, 4.0, 5.0, 6.0], [1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    watch = watch_cases("abcdef", target, events(target), np.zeros(6, dtype=bool), 1, np.random.default_rng(0))
    assert watch is not None
    assert len(watch.rows) == 2


@pytest.fixture
def spied(monkeypatch: pytest.MonkeyPatch) -> list[Steps]:
    """What every fit of the test is stepped with."""
    seen: list[Steps] = []
    take: Callable[..., list[float]] = network_learning.take_steps

    def spy(learning: Any, loss: Any, steps: Steps, *rest: Any) -> list[float]:
        seen.append(steps)
        return take(learning, loss, steps, *rest)

    monkeypatch.setattr(network_learning, "take_steps", spy)
    return seen


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_says_which_weights_it_kept_and_its_state_has_the_same_tensors(
    kind: EndpointKind, spied: list[Steps]
) -> None:
    plain, patient = (fit_network(tables(), outcomes(kind), {**PARAMS, **told}, 3) for told in ({}, {"patience": 1.0}))
    before, after = spied
    assert before.watch is None
    assert after.watch is not None
    assert np.array_equal(np.sort([*after.rows, *after.watch.rows]), before.rows)
    assert patient.notes == (patient.notes[0], after.watch.note(4))
    assert len(plain.notes) == 1
    shapes = [{name: x.shape for name, x in each.to_state().arrays.items()} for each in (plain, patient)]
    assert shapes[0] == shapes[1]
    assert set(patient.to_state().numbers) == set(plain.to_state().numbers)


def test_without_patience_nothing_changes() -> None:
    plain, none = (
        fit_network(tables(), outcomes(KINDS[0]), {**PARAMS, **told}, 3) for told in ({}, {"patience": None})
    )
    assert same_state(plain.to_state(), none.to_state())


def test_a_fit_without_outcomes_to_spare_learns_all_epochs_from_all_rows(spied: list[Steps]) -> None:
    rare = Target.binary("e", (np.arange(N) < 2).astype(float))
    plain, patient = (fit_network(tables(), rare, {**PARAMS, **told}, 3) for told in ({}, {"patience": 1}))
    assert spied[1].watch is None
    assert np.array_equal(spied[0].rows, spied[1].rows)
    assert "all 4 epochs were learned" in patient.notes[1]
    assert patient.notes[0] == plain.notes[0]


def test_every_network_of_an_ensemble_has_watch_cases_of_its_own(spied: list[Steps]) -> None:
    scorer: Any = fit_model("network", tables(), outcomes(KINDS[0]), {**PARAMS, "ensemble": 2, "patience": 1}, 3).scorer
    first, second = (set(steps.watch.rows) for steps in spied if steps.watch)
    assert first != second
    assert sum("of 4 epochs" in note for note in scorer.notes) == 2


def test_a_trial_of_fewer_epochs_than_patience_still_keeps_the_best_one(spied: list[Steps]) -> None:
    scorer = fit_network(tables(), outcomes(KINDS[0]), {**PARAMS, "epochs": 2, "patience": 5}, 3)
    assert spied[0].watch is not None
    assert spied[0].watch.epochs == 2
    assert "of 2 epochs" in scorer.notes[1]


def test_a_course_reads_patience_as_a_whole_number() -> None:
    assert Course.of({"patience": 3.0}).patience == 3
    assert Course.of({"patience": None, "memory": None}) == Course()


def test_all_processes_decide_by_the_first_one_s_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.distributed.broadcast", lambda number, src: number.fill_(7.0 + src))
    assert Share(1, 2).first(torch.tensor(3.0)) == 7.0
    assert Share().first(torch.tensor(3.0)) == 3.0
