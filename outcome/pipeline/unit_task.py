"""One unit of the train stage as a piece of work that a process of its own can do."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from outcome.features.columns import FeatureColumn
from outcome.features.crops import Crops
from outcome.features.stability import Repeats
from outcome.pipeline.case_work import CaseWork
from outcome.store import write_folder, write_json, write_parquet
from outcome.training.settings import TrainingSettings
from outcome.training.unit import train_unit
from outcome.types import InputSet, Target


@dataclass(frozen=True)
class UnitTask:
    """What one unit is trained on, and where it goes."""

    work: CaseWork
    frame: pd.DataFrame
    columns: tuple[FeatureColumn, ...]
    crops: Crops
    target: Target
    patients: tuple[str, ...]
    settings: TrainingSettings
    horizons: tuple[float, ...]
    inputs: InputSet
    one_number: str | None
    seed: int
    repeats: Repeats | None = None
    joint: tuple[Target, ...] = ()  # outcomes of auxiliary endpoints, in the order of the rows


def train_one(task: UnitTask) -> None:
    """Train a unit and write its files, what it says of each case, and its summary last."""
    unit = train_unit(
        task.frame, task.columns, task.target, task.patients, task.settings,
        horizons=task.horizons, inputs=task.inputs, one_number=task.one_number, seed=task.seed, crops=task.crops,
        repeats=task.repeats, joint=task.joint,
    )  # fmt: skip
    write_folder(task.work.path(""), unit.save)
    write_parquet(task.work.path(".parquet"), unit.out_of_fold)
    write_parquet(task.work.path(".details.parquet"), unit.out_of_fold_details)
    write_parquet(task.work.path(".information.parquet"), unit.out_of_fold_information)
    write_json(task.work.path(), {"unit": task.work.case_id, "ladder": unit.ladder, "skipped": unit.skipped})
