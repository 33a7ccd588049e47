"""Three planes as a radiologist expects them, whatever way the file stores its axes.

axial      seen from the feet: patient right on the viewer's left, anterior up
coronal    seen from the front: patient right on the viewer's left, superior up
sagittal   seen from the patient's left: anterior on the viewer's left, superior up
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.images.grids import locate
from segmentation.types import Affine, Grid, Mask, Shape, Volume, Window

_OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}
# For each plane the array axis (in RAS order) that it cuts, and the patient sides at the bottom and at the right.
_PLANES = {"axial": (2, "P", "L"), "coronal": (1, "I", "L"), "sagittal": (0, "I", "P")}


@dataclass(frozen=True, eq=False)
class Plane:
    """One slice, row 0 at the top and column 0 at the left of the screen."""

    name: str  # axial | coronal | sagittal
    image: npt.NDArray[np.float32] | None  # (rows, cols), the image's own units
    labels: npt.NDArray[np.unsignedinteger[Any]]  # (rows, cols)
    letters: dict[str, str]  # left, right, top, bottom -> R, L, A, P, S, I
    spacing_mm: tuple[float, float]  # between rows, between columns
    index: int  # of the slice, counted from the patient's left, posterior or inferior side
    to_patient: npt.NDArray[np.float64]  # (3, 3): (row, column, 1) to the pixel's place in the patient, RAS mm


@dataclass(frozen=True, eq=False)
class Upright:
    """A mask, and its image where there is one, with axes growing to the patient's right, anterior and superior."""

    labels: npt.NDArray[np.unsignedinteger[Any]]  # (I, J, K)
    image: npt.NDArray[Any] | None  # (I, J, K), its own units
    spacing_mm: tuple[float, float, float]
    affine: Affine  # index to RAS mm
    middle: Shape  # where a region is best seen, see `upright`

    def planes(self, at: Shape | None = None) -> tuple[Plane, Plane, Plane]:
        """Axial, coronal and sagittal slices through a voxel, by default `middle`. Raises IndexError outside."""
        centre = self.middle if at is None else at
        spacing = dict(enumerate(self.spacing_mm))
        axial, coronal, sagittal = (
            _plane(name, self.labels, self.image, spacing, centre, self.affine) for name in _PLANES
        )
        return axial, coronal, sagittal


def upright(mask: Mask, image: Volume | None = None, *, region: str | None = None) -> Upright:
    """A case as it stands before the viewer. `middle` is that of a region, by default of everything labelled: of each
    axis the slice that holds most voxels of it, so that it always shows some of it.

    With an image it spans the image, else the mask. An oblique grid keeps its own nearest axes and is not resampled.
    Raises ImageRefusal for an unknown region and for a mask that does not lie on the image's grid.
    """
    grid = mask.grid if image is None else image.grid
    window = locate(mask.grid, grid)
    spacing = {ras: step for (ras, _), step in zip(grid.axes, grid.spacing_mm, strict=True)}
    inside = _busiest(_upright(mask.labels, mask.grid), _label(mask, region))
    i, j, k = (start + middle for start, middle in zip(_upright_start(window, grid), inside, strict=True))
    return Upright(
        labels=_upright(_spread(mask, window, grid.shape), grid),
        image=None if image is None else _upright(image.array, grid),
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
        affine=_upright_affine(grid),
        middle=(i, j, k),
    )


def three_planes(mask: Mask, image: Volume | None = None, *, region: str | None = None) -> tuple[Plane, Plane, Plane]:
    """Axial, coronal and sagittal slices through the middle of a region, see `upright`."""
    return upright(mask, image, region=region).planes()


def _upright(array: npt.NDArray[Any], grid: Grid) -> npt.NDArray[Any]:
    """A view with the axes growing to the patient's right, anterior and superior."""
    order = [ras for ras, _ in grid.axes]
    flipped = array[tuple(slice(None, None, sign) for _, sign in grid.axes)]
    return flipped.transpose([order.index(ras) for ras in range(3)])


def _upright_affine(grid: Grid) -> Affine:
    """Index of a voxel in the upright array to RAS mm, (4, 4)."""
    first = [0 if sign > 0 else size - 1 for size, (_, sign) in zip(grid.shape, grid.axes, strict=True)]
    affine = np.eye(4)
    for axis, (ras, sign) in enumerate(grid.axes):
        affine[:3, ras] = sign * grid.affine[:3, axis]
    affine[:3, 3] = (grid.affine @ [*first, 1])[:3]
    return affine


def _label(mask: Mask, region: str | None) -> int | None:
    if region is None:
        return None
    if region not in mask.regions:
        raise ImageRefusal("no_regions", "Unknown region.", expected=f"one of {sorted(mask.regions)}", found=region)
    return mask.regions[region]


def _spread(mask: Mask, window: Window, shape: Shape) -> npt.NDArray[Any]:
    """The labels on the grid of the image."""
    labels = np.zeros(shape, dtype=mask.labels.dtype, order="F")
    labels[window] = mask.labels
    return labels


def _upright_start(window: Window, grid: Grid) -> list[int]:
    """Where a window starts along right, anterior, superior, once the array is upright."""
    starts = {
        ras: part.start if sign > 0 else size - part.stop
        for part, size, (ras, sign) in zip(window, grid.shape, grid.axes, strict=True)
    }
    return [starts[ras] for ras in range(3)]


def _busiest(labels: npt.NDArray[Any], label: int | None) -> Shape:
    inside = labels > 0 if label is None else labels == label
    if not inside.any():
        i, j, k = (n // 2 for n in labels.shape)
        return i, j, k
    i, j, k = (_middle_of_most(inside.sum(axis=others)) for others in ((1, 2), (0, 2), (0, 1)))
    return i, j, k


def _middle_of_most(counts: npt.NDArray[np.int64]) -> int:
    """Of the slices with the most voxels the one nearest to the region's centre of mass."""
    most = np.flatnonzero(counts == counts.max())
    centre = float(np.arange(len(counts)) @ counts) / float(counts.sum())
    return int(most[np.argmin(np.abs(most - centre))])


def _plane(
    name: str,
    labels: npt.NDArray[Any],
    image: npt.NDArray[Any] | None,
    spacing: dict[int, float],
    centre: Shape,
    affine: Affine,
) -> Plane:
    axis, bottom, right = _PLANES[name]
    letters = {"left": _OPPOSITE[right], "right": right, "top": _OPPOSITE[bottom], "bottom": bottom}
    shown = None if image is None else _slice(image, axis, centre[axis]).astype(np.float32)
    col, row = (other for other in range(3) if other != axis)
    cut = _slice(labels, axis, centre[axis])
    place = _to_patient(affine, axis, centre[axis], labels.shape)
    return Plane(name, shown, cut, letters, (spacing[row], spacing[col]), centre[axis], place)


def _to_patient(affine: Affine, axis: int, index: int, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """(row, column, 1) of a slice as `_slice` turns it, to RAS mm, (3, 3)."""
    col, row = (other for other in range(3) if other != axis)
    first = np.ones(4)
    first[axis], first[row], first[col] = index, shape[row] - 1, shape[col] - 1
    return np.column_stack([-affine[:3, row], -affine[:3, col], (affine @ first)[:3]])


def _slice(array: npt.NDArray[Any], axis: int, index: int) -> npt.NDArray[Any]:
    """One slice of an upright array, (rows, cols). Plain indexing: `np.take` copies a whole Fortran-ordered volume.

    Rows run against superior or anterior and columns against right or anterior, so both are turned round.
    """
    places: list[Any] = [slice(None)] * 3
    places[axis] = index
    return np.ascontiguousarray(array[tuple(places)].T[::-1, ::-1])
