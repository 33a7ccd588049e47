"""Work beside the training of units, in parts (a site held out, a further partition): done, swept, and put together.

Each part writes a table of predictions and, last, a JSON document of facts, both kept by the part's key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pandas as pd

from outcome.pipeline.case_work import CaseWork, run_units, sweep
from outcome.pipeline.stage import Run
from outcome.pipeline.unit_task import UnitTask
from outcome.store import read_json, read_parquet, write_json


class UnitPart(Protocol):
    """A part of a unit's work; `part` names it among those of its unit."""

    @property
    def work(self) -> CaseWork: ...
    @property
    def unit(self) -> UnitTask: ...
    @property
    def part(self) -> str: ...


P = TypeVar("P", bound=UnitPart)


def do_parts(
    run: Run, stage: str, parts: Sequence[P], do_one: Callable[[P], None], shelf: Path
) -> tuple[list[P], dict[str, str]]:
    """The parts that were done, and the reasons of those that failed, by name; the shelf keeps what was asked for."""
    failed = run_units(run, stage, parts, lambda part: part.work, do_one) if parts else {}
    done = [part for part in parts if part.work.case_id not in failed]
    sweep(shelf, {part.work.key for part in done})
    return done, failed


def joined_predictions(
    parts: Sequence[UnitPart], cases: pd.DataFrame, source: str, columns: Sequence[str]
) -> pd.DataFrame:
    """The tables of all parts below each other; `cases` has the index case_id and the partition."""
    tables = [read_parquet(part.work.path(".parquet")) for part in parts]
    filled = [table for table in tables if len(table)]
    if not filled:
        return pd.DataFrame(columns=list(columns))
    table = pd.concat(filled, ignore_index=True)
    return table.assign(partition=table["case_id"].map(cases["partition"]), source=source)[list(columns)]


def write_facts(path: Path, parts: Sequence[UnitPart]) -> None:
    """The facts of all parts, by unit and part."""
    facts: dict[str, dict[str, Any]] = {}
    for part in parts:
        facts.setdefault(part.unit.work.case_id, {})[part.part] = read_json(part.work.path())
    write_json(path, facts)


def read_facts(path: Path) -> Mapping[str, Mapping[str, Any]] | None:
    """By unit and part what was written; None where there is nothing."""
    return read_json(path) if path.exists() else None
