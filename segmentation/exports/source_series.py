"""The DICOM series that a mask lies on: vouched for by the gate, its headers in the order of its planes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset

from segmentation.errors import ImageRefusal
from segmentation.images.dicom.reading import SeriesHeader, read_series_header
from segmentation.images.dicom.refusing import refuse
from segmentation.images.grids import grid_differences
from segmentation.types import Grid, Mask

_TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName", "SeriesNumber",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SourceSeries:
    """A series as objects refer to it: its headers without pixels, one a plane in the order of the third axis of
    `grid`, or one for all where the planes are frames of one file (then `frames` says where plane k stands in it)."""

    header: SeriesHeader
    images: tuple[Dataset, ...]

    @property
    def grid(self) -> Grid:
        return self.header.grid

    @property
    def frames(self) -> tuple[int, ...]:
        return tuple(one.frame for one in self.header.stack.slices)


def read_source(folder: Path) -> SourceSeries:
    """The one series of a folder, or of a file. Elements that the standard wants and a file lacks are left empty.

    Raises ImageRefusal as `read_series_header`, and `several_multiframe` for planes of several files of many frames.
    """
    header = read_series_header(folder)
    if 1 < len(header.files) < len(header.stack.slices):
        raise refuse(
            "several_multiframe", folder.name, "The series is several files of many frames.",
            "one file a plane, or one for all", f"{len(header.files)} files of {len(header.stack.slices)} planes",
            "export the series as one file a slice",
        )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd values of elements that are no concern here
        read = {path: _headers(path) for path in header.files}
    paths = dict.fromkeys(one.layout.path for one in header.stack.slices)
    return SourceSeries(header, tuple(read[path] for path in paths))


def _headers(path: Path) -> Dataset:
    image = dcmread(path, stop_before_pixels=True)
    for name in _TYPE_2:
        if name not in image:
            setattr(image, name, None)
    return image


def labels_on(mask: Mask, source: SourceSeries) -> npt.NDArray[np.unsignedinteger]:
    """The labels plane by plane of a series, (planes, rows, columns), whatever way the mask's axes run.

    A cropped mask (`mask.source`) is put back at its place. Raises ImageRefusal (`grid_mismatch`) where the full grid
    of the mask and that of the series are not the same voxels.
    """
    whole = mask.source or mask.grid
    order, signs = _turn(whole, source.grid)
    differences = grid_differences(_turned(whole, order, signs), source.grid)
    if differences:
        raise ImageRefusal(
            "grid_mismatch", "The mask does not lie on the series.", expected="the voxels of the series",
            found="; ".join(differences),
            next_step="name the series that the mask was drawn on, or resample the mask to it",
        )  # fmt: skip
    full = np.zeros(whole.shape, dtype=mask.labels.dtype)
    i, j, k = (slice(a, a + n) for a, n in zip(mask.offset, mask.labels.shape, strict=True))
    full[i, j, k] = mask.labels
    turned = full.transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
    return np.ascontiguousarray(turned.transpose(2, 1, 0))


def _turn(grid: Grid, like: Grid) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """For each axis of `like` which axis of `grid` runs along it, and 1 or -1 for the way it runs."""
    cosines = like.direction.T @ grid.direction
    order = tuple(int(axis) for axis in np.abs(cosines).argmax(axis=1))
    if sorted(order) != [0, 1, 2]:
        order = (0, 1, 2)  # the grids differ, and the comparison says how
    return order, tuple(1 if cosines[to, axis] > 0 else -1 for to, axis in enumerate(order))


def _turned(grid: Grid, order: tuple[int, ...], signs: tuple[int, ...]) -> Grid:
    """The same voxels counted along other axes."""
    affine = grid.affine.copy()
    for to, (axis, sign) in enumerate(zip(order, signs, strict=True)):
        step = grid.affine[:3, axis]
        affine[:3, to] = sign * step
        if sign < 0:
            affine[:3, 3] = affine[:3, 3] + step * (grid.shape[axis] - 1)
    i, j, k = (grid.shape[axis] for axis in order)
    return Grid((i, j, k), affine)
