"""Further partitions into outer folds as part of the train stage: a piece of work for each unit and repeat.

Kept beside the out-of-fold predictions: `repeats.parquet` (source "outer_repeats", rung "chosen", repeats from 2),
`repeats.json` (by unit and repeat: the rung chosen in how many outer folds, or why there is no prediction), and their
folds beside the first ones in `folds.parquet`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.pipeline.case_work import CaseWork
from outcome.pipeline.stage import Run
from outcome.pipeline.unit_parts import do_parts, joined_predictions, read_facts, write_facts
from outcome.pipeline.unit_task import UnitTask
from outcome.store import digest, read_parquet, write_json, write_parquet
from outcome.training.out_of_fold import FIRST
from outcome.training.outer_repeats import repeat_outer_folds
from outcome.types import FOLD_COLUMNS, REPEAT_COLUMNS

FOLDS_TABLE, TABLE, FACTS = "folds.parquet", "repeats.parquet", "repeats.json"
SHELF, SOURCE = "repeats", "outer_repeats"
AGAIN = " repeat "


@dataclass(frozen=True)
class RepeatTask:
    """One unit on one further partition into outer folds."""

    work: CaseWork
    unit: UnitTask
    repeat: int

    @property
    def part(self) -> str:
        return str(self.repeat)


def repeat_folds(run: Run, stage: str, tasks: Sequence[UnitTask], cases: pd.DataFrame, folder: Path) -> dict[str, str]:
    """Every unit on each further partition, and the tables; returns the reasons of what failed, by unit and repeat.

    `cases` has the index case_id and the partition; `folds.parquet` holds the first folds already. Without
    `training.outer_repeats`: nothing, and what an earlier run left is removed.
    """
    todo = list(_repeat_tasks(tasks, run.study.training.outer_repeats))
    done, failed = do_parts(run, stage, todo, repeat_one, folder / SHELF)
    if not todo:
        for name in (TABLE, FACTS):
            (folder / name).unlink(missing_ok=True)
        return {}
    table = joined_predictions(done, cases, SOURCE, REPEAT_COLUMNS)
    write_parquet(folder / TABLE, table)
    _add_folds(folder / FOLDS_TABLE, table[list(FOLD_COLUMNS)].drop_duplicates())
    write_facts(folder / FACTS, done)
    return failed


def _repeat_tasks(tasks: Sequence[UnitTask], repeats: int) -> Iterator[RepeatTask]:
    for unit in tasks:
        for repeat in range(FIRST + 1, repeats + 1):
            key = digest({"unit": unit.work.key, "repeat": repeat})
            work = CaseWork(f"{unit.work.case_id}{AGAIN}{repeat}", key, unit.work.folder, SHELF)
            yield RepeatTask(work, unit, repeat)


def repeat_one(task: RepeatTask) -> None:
    """Cross-fit one unit on one further partition and write what was said of its cases, and the facts last."""
    found = repeat_outer_folds(task.repeat, task.unit.cases, task.unit.settings, task.unit.seed)
    write_parquet(task.work.path(".parquet"), found.predictions)
    write_json(task.work.path(), {"chosen_in_outer_folds": found.chosen_in_outer_folds, "skipped": found.skipped})


def _add_folds(path: Path, held: pd.DataFrame) -> None:
    """A case has a row a repeat, however many horizons it is predicted at."""
    if len(held):
        write_parquet(path, pd.concat([read_parquet(path), held], ignore_index=True))


def repeat_facts(folder: Path) -> Mapping[str, Mapping[str, Any]] | None:
    """By unit and repeat what is known of a further partition; None where there was none."""
    return read_facts(folder / FACTS)
