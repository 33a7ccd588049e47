"""Part of stage `radiomics`: some development cases measured again and again, so that training knows what is unstable.

Layout: `repeats/<key>.json` a case, `repeats.parquet` (case_id, repeat, one column a feature).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.cases import drawn_repeats, measure_repeats, read_case_mask
from outcome.config import Study
from outcome.features.stability import Repeats, repeats_from
from outcome.pipeline.case_work import CaseWork, run_cases, sweep
from outcome.pipeline.stage import Run
from outcome.recipe import CaseInput, Recipe
from outcome.store import digest, read_json, read_parquet, write_json, write_parquet

SHELF, TABLE = "repeats", "repeats.parquet"
STAGE = "radiomics: repeats"  # in journal and progress
_DEVELOPMENT = "development"
_PREFIX = "radiomics:"


@dataclass(frozen=True)
class RepeatPlan:
    """Which development cases are measured again, how often, and from which seed the changes are drawn."""

    case_ids: tuple[str, ...]
    count: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        return {"cases": list(self.case_ids), "perturbations": self.count, "seed": self.seed}


@dataclass(frozen=True)
class RepeatTask:
    """One case to measure again; `work.key` holds all that its measurements depend on."""

    work: CaseWork
    case: CaseInput
    mask: Path
    recipe: Recipe
    plan: RepeatPlan


def repeat_plan(run: Run, case_ids: Iterable[str]) -> RepeatPlan | None:
    """The repeats that a study asks for among cases with a mask; None where it asks for none or develops nothing.

    Patients are taken in an order drawn from the study's seed, each with all cases, until the number is reached.
    """
    wanted, seed = run.study.radiomics.stability, run.study.training.seed
    cases = read_parquet(run.store.stage("cohort") / "cases.parquet").astype({"case_id": str, "patient_id": str})
    names = [name for name, part in run.study.partitions.items() if part.relation == _DEVELOPMENT]
    offered = cases[cases["partition"].isin(names) & cases["case_id"].isin(set(case_ids))]
    if wanted is None or offered.empty:
        return None
    lots = offered["patient_id"].map(lambda name: hashlib.sha256(f"{seed}/repeats/{name}".encode()).hexdigest())
    order = offered.assign(lot=lots).sort_values(["lot", "patient_id", "case_id"])
    return RepeatPlan(tuple(sorted(order["case_id"].head(wanted.cases))), wanted.perturbations, seed)


def repeat_task(plan: RepeatPlan, work: CaseWork, case: CaseInput, mask: Path, recipe: Recipe) -> RepeatTask:
    """A case's repeats; `work` is that of its plain measurement, whose key they depend on."""
    key = digest({"measured": work.key, "perturbations": plan.count, "seed": plan.seed})
    return RepeatTask(CaseWork(work.case_id, key, work.folder, SHELF), case, mask, recipe, plan)


def make_repeats(run: Run, tasks: Sequence[RepeatTask], folder: Path) -> dict[str, str]:
    """Measure every case again and write the table; returns the reasons of those that failed, by case id.

    Without a task the table of earlier work is taken away.
    """
    failed = run_cases(run, STAGE, tasks, lambda task: task.work, _measure_again) if tasks else {}
    done = {task.work.case_id: task.work for task in tasks if task.work.case_id not in failed}
    sweep(folder / SHELF, {work.key for work in done.values()})
    if tasks:
        write_parquet(folder / TABLE, _table({case_id: work.path() for case_id, work in done.items()}))
    else:
        (folder / TABLE).unlink(missing_ok=True)
    return {case_id: f"measuring again: {reason}" for case_id, reason in failed.items()}


def _measure_again(task: RepeatTask) -> None:
    mask = read_case_mask(task.mask, task.recipe)
    found = measure_repeats(task.case, mask, task.recipe, drawn_repeats(task.plan.count, task.plan.seed))
    write_json(task.work.path(), {"case_id": task.work.case_id, "repeats": found})


def _table(places: Mapping[str, Path]) -> pd.DataFrame:
    rows = {
        (case_id, number): features
        for case_id, path in sorted(places.items())
        for number, features in enumerate(read_json(path)["repeats"])
    }
    table = pd.DataFrame(list(rows.values()), dtype=float)
    keys = pd.DataFrame({"case_id": [case for case, _ in rows], "repeat": [number for _, number in rows]})
    return pd.concat([keys.astype({"case_id": str, "repeat": int}), table[sorted(table.columns)]], axis=1)


def read_repeats(run: Run) -> Repeats | None:
    """The repeated measurements by feature column, for training; None where the study asks for none."""
    path = run.store.stage("radiomics") / TABLE
    if run.study.radiomics.stability is None or not path.exists():
        return None
    table = read_parquet(path)
    named = table.rename(columns={name: f"{_PREFIX}{name}" for name in table.columns.drop(["case_id", "repeat"])})
    return repeats_from(named, run.study.radiomics.stability.least) if len(named) else None


def stability_config(study: Study) -> dict[str, Any]:
    """What training has to know of it; {} where nothing is measured again."""
    wanted = study.radiomics.stability
    return {} if wanted is None else {"stability": wanted.model_dump(mode="json")}
