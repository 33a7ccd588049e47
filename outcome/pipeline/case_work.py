"""Work that goes case by case: finished cases are found again by key, one bad case is recorded and the rest go on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from outcome.errors import OutcomeError, StoreRefusal
from outcome.executor import Done, map_cases
from outcome.ledger import Attempt
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

    `function` writes the case's artefacts, `<key>.json` last. A full disk or an unwritable store stops the run.
    """
    works = {place(task).case_id: (place(task), task) for task in tasks}
    unfinished = [task for work, task in works.values() if not work.path().exists()]
    finished = len(works) - len(unfinished)
    failed: dict[str, str] = {}
    run.progress(stage, finished, len(works))
    for number, done in enumerate(map_cases(run.workers, function, unfinished), start=finished + 1):
        case_id = place(done.item).case_id
        if done.error is not None:
            failed[case_id] = _reason(done)
        run.ledger.record(
            Attempt(stage, case_id, "failed" if done.error else "done", done.seconds, failed.get(case_id, ""))
        )
        run.progress(stage, number, len(works))
    return dict(sorted(failed.items()))


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


def _reason(done: Done[T, None]) -> str:
    if isinstance(done.error, StoreRefusal):
        raise done.error
    if isinstance(done.error, MemoryError):
        return "not enough memory for this case"
    return str(done.error) if isinstance(done.error, OutcomeError) else f"{type(done.error).__name__}: {done.error}"
