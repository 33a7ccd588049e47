"""DICOM series written with pydicom: sound ones whose place in space is known, and what the tests do to them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items
from pydicom.uid import CTImageStorage, EnhancedMRImageStorage, ExplicitVRLittleEndian

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
# Two perpendicular directions along no axis of the patient, of whole thirds.
OBLIQUE = (2 / 3, 2 / 3, -1 / 3, -2 / 3, 1 / 3, -2 / 3)
SPACING = (0.75, 0.5)  # between rows, between columns
ORIGIN = (-10.0, 20.0, 5.0)

Change = Callable[[int, Dataset], None]


def planes(count: int = 6, rows: int = 5, columns: int = 4, seed: int = 0) -> np.ndarray:
    """Stored numbers of 12 bits, (K, rows, columns)."""
    return np.random.default_rng(seed).integers(0, 4096, (count, rows, columns)).astype(np.uint16)


def base(plane: np.ndarray, modality: str = "CT") -> Dataset:
    """A data set with the elements that every image has, and the pixels of one plane or of several frames."""
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, "1.2.826.0.1.1"
    data.Modality, data.SeriesInstanceUID, data.StudyInstanceUID = modality, "1.2.3.1", "1.2.3"
    data.PatientID, data.PatientName, data.PatientBirthDate = "P1", "Nobody^N", "19500101"
    data.FrameOfReferenceUID, data.SeriesNumber, data.ImageType = "1.2.3.9", 4, ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.AcquisitionDate = "20240110"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows, data.Columns = plane.shape[-2:]
    data.BitsAllocated = plane.dtype.itemsize * 8
    data.BitsStored = 12 if plane.dtype == np.uint16 else data.BitsAllocated
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(plane.dtype.kind == "i")
    data.add_new(0x7FE00010, "OW", plane.tobytes() + b"\0" * (plane.nbytes % 2))
    return data


def slice_of(
    plane: np.ndarray, position: Sequence[float], orientation: Sequence[float] = AXIAL, modality: str = "CT"
) -> Dataset:
    """One slice as scanners write it."""
    data = base(plane, modality)
    data.ImagePositionPatient, data.ImageOrientationPatient = [float(n) for n in position], list(orientation)
    data.PixelSpacing, data.SliceThickness = list(SPACING), 2.0
    if modality in ("CT", "PT"):
        data.RescaleSlope, data.RescaleIntercept = 1, -1024
    return data


def save(data: Dataset, path: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    """A Part 10 file in a transfer syntax; pixels of a compressed one must be compressed already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some values are wrong on purpose
        data.save_as(path, enforce_file_format=True)
    return path


def jpeg_2000(plane: np.ndarray) -> bytes:
    """A lossless code stream, by Pillow."""
    out = io.BytesIO()
    Image.fromarray(plane).save(out, "JPEG2000", irreversible=False, no_jp2=True)
    return out.getvalue()


def with_stream(data: Dataset, pieces: list[bytes]) -> None:
    """Put compressed pixels in, as fragments."""
    data.PixelData = encapsulate(pieces, has_bot=False)
    data["PixelData"].is_undefined_length, data["PixelData"].VR = True, "OB"


def positions(count: int, orientation: Sequence[float] = AXIAL, step: float = 2.0) -> np.ndarray:
    """Places of slices stacked along their normal, (count, 3)."""
    normal = np.cross(orientation[:3], orientation[3:])
    return np.array(ORIGIN) + np.arange(count)[:, None] * step * normal


def write_series(
    folder: Path,
    array: np.ndarray,
    change: Change | None = None,
    *,
    orientation: Sequence[float] = AXIAL,
    modality: str = "CT",
    syntax: str = ExplicitVRLittleEndian,
    step: float = 2.0,
) -> Path:
    """A series whose file names and instance numbers run against its positions; `change` has the last word."""
    places = positions(len(array), orientation, step)
    for number, (plane, place) in enumerate(zip(array, places, strict=True)):
        data = slice_of(plane, place, orientation, modality)
        data.SOPInstanceUID = f"1.2.826.0.1.{number + 1}"
        data.InstanceNumber = (number * 3) % len(array)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some values are wrong on purpose
            if change is not None:
                change(number, data)
        save(data, folder / f"{len(array) - number:03d}", syntax)
    return folder


def enhanced(array: np.ndarray, *, placed: bool = True, step: float = 2.0) -> Dataset:
    """An enhanced MR of several frames, stored from the last place to the first, each with its own rescaling."""
    data = base(array, "MR")
    data.SOPClassUID, data.NumberOfFrames = EnhancedMRImageStorage, len(array)
    shared, measures, turn = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = list(SPACING), 9.0
    turn.ImageOrientationPatient = list(OBLIQUE)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Items([measures]), Items([turn])
    data.SharedFunctionalGroupsSequence = Items([shared])
    frames = []
    for number, place in enumerate(positions(len(array), OBLIQUE, step)[::-1]):
        frame, at, scale = Dataset(), Dataset(), Dataset()
        at.ImagePositionPatient = [float(n) for n in place]
        scale.RescaleSlope, scale.RescaleIntercept = number + 1, -number
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = Items([at]), Items([scale])
        frames.append(frame)
    if placed:
        data.PerFrameFunctionalGroupsSequence = Items(frames)
    return data
