"""Stage `radiomics`: every case's regions as numbers, and the reason for each number that cannot be had."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from outcome.cases import measure_case, read_case_mask
from outcome.pipeline.case_work import CaseWork, keep_only, run_cases
from outcome.pipeline.inputs import read_inputs
from outcome.pipeline.recipe import recipe_in
from outcome.pipeline.stage import Made, Run, StageResult, Work, measuring_digest, perform, upstream
from outcome.store import digest, read_json, write_json, write_parquet
from outcome.types import Recipe

STAGE = "radiomics"


@dataclass(frozen=True)
class _Task:
    work: CaseWork
    mask: Path
    image: Path | None
    recipe: Recipe


def run_radiomics(run: Run) -> StageResult:
    """Make the radiomics stage of a study from its checked masks."""
    recipe = recipe_in(run)
    recipe = replace(recipe, crop=None) if recipe else None  # no measurement depends on the crop
    inputs = {"stage:segment": upstream(run.store, "segment")}
    work = Work(STAGE, {"recipe": recipe.to_json() if recipe else None}, inputs)
    return perform(run, work, lambda folder: _produce(run, recipe, folder))


def _produce(run: Run, recipe: Recipe | None, folder: Path) -> Made:
    tasks = [] if recipe is None else _tasks(run, recipe, folder)
    failed = run_cases(run, STAGE, tasks, lambda task: task.work, _measure_one)
    index = keep_only(folder, {task.work.case_id: task.work for task in tasks}, failed)
    reports = {case_id: read_json(folder / "cases" / f"{key}.json") for case_id, key in index.items()}
    features = pd.DataFrame.from_dict({c: r["features"] for c, r in reports.items()}, orient="index", dtype=float)
    features = features[sorted(features.columns)].rename_axis("case_id").reset_index()
    write_parquet(folder / "radiomics.parquet", features.astype({"case_id": str}))
    missing = [(case, name, why) for case, r in reports.items() for name, why in sorted(r["missing"].items())]
    write_parquet(
        folder / "missing.parquet", pd.DataFrame(missing, columns=["case_id", "feature", "reason"], dtype=str)
    )
    counts = {"cases": len(tasks), "done": len(index), "failed": len(failed), "features": features.shape[1] - 1}
    return Made(counts, failed)


def _tasks(run: Run, recipe: Recipe, folder: Path) -> list[_Task]:
    segment = run.store.stage("segment")
    index, cases = read_json(segment / "index.json"), read_inputs(run)
    tasks = []
    for case_id, segment_key in index.items():
        key = digest({"code": measuring_digest(), "recipe": recipe.to_json(), "segment": segment_key})
        image = cases[case_id].images.get(recipe.mask_on)
        mask = segment / "cases" / f"{segment_key}.nii.gz"
        tasks.append(_Task(CaseWork(case_id, key, folder), mask, image, recipe))
    return tasks


def _measure_one(task: _Task) -> None:
    mask = read_case_mask(task.mask, task.recipe)
    features, missing = measure_case(task.work.case_id, mask, task.recipe, task.image)
    write_json(task.work.path(), {"case_id": task.work.case_id, "features": features, "missing": missing})
