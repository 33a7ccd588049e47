"""A case that fails again and again is left alone, named, and tried again when somebody says so or it changes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from outcome.errors import DataRefusal, StoreRefusal
from outcome.executor import Workers
from outcome.ledger import Attempt, Ledger
from outcome.pipeline.case_work import CaseWork, run_cases, run_units
from outcome.pipeline.quarantine import quarantined, release, tries, unfinished
from outcome.pipeline.stage import no_progress
from outcome.pipeline.status import release_cases
from outcome.store import StudyStore, write_json

STAGE = "segment"


@dataclass(frozen=True)
class Task:
    work: CaseWork


def begun(*statuses: str) -> list[Attempt]:
    return [Attempt(STAGE, "a", status, message="why", key="k") for status in statuses]


@pytest.mark.parametrize(
    ("statuses", "left_alone", "suspected"),
    [
        (["failed"] * 2, False, False),
        (["failed"] * 3, True, False),
        (["failed", "failed", "released", "failed"], False, False),
        (["crashed"], False, True),
        (["crashed", "failed"], False, True),
        (["crashed", "crashed"], True, True),
        (["begun"], False, False),
        (["begun", "begun"], False, True),
        (["begun"] * 9, False, True),
        (["begun", "failed", "begun"], False, False),
    ],
)
def test_three_failures_or_two_crashes_and_never_a_run_that_was_cut_off(
    statuses: list[str], left_alone: bool, suspected: bool
) -> None:
    (found,) = tries(begun(*statuses)).values()
    assert (found.quarantined, found.suspected) == (left_alone, suspected)


def test_what_is_done_is_forgotten_and_other_work_is_counted_apart() -> None:
    assert tries(begun("failed", "failed", "done")) == {}
    other = Attempt(STAGE, "a", "failed", key="another file")
    assert [found.failures for found in tries([*begun("failed", "failed"), other]).values()] == [2, 1]


class Hospital:
    """A store with a journal, and cases whose end is told beforehand."""

    def __init__(self, folder: Path, workers: Workers) -> None:
        self.store, self.workers = StudyStore(folder / "store", "s"), workers
        self.folder = self.store.stage(STAGE)
        self.tried = folder / "tried"
        self.tried.mkdir()

    def run(self, keys: dict[str, str], function: Any, how: Any = run_cases) -> dict[str, str]:
        tasks = [Task(CaseWork(case, key, self.folder)) for case, key in keys.items()]
        with self.store.lock(), Ledger.open(self.store.journal) as ledger:
            run = SimpleNamespace(ledger=ledger, workers=self.workers, progress=no_progress)
            return how(run, STAGE, tasks, lambda task: task.work, function)

    @property
    def quarantined(self) -> list[str]:
        with Ledger.open(self.store.journal) as ledger:
            return [case.case_id for case in quarantined(ledger)]


@pytest.fixture(params=[Workers(1), Workers(2)], ids=["in this process", "workers"])
def hospital(request: pytest.FixtureRequest, tmp_path: Path) -> Hospital:
    return Hospital(tmp_path, request.param)


def counted(task: Task) -> None:
    """Fails for case b; a file for every try."""
    place = task.work.folder.parents[2] / "tried"
    (place / f"{task.work.case_id}{len(list(place.iterdir()))}").touch()
    if task.work.case_id == "b" and task.work.key != "mended":
        raise DataRefusal("b is refused")
    write_json(task.work.path(), {})


def test_a_case_is_tried_three_times_then_named_and_left_alone_until_it_is_released(hospital: Hospital) -> None:
    keys = {"a": "ka", "b": "kb"}
    ends = [hospital.run(keys, counted) for _ in range(5)]
    assert ends == [{"b": "b is refused"}] * 5  # the same words, tried or not: what follows stays current
    assert len(list(hospital.tried.glob("b*"))) == 3
    assert len(list(hospital.tried.glob("a*"))) == 1
    assert hospital.quarantined == ["b"]
    assert [case["case_id"] for case in release_cases(hospital.store.root, None, ["b"])] == ["b"]
    assert hospital.quarantined == []
    assert hospital.run(keys, counted) == {"b": "b is refused"}
    assert len(list(hospital.tried.glob("b*"))) == 4


def test_a_mended_file_is_other_work_and_is_tried_at_once(hospital: Hospital) -> None:
    for _ in range(3):
        hospital.run({"b": "kb"}, counted)
    assert hospital.run({"b": "mended"}, counted) == {}
    assert (hospital.folder / "cases" / "mended.json").exists()
    assert hospital.quarantined == []


def leave(task: Task) -> None:
    if task.work.case_id == "b":
        os._exit(9)
    write_json(task.work.path(), {})


def test_a_case_that_costs_its_worker_twice_is_left_alone(tmp_path: Path) -> None:
    hospital = Hospital(tmp_path, Workers(2))
    keys = {name: f"k{name}" for name in "abc"}
    for _ in range(3):
        assert list(hospital.run(keys, leave)) == ["b"]
    assert hospital.quarantined == ["b"]
    with Ledger.open(hospital.store.journal) as ledger:
        assert [case.crashes for case in unfinished(ledger)] == [2]


def test_a_case_on_which_runs_were_cut_off_is_done_in_a_process_of_its_own(tmp_path: Path) -> None:
    """With one worker a case could take the run along every time; the third run survives it."""
    hospital = Hospital(tmp_path, Workers(1))
    keys = {"a": "ka", "b": "kb"}
    for _ in range(2):
        child = os.fork()
        if child == 0:
            hospital.run(keys, leave)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert list(hospital.run(keys, leave)) == ["b"]
    assert (hospital.folder / "cases" / "ka.json").exists()


def test_what_is_trained_is_tried_at_every_repeat(tmp_path: Path) -> None:
    hospital = Hospital(tmp_path, Workers(1))
    for _ in range(5):
        assert hospital.run({"b": "kb"}, counted, run_units) == {"b": "b is refused"}
    assert len(list(hospital.tried.glob("b*"))) == 5


def test_only_what_is_in_quarantine_can_be_released(tmp_path: Path) -> None:
    hospital = Hospital(tmp_path, Workers(1))
    hospital.run({"b": "kb"}, counted)
    with pytest.raises(StoreRefusal, match="not in quarantine"):
        release_cases(hospital.store.root, None, ["b"])
    assert release_cases(hospital.store.root, None, []) == []
    assert release(hospital.store, ["b"]) == []
    with hospital.store.lock(), pytest.raises(StoreRefusal, match="in use"):
        release(StudyStore(hospital.store.root, "s"), ["b"])
