"""What a unit is made of: its cases and what may be read of them, its horizons, and the number it is compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from outcome.errors import DataRefusal
from outcome.features.columns import FeatureColumn, allowed_columns
from outcome.features.crops import NO_CROPS, Crops
from outcome.features.stability import Repeats
from outcome.training.data import TrainingData
from outcome.training.offer import Offer, offer
from outcome.training.settings import TrainingSettings
from outcome.types import InputSet, Target


@dataclass(frozen=True, eq=False)
class UnitCases:
    """The cases of one endpoint and input set before anything is fitted.

    `frame` is indexed by unique case ids and has one row a case, as have `target`, `patients` and every auxiliary
    endpoint in `joint`. `columns` are all there are; the input set says which may be read. `crops` are what image
    blocks hold; with `repeats` every fit leaves out the columns that are unstable over its own training cases.
    `one_number` names the column of the study's comparator. `horizons` in days.
    """

    frame: pd.DataFrame
    columns: tuple[FeatureColumn, ...]
    target: Target
    patients: tuple[str, ...]
    inputs: InputSet
    horizons: tuple[float, ...] = ()
    one_number: str | None = None
    crops: Crops = NO_CROPS
    repeats: Repeats | None = None
    joint: tuple[Target, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "patients", tuple(str(name) for name in self.patients))
        object.__setattr__(self, "horizons", tuple(float(day) for day in self.horizons))
        object.__setattr__(self, "joint", tuple(self.joint))

    def data(self) -> TrainingData:
        """The rows with the columns that may be read, in their order. Raises DataRefusal for a repeated case."""
        if not self.frame.index.is_unique:
            twice = f"{self.frame.index.duplicated().sum()} rows"
            raise DataRefusal("a case stands twice in the features table", found=twice)
        allowed = allowed_columns(self.columns, self.inputs)
        patients = np.asarray(self.patients, dtype=str)
        return TrainingData(self.frame, allowed, self.target, patients, self.crops, self.repeats, (), self.joint)

    def offer(self, data: TrainingData, settings: TrainingSettings) -> Offer:
        """The ladder that some of these cases may have, or why there is no model of them."""
        return offer(data, self.inputs, settings, self.horizons, self.one_number)
