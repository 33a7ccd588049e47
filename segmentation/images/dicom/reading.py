"""DICOM as the rest of the program reads images: the header of a file or folder, its voxels, or a mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segmentation.images.dicom.choosing import Chosen, Wanted, check_wanted, choose
from segmentation.images.dicom.folder import read_folder
from segmentation.images.dicom.part10 import read_part10
from segmentation.images.dicom.pixels import stored_planes, values
from segmentation.images.dicom.refusing import refuse
from segmentation.images.dicom.slices import read_slices
from segmentation.images.dicom.stacking import Stack, single, stack
from segmentation.images.limits import MAX_VOXELS
from segmentation.types import Grid, Mask, Volume

ANY = Wanted()


@dataclass(frozen=True, eq=False)
class SeriesHeader:
    """A series before its voxels are read: the planes in their order and the grid that they make."""

    path: Path
    chosen: Chosen
    channels: int = 1

    @property
    def stack(self) -> Stack:
        return self.chosen.stack

    @property
    def grid(self) -> Grid:
        return self.stack.grid

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(one.layout.path for one in self.stack.slices))


def read_series_header(
    path: Path, *, max_voxels: int = MAX_VOXELS, many: bool = False, wanted: Wanted = ANY, mask: bool = False
) -> SeriesHeader:
    """The one series of a folder, or the planes of one file; a file of a single plane is an image of one slice.

    Raises ImageRefusal with a code for everything that a file, its planes, their stack or the choice is refused for,
    and `too_large`.
    """
    header = SeriesHeader(path, _chosen(path, max_voxels, wanted, mask))
    voxels = int(np.prod(header.grid.shape, dtype=float))
    if voxels > max_voxels:
        step = "crop the series, or take one of thicker slices"
        raise refuse("too_large", path.name, "The volume is too large.", f"at most {max_voxels} voxels",
                     str(voxels), step)  # fmt: skip
    return header


def read_series(path: Path, *, max_voxels: int = MAX_VOXELS) -> tuple[Volume, ...]:
    """The voxels of a series, rescaled slice by slice as it says, one channel. Raises as `read_series_header`, and
    what the pixels are refused for."""
    header = read_series_header(path, max_voxels=max_voxels)
    return (series_volume(header),)


def series_volume(header: SeriesHeader) -> Volume:
    """The voxels of a series whose header was read: whole numbers where all values are whole, else float32."""
    return Volume(values(header.stack.slices).T, header.grid.affine, header.stack.modality)


def read_series_mask(path: Path, regions: Mapping[str, int], *, max_voxels: int = MAX_VOXELS) -> Mask:
    """A series of any modality in which everything stored above 0 is label 1. Raises ImageRefusal as `read_series`."""
    from segmentation.images.writing import crop_to_regions  # compiled code that images do without

    header = read_series_header(path, max_voxels=max_voxels, mask=True)
    labels = np.empty(header.grid.shape[::-1], dtype=np.uint8)
    for number, plane in enumerate(stored_planes(header.stack.slices)):
        labels[number] = plane > 0
    return crop_to_regions(Mask(labels.T, header.grid.affine, regions))


def _chosen(path: Path, max_voxels: int, wanted: Wanted, mask: bool) -> Chosen:
    if path.is_dir():
        return choose(read_folder(path, max_voxels=max_voxels, mask=mask), wanted, path.name)
    slices = read_slices(read_part10(path), max_voxels=max_voxels, mask=mask)
    check_wanted(slices, wanted, path.name)
    return Chosen(single(slices[0]) if len(slices) == 1 else stack(slices, path.name))
