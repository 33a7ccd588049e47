"""One unit of the train stage as a piece of work that a process of its own can do."""

from __future__ import annotations

from dataclasses import dataclass

from outcome.explain.map_checks import check_unit_maps
from outcome.pipeline.case_work import CaseWork
from outcome.store import write_folder, write_json, write_parquet
from outcome.training.folds import derive_seed
from outcome.training.settings import TrainingSettings
from outcome.training.unit import train_cases
from outcome.training.unit_cases import UnitCases


@dataclass(frozen=True)
class UnitTask:
    """What one unit is trained on and how, and where it goes."""

    work: CaseWork
    cases: UnitCases
    settings: TrainingSettings
    seed: int
    regions: tuple[str, ...] = ()  # the mask channels of crops, in order


def train_one(task: UnitTask) -> None:
    """Train a unit, check its heat maps, and write its files, what it says of each case, and its summary last."""
    unit = train_cases(task.cases, task.settings, task.seed)
    seed = derive_seed(task.seed, "heat maps")
    unit = check_unit_maps(unit, task.cases.data().sorted(), task.settings, seed, task.regions)
    write_folder(task.work.path(""), unit.save)
    write_parquet(task.work.path(".parquet"), unit.out_of_fold)
    write_parquet(task.work.path(".details.parquet"), unit.out_of_fold_details)
    write_parquet(task.work.path(".information.parquet"), unit.out_of_fold_information)
    write_parquet(task.work.path(".folds.parquet"), unit.outer_folds)
    write_json(task.work.path(), {"unit": task.work.case_id, "ladder": unit.ladder, "skipped": unit.skipped})
