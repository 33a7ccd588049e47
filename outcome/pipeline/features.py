"""Stage `features`: one row a case, one column a feature. Row-wise only: nothing here is learned from other rows.

Where networks read images, the block of tissue that they read of each case is cut here too, case by case.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.cases import crop_case, crop_faults, read_case_mask
from outcome.config import MeasuredScore
from outcome.dictionary import DataDictionary, nearest
from outcome.errors import ConfigRefusal
from outcome.features.blocks import images_present, join_blocks, with_batch
from outcome.features.crops import FORMAT, INDEX, SHELF, SUFFIX, crop_bytes
from outcome.pipeline.case_work import CaseWork, keep_only, run_cases
from outcome.pipeline.inputs import file_hashes, read_inputs
from outcome.pipeline.recipe import recipe_in
from outcome.pipeline.stage import Made, Run, StageResult, Work, measuring_digest, perform, upstream
from outcome.recipe import CaseInput, Recipe
from outcome.store import digest, read_json, read_parquet, write_bytes, write_json, write_parquet

STAGE = "features"


@dataclass(frozen=True)
class _Task:
    work: CaseWork
    case: CaseInput
    mask: Path
    recipe: Recipe


@dataclass(frozen=True)
class _Cut:
    """Which sequences each case has a crop of, and what there is to say about it."""

    present: pd.DataFrame
    counts: Mapping[str, Any]
    failed: Mapping[str, str]


def run_features(run: Run) -> StageResult:
    """Make the features stage of a study: the clinical, plan, radiomics and image blocks side by side."""
    inputs = {f"stage:{name}": upstream(run.store, name) for name in ("cohort", "radiomics")}
    recipe = recipe_in(run)
    crop = recipe.crop if recipe else None
    if recipe is None or crop is None:
        work = Work(STAGE, _batch_config(run), inputs)
        return _fit_for_scores(run, perform(run, work, lambda folder: _produce(run, folder, None)))
    cases = read_inputs(run)
    files = {case_id: _file_hashes(run, case, recipe) for case_id, case in cases.items()}
    inputs |= {"stage:segment": upstream(run.store, "segment"), "files": digest(files)}
    work = Work(STAGE, {"recipe": recipe.to_json(), **_batch_config(run)}, inputs)

    def with_crops(folder: Path) -> Made:
        tasks = _tasks(run, cases, files, recipe, folder)
        return _produce(run, folder, _cut_crops(run, tasks, list(crop.sequences), folder))

    return _fit_for_scores(run, perform(run, work, with_crops))


def _fit_for_scores(run: Run, result: StageResult) -> StageResult:
    """The result; raises ConfigRefusal, before training, where a feature to compare with was not measured."""
    wanted = [score.feature for score in run.study.scores if isinstance(score, MeasuredScore)]
    names = [column["name"] for column in read_json(run.store.stage(STAGE) / "columns.json")] if wanted else []
    absent = [name for name in wanted if name not in names]
    if absent:
        measured = [name for name in names if name.startswith("radiomics:")]
        raise ConfigRefusal(
            "scores of the study file name features that were not measured",
            expected=nearest(absent[0], measured) if measured else "a study with masks",
            found=", ".join(absent),
            next_step="correct the feature under scores, or measure its family (docs/radiomics.md)",
        )
    return result


def _produce(run: Run, folder: Path, cut: _Cut | None) -> Made:
    if cut is None:
        shutil.rmtree(folder / SHELF, ignore_errors=True)
        (folder / INDEX).unlink(missing_ok=True)
    cohort = run.store.stage("cohort")
    dictionary = DataDictionary.load(cohort / "dictionary.csv")
    variables = read_parquet(cohort / "variables.parquet").set_index("case_id")
    radiomics = read_parquet(run.store.stage("radiomics") / "radiomics.parquet").set_index("case_id")
    features, columns = join_blocks(variables, dictionary, radiomics, cut.present if cut else None)
    harmonise = run.study.training.harmonise
    if harmonise is not None:
        batch = _batches(harmonise.variable, variables, read_parquet(cohort / "cases.parquet").set_index("case_id"))
        features, columns = with_batch(features, columns, batch, harmonise.by)
    del variables  # as large as the features
    features.reset_index(inplace=True)  # in place: a copy is as large again
    write_parquet(folder / "features.parquet", features)
    write_json(folder / "columns.json", [column.to_json() for column in columns])
    counts = {"cases": len(features), "features": len(columns), "with_radiomics": len(radiomics)}
    return Made({**counts, **(cut.counts if cut else {})}, cut.failed if cut else {})


def _batch_config(run: Run) -> dict[str, Any]:
    """What makes a batch, where anything does."""
    harmonise = run.study.training.harmonise
    return {} if harmonise is None else {"batch": harmonise.by}


def _batches(variable: str | None, variables: pd.DataFrame, cases: pd.DataFrame) -> dict[str, str]:
    """Each case's batch: its site, or its value of a variable; cases of which it is not known are left out."""
    if variable is not None and variable not in variables.columns:
        return {}
    values = cases["site"] if variable is None else variables[variable]
    return {str(case): str(value) for case, value in values.dropna().items()}


def _file_hashes(run: Run, case: CaseInput, recipe: Recipe) -> dict[str, str]:
    """sha256 of the images that are read, and of the masks drawn on them."""
    wanted = recipe.crop.sequences if recipe.crop else {}
    roles = {"image": case.images, "mask": case.masks}
    paths = {f"{role}:{name}": path for role, given in roles.items() for name, path in given.items() if name in wanted}
    return file_hashes(run, paths)


def _tasks(
    run: Run, cases: Mapping[str, CaseInput], files: Mapping[str, Any], recipe: Recipe, folder: Path
) -> list[_Task]:
    """One task for every case with a mask; what the key holds is all that a crop depends on."""
    segment = run.store.stage("segment")
    basis = {"code": measuring_digest(), "format": FORMAT, "recipe": recipe.to_json()}
    tasks = []
    for case_id, segment_key in read_json(segment / "index.json").items():
        key = digest({**basis, "segment": segment_key, "files": files[case_id]})
        mask = segment / "cases" / f"{segment_key}.nii.gz"
        tasks.append(_Task(CaseWork(case_id, key, folder, SHELF), cases[case_id], mask, recipe))
    return tasks


def _cut_crops(run: Run, tasks: list[_Task], sequences: list[str], folder: Path) -> _Cut:
    failed = run_cases(run, STAGE, tasks, lambda task: task.work, _cut_one)
    index = keep_only(folder, {task.work.case_id: task.work for task in tasks}, failed)
    reports = {case_id: read_json(folder / SHELF / f"{key}.json") for case_id, key in index.items()}
    present = images_present(sequences, {case_id: report["present"] for case_id, report in reports.items()})
    faults = {case_id: crop_faults(report["missing"]) for case_id, report in reports.items()}
    failed = {**failed, **{case_id: "; ".join(found.values()) for case_id, found in faults.items() if found}}
    counts = {name: int(present[name].notna().sum()) for name in sequences}
    return _Cut(present, {"crops": counts, "failed": len(failed)}, failed)


def _cut_one(task: _Task) -> None:
    crops, missing = crop_case(task.case, read_case_mask(task.mask, task.recipe), task.recipe)
    write_bytes(task.work.path(SUFFIX), crop_bytes(crops))
    write_json(task.work.path(), {"case_id": task.work.case_id, "present": sorted(crops), "missing": missing})
