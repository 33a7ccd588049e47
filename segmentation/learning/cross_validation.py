"""K models that each leave out a share of the patients, and how well each outlines those that it left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_mask
from segmentation.images.scans import read_scan
from segmentation.learning.checkpoint import write_atomically
from segmentation.learning.sources import fingerprint_of, read_sources
from segmentation.learning.splits import patient_folds
from segmentation.learning.training import TrainingSetup, train
from segmentation.learning.training_case import TrainingCase
from segmentation.metrics import dice_by_region
from segmentation.outlining.inference import Segmenter
from segmentation.planning.plan import SegmenterPlan

DiceTable = dict[str, dict[str, float]]


@dataclass(frozen=True)
class CrossValidation:
    """The names of the models in the order of the folds, and Dice by case and region, each by the model that never saw
    the case's patient."""

    models: tuple[str, ...]
    fold_of: dict[str, int]
    dice: DiceTable


def cross_validate(
    cases: Sequence[TrainingCase],
    plan: SegmenterPlan,
    folds: int,
    folder: Path,
    *,
    device: str = "cpu",
    told: Callable[[str], None] = lambda _: None,
) -> CrossValidation:
    """Train one model a fold into `folder` (`fold_1.safetensors` ...) and judge it on its fold.

    The same call goes on where a killed one stopped; models of other cases or another plan are trained anew.
    Raises ImageRefusal as `train`, and `too_few_patients`.
    """
    names: list[str] = []
    fold_of: dict[str, int] = {}
    table: DiceTable = {}
    for number, left_out in enumerate(patient_folds(cases, folds, plan.seed), start=1):
        learned = [case for case in cases if case not in left_out]
        told(f"fold {number} of {folds}: {len(learned)} cases to learn from, {len(left_out)} to judge by")
        segmenter = _fold_model(learned, plan, folder / f"fold_{number}.safetensors", device)
        names.append(segmenter.name)
        for case in left_out:
            fold_of[case.case_id] = number
            table[case.case_id] = case_dice(segmenter, case)
    return CrossValidation(tuple(names), fold_of, dict(sorted(table.items())))


def case_dice(segmenter: Segmenter, case: TrainingCase) -> dict[str, float]:
    """Dice of each region of a model's mask with the given one, in the image's own voxels."""
    given = read_mask(case.mask, segmenter.plan.regions)
    return dice_by_region(given, segmenter.segment(read_scan(case.images)))


def _fold_model(learned: Sequence[TrainingCase], plan: SegmenterPlan, path: Path, device: str) -> Segmenter:
    """The model in the file where it is of this plan and these cases, else a new one."""
    note, work = path.with_suffix(".work"), fingerprint_of(read_sources(learned, plan), plan)
    try:
        if note.read_text(encoding="utf-8") == work:
            return Segmenter.from_bytes(path.read_bytes(), device=device)
    except (OSError, ImageRefusal):
        pass  # not there, or not whole
    checkpoint = path.with_name(f"{path.name}.training")
    segmenter = train(learned, plan, TrainingSetup(device, checkpoint)).segmenter
    write_atomically(path, segmenter.to_bytes())
    write_atomically(note, work.encode())
    checkpoint.unlink(missing_ok=True)
    return segmenter
