"""Part of stage `segment`: several masks of a case, kept beside its mask and drawn by the very network that drew it.

So a development case's come from the network that never learned from its patient, as its mask does.

Layout: `several/<key>.<n>.nii.gz` (n from 1, cautious first), `several/<key>.json` (who drew them), `several.json`
({"masks": how many of each case, "index": {case_id: key}}); none of it where none are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcome.cases import case_mask_bytes, no_probabilities, several_masks, tells_probabilities
from outcome.config import Study
from outcome.errors import ConfigRefusal
from outcome.pipeline.case_work import CaseWork, run_cases, sweep
from outcome.pipeline.masks.drawing import Drawing, loaded_network
from outcome.pipeline.stage import Run
from outcome.store import digest, read_json, write_bytes, write_json

SHELF, INDEX = "several", "several.json"
STAGE = "segment: several masks"  # in journal and progress


@dataclass(frozen=True)
class _Several:
    work: CaseWork
    drawing: Drawing
    count: int


@dataclass(frozen=True)
class KeptMasks:
    """The masks that the segment stage kept of a case, cautious first, and the key of the work that drew them."""

    key: str
    files: tuple[Path, ...]


def masks_kept(study: Study) -> int:
    """How many masks of each case a study keeps; 0 where no network draws or none are asked for."""
    return study.segmenter.masks if study.segmenter else 0


def several_config(study: Study) -> dict[str, Any]:
    """What the segment stage depends on beside the network; {} where no masks are kept."""
    count = masks_kept(study)
    return {"masks": count} if count else {}


def refuse_one_mask(drawings: Sequence[Drawing], count: int) -> None:
    """Raises ConfigRefusal where several masks are asked of a model that gives one alone, before any case is drawn."""
    if not count or not drawings:
        return
    network = loaded_network(drawings[0])
    if not tells_probabilities(network):
        told = no_probabilities(network)
        raise ConfigRefusal(told.message, expected=told.expected, found=told.found, next_step=told.next_step)


def keep_several(run: Run, drawings: Sequence[Drawing], folder: Path) -> dict[str, str]:
    """Draw and keep the masks of every case whose mask is drawn; returns the reasons of those that failed.

    Where none are asked for, those of earlier work are taken away.
    """
    count = masks_kept(run.study)
    if not count:
        forget_several(folder)
        return {}
    tasks = [_several(drawing, count) for drawing in drawings]
    failed = run_cases(run, STAGE, tasks, lambda task: task.work, _draw_several)
    index = {task.work.case_id: task.work.key for task in tasks if task.work.case_id not in failed}
    sweep(folder / SHELF, set(index.values()))
    write_json(folder / INDEX, {"masks": count, "index": dict(sorted(index.items()))})
    return {case_id: f"several masks: {reason}" for case_id, reason in failed.items()}


def forget_several(folder: Path) -> None:
    """Take away the masks of earlier work."""
    sweep(folder / SHELF, ())
    (folder / INDEX).unlink(missing_ok=True)


def kept_masks(segment: Path) -> Mapping[str, KeptMasks] | None:
    """Every case's kept masks in a finished segment stage; None where it kept none."""
    if not (segment / INDEX).exists():
        return None
    told = read_json(segment / INDEX)
    return {case_id: KeptMasks(key, _files(segment, key, told["masks"])) for case_id, key in told["index"].items()}


def _files(segment: Path, key: str, count: int) -> tuple[Path, ...]:
    return tuple(segment / SHELF / f"{key}.{number + 1}.nii.gz" for number in range(count))


def _several(drawing: Drawing, count: int) -> _Several:
    mask = drawing.work
    return _Several(CaseWork(mask.case_id, digest({"drawn": mask.key, "masks": count}), mask.folder, SHELF),
                    drawing, count)  # fmt: skip


def _draw_several(task: _Several) -> None:
    drawing = task.drawing
    masks = several_masks(drawing.case, drawing.recipe, loaded_network(drawing), task.count)
    for path, mask in zip(_files(task.work.folder, task.work.key, task.count), masks, strict=True):
        write_bytes(path, case_mask_bytes(mask))
    by = {"drawn_by": drawing.drawn_by, "network": drawing.network.name}
    write_json(task.work.path(), {"case_id": task.work.case_id, **by, "masks": task.count})
