"""The voxels that image networks read: one crop a case and sequence, row-wise, nothing learned from other cases.

A crop is float32, shape (1 + regions, X, Y, Z) along the patient's x (to the right), y (anterior) and z (superior):
channel 0 is the scaled image, then one 0/1 channel a region in the recipe's order.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

CropArray = npt.NDArray[np.float32]
IMAGE_PREFIX = "image:"
SUFFIX = ".npz"


@dataclass(frozen=True, eq=False)
class Crops:
    """Crops by case and sequence, read from disk when asked for, or held in memory.

    `files` maps a case to its npz; `held` maps a case to its arrays by sequence.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    held: Mapping[str, Mapping[str, CropArray]] = field(default_factory=dict)

    def get(self, case_id: str, sequence: str) -> CropArray | None:
        """A case's crop of a sequence; None where it has none."""
        if case_id in self.held:
            return self.held[case_id].get(sequence)
        if case_id not in self.files:
            return None
        return read_crops(self.files[case_id].read_bytes()).get(sequence)


NO_CROPS = Crops()


def crop_bytes(crops: Mapping[str, CropArray]) -> bytes:
    """A case's crops as an npz: images in half precision, masks as bytes; the same crops give the same bytes."""
    raise NotImplementedError


def read_crops(content: bytes) -> dict[str, CropArray]:
    """The crops behind `crop_bytes`, by sequence."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
