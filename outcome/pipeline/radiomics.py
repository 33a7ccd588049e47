"""Stage `radiomics`: every case's regions as numbers, and the reason for each number that cannot be had.

A glance at each image goes with it, for comparing new images with the training cases'; no model reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from outcome.cases import glance_case, measure_case, read_case_mask
from outcome.pipeline.case_work import CaseWork, keep_only, run_cases
from outcome.pipeline.inputs import file_hashes, read_inputs
from outcome.pipeline.recipe import recipe_in
from outcome.pipeline.repeats import RepeatPlan, make_repeats, repeat_plan, repeat_task
from outcome.pipeline.stage import Made, Run, StageResult, Work, measuring_digest, perform, upstream
from outcome.recipe import CaseInput, Recipe
from outcome.store import digest, read_json, write_json, write_parquet

STAGE = "radiomics"
GLANCES = "images.parquet"


@dataclass(frozen=True)
class _Task:
    work: CaseWork
    case: CaseInput
    mask: Path
    recipe: Recipe


def run_radiomics(run: Run) -> StageResult:
    """Make the radiomics stage of a study from its checked masks."""
    recipe = recipe_in(run)
    recipe = recipe.measuring() if recipe else None
    inputs = {"stage:segment": upstream(run.store, "segment")}
    files = _files(run, recipe) if recipe else {}
    if files:
        inputs["files"] = digest(files)
    plan = repeat_plan(run, read_json(run.store.stage("segment") / "index.json")) if recipe else None
    repeats = {"repeats": plan.to_json()} if plan else {}
    work = Work(STAGE, {"recipe": recipe.to_json() if recipe else None, **repeats}, inputs)
    return perform(run, work, lambda folder: _produce(run, _tasks(run, recipe, files, folder), plan, folder))


def _files(run: Run, recipe: Recipe) -> dict[str, dict[str, str]]:
    """By case the sha256 of what is read: a mask's key knows only the files that the mask depends on."""
    return {case_id: _file_hashes(run, case, recipe) for case_id, case in read_inputs(run).items()}


def _file_hashes(run: Run, case: CaseInput, recipe: Recipe) -> dict[str, str]:
    profiled = {profile.image for profile in recipe.profiles.values()}
    paths = {f"image:{name}": path for name, path in case.images.items()}
    return file_hashes(run, paths | {f"mask:{name}": path for name, path in case.masks.items() if name in profiled})


def _produce(run: Run, tasks: list[_Task], plan: RepeatPlan | None, folder: Path) -> Made:
    failed = run_cases(run, STAGE, tasks, lambda task: task.work, _measure_one)
    index = keep_only(folder, {task.work.case_id: task.work for task in tasks}, failed)
    reports = {case_id: read_json(folder / "cases" / f"{key}.json") for case_id, key in index.items()}
    features = pd.DataFrame.from_dict({c: r["features"] for c, r in reports.items()}, orient="index", dtype=float)
    features = features[sorted(features.columns)].rename_axis("case_id").reset_index()
    write_parquet(folder / "radiomics.parquet", features.astype({"case_id": str}))
    glances = pd.DataFrame.from_dict({c: r["glance"] for c, r in reports.items()}, orient="index", dtype=float)
    glances = glances[sorted(glances.columns)].rename_axis("case_id").reset_index().astype({"case_id": str})
    write_parquet(folder / GLANCES, glances)
    missing = [(case, name, why) for case, r in reports.items() for name, why in sorted(r["missing"].items())]
    write_parquet(
        folder / "missing.parquet", pd.DataFrame(missing, columns=["case_id", "feature", "reason"], dtype=str)
    )
    counts = {"cases": len(tasks), "done": len(index), "failed": len(failed), "features": features.shape[1] - 1}
    repeated, left_out = _again(run, [task for task in tasks if task.work.case_id in index], plan, folder)
    return Made({**counts, **repeated}, {**left_out, **failed})


def _again(
    run: Run, tasks: list[_Task], plan: RepeatPlan | None, folder: Path
) -> tuple[dict[str, int], dict[str, str]]:
    """How many cases were measured again, and the reasons of those that could not be."""
    chosen = [task for task in tasks if plan and task.work.case_id in plan.case_ids]
    asked = [repeat_task(plan, task.work, task.case, task.mask, task.recipe) for task in chosen if plan]
    left_out = make_repeats(run, asked, folder)
    return {"repeated": len(asked) - len(left_out)} if plan else {}, left_out


def _tasks(run: Run, recipe: Recipe | None, files: Mapping[str, Mapping[str, str]], folder: Path) -> list[_Task]:
    if recipe is None:
        return []
    segment = run.store.stage("segment")
    index, cases = read_json(segment / "index.json"), read_inputs(run)
    tasks = []
    for case_id, segment_key in index.items():
        basis = {"code": measuring_digest(), "recipe": recipe.to_json(), "segment": segment_key}
        key = digest({**basis, "files": files.get(case_id, {})})
        mask = segment / "cases" / f"{segment_key}.nii.gz"
        tasks.append(_Task(CaseWork(case_id, key, folder), cases[case_id], mask, recipe))
    return tasks


def _measure_one(task: _Task) -> None:
    mask = read_case_mask(task.mask, task.recipe)
    features, missing = measure_case(task.case, mask, task.recipe)
    glance = glance_case(task.case, mask, task.recipe)
    report = {"case_id": task.work.case_id, "features": features, "missing": missing, "glance": glance}
    write_json(task.work.path(), report)
