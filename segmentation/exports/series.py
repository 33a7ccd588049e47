"""An image as a DICOM series: one file a slice along the third array axis, CT or MR image storage.

References: DICOM PS3.3, A.3 (CT), A.4 (MR), C.7.6.2 Image Plane Module. Nothing here looks at a clock or draws a
number: the same image and the same facts give the same bytes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage

from segmentation.errors import ImageRefusal
from segmentation.exports.identifiers import content_digest, derived_uid
from segmentation.exports.stored_numbers import StoredNumbers, decimal_text, stored_numbers
from segmentation.types import Grid, Volume

CLASSES = {"CT": CTImageStorage, "MR": MRImageStorage}
MAKER = "surgical-outcome"
UTF8 = "ISO_IR 192"
# What one series takes from another of the same patient: patient, study and frame of reference, nothing else.
TAKEN = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientIdentityRemoved",
    "DeidentificationMethod", "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
    "ReferringPhysicianName", "StudyDescription", "FrameOfReferenceUID",
)  # fmt: skip
_EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator", "PatientPosition", "AcquisitionNumber",
)  # fmt: skip
_BY_MODALITY: dict[str, dict[str, Any]] = {
    "CT": {"ImageType": ["DERIVED", "SECONDARY", "AXIAL"], "KVP": None},
    "MR": {
        "ImageType": ["DERIVED", "SECONDARY", "OTHER"], "ScanningSequence": "RM", "SequenceVariant": "NONE",
        "ScanOptions": None, "MRAcquisitionType": None, "RepetitionTime": None, "EchoTime": None,
        "EchoTrainLength": None,
    },
}  # fmt: skip


@dataclass(frozen=True)
class SeriesFacts:
    """What a series says beside its voxels. `like`: an image of the patient and study that it joins.

    `modality` is "CT" (values in HU) or "MR". `date` is YYYYMMDD or empty. Without `like` the patient is `patient_id`
    alone, in a study of its own.
    """

    modality: str
    patient_id: str = ""
    date: str = ""
    like: Dataset | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.modality not in CLASSES:
            raise ImageRefusal(
                "wrong_modality", "A series of this modality is not written.", expected=" or ".join(CLASSES),
                found=self.modality or "none", next_step="say which one it is with --modality",
            )  # fmt: skip


@dataclass(frozen=True)
class WrittenSeries:
    """What was written: how many slices, under which series UID, and how far the worst voxel was rounded."""

    slices: int
    series_uid: str
    largest_rounding: float


def write_series(volume: Volume, folder: Path, facts: SeriesFacts) -> WrittenSeries:
    """Write an image as a folder of slices `0001.dcm`, …, whole or not at all.

    Slices follow the third array axis, columns the first, rows the second. A reader that stacks along the normal of
    the planes gives the third axis back turned round where the affine is left-handed; every voxel stays at its place.
    Raises ImageRefusal: `non_finite`, `not_empty` where the folder holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ImageRefusal(
            "not_empty", f"{folder.name} is in use.", expected="a new or an empty folder", found="a file, or files",
            next_step="name another folder with --out",
        )  # fmt: skip
    stored = stored_numbers(volume.array)
    slices = list(series_datasets(volume.grid, stored, facts))
    temporary = folder.with_name(f".tmp-{os.getpid()}-{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        for number, data in enumerate(slices, start=1):
            data.save_as(temporary / f"{number:04d}.dcm", enforce_file_format=True)
        if folder.exists():
            folder.rmdir()
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return WrittenSeries(len(slices), str(slices[0].SeriesInstanceUID), stored.largest_rounding)


def series_datasets(grid: Grid, stored: StoredNumbers, facts: SeriesFacts) -> Iterator[Dataset]:
    """The slices of an image in the order of its third axis."""
    base = _base(grid, stored, facts)
    places = _places(grid)
    for number, place in enumerate(places, start=1):
        data = Dataset()
        data.update(base)
        data.SOPInstanceUID = derived_uid("slice", str(base.SeriesInstanceUID), str(number))
        data.InstanceNumber = number
        data.ImagePositionPatient = [decimal_text(x) for x in place]
        plane = np.ascontiguousarray(stored.numbers[:, :, number - 1].T).astype("<i2" if stored.signed else "<u2")
        data.add_new("PixelData", "OW", plane.tobytes())
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        yield data


def _base(grid: Grid, stored: StoredNumbers, facts: SeriesFacts) -> Dataset:
    """What all slices share."""
    data = _belonging(grid, stored, facts)
    data.SOPClassUID, data.Modality, data.SeriesNumber = CLASSES[facts.modality], facts.modality, 1
    data.Manufacturer, data.ManufacturerModelName = MAKER, "segmentation"
    data.SoftwareVersions = metadata.version(MAKER)
    data.DerivationDescription = "Written from an image file without acquisition facts"
    for name, value in _BY_MODALITY[facts.modality].items():
        setattr(data, name, value)
    _place_plane(data, grid)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelRepresentation = int(stored.signed)
    data.RescaleSlope, data.RescaleIntercept = stored.slope, stored.intercept
    data.RescaleType = "HU" if facts.modality == "CT" else "US"  # US: no unit stated
    return data


def _belonging(grid: Grid, stored: StoredNumbers, facts: SeriesFacts) -> Dataset:
    """Patient, study, series and frame of reference, with their identifiers."""
    data = Dataset()
    data.SpecificCharacterSet = UTF8
    for name in _EMPTY:
        setattr(data, name, None)
    data.PatientID = facts.patient_id
    like = facts.like if facts.like is not None else Dataset()
    for name in TAKEN:
        if name in like:
            setattr(data, name, like[name].value)
    if facts.date:
        data.SeriesDate = data.AcquisitionDate = facts.date
        data.StudyDate = data.StudyDate or facts.date
    words = "|".join((facts.modality, facts.date, stored.slope, stored.intercept, str(data.PatientID)))
    content = content_digest(
        (words.encode(), repr(grid.shape).encode(), grid.affine.tobytes(), stored.numbers.tobytes(order="F"))
    )
    if "StudyInstanceUID" not in data:
        data.StudyInstanceUID = derived_uid("study", content)
    data.SeriesInstanceUID = derived_uid("series", str(data.StudyInstanceUID), content)
    if "FrameOfReferenceUID" not in data:
        data.FrameOfReferenceUID = derived_uid("frame of reference", content)
    return data


def _place_plane(data: Dataset, grid: Grid) -> None:
    row, column = (_to_lps(grid.direction[:, axis]) for axis in (0, 1))
    data.Columns, data.Rows, _ = grid.shape
    data.ImageOrientationPatient = [decimal_text(x) for x in (*row, *column)]
    i, j, k = grid.spacing_mm
    data.PixelSpacing = [decimal_text(j), decimal_text(i)]  # between rows first
    data.SliceThickness = data.SpacingBetweenSlices = decimal_text(k)


def _places(grid: Grid) -> np.ndarray:
    """Centres of the first voxel of every slice, (K, 3), LPS mm."""
    steps = np.arange(grid.shape[2])[:, None] * grid.affine[:3, 2]
    return np.array([_to_lps(place) for place in grid.affine[:3, 3] + steps])


def _to_lps(vector: np.ndarray) -> np.ndarray:
    return vector * (-1.0, -1.0, 1.0) + 0.0  # + 0.0: no negative zero in a header
