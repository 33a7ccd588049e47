"""Internal-external cross-validation as part of the train stage: a piece of work for each unit and site.

Kept beside the out-of-fold predictions: `internal_external.parquet` (source "internal_external") and
`internal_external.json` (by unit and site: cases learned from, the rung chosen, or why there is no prediction).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.config import Study
from outcome.errors import DataRefusal
from outcome.pipeline.case_work import CaseWork
from outcome.pipeline.stage import Run
from outcome.pipeline.unit_parts import do_parts, joined_predictions, read_facts, write_facts
from outcome.pipeline.unit_task import UnitTask
from outcome.store import digest, write_json, write_parquet
from outcome.training.internal_external import LEAST_SITES, hold_out
from outcome.types import PREDICTION_COLUMNS

TABLE, FACTS = "internal_external.parquet", "internal_external.json"
SHELF, SOURCE = "sites", "internal_external"
WITHOUT = " without site "


@dataclass(frozen=True)
class SiteTask:
    """One unit with one site held out. `sites` names each case's site, in the order of the unit's rows."""

    work: CaseWork
    unit: UnitTask
    site: str
    sites: tuple[str, ...]

    @property
    def part(self) -> str:
        return self.site


def refuse_few_sites(study: Study, sites: Sequence[str]) -> None:
    """Raise DataRefusal where the development cases come from too few sites to hold each out."""
    found = sorted(set(sites))
    if study.training.internal_external and len(found) < LEAST_SITES:
        raise DataRefusal(
            "there are too few sites to hold each of them out in turn",
            expected=f"development cases of {LEAST_SITES} sites or more (training.internal_external)",
            found=f"{len(found)}: {', '.join(found[:5])}",
            next_step="leave training.internal_external out, or name the variable `site` that tells hospitals apart",
        )


def hold_sites_out(
    run: Run, stage: str, tasks: Sequence[UnitTask], cases: pd.DataFrame, folder: Path
) -> dict[str, str]:
    """Every unit without each site, and the two files; returns the reasons of what failed, by unit and site.

    `cases` has the index case_id, the site and the partition. Without `training.internal_external`: nothing, and what
    an earlier run left is removed.
    """
    asked = run.study.training.internal_external
    todo = list(_site_tasks(tasks, cases)) if asked else []
    done, failed = do_parts(run, stage, todo, hold_out_one, folder / SHELF)
    if not asked:
        for name in (TABLE, FACTS):
            (folder / name).unlink(missing_ok=True)
        return {}
    write_parquet(folder / TABLE, joined_predictions(done, cases, SOURCE, PREDICTION_COLUMNS))
    write_facts(folder / FACTS, done)
    return failed


def _site_tasks(tasks: Sequence[UnitTask], cases: pd.DataFrame) -> Iterator[SiteTask]:
    for unit in tasks:
        sites = tuple(cases.loc[unit.cases.frame.index, "site"].astype(str))
        for site in sorted(set(sites)):
            key = digest({"unit": unit.work.key, "site": site})
            work = CaseWork(f"{unit.work.case_id}{WITHOUT}{site}", key, unit.work.folder, SHELF)
            yield SiteTask(work, unit, site, sites)


def hold_out_one(task: SiteTask) -> None:
    """Hold one site out of one unit and write what was said of its cases, and the facts last."""
    unit = task.unit
    found = hold_out(task.site, task.sites, unit.cases, unit.settings, unit.seed)
    write_parquet(task.work.path(".parquet"), found.predictions)
    chosen = found.procedure.chosen.rung.name if found.procedure else None
    write_json(task.work.path(), {"n_training": found.n_training, "rung": chosen, "skipped": found.skipped})


def site_facts(folder: Path) -> Mapping[str, Mapping[str, Any]] | None:
    """By unit and site what is known of the model without it; None where nothing was held out by site."""
    return read_facts(folder / FACTS)
