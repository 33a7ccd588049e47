"""Part of stage `predict`: how far each risk moves when the regions are outlined differently. Nothing is fitted.

Layout: `outlines/<key>.json` a case, `outlines.parquet` (see `outcome.explain.outlines.OUTLINE_COLUMNS`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.cases import drawn_outlines, measure_repeats, read_case_mask
from outcome.explain.outlines import OUTLINE_COLUMNS, outline_table
from outcome.features.crops import Crops
from outcome.pipeline.case_work import CaseWork, run_cases, sweep
from outcome.pipeline.inputs import file_hashes, read_inputs
from outcome.pipeline.recipe import recipe_in
from outcome.pipeline.stage import Run, measuring_digest, upstream
from outcome.serving import RiskModel
from outcome.store import digest, read_json, write_json, write_parquet
from outcome.types import CaseInput, Recipe

SHELF, TABLE = "outlines", "outlines.parquet"
STAGE = "predict: outlines"  # in journal and progress


@dataclass(frozen=True)
class _Task:
    work: CaseWork
    case: CaseInput
    mask: Path
    recipe: Recipe
    count: int
    seed: int


def outline_config(run: Run) -> dict[str, Any]:
    """What the stage's work depends on beside the rest; {} where no outline is asked for."""
    return {"outlines": run.outlines, "seed": run.study.training.seed} if run.outlines else {}


def outline_inputs(run: Run) -> dict[str, str]:
    """The hash of the masks that are redrawn; {} where no outline is asked for."""
    return {"stage:segment": upstream(run.store, "segment")} if run.outlines else {}


def write_outlines(run: Run, model: RiskModel, frame: pd.DataFrame, crops: Crops, folder: Path) -> dict[str, str]:
    """Measure every case of `frame` by other outlines and write the table; returns the reasons of those that failed.

    Without an outline asked for, or without a recipe, the table of earlier work is taken away.
    """
    recipe = recipe_in(run)
    if not run.outlines or recipe is None:
        sweep(folder / SHELF, ())
        (folder / TABLE).unlink(missing_ok=True)
        return {}
    tasks = _tasks(run, recipe.measuring(), [str(case) for case in frame.index], folder)
    failed = run_cases(run, STAGE, tasks, lambda task: task.work, _measure_outlines)
    done = {task.work.case_id: task.work for task in tasks if task.work.case_id not in failed}
    sweep(folder / SHELF, {work.key for work in done.values()})
    outlines = {case_id: read_json(work.path())["outlines"] for case_id, work in done.items()}
    write_parquet(folder / TABLE, _table(model, frame, crops, outlines, failed))
    return {case_id: f"other outlines: {reason}" for case_id, reason in failed.items()}


def _tasks(run: Run, recipe: Recipe, chosen: Sequence[str], folder: Path) -> list[_Task]:
    segment, cases = run.store.stage("segment"), read_inputs(run)
    index = read_json(segment / "index.json")
    seed, tasks = run.study.training.seed, []
    for case_id in (name for name in chosen if name in index):
        case = cases[case_id]
        basis = {"code": measuring_digest(), "recipe": recipe.to_json(), "segment": index[case_id]}
        key = digest({**basis, "files": _hashes(run, case), "outlines": run.outlines, "seed": seed})
        mask = segment / "cases" / f"{index[case_id]}.nii.gz"
        tasks.append(_Task(CaseWork(case_id, key, folder, SHELF), case, mask, recipe, run.outlines, seed))
    return tasks


def _hashes(run: Run, case: CaseInput) -> dict[str, str]:
    roles = {"image": case.images, "mask": case.masks}
    return file_hashes(run, {f"{role}:{name}": path for role, given in roles.items() for name, path in given.items()})


def _measure_outlines(task: _Task) -> None:
    mask = read_case_mask(task.mask, task.recipe)
    found = measure_repeats(task.case, mask, task.recipe, drawn_outlines(task.count, task.seed))
    write_json(task.work.path(), {"case_id": task.work.case_id, "outlines": found})


def _table(
    model: RiskModel,
    frame: pd.DataFrame,
    crops: Crops,
    outlines: Mapping[str, Sequence[Mapping[str, float]]],
    failed: Mapping[str, str],
) -> pd.DataFrame:
    """Every case's ranges, case by case; one that was not measured has none, with the reason."""
    known = frame.reindex(columns=[column.name for column in model.columns])
    parts = [
        outline_table(model.units, known.loc[[name]], outlines.get(name, ()), crops, reason=failed.get(name, ""))
        for name in frame.index
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(OUTLINE_COLUMNS))
