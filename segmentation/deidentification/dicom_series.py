"""A DICOM series written anew: headers of listed elements, pixels as numbers, files counted in the order of planes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from segmentation.deidentification.dicom_elements import Replacement, deidentified
from segmentation.images.dicom.layout import Layout
from segmentation.images.dicom.pixels import stored_planes
from segmentation.images.dicom.reading import SeriesHeader
from segmentation.images.dicom.refusing import refuse
from segmentation.images.dicom.slices import Slice

Plane = npt.NDArray[np.generic]


def read_headers(series: SeriesHeader) -> dict[Path, Dataset]:
    """The elements of each file of a series before its pixels: for looking at, never for copying."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd values of elements that do not stay
        return {path: dcmread(path, stop_before_pixels=True) for path in series.files}


def series_files(series: SeriesHeader, headers: dict[Path, Dataset], by: Replacement) -> Iterator[tuple[str, bytes]]:
    """Name and content of each new file, uncompressed: code streams and spare bits hold comments and overlays too.

    Raises ImageRefusal: what pixels are refused for, `bad_element` where a listed element's value is none that it may
    have, `several_multiframe` where the planes of a file of several frames do not follow each other.
    """
    planes = stored_planes(series.stack.slices)
    grouped = groupby(series.stack.slices, key=lambda one: one.layout.path)
    for number, (path, group) in enumerate(grouped, start=1):
        frames = list(group)
        if len(frames) != frames[0].layout.frames:
            raise refuse("several_multiframe", path.name, "The series is several files of many frames.",
                         "one file a plane, or one for all", f"{len(frames)} planes in a row",
                         "export the series as one file a slice")  # fmt: skip
        yield f"{number:04d}.dcm", _file(headers[path], frames, [next(planes) for _ in frames], by, number)


def _file(header: Dataset, frames: Sequence[Slice], planes: Sequence[Plane], by: Replacement, number: int) -> bytes:
    layout = frames[0].layout
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values that are no number raise; others are written anew
            made = deidentified(header, by)
    except (ValueError, TypeError, OverflowError) as error:
        raise refuse("bad_element", layout.path.name, "An element that is needed cannot be read.",
                     "numbers and dates of the standard", type(error).__name__) from error  # fmt: skip
    made.SeriesNumber, made.InstanceNumber = 1, number
    if "SOPClassUID" not in made:
        made.SOPClassUID = CTImageStorage
    in_file = [plane for _, plane in sorted(zip((one.frame for one in frames), planes, strict=True), key=_first)]
    _put_pixels(made, layout, np.stack(in_file))
    return _part10(made)


def _first(pair: tuple[int, Plane]) -> int:
    return pair[0]


def _put_pixels(made: Dataset, layout: Layout, numbers: Plane) -> None:
    """The stored numbers alone: what lay in the bits beside them is gone."""
    size = layout.allocated // 8
    data = numbers.astype(np.dtype(f"<{'i' if layout.signed else 'u'}{size}")).tobytes()
    made.Rows, made.Columns = layout.rows, layout.columns
    made.BitsAllocated, made.BitsStored, made.HighBit = layout.allocated, layout.stored, layout.stored - 1
    made.PixelRepresentation = int(layout.signed)
    made.add_new("PixelData", "OB" if size == 1 else "OW", data + b"\0" * (len(data) % 2))


def _part10(made: Dataset) -> bytes:
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    out = io.BytesIO()
    made.save_as(out, enforce_file_format=True)
    return out.getvalue()
