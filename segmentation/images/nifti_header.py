"""What a NIfTI file says about itself, believed only where it can be true. Reads a few hundred bytes, never voxels."""

from __future__ import annotations

import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import nibabel as nib
import numpy as np
import numpy.typing as npt
from isal import igzip, isal_zlib

from segmentation.errors import ImageRefusal
from segmentation.images.limits import MAX_VOXELS
from segmentation.types import Grid

MAX_EXTENSION_BYTES = 2**24
# Deflate cannot shrink data by more than about 1032 to 1, so a smaller file cannot hold what the header promises.
MAX_DEFLATE_RATIO = 1040
_ISAL_ERROR: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # its stub says: an instance
STREAM_ERRORS: tuple[type[Exception], ...] = (OSError, EOFError, zlib.error, _ISAL_ERROR)
_SIZES = {348: (nib.Nifti1Header, 348), 540: (nib.Nifti2Header, 540)}
_AGAIN = "export or copy the file again"


@dataclass(frozen=True, eq=False)
class NiftiHeader:
    """A checked header: the grid, and how the stored numbers become voxel values (`stored * slope + intercept`)."""

    path: Path
    grid: Grid
    dtype: np.dtype[Any]  # as stored, with byte order
    data_offset: int  # bytes before the first voxel
    slope: float
    intercept: float
    compressed: bool
    channels: int = 1  # volumes of this grid, one after the other

    @property
    def scaled(self) -> bool:
        return (self.slope, self.intercept) != (1.0, 0.0)

    @property
    def data_bytes(self) -> int:
        return math.prod(self.grid.shape) * self.channels * self.dtype.itemsize


def read_header(path: Path, *, max_voxels: int = MAX_VOXELS, many: bool = False) -> NiftiHeader:
    """What a NIfTI-1 or NIfTI-2 file (.nii or .nii.gz) holds: shape, affine, stored type.

    With `many` a fourth axis is taken for channels on one grid; otherwise it is refused.

    Raises ImageRefusal with a code where the file is missing, is not NIfTI, is not one 3-D scalar volume, has no
    usable spacing or orientation, declares more than `max_voxels` voxels, or more than the file can hold.
    """
    compressed, start = _beginning(path)
    fields = _fields(start, path)
    shape, channels = _shape(fields, path, max_voxels, many)
    slope, intercept = _scaling(fields, path)
    header = NiftiHeader(
        path=path,
        grid=_grid(shape, _affine(fields, path), path),
        dtype=_dtype(fields, path),
        data_offset=_data_offset(fields, start, path),
        slope=slope,
        intercept=intercept,
        compressed=compressed,
        channels=channels,
    )
    _check_file_size(header)
    return header


def open_stream(path: Path, compressed: bool) -> IO[bytes]:
    """The uncompressed bytes of a file."""
    return igzip.open(path, "rb") if compressed else path.open("rb")


def _refuse(code: str, path: Path, message: str, expected: str, found: str, next_step: str = _AGAIN) -> ImageRefusal:
    return ImageRefusal(code, f"{path.name}: {message}", expected=expected, found=found, next_step=next_step)


def _beginning(path: Path) -> tuple[bool, bytes]:
    """Whether the file is gzip, and its first uncompressed bytes (header and extensions)."""
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
        if path.suffix == ".gz" and not compressed:
            raise _refuse("not_gzip", path, "The file is not gzip.", "a gzip stream, as the name says", "other bytes")
        with open_stream(path, compressed) as stream:
            return compressed, stream.read(4096)
    except FileNotFoundError:
        raise _refuse("missing_file", path, "The file is missing.", "a file", "none", "check the path") from None
    except STREAM_ERRORS as error:
        raise _refuse("unreadable", path, "The file cannot be read.", "a NIfTI file", type(error).__name__) from error


def _fields(start: bytes, path: Path) -> Any:
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        size = int.from_bytes(start[:4], order)
        if size in _SIZES and len(start) >= size:
            kind, length = _SIZES[size]
            fields = kind(start[:length], endianness="<" if order == "little" else ">", check=False)
            if bytes(fields["magic"])[:3] in (b"n+1", b"n+2"):
                return fields
    found = f"{len(start)} bytes of another form"
    raise _refuse("not_nifti", path, "The file is not NIfTI.", "a NIfTI-1 or NIfTI-2 single file", found)


def _shape(fields: Any, path: Path, max_voxels: int, many: bool) -> tuple[tuple[int, int, int], int]:
    dims = [int(n) for n in fields["dim"]]
    count, sizes = dims[0], dims[1:]
    if not 1 <= count <= 7 or any(n < 1 for n in sizes[:count]):
        raise _refuse("bad_dims", path, "The dimensions are impossible.", "three sizes >= 1", str(dims))
    channels = sizes[3] if many and count > 3 else 1
    if count < 3 or math.prod(sizes[3:count]) != channels:
        step = "store one 3-D volume in a file (split a series; stack slices)"
        raise _refuse("not_3d", path, "The file is not one 3-D volume.", "three axes", str(sizes[:count]), step)
    if math.prod(sizes[:3]) * channels > max_voxels:
        step = "check the header; crop the volume if it is truly this large"
        found = f"{math.prod(sizes[:3]) * channels} voxels {tuple(sizes[: 3 + (channels > 1)])}"
        raise _refuse("too_large", path, "The volume is too large.", f"at most {max_voxels} voxels", found, step)
    return (sizes[0], sizes[1], sizes[2]), channels


def _dtype(fields: Any, path: Path) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = fields.get_data_dtype()
    except (nib.spatialimages.HeaderDataError, KeyError):
        dtype = np.dtype("V1")
    if dtype.kind not in "iuf" or dtype.itemsize > 8 or dtype == np.float16:
        code, found = int(fields["datatype"]), str(dtype)
        message = f"Data type {code} is not a scalar number."
        raise _refuse("bad_datatype", path, message, "integers, float32 or float64", found, "convert to one channel")
    return dtype


def _affine(fields: Any, path: Path) -> npt.NDArray[np.float64]:
    spacing = np.asarray(fields["pixdim"], dtype=float)[1:4]
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise _refuse("bad_spacing", path, "The voxel spacing is impossible.", "three numbers > 0 mm", str(spacing))
    unit = int(fields["xyzt_units"]) & 7
    if unit in (1, 3):
        found = {1: "metres", 3: "micrometres"}[unit]
        raise _refuse("bad_units", path, "The spacing is not in millimetres.", "mm", found, "rewrite the header in mm")
    if fields["sform_code"] <= 0 and fields["qform_code"] <= 0:
        step = "export with orientation; left and right cannot be told"
        raise _refuse("no_orientation", path, "The file has no orientation.", "a qform or an sform", "none", step)
    try:
        affine = fields.get_sform() if fields["sform_code"] > 0 else fields.get_qform()
    except (ValueError, nib.spatialimages.HeaderDataError) as error:
        raise _refuse("bad_affine", path, "The qform is not a rotation.", "a unit quaternion", str(error)) from error
    return np.asarray(affine, dtype=float)


def _grid(shape: tuple[int, int, int], affine: npt.NDArray[np.float64], path: Path) -> Grid:
    try:
        return Grid(shape, affine)
    except ImageRefusal as error:
        raise _refuse(
            error.code, path, error.message, error.expected, error.found, error.next_step or _AGAIN
        ) from error


def _scaling(fields: Any, path: Path) -> tuple[float, float]:
    slope, intercept = float(fields["scl_slope"]), float(fields["scl_inter"])
    if math.isnan(slope) or slope == 0:
        return 1.0, 0.0
    intercept = 0.0 if math.isnan(intercept) else intercept
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        raise _refuse("bad_scaling", path, "The scaling is not finite.", "finite slope and intercept", "infinite")
    return slope, intercept


def _data_offset(fields: Any, start: bytes, path: Path) -> int:
    least = int(fields["sizeof_hdr"]) + 4
    offset = float(fields["vox_offset"])
    if not (math.isfinite(offset) and least <= offset <= MAX_EXTENSION_BYTES and offset == int(offset)):
        raise _refuse(
            "bad_offset", path, "The voxels start at an impossible place.", f"a byte from {least} on", str(offset)
        )
    order = "<" if fields.endianness == "<" else ">"
    if len(start) >= least + 8 and start[least - 4] != 0 and offset > least:
        size = int(np.frombuffer(start[least : least + 4], dtype=f"{order}i4")[0])
        if not 8 <= size <= offset - least:
            expected = f"8 to {int(offset) - least} bytes"
            raise _refuse("bad_extension", path, "A header extension has an impossible size.", expected, str(size))
    return int(offset)


def _check_file_size(header: NiftiHeader) -> None:
    size, needed = os.path.getsize(header.path), header.data_offset + header.data_bytes
    holds = size * MAX_DEFLATE_RATIO if header.compressed else size
    if holds < needed:
        found = f"{size} bytes on disk"
        raise _refuse("truncated", header.path, "The file holds less than its header says.", f"{needed} bytes", found)
    if not header.compressed and size > needed:
        raise trailing(header, size - needed)


def trailing(header: NiftiHeader, extra: int | str) -> ImageRefusal:
    """The refusal for bytes after the last voxel: the header does not describe what the file holds."""
    expected = f"{header.data_bytes} bytes of voxels"
    found = f"{extra} bytes more"
    return _refuse("trailing_bytes", header.path, "The file holds more than its header says.", expected, found)
