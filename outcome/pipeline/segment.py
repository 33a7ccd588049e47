"""Stage `segment`: every case's mask, checked, cropped to its regions and written beside its findings.

Masks are handed over; or networks that learned from the development cases' given masks draw them; or a frozen
bundle's network does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.bundle import Bundle
from outcome.cases import case_mask_bytes, segment_case
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.pipeline.case_work import CaseWork, keep_only, run_cases
from outcome.pipeline.inputs import file_hashes, read_inputs, recipe_of
from outcome.pipeline.masks.agreement import FILE as AGREEMENT
from outcome.pipeline.masks.agreement import agreement_table
from outcome.pipeline.masks.drawing import (
    Drawn,
    draw_cases,
    drawings,
    forget_networks,
    networks_of_bundle,
    networks_of_study,
)
from outcome.pipeline.masks.finished_model import finished_network
from outcome.pipeline.masks.review import rejected_masks, without_rejected
from outcome.pipeline.masks.several import forget_several, keep_several, masks_kept, refuse_one_mask, several_config
from outcome.pipeline.recipe import SEGMENTER, foreign_bundle, frozen_recipe
from outcome.pipeline.stage import Made, Run, StageResult, Work, measuring_digest, perform, upstream
from outcome.recipe import CaseInput, Recipe
from outcome.store import digest, read_json, write_bytes, write_json, write_parquet
from outcome.types import Finding, Level

STAGE = "segment"
REGION_COLUMNS = ["case_id", "region", "voxels", "volume_ml"]


@dataclass(frozen=True)
class _Task:
    work: CaseWork
    case: CaseInput
    recipe: Recipe


def run_segment(run: Run) -> StageResult:
    """Make the segment stage of a study; cases without a mask are left out here and go on without that block."""
    bundle = foreign_bundle(run)
    frozen = frozen_recipe(bundle)
    recipe = frozen or recipe_of(run.study)
    if frozen is None and run.study.segmenter is not None and (recipe is None or not recipe.mask_on):
        raise ConfigRefusal(
            "segmenter needs mask.on, the image that the network reads",
            found="segmenter.masks alone, and no bundle that draws masks",
            next_step="name the image under mask.on; or leave segmenter out",
        )
    recipe = recipe.drawing() if recipe else None
    work = Work(STAGE, _config(run, recipe), _inputs(run))
    if recipe is None or (frozen is None and run.study.segmenter is None):
        return perform(run, work, lambda folder: _given(run, recipe, folder))
    return perform(run, work, lambda folder: _drawn(run, recipe, folder, bundle if frozen else None))


def _config(run: Run, recipe: Recipe | None) -> dict[str, Any]:
    if recipe is None:
        return {"recipe": None}
    given = run.study.mask.regions if run.study.mask else {}
    if recipe.draws_masks:
        return {"recipe": recipe.to_json(), "given_regions": dict(given), **several_config(run.study)}
    learning = run.study.segmenter
    if learning is None:
        return {"recipe": recipe.to_json()}
    described = {name: value for name, value in recipe.to_json().items() if name != "segmenter"}
    stated = run.study.resolved()["segmenter"]
    return {"recipe": described, "learning": stated, "seed": run.study.training.seed}


def _inputs(run: Run) -> dict[str, str]:
    """The cohort, and every given file by its content: an edited mask makes the stage stale."""
    files = {case_id: _file_hashes(run, case) for case_id, case in read_inputs(run).items()}
    rejected = rejected_masks(run.store)
    said = {"reviews": digest({mask: said.said_by for mask, said in rejected.items()})} if rejected else {}
    finished = run.study.segmenter.model if run.study.segmenter else None
    model = file_hashes(run, {"model": finished}) if finished else {}
    return {"stage:cohort": upstream(run.store, "cohort"), "files": digest(files), **model, **said}


def _file_hashes(run: Run, case: CaseInput) -> dict[str, str]:
    """sha256 of a case's files by role."""
    paths = {f"image:{name}": path for name, path in case.images.items()} | ({"mask": case.mask} if case.mask else {})
    return file_hashes(run, paths)


def _given(run: Run, recipe: Recipe | None, folder: Path) -> Made:
    for name in (SEGMENTER, AGREEMENT):
        (folder / name).unlink(missing_ok=True)
    forget_networks(folder)
    forget_several(folder)
    tasks = [] if recipe is None else [_task(run, case, recipe, folder) for case in _with_mask(run)]
    failed = run_cases(run, STAGE, tasks, lambda task: task.work, _segment_one)
    done = _written(run, [task.work for task in tasks], failed, folder)
    return Made({"cases": len(tasks), "done": len(done), "failed": len(failed)}, failed)


def _drawn(run: Run, recipe: Recipe, folder: Path, bundle: Bundle | None) -> Made:
    """Masks by networks: the bundle's, or those trained here. The stage's description of them is written last."""
    (folder / SEGMENTER).unlink(missing_ok=True)
    cases = read_inputs(run)
    drawn = _networks(run, cases, recipe, folder, bundle)
    tasks = drawings(run, drawn, cases, folder)
    refuse_one_mask(tasks, masks_kept(run.study))
    failed = draw_cases(run, STAGE, tasks)
    without = keep_several(run, [task for task in tasks if task.work.case_id not in failed], folder)
    reports = _written(run, [task.work for task in tasks], failed, folder, drawn.findings)
    write_parquet(folder / AGREEMENT, agreement_table(reports))
    write_json(folder / SEGMENTER, drawn.to_json(folder))
    counts = {"cases": len(tasks), "done": len(reports), "failed": len(failed), "networks": len(drawn.networks)}
    return Made({**counts, **several_config(run.study)}, {**without, **failed})


def _networks(run: Run, cases: Mapping[str, CaseInput], recipe: Recipe, folder: Path, bundle: Bundle | None) -> Drawn:
    if bundle is not None:
        return networks_of_bundle(bundle, recipe, folder)
    finished = run.study.segmenter.model if run.study.segmenter else None
    if finished is not None:
        return finished_network(run, finished, cases, recipe, folder)
    return networks_of_study(run, cases, recipe, folder)


def _written(
    run: Run, works: Sequence[CaseWork], failed: Mapping[str, str], folder: Path, findings: Sequence[Finding] = ()
) -> dict[str, dict[str, Any]]:
    """Index, table of regions and findings of the finished cases; returns their reports. A mask that a person rejected
    stays on the shelf and leaves the index: nothing is measured on it."""
    every = keep_only(folder, {work.case_id: work for work in works}, failed)
    index, refused = without_rejected(every, rejected_masks(run.store))
    write_json(folder / "index.json", index)
    reports = {case_id: read_json(folder / "cases" / f"{key}.json") for case_id, key in index.items()}
    write_parquet(folder / "regions.parquet", _regions(reports))
    said = [finding for report in reports.values() for finding in report["findings"]]
    write_json(folder / "findings.json", [*(finding.to_json() for finding in (*findings, *refused)), *said])
    return reports


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
