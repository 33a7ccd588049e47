"""A folder that holds one DICOM series of an axial stack, as an image or as a mask of 0 and not 0.

Just what data sets published in this form need. Everything that would put slices in a wrong place is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.images.nifti_header import MAX_VOXELS
from segmentation.images.writing import crop_to_regions
from segmentation.types import Grid, Mask, Volume

_SAME_STEP = 0.02  # of the step between slices
_POSITION, _ORIENTATION, _SPACING, _ROWS, _COLUMNS = "0020|0032", "0020|0037", "0028|0030", "0028|0010", "0028|0011"


@dataclass(frozen=True, eq=False)
class SeriesHeader:
    """The slices in their order and the grid that they make."""

    path: Path
    grid: Grid
    files: tuple[Path, ...]
    channels: int = 1


def holds_dicom(path: Path) -> bool:
    """Whether a path is a folder whose first file is DICOM by its mark."""
    if not path.is_dir():
        return False
    first = next((file for file in sorted(path.iterdir()) if file.is_file() and not file.name.startswith(".")), None)
    if first is None:
        return False
    with first.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def read_series_header(path: Path, *, max_voxels: int = MAX_VOXELS, many: bool = False) -> SeriesHeader:
    """The grid of the one series in a folder.

    Raises ImageRefusal: `several_series`, `uneven_slices` (a slice is missing, doubled or turned), `damaged`,
    `too_large`.
    """
    header = _header(path, path.stat().st_mtime_ns)
    voxels = int(np.prod(header.grid.shape))
    if voxels > max_voxels:
        raise _refuse("too_large", path, "The volume is too large.", f"at most {max_voxels} voxels", str(voxels))
    return header


def read_series(path: Path, *, max_voxels: int = MAX_VOXELS) -> tuple[Volume, ...]:
    """The voxels of a series, rescaled as it says, one channel. Raises ImageRefusal as `read_series_header`."""
    header = read_series_header(path, max_voxels=max_voxels)
    return (Volume(_voxels(header), header.grid.affine),)


def read_series_mask(path: Path, regions: Mapping[str, int], *, max_voxels: int = MAX_VOXELS) -> Mask:
    """A series in which everything above 0 is label 1. Raises ImageRefusal as `read_series_header`."""
    header = read_series_header(path, max_voxels=max_voxels)
    labels = (_voxels(header) > 0).astype(np.uint8)
    return crop_to_regions(Mask(labels, header.grid.affine, regions))


@lru_cache(maxsize=64)
def _header(path: Path, changed: int) -> SeriesHeader:
    import SimpleITK as sitk  # takes a second to import, and few data sets need it

    ids = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(path))
    if len(ids) != 1:
        raise _refuse("several_series", path, "The folder is not one series.", "one", str(len(ids)), "split it")
    files = tuple(Path(name) for name in sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path), ids[0]))
    return SeriesHeader(path, _grid(path, [_tags(file) for file in files]), files)


def _tags(file: Path) -> tuple[list[float], ...]:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(file))
    try:
        reader.ReadImageInformation()
        named = (_POSITION, _ORIENTATION, _SPACING, _ROWS, _COLUMNS)
        return tuple([float(part) for part in reader.GetMetaData(name).split("\\")] for name in named)
    except (RuntimeError, ValueError) as error:
        raise _refuse("damaged", file, "The slice cannot be placed.", "a slice", type(error).__name__) from error


def _grid(path: Path, slices: list[tuple[list[float], ...]]) -> Grid:
    position, orientation, spacing, rows, columns = slices[0]
    places = np.array([one[0] for one in slices])
    steps = np.diff(places, axis=0)
    step = steps.mean(axis=0) if len(slices) > 1 else np.cross(orientation[:3], orientation[3:])
    turned = any(one[1:] != slices[0][1:] for one in slices)
    if turned or (len(steps) and np.abs(steps - step).max() > _SAME_STEP * float(np.linalg.norm(step))):
        found = "slices of other size, direction or distance"
        raise _refuse("uneven_slices", path, "The slices make no even stack.", "one step between all", found)
    affine = np.eye(4)
    affine[:3, 0] = np.array(orientation[:3]) * spacing[1]
    affine[:3, 1] = np.array(orientation[3:]) * spacing[0]
    affine[:3, 2], affine[:3, 3] = step, position
    affine[:2] *= -1  # LPS to RAS
    return Grid((int(columns[0]), int(rows[0]), len(slices)), affine)


def _voxels(header: SeriesHeader) -> npt.NDArray[Any]:
    import SimpleITK as sitk

    try:
        planes = [sitk.GetArrayFromImage(sitk.ReadImage(str(file)))[0] for file in header.files]
    except RuntimeError as error:
        raise _refuse("damaged", header.path, "A slice cannot be read.", "whole files", "a reader's error") from error
    return np.stack(planes).T


def _refuse(
    code: str, path: Path, message: str, expected: str, found: str, step: str = "export the series again"
) -> ImageRefusal:
    return ImageRefusal(code, f"{path.name}: {message}", expected=expected, found=found, next_step=step)
