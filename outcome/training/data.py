"""The rows that one fit may look at, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.features.columns import FeatureColumn
from outcome.types import Target


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Features, outcome and patient of the same n cases, in the same order.

    Raises ValueError where the lengths differ.
    """

    frame: pd.DataFrame
    columns: tuple[FeatureColumn, ...]
    target: Target
    patients: npt.NDArray[Any]  # (n,) patient identifiers

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "patients", np.asarray(self.patients, dtype=str))
        lengths = {len(self.frame), len(self.target), len(self.patients)}
        if len(lengths) != 1:
            raise ValueError(f"features, outcomes and patients differ in length: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, rows: npt.NDArray[Any]) -> TrainingData:
        """Some rows (indices, which may repeat, or a boolean mask)."""
        return TrainingData(self.frame.iloc[rows], self.columns, self.target.take(rows), self.patients[rows])

    def known(self) -> TrainingData:
        """The cases whose outcome is known."""
        return self if self.target.known.all() else self.take(self.target.known)

    def sorted(self) -> TrainingData:
        """The same cases by case id, so that the order of the table changes nothing."""
        return self.take(np.argsort(self.frame.index.to_numpy(dtype=str), kind="stable"))

    def limited(self, columns: Sequence[FeatureColumn]) -> TrainingData:
        """The same cases with some columns only."""
        return TrainingData(self.frame, tuple(columns), self.target, self.patients)
