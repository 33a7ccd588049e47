"""A heat map in the patient: which planes of the images it crosses, and how hot each pixel is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.ndimage import map_coordinates

from outcome.types import FloatArray


class PlacedPlane(Protocol):
    """A plane that knows where its pixels lie (see `segmentation.display.Plane`)."""

    @property
    def labels(self) -> npt.NDArray[np.unsignedinteger]: ...  # (rows, cols)
    @property
    def to_patient(self) -> FloatArray: ...  # (3, 3): (row, column, 1) to RAS mm


@dataclass(frozen=True, eq=False)
class HeatMap:
    """How strongly each voxel of a crop raises the score, from 0 to 1, and where the voxels lie.

    `inside` tells what share of the heat lies in each region, by name.

    Raises ValueError for values outside [0, 1] or an affine of another shape.
    """

    values: FloatArray  # (X, Y, Z) along the patient's x, y and z
    affine: FloatArray  # (4, 4), index to RAS mm
    inside: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.affine.shape != (4, 4):
            raise ValueError(f"a volume and a (4, 4) affine, found {self.values.shape} and {self.affine.shape}")
        if not (self.values.min() >= 0 and self.values.max() <= 1):
            raise ValueError(f"heat lies in [0, 1], found {self.values.min():g} to {self.values.max():g}")

    def on(self, plane: PlacedPlane) -> npt.NDArray[np.float32]:
        """The heat at a plane's pixels, (rows, cols), linear between voxels; NaN outside the crop."""
        rows, cols = np.indices(plane.labels.shape)
        pixels = np.stack([rows.ravel(), cols.ravel(), np.ones(rows.size)])
        back = np.linalg.inv(self.affine)
        index = back[:3, :3] @ (plane.to_patient @ pixels) + back[:3, 3:]
        half = 0.5 + 1e-6  # a voxel reaches half its length beyond its middle; a pixel there is still inside
        size = np.array(self.values.shape)[:, None]
        inside = ((index >= -half) & (index <= size - 1 + half)).all(axis=0)
        found = map_coordinates(self.values, np.clip(index, 0, size - 1), order=1, mode="nearest")
        return np.where(inside, found, np.nan).astype(np.float32).reshape(plane.labels.shape)
