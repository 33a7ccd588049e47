"""Images and masks as typed objects. Frozen; a wrong one cannot be built.

Conventions, stated once for the whole package:

    arrays       (I, J, K), the axis order of the file; I, J, K need not be left-right, front-back, down-up
    affine       (4, 4), voxel index (centre of a voxel) to RAS+ millimetres: x to the patient's Right,
                 y to Anterior, z to Superior. Kept at float32 precision, which is what a NIfTI header holds,
                 so that an object written and read back measures the same to the last bit
    orientation  three letters, the direction in which each array axis grows: 'RAS', 'LPS', 'ILP'
    memory       Fortran order (first axis fastest), as NIfTI stores it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal

Affine = npt.NDArray[np.float64]
Shape = tuple[int, int, int]
Window = tuple[slice, slice, slice]

LEVELS = ("note", "review", "reject")
MAX_LABEL = 65535
# Scanner headers in float32 leave axes a few 1e-4 from perpendicular; a tilted gantry leaves them 0.05 and more.
MAX_AXIS_COSINE = 2e-3
_LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))


@dataclass(frozen=True)
class Finding:
    """A named check's result on one image or mask: `note` informs, `review` asks a person, `reject` takes it out."""

    code: str
    level: str
    message: str

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"level must be one of {LEVELS}, found {self.level!r}")


@dataclass(frozen=True, eq=False)
class Grid:
    """Where voxels lie: the array's shape and its voxel-to-RAS affine (mm).

    Raises ImageRefusal where the shape is empty, the affine is not finite, is singular, or has axes that are not
    perpendicular (a tilted gantry that was not corrected: distances and volumes would be wrong).
    """

    shape: Shape
    affine: Affine  # (4, 4), voxel index -> RAS mm

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise ImageRefusal("bad_dims", "The grid is not a volume.", expected="three sizes >= 1", found=str(shape))
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", _checked_affine(self.affine))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along each array axis, mm."""
        i, j, k = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return float(i), float(j), float(k)

    @property
    def direction(self) -> npt.NDArray[np.float64]:
        """Unit vectors of the array axes in RAS, one a column, (3, 3)."""
        return self.affine[:3, :3] / np.asarray(self.spacing_mm)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel, millilitres."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    @property
    def orientation(self) -> str:
        """Letters of the directions in which the array axes grow, e.g. 'RAS'; oblique axes take the nearest."""
        return "".join(_LETTERS[axis][sign > 0] for axis, sign in self.axes)

    @property
    def axes(self) -> tuple[tuple[int, int], ...]:
        """For each array axis the nearest RAS axis (0, 1, 2; each used once) and the sign in which it grows."""
        direction = self.direction
        size = np.abs(direction)
        found: dict[int, tuple[int, int]] = {}
        for flat in np.argsort(-size, axis=None, kind="stable"):
            ras, axis = divmod(int(flat), 3)
            if axis not in found and ras not in {taken for taken, _ in found.values()}:
                found[axis] = (ras, 1 if direction[ras, axis] > 0 else -1)
        return tuple(found[axis] for axis in range(3))

    def part(self, window: Window) -> Grid:
        """The grid of a sub-block given by three slices with bounds and step 1; the origin moves with it."""
        start = np.array([part.start for part in window], dtype=float)
        affine = self.affine.copy()
        affine[:3, 3] += self.affine[:3, :3] @ start
        i, j, k = (part.stop - part.start for part in window)
        return Grid((i, j, k), affine)


@dataclass(frozen=True, eq=False)
class Volume:
    """An image: one number a voxel (HU for CT, arbitrary units for MR)."""

    array: npt.NDArray[Any]  # (I, J, K)
    affine: Affine  # (4, 4), voxel index -> RAS mm
    modality: str = ""

    def __post_init__(self) -> None:
        grid = Grid(_shape(self.array), self.affine)
        object.__setattr__(self, "affine", grid.affine)

    @property
    def grid(self) -> Grid:
        return Grid(_shape(self.array), self.affine)


@dataclass(frozen=True, eq=False)
class Mask:
    """Labelled structures: `regions` names the labels; 0 is background.

    A mask is often the crop of a larger one. Then `source` is the grid it was cut from, `offset` the index of
    its first voxel there, and `unnamed` counts the voxels of labels that no region names (they are 0 here).
    """

    labels: npt.NDArray[Any]  # (I, J, K), unsigned integers, Fortran order
    affine: Affine  # (4, 4), voxel index -> RAS mm
    regions: Mapping[str, int]
    source: Grid | None = None
    offset: Shape = (0, 0, 0)
    unnamed: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        labels = np.asarray(self.labels)
        if not np.issubdtype(labels.dtype, np.integer):
            raise ImageRefusal(
                "mask_not_integer", "Labels are not integers.", expected="integers", found=str(labels.dtype)
            )
        grid = Grid(_shape(labels), self.affine)
        check_regions(self.regions)
        object.__setattr__(self, "labels", _unsigned(labels))
        object.__setattr__(self, "affine", grid.affine)
        object.__setattr__(self, "regions", dict(self.regions))
        object.__setattr__(self, "unnamed", dict(self.unnamed))

    @property
    def grid(self) -> Grid:
        return Grid(_shape(self.labels), self.affine)


def check_regions(regions: Mapping[str, int]) -> None:
    """Refuse region names without a usable label: each region needs its own whole number from 1 to 65535."""
    if not regions:
        raise ImageRefusal("no_regions", "No region is named.", expected="a region and its label, e.g. tumor: 2")
    for name, label in regions.items():
        if not isinstance(label, int | np.integer) or not 1 <= label <= MAX_LABEL:
            raise ImageRefusal(
                "bad_label", f"Region {name!r} has no usable label.", expected=f"1 to {MAX_LABEL}", found=repr(label)
            )
    if len(set(regions.values())) != len(regions):
        raise ImageRefusal(
            "bad_label", "Two regions share a label.", expected="one label a region", found=str(dict(regions))
        )


def _shape(array: npt.NDArray[Any]) -> Shape:
    if array.ndim != 3:
        raise ImageRefusal(
            "not_3d", "The array is not a volume.", expected="three axes", found=f"{array.ndim} axes: {array.shape}"
        )
    i, j, k = array.shape
    return i, j, k


def _unsigned(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Labels as uint8 or uint16 in Fortran order, without a copy where they already are."""
    if labels.dtype in (np.uint8, np.uint16):
        return np.asfortranarray(labels)
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > MAX_LABEL:
        raise ImageRefusal(
            "bad_label", "Labels are out of range.", expected=f"0 to {MAX_LABEL}", found=f"{low} to {high}"
        )
    return np.asfortranarray(labels.astype(np.uint8 if high < 256 else np.uint16))


def _checked_affine(affine: npt.ArrayLike) -> Affine:
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and refused below
        matrix = np.asarray(affine, dtype=np.float32).astype(np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or matrix[3].tolist() != [0, 0, 0, 1]:
        raise ImageRefusal(
            "bad_affine",
            "The affine does not place the voxels in space.",
            expected="a finite (4, 4) matrix with last row 0 0 0 1",
            found="a matrix with non-finite entries or another form",
            next_step="export the image again from the source series",
        )
    length = np.sqrt((matrix[:3, :3] ** 2).sum(axis=0))
    if not (length > 0).all():
        raise ImageRefusal("bad_spacing", "A voxel has no extent.", expected="spacing > 0 mm", found=str(length))
    _check_axes(matrix[:3, :3] / length)
    return matrix


def _check_axes(direction: npt.NDArray[np.float64]) -> None:
    cosine = np.abs(direction.T @ direction - np.eye(3)).max()
    if cosine > MAX_AXIS_COSINE:
        raise ImageRefusal(
            "affine_shear",
            "The voxel axes are not perpendicular (a tilted gantry that was not corrected?).",
            expected=f"axes within {MAX_AXIS_COSINE} (cosine) of perpendicular",
            found=f"cosine {cosine:.4f}",
            next_step="resample the series to a straight grid",
        )
