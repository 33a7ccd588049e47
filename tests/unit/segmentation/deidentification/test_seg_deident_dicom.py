"""A series written anew holds the same voxels at the same places, and no element that is not on the list."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEG2000Lossless

from segmentation.deidentification import dicom_elements
from segmentation.deidentification.dicom_elements import ALLOWED, METHOD, Replacement, deidentified
from segmentation.deidentification.dicom_series import read_headers, series_files
from segmentation.errors import ImageRefusal
from segmentation.images.dicom.reading import read_series_header
from segmentation.images.reading import read_image
from tests.dicom_readers import conforms
from tests.dicom_series import OBLIQUE, base, enhanced, jpeg_2000, planes, save, slice_of, with_stream, write_series

WRITTEN = {  # what every file has beside the list
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyTime", "StudyID", "AccessionNumber",
    "ReferringPhysicianName", "Manufacturer", "PositionReferenceIndicator", "PatientPosition", "AcquisitionNumber",
    "SeriesNumber", "SpecificCharacterSet", "SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "PixelData", "PatientIdentityRemoved", "DeidentificationMethod",
    "DeidentificationMethodCodeSequence", "LongitudinalTemporalInformationModified",
}  # fmt: skip


def earlier(text: str) -> str:
    """Ten days earlier."""
    moved = date.fromisoformat(text).toordinal() - 10
    return date.fromordinal(moved).strftime("%Y%m%d")


BY = Replacement("p0123456789", lambda uid: f"2.25.{sum(uid.encode())}{len(uid)}", earlier)


def rewritten(source: Path, folder: Path) -> Path:
    series = read_series_header(source)
    folder.mkdir(parents=True)
    for name, content in series_files(series, read_headers(series), BY):
        (folder / name).write_bytes(content)
    return folder


def same_image(one: Path, other: Path) -> None:
    a, b = read_image(one), read_image(other)
    assert (a.array.dtype, a.modality) == (b.array.dtype, b.modality)
    assert np.array_equal(a.array, b.array)
    assert np.array_equal(a.affine, b.affine)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_voxels_and_places_stay(modality: str, syntax: str, tmp_path: Path) -> None:
    if syntax == ExplicitVRBigEndian:
        array = np.random.default_rng(2).integers(0, 4096, (5, 6, 4)).astype(">u2")
    else:
        array = planes(5, 6, 4)
    source = write_series(tmp_path / "s", array, orientation=OBLIQUE, modality=modality, syntax=syntax)
    made = rewritten(source, tmp_path / "made")
    same_image(source, made)
    assert sorted(path.name for path in made.iterdir()) == [f"{n:04d}.dcm" for n in range(1, 6)]
    conforms(made / "0001.dcm")


def test_frames_of_one_file_stay_frames_of_one_file(tmp_path: Path) -> None:
    source = save(enhanced(planes()), tmp_path / "s" / "one.dcm")
    made = rewritten(source.parent, tmp_path / "made")
    same_image(source.parent, made)
    assert [path.name for path in made.iterdir()] == ["0001.dcm"]


def test_compressed_pixels_leave_without_the_code_stream_and_its_comment(tmp_path: Path) -> None:
    array = planes(4, 16, 16)
    for number, plane in enumerate(array):
        data = slice_of(plane, (0.0, 0.0, 2.0 * number))
        data.SOPInstanceUID = f"1.2.3.{number + 1}"
        stream = jpeg_2000(plane)
        comment = b"\xff\x64\x00\x0c\x00\x01Whitcom"  # marker COM (ISO/IEC 15444-1, A.9.2), after SIZ
        at = stream.index(b"\xff\x52")
        with_stream(data, [stream[:at] + comment + b"b" + stream[at:]])
        data.file_meta = None  # type: ignore[assignment]
        save(data, tmp_path / "s" / f"{number}.dcm", JPEG2000Lossless)
    assert all(b"Whitcomb" in path.read_bytes() for path in (tmp_path / "s").iterdir())
    made = rewritten(tmp_path / "s", tmp_path / "made")
    same_image(tmp_path / "s", made)
    assert not any(b"Whitcomb" in path.read_bytes() for path in made.iterdir())


def test_bits_beside_the_stored_ones_are_gone(tmp_path: Path) -> None:
    array = planes(4, 5, 4)
    source = write_series(tmp_path / "s", array | (array % 7 == 0).astype(np.uint16) << 15)
    made = rewritten(source, tmp_path / "made")
    same_image(source, made)
    assert max(int(pydicom.dcmread(path).pixel_array.max()) for path in made.iterdir()) < 4096


def test_only_listed_elements_are_there_and_they_say_what_was_done(tmp_path: Path) -> None:
    def more(number: int, data: Dataset) -> None:
        data.PatientComments, data.StudyTime, data.KVP, data.PatientSex = "c", "101112", "120", "F"
        data.AcquisitionDateTime = "20240110101112.5"

    made = rewritten(write_series(tmp_path / "s", planes(4), more), tmp_path / "made")
    read = pydicom.dcmread(made / "0002.dcm")
    assert {element.keyword for element in read} <= set(ALLOWED) | WRITTEN
    assert (read.PatientID, read.PatientName.family_name) == (BY.patient, BY.patient)
    assert (read.AcquisitionDate, str(read.AcquisitionDateTime), read.StudyTime) == ("20231231", "20231231", "")
    assert (read.PatientIdentityRemoved, read.PatientSex) == ("YES", "")
    assert [item.CodeValue for item in read.DeidentificationMethodCodeSequence] == ["113100", "113107"]
    assert all(len(words) <= 64 for words in METHOD)


def test_identifiers_that_were_equal_stay_equal(tmp_path: Path) -> None:
    made = rewritten(write_series(tmp_path / "s", planes(4)), tmp_path / "made")
    read = [pydicom.dcmread(path) for path in made.iterdir()]
    assert {one.StudyInstanceUID for one in read} == {BY.uid("1.2.3")}
    assert len({one.SOPInstanceUID for one in read}) == 4
    assert all(one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID for one in read)


PLANTED = {
    "PatientComments": "Ollerenshaw", "ImageComments": "Ollerenshaw", "InstitutionName": "Ollerenshaw",
    "AccessionNumber": "Ollerenshaw", "OperatorsName": "Ollerenshaw^O", "SeriesDescription": "for Ollerenshaw",
    "StationName": "Ollerenshaw", "ProtocolName": "Ollerenshaw", "StudyTime": "141537.482910",
    "IssuerOfPatientID": "Ollerenshaw", "OtherPatientNames": "Ollerenshaw^M", "RequestingPhysician": "Ollerenshaw",
}  # fmt: skip


@pytest.mark.parametrize("keyword", PLANTED)
def test_one_more_entry_of_the_list_would_let_a_name_out(keyword: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The law that makes the list the guard: without the entry nothing leaves, with it the words do."""
    source, words = base(planes(1)[0]), PLANTED[keyword]
    setattr(source, keyword, words)
    assert words not in str(deidentified(source, BY))
    monkeypatch.setattr(dicom_elements, "ALLOWED", {**ALLOWED, keyword: lambda value, by: value})
    assert words in str(deidentified(source, BY))


def test_words_and_numbers_that_are_none_do_not_stay() -> None:
    source = base(planes(1)[0])
    source.ImageType = ["ORIGINAL", "OLLERENSHAW", "AXIAL"]
    source.RescaleType, source.SOPClassUID = "OLLERENSHAW", "1.2.826.0.1.3680043.9.1"
    made = deidentified(source, BY)
    assert list(made.ImageType) == ["ORIGINAL", "AXIAL"]
    assert "RescaleType" not in made
    assert "SOPClassUID" not in made


def test_a_needed_number_that_is_none_refuses_the_image_without_its_words(tmp_path: Path) -> None:
    def spoil(number: int, data: Dataset) -> None:
        data.add_new("InstanceNumber", "IS", "1")
        data.add_new(0x00180088, "LO", "Ollerenshaw")  # spacing between slices, as text

    source = write_series(tmp_path / "s", planes(4), spoil)
    with pytest.raises(ImageRefusal) as caught:
        rewritten(source, tmp_path / "made")
    assert caught.value.code == "bad_element"
    assert "Ollerenshaw" not in str(caught.value)
