"""The rows that one fit may look at, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.features.columns import FeatureColumn
from outcome.features.crops import NO_CROPS, Crops
from outcome.features.preprocess import Preprocessor
from outcome.features.stability import Repeats
from outcome.models.inputs import Inputs, model_inputs
from outcome.models.registry import reads_blocks
from outcome.types import Target


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Features, outcome and patient of the same n cases, in the same order.

    `crops` and `repeats` are looked up by case id (the frame's index), so they may hold other cases too. `unstable`
    names columns that were left out, each with the reason (see `outcome.training.stability`). Raises ValueError where
    the lengths differ.
    """

    frame: pd.DataFrame
    columns: tuple[FeatureColumn, ...]
    target: Target
    patients: npt.NDArray[Any]  # (n,) patient identifiers
    crops: Crops = NO_CROPS
    repeats: Repeats | None = None
    unstable: tuple[tuple[str, str], ...] = ()
    joint: tuple[Target, ...] = ()  # of auxiliary endpoints, which a network learns beside

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "patients", np.asarray(self.patients, dtype=str))
        object.__setattr__(self, "joint", tuple(self.joint))
        lengths = {len(self.frame), len(self.target), len(self.patients), *map(len, self.joint)}
        if len(lengths) != 1:
            raise ValueError(f"features, outcomes and patients differ in length: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, rows: npt.NDArray[Any]) -> TrainingData:
        """Some rows (indices, which may repeat, or a boolean mask)."""
        return replace(
            self,
            frame=self.frame.iloc[rows],
            target=self.target.take(rows),
            patients=self.patients[rows],
            joint=tuple(target.take(rows) for target in self.joint),
        )

    def known(self) -> TrainingData:
        """The cases whose outcome is known."""
        return self if self.target.known.all() else self.take(self.target.known)

    def sorted(self) -> TrainingData:
        """The same cases by case id, so that the order of the table changes nothing."""
        order = np.argsort(self.frame.index.to_numpy(dtype=str), kind="stable")
        return self if np.array_equal(order, np.arange(len(order))) else self.take(order)

    def limited(self, columns: Sequence[FeatureColumn]) -> TrainingData:
        """The same cases with some columns only."""
        return replace(self, columns=tuple(columns))

    def inputs(self, algorithm: str, preprocessor: Preprocessor) -> Inputs:
        """What a model of this algorithm reads of these cases, through a fitted preprocessing."""
        return read_inputs(algorithm, preprocessor, self.frame, self.crops)


def read_inputs(algorithm: str, preprocessor: Preprocessor, frame: pd.DataFrame, crops: Crops = NO_CROPS) -> Inputs:
    """What a model of this algorithm reads of the cases of a features frame (index case_id)."""
    if reads_blocks(algorithm):
        return model_inputs(preprocessor, frame, crops)
    # which blocks a case has costs as much as the matrix, and a table model never asks
    return Inputs(preprocessor.transform(frame))
