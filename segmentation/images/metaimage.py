"""MetaImage files (.mhd with its .raw, or .mha) as images and masks, through SimpleITK, checked before it sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.errors import ImageRefusal
from segmentation.images.limits import MAX_VOXELS
from segmentation.images.writing import crop_to_regions
from segmentation.types import MAX_LABEL, Grid, Mask, Volume, check_regions

META_SUFFIXES = (".mhd", ".mha")
_BYTES = {
    "MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4,
    "MET_FLOAT": 4, "MET_DOUBLE": 8, "MET_LONG": 4, "MET_ULONG": 4, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8,
}  # fmt: skip
_MAX_HEADER_BYTES = 2**16


@dataclass(frozen=True, eq=False)
class MetaHeader:
    """What the text of a MetaImage says: the grid, and how many numbers a voxel has."""

    path: Path
    grid: Grid
    channels: int = 1


def read_meta_header(path: Path, *, max_voxels: int = MAX_VOXELS, many: bool = False) -> MetaHeader:
    """The grid of a MetaImage of one number a voxel, from its text alone.

    Raises ImageRefusal: `missing_file`, `not_metaimage`, `not_3d`, `bad_datatype`, `truncated`, `too_large`, and what
    `Grid` refuses.
    """
    fields = _fields(path)
    try:
        shape = tuple(int(n) for n in fields["DimSize"].split())
        spacing = np.array([float(n) for n in fields.get("ElementSpacing", "1 1 1").split()])
        origin = _numbers(fields, ("Offset", "Position", "Origin"), "0 0 0")
        turn = _numbers(fields, ("TransformMatrix", "Rotation", "Orientation"), "1 0 0 0 1 0 0 0 1")
        if len(shape) != 3 or int(fields.get("ElementNumberOfChannels", "1")) != 1:
            raise _refuse("not_3d", path, "The file is not one 3-D volume of single numbers.", "three axes", str(shape))
        affine = np.eye(4)
        affine[:3, :3] = turn.reshape(3, 3).T * spacing  # a row of the text is the direction of one axis
        affine[:3, 3] = origin
        affine[:2] *= -1  # LPS to RAS
    except (KeyError, ValueError) as error:
        if isinstance(error, ImageRefusal):
            raise
        raise _refuse(
            "not_metaimage", path, "The header cannot be read.", "the fields of a MetaImage", str(error)
        ) from error
    if math.prod(shape) > max_voxels:
        raise _refuse("too_large", path, "The volume is too large.", f"at most {max_voxels} voxels", str(shape))
    _check_data(path, fields, math.prod(shape))
    return MetaHeader(path, Grid((shape[0], shape[1], shape[2]), affine))


def read_meta_image(path: Path, *, max_voxels: int = MAX_VOXELS) -> tuple[Volume, ...]:
    """The image of a MetaImage file, one channel. Raises as `read_meta_header`, `damaged`, `non_finite`."""
    header = read_meta_header(path, max_voxels=max_voxels)
    array = _voxels(header)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise _refuse("non_finite", path, "The image has holes.", "finite voxels", "NaN or infinite ones")
    return (Volume(array, header.grid.affine),)


def read_meta_mask(path: Path, regions: Mapping[str, int], *, max_voxels: int = MAX_VOXELS) -> Mask:
    """The named regions of a mask, cropped as `reading.read_mask` crops. Raises ImageRefusal as `read_meta_image`."""
    check_regions(regions)
    header = read_meta_header(path, max_voxels=max_voxels)
    array = _voxels(header)
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= MAX_LABEL):
        raise _refuse("bad_label", path, "Labels are out of range.", f"0 to {MAX_LABEL}", f"{low} to {high}")
    labels = array.astype(np.uint8 if high < 256 else np.uint16)
    if array.dtype.kind == "f" and not np.array_equal(labels, array):
        raise _refuse("mask_not_integer", path, "Labels are not whole numbers.", "whole numbers", "fractions")
    return crop_to_regions(Mask(labels, header.grid.affine, regions))


def _fields(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            start = file.read(_MAX_HEADER_BYTES)
    except FileNotFoundError:
        raise _refuse("missing_file", path, "The file is missing.", "a file", "none", "check the path") from None
    except OSError as error:
        raise _refuse("unreadable", path, "The file cannot be read.", "a file", type(error).__name__) from error
    found: dict[str, str] = {}
    for line in start.decode("latin-1").splitlines():
        name, equals, value = line.partition("=")
        if not equals:
            break
        found[name.strip()] = value.strip()
        if name.strip() == "ElementDataFile":  # the last entry of the text
            return found
    raise _refuse("not_metaimage", path, "The file is no MetaImage.", "a text that ends with ElementDataFile", "none")


def _numbers(fields: Mapping[str, str], names: tuple[str, ...], default: str) -> npt.NDArray[np.float64]:
    text = next((fields[name] for name in names if name in fields), default)
    return np.array([float(n) for n in text.split()])


def _check_data(path: Path, fields: Mapping[str, str], voxels: int) -> None:
    """SimpleITK fills what a short file lacks; so its length is looked at first."""
    kind, place = fields.get("ElementType", ""), fields["ElementDataFile"]
    if kind not in _BYTES:
        raise _refuse("bad_datatype", path, "The number type is not known.", ", ".join(_BYTES), kind or "none")
    data = path if place == "LOCAL" else path.parent / Path(place).name
    if place == "LIST" or "%" in place:
        raise _refuse("not_metaimage", path, "The voxels lie in several files.", "one data file", place)
    if not data.is_file():
        raise _refuse("missing_file", path, "The data file is missing.", data.name, "none", "copy it beside the header")
    whole, size = voxels * _BYTES[kind], data.stat().st_size
    if fields.get("CompressedData", "False").lower() != "true" and size < whole:
        raise _refuse("truncated", path, "The data file ends early.", f"{whole} bytes", str(size))


def _voxels(header: MetaHeader) -> npt.NDArray[Any]:
    import SimpleITK as sitk  # takes a second to import, and few data sets need it

    try:
        array: npt.NDArray[Any] = sitk.GetArrayFromImage(sitk.ReadImage(str(header.path))).T
    except RuntimeError as error:
        raise _refuse("damaged", header.path, "The data cannot be read.", "a whole file", "a reader's error") from error
    if array.shape != header.grid.shape:
        raise _refuse("damaged", header.path, "The data have another shape.", str(header.grid.shape), str(array.shape))
    return array


def _refuse(
    code: str, path: Path, message: str, expected: str, found: str, step: str = "export or copy the file again"
) -> ImageRefusal:
    return ImageRefusal(code, f"{path.name}: {message}", expected=expected, found=found, next_step=step)
