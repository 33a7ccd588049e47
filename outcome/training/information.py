"""How much of what a model reads is known of a case? Learned from development cases, one block taken away at a time.

A block's weight is the mean squared change of the model's score where the block is blanked: all its columns missing,
its image absent. Only the development cases that have something of the block count; weights sum to 1. The known share
of a case is the sum of the weights of its blocks, each times the share of the block's columns that are known of it.

Removal of one feature group at a time: Covert, Lundberg & Lee 2021, doi:10.48550/arXiv.2011.14878. Departure: blocks
are taken away one by one, so what two blocks both say is counted to neither. Scores are of the cases that the model
learned from: the changes say what the model leans on, not what the block is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from outcome.features.columns import BATCH, IMAGE
from outcome.features.preprocess import Preprocessor
from outcome.types import BoolArray, FloatArray

CASE_COLUMNS = ("case_id", "known_share", "blocks_missing")
SEPARATOR = ", "  # between the blocks that a case lacks
Score = Callable[[pd.DataFrame], FloatArray]


@dataclass(frozen=True)
class Information:
    """`moved`: by block, the root mean square change of the score without it, >= 0, on the scale of the model's score.

    Raises ValueError for a change that is none.
    """

    moved: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "moved", dict(self.moved))
        wrong = [name for name, change in self.moved.items() if not 0 <= change < np.inf]
        if wrong:
            raise ValueError(f"a root mean square change is finite and not negative, found another for {wrong}")

    @property
    def weights(self) -> dict[str, float]:
        """The share of each block in the squared changes; all 0 where no block moves the score."""
        total = sum(change**2 for change in self.moved.values())
        return {name: change**2 / total if total > 0 else 0.0 for name, change in self.moved.items()}

    def known_share(self, preprocessor: Preprocessor, frame: pd.DataFrame) -> FloatArray:
        """(n,) in [0, 1], 1 for a case of which every column that the model reads is known.

        1 too where no block moves the score: then nothing that matters is missing.
        """
        weights = self.weights
        unknown = np.zeros(len(frame))
        for block, names in blocks_read(preprocessor).items():
            missing = np.sum([frame[name].isna().to_numpy(dtype=bool) for name in names], axis=0)
            unknown += weights.get(block, 0.0) * (missing / len(names))
        return np.clip(1.0 - unknown, 0.0, 1.0)

    def change(self, preprocessor: Preprocessor, frame: pd.DataFrame) -> FloatArray:
        """(n,) the root of the summed squared changes of the blocks that a case lacks altogether; 0 where it has all.

        On the scale of the model's score. Blocks are taken to move it independently.
        """
        lacking = blocks_lacking(preprocessor, frame)
        squares = [self.moved.get(block, 0.0) ** 2 * rows for block, rows in lacking.items()]
        return np.sqrt(np.sum(squares, axis=0)) if squares else np.zeros(len(frame))

    def to_json(self) -> dict[str, Any]:
        return {"moved": dict(self.moved)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Information:
        return cls(data["moved"])


def blocks_read(preprocessor: Preprocessor) -> dict[str, tuple[str, ...]]:
    """The columns that a model reads, by block: those that became columns of its matrix, and its images."""
    sources = {output.source for output in preprocessor.outputs}
    read: dict[str, tuple[str, ...]] = {}
    for column in preprocessor.columns:
        if column.kind == IMAGE or column.name in sources:
            read[column.block] = (*read.get(column.block, ()), column.name)
    return read


def blocks_lacking(preprocessor: Preprocessor, frame: pd.DataFrame) -> dict[str, BoolArray]:
    """By block (n,): which cases lack every column of it that the model reads."""
    read = blocks_read(preprocessor)
    return {block: _all_missing(frame, names) for block, names in read.items()}


def _all_missing(frame: pd.DataFrame, names: Sequence[str]) -> BoolArray:
    """(n,) which cases lack all of these columns; column by column, so that no part of a large frame is copied."""
    lacking = np.ones(len(frame), dtype=bool)
    for name in names:
        lacking &= frame[name].isna().to_numpy(dtype=bool)
        if not lacking.any():
            break
    return lacking


def blanked(preprocessor: Preprocessor, frame: pd.DataFrame, block: str) -> pd.DataFrame:
    """The same cases without a block: every column of it missing, read or not."""
    taken = [column for column in preprocessor.columns if column.block == block and column.kind != BATCH]
    empty = {
        column.name: pd.Series(None, index=frame.index, dtype=object if column.choices else float) for column in taken
    }
    return pd.DataFrame({name: empty.get(str(name), frame[name]) for name in frame.columns}, index=frame.index)


def learn_information(preprocessor: Preprocessor, score: Score, frame: pd.DataFrame) -> Information:
    """What each block moves in the score of these cases, which are the model's training cases and no others.

    `score` gives the model's score (n,) of the cases of a features frame. One scoring pass a block.
    """
    whole, moved = score(frame), {}
    for block, lacking in blocks_lacking(preprocessor, frame).items():
        there = np.flatnonzero(~lacking)
        cases = frame if len(there) == len(frame) else frame.iloc[there]
        without = score(blanked(preprocessor, cases, block)) if len(there) else np.empty(0)
        moved[block] = float(np.sqrt(np.mean((whole[there] - without) ** 2))) if len(there) else 0.0
    return Information(moved)


def case_information(information: Information | None, preprocessor: Preprocessor, frame: pd.DataFrame) -> pd.DataFrame:
    """One row a case (CASE_COLUMNS) in the order of the frame (index case_id).

    `blocks_missing` names the blocks that a case lacks altogether, "" where it has something of each. No row where
    nothing was learned of the model, as in files of earlier versions.
    """
    cases = frame if information is not None else frame.iloc[:0]
    lacking = blocks_lacking(preprocessor, cases)
    told = [SEPARATOR.join(block for block, rows in lacking.items() if rows[i]) for i in range(len(cases))]
    share = information.known_share(preprocessor, cases) if information is not None else np.empty(0)
    ids = cases.index.to_numpy(dtype=object)
    return pd.DataFrame({"case_id": ids, "known_share": share, "blocks_missing": pd.Series(told, dtype=object)})
