"""Images and masks from files: the one place where a file's name decides who reads it.

.nii, .nii.gz                     NIfTI, block by block (`nifti`)
.png, .jpg, .jpeg, .tif, .tiff    pictures: volumes of one slice (`pictures`)
.mhd, .mha                        MetaImage (`metaimage`)
.dcm, or a file marked as DICOM    one slice, or the frames of an enhanced image (`dicom`)
a folder of DICOM files           one series (`dicom`)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from segmentation.errors import ImageRefusal
from segmentation.images.dicom.folder import holds_dicom
from segmentation.images.dicom.part10 import DICOM_SUFFIXES, is_dicom
from segmentation.images.dicom.reading import read_series, read_series_header, read_series_mask
from segmentation.images.limits import MAX_VOXELS
from segmentation.images.metaimage import META_SUFFIXES, read_meta_header, read_meta_image, read_meta_mask
from segmentation.images.nifti import read_nifti, read_nifti_channels, read_nifti_mask
from segmentation.images.nifti_header import NiftiHeader
from segmentation.images.nifti_header import read_header as read_nifti_header
from segmentation.images.pictures import (
    PICTURE_SUFFIXES,
    PictureHeader,
    read_picture,
    read_picture_header,
    read_picture_mask,
)
from segmentation.learning.training_case import MaskSource
from segmentation.types import Grid, Mask, Volume, Window

NIFTI_SUFFIXES = (".nii.gz", ".nii")
IMAGE_SUFFIXES = (*NIFTI_SUFFIXES, *PICTURE_SUFFIXES, *META_SUFFIXES)


class Header(Protocol):
    """What is known of an image before its voxels are read."""

    @property
    def path(self) -> Path: ...
    @property
    def grid(self) -> Grid: ...
    @property
    def channels(self) -> int: ...


@dataclass(frozen=True)
class _Format:
    header: Callable[..., Header]
    channels: Callable[..., tuple[Volume, ...]]
    mask: Callable[..., Mask]


def read_mask(path: Path | MaskSource, regions: Mapping[str, int], *, max_voxels: int = MAX_VOXELS) -> Mask:
    """The named regions of a mask file, cropped to the box that holds them all.

    `regions` maps names to labels. `source` and `offset` of the result say where the crop lay; `unnamed` counts
    the voxels of labels that no region names (they become 0). A mask without any named voxel comes back as one
    background voxel. A `MaskSource` reads itself.

    Raises ImageRefusal for everything `read_header` refuses, for damaged or truncated data, and for labels that
    are not whole numbers from 0 to 65535.
    """
    if not isinstance(path, Path):
        return path.read(regions)
    return _format(path).mask(path, regions, max_voxels=max_voxels)


def read_image(path: Path, *, window: Window | None = None, modality: str = "", max_voxels: int = MAX_VOXELS) -> Volume:
    """An image of one channel, or the part of it that three slices of its index name (the affine moves with it).

    Raises ImageRefusal for everything `read_header` refuses, for damaged or truncated data, for voxels anywhere in
    the file that are not finite, and for a window outside the image.
    """
    if _format(path) is _NIFTI:
        return read_nifti(path, window=window, modality=modality, max_voxels=max_voxels)
    read_header(path, max_voxels=max_voxels)  # refuses several channels
    (volume,) = read_channels(path, max_voxels=max_voxels)
    whole = tuple(slice(0, n) for n in volume.array.shape)
    i, j, k = window or whole
    if any(not 0 <= part.start < part.stop <= all_.stop for part, all_ in zip((i, j, k), whole, strict=True)):
        raise ImageRefusal(
            "outside", f"{path.name}: The window leaves the image.", expected=f"0 to {volume.array.shape}",
            found=str(window),
        )  # fmt: skip
    return Volume(volume.array[i, j, k], volume.grid.part((i, j, k)).affine, modality or volume.modality)


def read_channels(path: Path, *, max_voxels: int = MAX_VOXELS) -> tuple[Volume, ...]:
    """Every channel of an image file: steps along a fourth axis, or red, green and blue. Raises as `read_image`."""
    return _format(path).channels(path, max_voxels=max_voxels)


def read_header(path: Path, *, max_voxels: int = MAX_VOXELS, many: bool = False) -> Header:
    """Grid and channels of an image file without its voxels; with `many` several channels are welcome.

    Raises ImageRefusal with a code where the file is missing, is not what its name says, or cannot be vouched for.
    """
    return _format(path).header(path, max_voxels=max_voxels, many=many)


def has_size(path: Path | MaskSource) -> bool:
    """Whether millimetres may be claimed: not for a picture whose pixel size nobody knows. Raises as `read_header`."""
    file = path if isinstance(path, Path) else path.file
    if file.suffix.lower() not in PICTURE_SUFFIXES:
        return True
    return read_picture_header(file, many=True).sized


def is_picture(path: Path) -> bool:
    """Whether a file is a picture by its name."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def _format(path: Path) -> _Format:
    suffix = path.suffix.lower()
    if suffix in DICOM_SUFFIXES or is_dicom(path):  # the mark says more than the name
        return _DICOM
    if suffix in PICTURE_SUFFIXES:
        return _PICTURE
    if suffix in META_SUFFIXES:
        return _META
    return _DICOM if holds_dicom(path) else _NIFTI


_NIFTI = _Format(read_nifti_header, read_nifti_channels, read_nifti_mask)
_PICTURE = _Format(read_picture_header, read_picture, read_picture_mask)
_META = _Format(read_meta_header, read_meta_image, read_meta_mask)
_DICOM = _Format(read_series_header, read_series, read_series_mask)

__all__ = [
    "IMAGE_SUFFIXES", "Header", "NiftiHeader", "PictureHeader", "has_size", "is_picture",
    "read_channels", "read_header", "read_image", "read_mask",
]  # fmt: skip
