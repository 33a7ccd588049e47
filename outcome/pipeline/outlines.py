"""Part of stage `predict`: how far each risk moves when the regions are outlined differently. Nothing is fitted.

Where the segment stage kept several masks of a case by the network that drew it, those are the other outlines; else the
case's own mask is changed.

Layout: `outlines/<key>.json` a case, `outlines.parquet` (see `outcome.explain.outlines.OUTLINE_COLUMNS`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.cases import drawn_outlines, measure_masks, measure_repeats, read_case_mask
from outcome.config import Study
from outcome.errors import ConfigRefusal
from outcome.explain.outlines import CHANGED, NETWORK, OUTLINE_COLUMNS, outline_table
from outcome.features.crops import Crops
from outcome.pipeline.case_work import CaseWork, run_cases, sweep
from outcome.pipeline.inputs import file_hashes, read_inputs
from outcome.pipeline.masks.several import KeptMasks, kept_masks, masks_kept
from outcome.pipeline.recipe import recipe_in
from outcome.pipeline.stage import Run, measuring_digest, upstream
from outcome.recipe import CaseInput, Recipe
from outcome.serving import RiskModel
from outcome.store import digest, read_json, read_parquet, write_json, write_parquet

SHELF, TABLE = "outlines", "outlines.parquet"
STAGE = "predict: outlines"  # in journal and progress
KINDS = {NETWORK: "by the network that drew the mask", CHANGED: "by changing the mask"}
_NOT_KEPT = "the network's other masks of this case could not be drawn"


@dataclass(frozen=True)
class _Task:
    """One case; `several` holds the network's masks of it, and where there are none its own `mask` is changed."""

    work: CaseWork
    case: CaseInput
    mask: Path
    recipe: Recipe
    count: int
    seed: int
    several: tuple[Path, ...] = ()


def refuse_more_than_kept(study: Study, wanted: int) -> None:
    """Raises ConfigRefusal where more outlines are asked for than masks that the segment stage keeps of each case."""
    kept = masks_kept(study)
    if 0 < kept < wanted:
        raise ConfigRefusal(
            "more outlines are asked for than masks of the network are kept",
            expected=f"--outlines {kept} or fewer",
            found=f"--outlines {wanted}, segmenter.masks: {kept}",
            next_step=f"--set segmenter.masks={wanted}, or 0 to change each case's own mask instead",
        )


def evenly(kept: int, wanted: int) -> tuple[int, ...]:
    """Which of so many masks, cautious first, stand for fewer: those nearest to the thresholds of `wanted` masks.

    So fewer are no more cautious than all. 0-based, rising, each once. Raises ValueError for more than are kept.
    """
    if wanted > kept:
        raise ValueError(f"{wanted} of {kept} masks")
    return tuple((2 * (kept + 1) * (number + 1) - wanted - 1) // (2 * (wanted + 1)) for number in range(wanted))


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
    chosen = [str(case) for case in frame.index]
    tasks, without = _tasks(run, recipe.measuring(), chosen, folder)
    failed = run_cases(run, STAGE, tasks, lambda task: task.work, _measure_outlines) | without
    done = {task.work.case_id: task.work for task in tasks if task.work.case_id not in failed}
    sweep(folder / SHELF, {work.key for work in done.values()})
    outlines = {case_id: read_json(work.path()) for case_id, work in done.items()}
    write_parquet(folder / TABLE, _table(model, frame, crops, outlines, failed))
    return {case_id: f"other outlines: {reason}" for case_id, reason in failed.items()}


def outline_counts(folder: Path) -> dict[str, str]:
    """What stands behind the ranges in a written table, for the screen: how many cases by which kind of outlines."""
    if not (folder / TABLE).exists():
        return {}
    table = read_parquet(folder / TABLE).drop_duplicates("case_id")
    counts = {words: int((table["kind"] == kind).sum()) for kind, words in KINDS.items()}
    return {"outlines": "; ".join(f"{n} {words}" for words, n in counts.items() if n) or "none"}


def _tasks(run: Run, recipe: Recipe, chosen: Sequence[str], folder: Path) -> tuple[list[_Task], dict[str, str]]:
    """A task for every chosen case with a mask, and why there is none for a case whose kept masks are missing."""
    segment, cases = run.store.stage("segment"), read_inputs(run)
    index, several = read_json(segment / "index.json"), kept_masks(segment)
    with_mask = [case_id for case_id in chosen if case_id in index]
    without = {case_id: _NOT_KEPT for case_id in with_mask if several is not None and case_id not in several}
    tasks = [
        _task(run, recipe, cases[case_id], (segment, index[case_id]), (several or {}).get(case_id), folder)
        for case_id in with_mask
        if case_id not in without
    ]
    return tasks, without


def _task(
    run: Run, recipe: Recipe, case: CaseInput, mask: tuple[Path, str], kept: KeptMasks | None, folder: Path
) -> _Task:
    """`mask`: the segment stage and the key of the case in it."""
    segment, drawn = mask
    seed = run.study.training.seed
    basis = {"code": measuring_digest(), "recipe": recipe.to_json(), "segment": drawn, "files": _hashes(run, case)}
    by = {"outlines": run.outlines, "seed": seed} if kept is None else {"outlines": run.outlines, "several": kept.key}
    files = () if kept is None else tuple(kept.files[place] for place in evenly(len(kept.files), run.outlines))
    work = CaseWork(case.case_id, digest({**basis, **by}), folder, SHELF)
    return _Task(work, case, segment / "cases" / f"{drawn}.nii.gz", recipe, run.outlines, seed, files)


def _hashes(run: Run, case: CaseInput) -> dict[str, str]:
    roles = {"image": case.images, "mask": case.masks}
    return file_hashes(run, {f"{role}:{name}": path for role, given in roles.items() for name, path in given.items()})


def _measure_outlines(task: _Task) -> None:
    if task.several:
        masks = [read_case_mask(path, task.recipe) for path in task.several]
        found = measure_masks(task.case, masks, task.recipe)
    else:
        mask = read_case_mask(task.mask, task.recipe)
        found = measure_repeats(task.case, mask, task.recipe, drawn_outlines(task.count, task.seed))
    kind = NETWORK if task.several else CHANGED
    write_json(task.work.path(), {"case_id": task.work.case_id, "kind": kind, "outlines": found})


def _table(
    model: RiskModel,
    frame: pd.DataFrame,
    crops: Crops,
    outlines: Mapping[str, Mapping[str, Any]],
    failed: Mapping[str, str],
) -> pd.DataFrame:
    """Every case's ranges, case by case; one that was not measured has none, with the reason."""
    known = frame.reindex(columns=[column.name for column in model.columns])
    nothing: dict[str, Any] = {"kind": "", "outlines": ()}
    found = [(name, outlines.get(name, nothing)) for name in frame.index]
    parts = [
        outline_table(
            model.units, known.loc[[name]], told["outlines"], crops, reason=failed.get(name, ""), kind=told["kind"]
        )
        for name, told in found
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(OUTLINE_COLUMNS))
