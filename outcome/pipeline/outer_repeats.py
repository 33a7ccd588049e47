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

from outcome.pipeline.case_work import CaseWork, run_cases, sweep
from outcome.pipeline.stage import Run
from outcome.pipeline.unit_task import UnitTask
from outcome.store import digest, read_json, read_parquet, write_json, write_parquet
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


def repeat_folds(run: Run, stage: str, tasks: Sequence[UnitTask], cases: pd.DataFrame, folder: Path) -> dict[str, str]:
    """Every unit on each further partition, and the tables; returns the reasons of what failed, by unit and repeat.

    `cases` has the index case_id and the partition; `folds.parquet` holds the first folds already. Without
    `training.outer_repeats`: nothing, and what an earlier run left is removed.
    """
    todo = list(_repeat_tasks(tasks, run.study.training.outer_repeats))
    failed = run_cases(run, stage, todo, lambda task: task.work, repeat_one) if todo else {}
    done = [task for task in todo if task.work.case_id not in failed]
    sweep(folder / SHELF, {task.work.key for task in done})
    if not todo:
        for name in (TABLE, FACTS):
            (folder / name).unlink(missing_ok=True)
        return {}
    table = _joined(done, cases)
    write_parquet(folder / TABLE, table)
    _add_folds(folder / FOLDS_TABLE, table[list(FOLD_COLUMNS)].drop_duplicates())
    facts: dict[str, dict[str, Any]] = {}
    for task in done:
        facts.setdefault(task.unit.work.case_id, {})[str(task.repeat)] = read_json(task.work.path())
    write_json(folder / FACTS, facts)
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


def _joined(tasks: Sequence[RepeatTask], cases: pd.DataFrame) -> pd.DataFrame:
    tables = [read_parquet(task.work.path(".parquet")) for task in tasks]
    filled = [table for table in tables if len(table)]
    if not filled:
        return pd.DataFrame(columns=list(REPEAT_COLUMNS))
    table = pd.concat(filled, ignore_index=True)
    table = table.assign(partition=table["case_id"].map(cases["partition"]), source=SOURCE)
    return table[list(REPEAT_COLUMNS)]


def _add_folds(path: Path, held: pd.DataFrame) -> None:
    """A case has a row a repeat, however many horizons it is predicted at."""
    if len(held):
        write_parquet(path, pd.concat([read_parquet(path), held], ignore_index=True))


def repeat_facts(folder: Path) -> Mapping[str, Mapping[str, Any]] | None:
    """By unit and repeat what is known of a further partition; None where there was none."""
    path = folder / FACTS
    return read_json(path) if path.exists() else None
