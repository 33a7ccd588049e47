"""An image as a DICOM series: our reader and SimpleITK give back voxels, spacing and place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from segmentation.errors import ImageRefusal
from segmentation.exports.series import SeriesFacts, write_series
from segmentation.exports.source_series import read_source
from segmentation.exports.stored_numbers import stored_numbers
from segmentation.images.reading import read_image
from segmentation.types import Volume
from tests.dicom_readers import conforms, itk_series
from tests.dicom_series import write_series as scanner_series

SPACING = (0.7, 1.3, 3.3)


def affine(seed: int = 0, spacing: tuple[float, float, float] = SPACING, *, left_handed: bool = False) -> np.ndarray:
    """An oblique place in the patient."""
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    if (np.linalg.det(turn) < 0) != left_handed:
        turn[:, 2] *= -1
    made = np.eye(4)
    made[:3, :3], made[:3, 3] = turn * spacing, (-100.3, 50.7, 33.1)
    return made


def image(kind: str = "int16", shape: tuple[int, int, int] = (6, 5, 7), **place: bool) -> Volume:
    numbers = np.random.default_rng(1).integers(-1024, 3000, shape).astype(kind)
    return Volume(np.asfortranarray(numbers), affine(**place), "CT")


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_whole_numbers_come_back_at_their_place(modality: str, tmp_path: Path) -> None:
    volume = image()
    written = write_series(volume, tmp_path / "s", SeriesFacts(modality, "case_1"))
    ours, (theirs, place) = read_image(tmp_path / "s"), itk_series(tmp_path / "s")
    assert (written.slices, written.largest_rounding) == (7, 0.0)
    assert np.array_equal(ours.array, volume.array)
    assert np.array_equal(theirs, volume.array)
    assert ours.modality == modality
    np.testing.assert_allclose(ours.affine, volume.affine, atol=1e-5)
    np.testing.assert_allclose(place, volume.affine, atol=1e-5)
    conforms(tmp_path / "s" / "0003.dcm")


def test_a_left_handed_image_comes_back_turned_round_with_every_voxel_at_its_place(tmp_path: Path) -> None:
    volume = image(left_handed=True)
    write_series(volume, tmp_path / "s", SeriesFacts("CT", "case_1"))
    back = read_image(tmp_path / "s")
    assert np.array_equal(back.array, volume.array[:, :, ::-1])
    last = volume.affine @ (0, 0, 6, 1)
    np.testing.assert_allclose(back.affine[:3, 3], last[:3], atol=1e-4)


def test_other_numbers_are_rounded_by_no_more_than_is_told(tmp_path: Path) -> None:
    values = np.random.default_rng(2).normal(size=(4, 5, 6)).astype(np.float32)
    volume = Volume(np.asfortranarray(values), affine(), "MR")
    written = write_series(volume, tmp_path / "s", SeriesFacts("MR", "case_1"))
    off = np.abs(read_image(tmp_path / "s").array.astype(float) - values).max()
    steps = float(np.ptp(values)) / 65535
    assert 0 < written.largest_rounding <= 0.501 * steps
    assert off <= written.largest_rounding + np.abs(values).max() * np.finfo(np.float32).eps


@pytest.mark.parametrize(
    ("values", "slope", "intercept"),
    [
        ([-32768, 32767], "1", "0"),
        ([0, 65535], "1", "0"),
        ([-40000, 20000], "1", "-40000"),
        ([-3, 5, 8 * 60000 - 3], "8", "-3"),  # a step of 8 divides the differences
        ([70000, 70000], "1", "70000"),
    ],
)
def test_whole_numbers_are_kept_where_16_bits_can_hold_them(values: list[int], slope: str, intercept: str) -> None:
    array = np.array(values).reshape(1, 1, -1)
    stored = stored_numbers(array)
    assert (stored.slope, stored.intercept, stored.largest_rounding) == (slope, intercept, 0.0)
    assert np.array_equal(stored.numbers.astype(int) * int(slope) + int(intercept), array)


def test_what_16_bits_cannot_hold_says_how_far_it_is_off() -> None:
    stored = stored_numbers(np.array([0, 1, 131070]).reshape(1, 1, 3))
    assert 0 < stored.largest_rounding <= 1.0
    with pytest.raises(ImageRefusal, match="no numbers"):
        stored_numbers(np.array([[[0.0, np.nan]]]))


def test_the_same_image_gives_the_same_bytes_and_another_one_other_identifiers(tmp_path: Path) -> None:
    volume, facts = image(), SeriesFacts("CT", "case_1", "20200102")
    other = Volume(np.asfortranarray(volume.array + 1), volume.affine, "CT")
    for name, one in (("a", volume), ("b", volume), ("c", other)):
        write_series(one, tmp_path / name, facts)
    first, again, changed = (sorted((tmp_path / name).glob("*.dcm")) for name in "abc")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    uids = [{pydicom.dcmread(path).SOPInstanceUID for path in paths} for paths in (first, changed)]
    assert len(uids[0]) == len(uids[1]) == 7
    assert not uids[0] & uids[1]


def test_a_series_joins_the_patient_and_study_of_another_and_takes_nothing_else(tmp_path: Path) -> None:
    numbers = np.zeros((5, 4, 4), dtype=np.uint16)

    def telling(number: int, data: pydicom.Dataset) -> None:
        data.PatientName, data.StationName, data.StudyDate = "Müller^Jörg", "SCANNER 7", "20240110"
        data.SpecificCharacterSet = "ISO_IR 100"

    source = read_source(scanner_series(tmp_path / "scan", numbers, telling))
    write_series(image(), tmp_path / "s", SeriesFacts("CT", "case_1", like=source.images[0]))
    made = pydicom.dcmread(tmp_path / "s" / "0001.dcm")
    assert str(made.PatientName) == "Müller^Jörg"
    assert (made.PatientID, made.StudyInstanceUID, made.StudyDate) == ("P1", "1.2.3", "20240110")
    assert made.SeriesInstanceUID != "1.2.3.1"
    assert "StationName" not in made
    conforms(tmp_path / "s" / "0001.dcm")


def test_nothing_is_written_over_and_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "kept").write_text("mine")
    with pytest.raises(ImageRefusal, match="in use"):
        write_series(image(), tmp_path / "s", SeriesFacts("CT"))
    broken = Volume(np.full((4, 4, 4), np.nan, dtype=np.float32), affine(), "MR")
    with pytest.raises(ImageRefusal, match="no numbers"):
        write_series(broken, tmp_path / "t", SeriesFacts("MR"))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["kept", "s"]


@pytest.mark.real
def test_a_sarcoma_scan_goes_to_dicom_and_back(real_data: Path, tmp_path: Path) -> None:
    volume = read_image(real_data / "sts" / "STS_001" / "CT_image.nii.gz")
    written = write_series(volume, tmp_path / "s", SeriesFacts("CT", "STS_001"))
    back = read_image(tmp_path / "s")
    turned = back.array if np.linalg.det(volume.affine[:3, :3]) > 0 else back.array[:, :, ::-1]
    assert written.largest_rounding == 0.0
    assert np.array_equal(turned, volume.array)
