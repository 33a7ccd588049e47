"""Work that goes case by case: finished cases are found again by key, one bad case is recorded and the rest go on.

A case that failed too often is left alone until it is released (`outcome.pipeline.quarantine`), and counts as failed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

from outcome.errors import LostCase, StoreRefusal
from outcome.executor import Done, alone, map_cases, reason
from outcome.ledger import Attempt
from outcome.pipeline.quarantine import Tries, tries
from outcome.pipeline.stage import Run
from outcome.store import write_json

T = TypeVar("T")


@dataclass(frozen=True)
class CaseWork:
    """One case's place in a stage: where its artefact goes (`<folder>/<shelf>/<key>.json`)."""

    case_id: str
    key: str
    folder: Path
    shelf: str = "cases"

    def path(self, suffix: str = ".json") -> Path:
        return self.folder / self.shelf / f"{self.key}{suffix}"


def run_cases(
    run: Run, stage: str, tasks: Iterable[T], place: Callable[[T], CaseWork], function: Callable[[T], None]
) -> dict[str, str]:
    """Do every case that is not finished; returns the reasons of those that failed, by case id.

    `function` writes the case's artefacts, `<key>.json` last. A full disk or an unwritable store stops the run. A case
    in quarantine is not tried; it failed, for the reason of its last try.
    """
    works = {place(task).case_id: (place(task), task) for task in tasks}
    todo = [task for work, task in works.values() if not work.path().exists()]
    before = _tries(run, stage, [place(task) for task in todo])
    failed = {case_id: found.message for case_id, found in before.items() if found.quarantined}
    todo = [task for task in todo if place(task).case_id not in failed]
    suspected = [task for task in todo if place(task).case_id in before and before[place(task).case_id].suspected]
    ends = _ends(run, stage, todo, suspected, place, function)
    return _kept(run, stage, len(works), len(works) - len(todo), ends, place, failed)


def run_units(
    run: Run, stage: str, tasks: Iterable[T], place: Callable[[T], CaseWork], function: Callable[[T], None]
) -> dict[str, str]:
    """As `run_cases`, for what is trained: it may take hours, has no time limit, and is tried at every repeat."""
    works = {place(task).case_id: (place(task), task) for task in tasks}
    todo = [task for work, task in works.values() if not work.path().exists()]
    ends = map_cases(replace(run.workers, seconds=None), function, todo)
    return _kept(run, stage, len(works), len(works) - len(todo), ends, place, {})


def _tries(run: Run, stage: str, works: Sequence[CaseWork]) -> dict[str, Tries]:
    """What is known of earlier tries at these very works, by case id."""
    known = tries(run.ledger.attempts(stage)) if works else {}
    names = {work.case_id: (stage, work.case_id, work.key) for work in works}
    return {case_id: known[name] for case_id, name in names.items() if name in known}


def _ends(
    run: Run, stage: str, todo: Sequence[T], suspected: Sequence[T], place: Callable[[T], CaseWork],
    function: Callable[[T], None],
) -> Iterator[Done[T, None]]:  # fmt: skip
    """Every case's end: those that may have ended earlier runs first, each in a process of its own."""
    names = {place(task).case_id for task in suspected}
    others = [task for task in todo if place(task).case_id not in names]

    def noted(task: T) -> None:
        work = place(task)
        run.ledger.record(Attempt(stage, work.case_id, "begun", key=work.key))
        function(task)

    apart = (alone(function, task, run.workers.seconds) for task in suspected)
    return chain(apart, map_cases(run.workers, noted if run.workers.in_process else function, others))


def _kept(
    run: Run, stage: str, total: int, finished: int, ends: Iterable[Done[T, None]], place: Callable[[T], CaseWork],
    failed: dict[str, str],
) -> dict[str, str]:  # fmt: skip
    """Record every end as it comes; the reasons of all that failed, in case order."""
    run.progress(stage, finished, total)
    for number, done in enumerate(ends, start=finished + 1):
        if isinstance(done.error, StoreRefusal):
            raise done.error
        work, status = place(done.item), _status(done)
        if status != "done":
            failed[work.case_id] = reason(done.error)
        run.ledger.record(Attempt(stage, work.case_id, status, done.seconds, failed.get(work.case_id, ""), work.key))
        run.progress(stage, number, total)
    return dict(sorted(failed.items()))


def _status(done: Done[T, None]) -> str:
    if done.error is None:
        return "done"
    return "crashed" if isinstance(done.error, LostCase) else "failed"


def keep_only(folder: Path, works: Mapping[str, CaseWork], failed: Mapping[str, str]) -> dict[str, str]:
    """Write the stage's index of finished cases and remove what no case points to any more."""
    index = {case_id: work.key for case_id, work in sorted(works.items()) if case_id not in failed}
    for shelf in {work.shelf for work in works.values()}:
        sweep(folder / shelf, set(index.values()))
    write_json(folder / "index.json", index)
    return index


def sweep(shelf: Path, wanted: Collection[str]) -> None:
    """Remove from a shelf what belongs to none of the wanted keys; an absent shelf is an empty one."""
    for path in shelf.glob("*"):
        if path.name.split(".")[0] not in wanted:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
