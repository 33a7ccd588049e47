"""The tensors of n cases: table columns, who has which block, and the crops of those who have them.

Crops are held in half precision, as the store writes them, so that a crop fresh from an image and one read back from
disk are the same numbers. Nothing here is learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from outcome.errors import DataRefusal
from outcome.features.crops import IMAGE_PREFIX
from outcome.models.inputs import Inputs
from outcome.models.network.region_statistics import region_statistics
from outcome.types import BoolArray

TABLE = "table"  # the block of a matrix whose columns name none
PART = 16  # crops at a time where all are gone through
Shape = tuple[int, ...]  # (1 + regions, X, Y, Z)


@dataclass(frozen=True, eq=False)
class Batch:
    """Cases as a network reads them: `images` maps a block to the crops of those cases that are `present` there."""

    table: Tensor  # (n, p)
    present: Tensor  # (n, blocks) bool, tables first, then images
    images: Mapping[str, Tensor]  # each (m, 1 + regions, X, Y, Z) of the m cases present, in order
    measured: Mapping[str, Tensor] = field(default_factory=dict)  # each (m, q): region statistics, where made before
    seen: Mapping[str, Tensor] = field(default_factory=dict)  # each (m, f): what the encoder gives, where made before

    def take(self, rows: Tensor) -> Batch:
        """These cases alone, in this order."""
        images, measured = dict[str, Tensor](), dict[str, Tensor]()
        for block, offset in zip(self.images, range(-len(self.images), 0), strict=True):
            there = self.present[:, offset]
            places = (there.cumsum(0) - 1)[rows[there[rows]]]
            images[block] = self.images[block][places]
            if block in self.measured:
                measured[block] = self.measured[block][places]
        return Batch(self.table[rows], self.present[rows], images, measured)


@dataclass(frozen=True, eq=False)
class CaseStack:
    """The cases of a training set in memory: each crop once, however often its case was drawn."""

    table: Tensor
    present: Tensor
    crops: Mapping[str, Tensor]  # half precision, one a case that has it
    measured: Mapping[str, Tensor]  # region statistics, one row a crop
    place: Mapping[str, Tensor]  # (n,) where each row's crop stands

    def batch(self, rows: Tensor) -> Batch:
        """These rows, crops in single precision."""
        images, measured = {}, {}
        for block, offset in zip(self.crops, range(-len(self.crops), 0), strict=True):
            places = self.place[block][rows[self.present[rows, offset]]]
            images[block], measured[block] = self.crops[block][places].float(), self.measured[block][places]
        return Batch(self.table[rows], self.present[rows], images, measured)

    def places(self, block: str, rows: Tensor) -> Tensor:
        """Where the crops of these rows (n,) bool stand, each once, however many rows of its case there are."""
        there = rows & self.present[:, list(self.crops).index(block) - len(self.crops)]
        return self.place[block][there].unique()

    def parts(self, block: str) -> Iterator[Tensor]:
        """The crops of a block in single precision, a few at a time."""
        return (part.float() for part in self.crops[block].split(PART))


def table_blocks(inputs: Inputs) -> dict[str, tuple[int, ...]]:
    """The columns of each table block, in the order of the matrix."""
    columns: dict[str, list[int]] = {}
    for column, block in enumerate(inputs.blocks or (TABLE,) * inputs.matrix.shape[1]):
        columns.setdefault(block, []).append(column)
    return {block: tuple(places) for block, places in columns.items()}


def image_shapes(inputs: Inputs) -> dict[str, Shape]:
    """The crop shape of each image block that any case has. Raises DataRefusal where crops differ or lack."""
    shapes = {}
    for block in (name for name in inputs.present if name.startswith(IMAGE_PREFIX)):
        rows = np.flatnonzero(inputs.present[block])
        if len(rows):
            shapes[block] = tuple(crop_of(inputs, block, int(rows[0])).shape)
    return shapes


def presence(inputs: Inputs, tables: Sequence[str], images: Sequence[str]) -> BoolArray:
    """(n, blocks): who has which; a table block that nothing is told of is there, an image block is not."""
    n = len(inputs)
    told = [inputs.present.get(block, np.ones(n, dtype=bool)) for block in tables]
    told += [inputs.present.get(block, np.zeros(n, dtype=bool)) for block in images]
    return np.array(told, dtype=bool).reshape(-1, n).T


def stack_cases(inputs: Inputs, tables: Sequence[str], shapes: Mapping[str, Shape]) -> CaseStack:
    """All cases in memory. Raises DataRefusal for a crop that is absent or of another shape."""
    present = presence(inputs, tables, list(shapes))
    crops, place, measured = {}, {}, {}
    for offset, (block, shape) in enumerate(shapes.items(), start=len(tables)):
        rows = np.flatnonzero(present[:, offset])
        ids, first, inverse = np.unique([inputs.case_ids[i] for i in rows], return_index=True, return_inverse=True)
        held = torch.empty((len(ids), *shape), dtype=torch.half)
        for i, row in enumerate(rows[first]):
            held[i] = torch.from_numpy(_checked(inputs, block, int(row), shape))
        place[block] = torch.zeros(len(inputs), dtype=torch.long)
        place[block][torch.from_numpy(rows)] = torch.from_numpy(inverse)
        crops[block] = held
        measured[block] = torch.cat([region_statistics(part.float()) for part in held.split(PART)])
    return CaseStack(torch.from_numpy(inputs.matrix).float(), torch.from_numpy(present), crops, measured, place)


def one_case(inputs: Inputs, row: int, tables: Sequence[str], shapes: Mapping[str, Shape]) -> Batch:
    """A batch of one. Raises DataRefusal for a crop that is absent or of another shape."""
    present = presence(inputs, tables, list(shapes))[row : row + 1]
    images = {}
    for offset, (block, shape) in enumerate(shapes.items(), start=len(tables)):
        if present[0, offset]:
            images[block] = torch.from_numpy(_checked(inputs, block, row, shape)).float()[None]
        else:
            images[block] = torch.empty((0, *shape))
    return Batch(torch.from_numpy(inputs.matrix[row : row + 1]).float(), torch.from_numpy(present), images)


def with_crops(batch: Batch, crops: Mapping[str, Tensor] | None) -> Batch:
    """The batch with other crops, by sequence, and without what was made of its own."""
    return batch if crops is None else replace(
        batch, images={**batch.images, **{f"{IMAGE_PREFIX}{name}": crop for name, crop in crops.items()}},
        measured={}, seen={},
    )  # fmt: skip


def crop_of(inputs: Inputs, block: str, row: int) -> np.ndarray:
    """A case's crop of an image block that it is said to have. Raises DataRefusal where it is not there."""
    case = inputs.case_ids[row] if inputs.case_ids else ""
    crop = inputs.crops.get(case, block.removeprefix(IMAGE_PREFIX))
    if crop is None:
        raise DataRefusal(
            f"the features say that case {case!r} has {block}, but its crop is not there",
            expected="a crop for every case whose image column is 1",
            found="none",
            next_step="build the features anew, and hand their crops over with them",
        )
    return crop


def _checked(inputs: Inputs, block: str, row: int, shape: Shape) -> np.ndarray:
    crop = crop_of(inputs, block, row)
    if crop.shape != shape:
        raise DataRefusal(
            f"the weights for {block} were made for another crop",
            expected=f"{shape[0]} channels (the image and {shape[0] - 1} regions) of {_times(shape)} voxels",
            found=f"{crop.shape[0]} channels of {_times(crop.shape)} voxels in case {inputs.case_ids[row]!r}",
            next_step="cut crops by the recipe that the model was trained with, or train anew",
        )
    return np.asarray(crop, dtype=np.float16)


def _times(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape[1:])
