"""What a model reads of n cases: the matrix of the table, which blocks each case has, and its crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from outcome.features.crops import NO_CROPS, Crops
from outcome.features.outputs import LEVEL
from outcome.features.preprocess import Preprocessor
from outcome.types import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class Inputs:
    """n cases, in order. Algorithms that read tables use `matrix` alone.

    `blocks` names the block of each matrix column; `present` says for every block, image blocks (`image:<sequence>`)
    among them, which cases have anything of it. `groups` names the categorical variable that a column holds one level
    of, "" for a column that is a number of its own. Raises ValueError where lengths differ.
    """

    matrix: FloatArray  # (n, p), no NaN
    blocks: tuple[str, ...] = ()  # (p,)
    present: Mapping[str, BoolArray] = field(default_factory=dict)  # each (n,)
    case_ids: tuple[str, ...] = ()  # (n,)
    crops: Crops = NO_CROPS
    groups: tuple[str, ...] = ()  # (p,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", np.ascontiguousarray(self.matrix, dtype=float))
        n, p = self.matrix.shape
        if (self.blocks and len(self.blocks) != p) or (self.case_ids and len(self.case_ids) != n):
            raise ValueError(f"{n} cases with {p} columns, but {len(self.case_ids)} ids and {len(self.blocks)} blocks")
        if self.groups and len(self.groups) != p:
            raise ValueError(f"{p} columns, but {len(self.groups)} groups")
        wrong = [name for name, rows in self.present.items() if len(rows) != n]
        if wrong:
            raise ValueError(f"presence of {wrong} is not told for {n} cases")

    def __len__(self) -> int:
        return len(self.matrix)

    def rows(self, places: Sequence[int]) -> Inputs:
        """These cases alone, in this order."""
        at = np.asarray(places, dtype=int)
        present = {block: there[at] for block, there in self.present.items()}
        names = tuple(self.case_ids[i] for i in at) if self.case_ids else ()
        return replace(self, matrix=self.matrix[at], present=present, case_ids=names)

    @classmethod
    def of(cls, matrix: Inputs | FloatArray) -> Inputs:
        """A bare matrix as inputs without blocks; inputs as they are."""
        return matrix if isinstance(matrix, Inputs) else cls(matrix)


def model_inputs(preprocessor: Preprocessor, frame: pd.DataFrame, crops: Crops = NO_CROPS) -> Inputs:
    """The inputs of the cases of a features frame (index case_id), through a fitted preprocessing."""
    blocks = output_blocks(preprocessor)
    groups = tuple(output.source if output.role == LEVEL else "" for output in preprocessor.outputs)
    names: dict[str, list[str]] = {}
    for column in preprocessor.columns:
        names.setdefault(column.block, []).append(column.name)
    present = {block: _any_known(frame, columns) for block, columns in names.items()}
    return Inputs(preprocessor.transform(frame), blocks, present, tuple(map(str, frame.index)), crops, groups)


def output_blocks(preprocessor: Preprocessor) -> tuple[str, ...]:
    """The block of each column that a preprocessing makes, (p,). Raises KeyError for one made of no feature."""
    block_of = {column.name: column.block for column in preprocessor.columns}
    return tuple(block_of[output.source] for output in preprocessor.outputs)


def _any_known(frame: pd.DataFrame, columns: list[str]) -> BoolArray:
    return np.asarray(frame[columns].notna().any(axis=1), dtype=bool)
