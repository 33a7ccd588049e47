"""Stage `segment`: every case's mask, checked, cropped to its regions and written beside its findings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.cases import case_mask_bytes, segment_case
from outcome.errors import DataRefusal
from outcome.pipeline.case_work import CaseWork, keep_only, run_cases
from outcome.pipeline.inputs import read_inputs, recipe_of
from outcome.pipeline.stage import Made, Run, StageResult, Work, measuring_digest, perform, upstream
from outcome.store import digest, read_json, write_bytes, write_json, write_parquet
from outcome.types import CaseInput, Level, Recipe

STAGE = "segment"
REGION_COLUMNS = ["case_id", "region", "voxels", "volume_ml"]


@dataclass(frozen=True)
class _Task:
    work: CaseWork
    case: CaseInput
    recipe: Recipe


def run_segment(run: Run) -> StageResult:
    """Make the segment stage of a study; cases without a mask are left out here and go on without that block."""
    recipe = recipe_of(run.study)
    work = Work(STAGE, {"recipe": recipe.to_json() if recipe else None}, _inputs(run))
    return perform(run, work, lambda folder: _produce(run, recipe, folder))


def _inputs(run: Run) -> dict[str, str]:
    """The cohort, and every given file by its content: an edited mask makes the stage stale."""
    files = {case_id: _file_hashes(run, case) for case_id, case in read_inputs(run).items()}
    return {"stage:cohort": upstream(run.store, "cohort"), "files": digest(files)}


def _file_hashes(run: Run, case: CaseInput) -> dict[str, str]:
    """sha256 of a case's files by role; one that cannot be read is named so."""
    paths = {f"image:{name}": path for name, path in case.images.items()} | ({"mask": case.mask} if case.mask else {})
    hashes = {}
    for role, path in paths.items():
        try:
            hashes[role] = run.ledger.sha256(path)
        except OSError as error:
            hashes[role] = f"unreadable: {error.strerror}"
    return hashes


def _produce(run: Run, recipe: Recipe | None, folder: Path) -> Made:
    tasks = [] if recipe is None else [_task(run, case, recipe, folder) for case in _with_mask(run)]
    failed = run_cases(run, STAGE, tasks, lambda task: task.work, _segment_one)
    index = keep_only(folder, {task.work.case_id: task.work for task in tasks}, failed)
    reports = {case_id: read_json(folder / "cases" / f"{key}.json") for case_id, key in index.items()}
    write_parquet(folder / "regions.parquet", _regions(reports))
    write_json(folder / "findings.json", [finding for report in reports.values() for finding in report["findings"]])
    return Made({"cases": len(tasks), "done": len(index), "failed": len(failed)}, failed)


def _with_mask(run: Run) -> list[CaseInput]:
    return [case for case in read_inputs(run).values() if case.mask is not None]


def _task(run: Run, case: CaseInput, recipe: Recipe, folder: Path) -> _Task:
    key = digest(
        {"code": measuring_digest(), "recipe": recipe.to_json(), "files": _file_hashes(run, case), "case": case.case_id}
    )
    return _Task(CaseWork(case.case_id, key, folder), case, recipe)


def _segment_one(task: _Task) -> None:
    made = segment_case(task.case, task.recipe)
    if made.rejected:
        reasons = [finding.message for finding in made.findings if finding.level is Level.REJECT]
        raise DataRefusal("; ".join(reasons))
    write_bytes(task.work.path(".nii.gz"), case_mask_bytes(made.mask))
    write_json(task.work.path(), {"case_id": task.work.case_id, **made.summary})


def _regions(reports: dict[str, dict[str, Any]]) -> pd.DataFrame:
    rows = [
        (case_id, region, int(facts["voxels"]), facts["volume_ml"])
        for case_id, report in reports.items()
        for region, facts in report["regions"].items()
    ]
    return pd.DataFrame(rows, columns=REGION_COLUMNS).astype({"voxels": "int64", "volume_ml": "float64"})
