"""DICOM that would put a voxel in a wrong place, or under a wrong value, is refused with its own code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from segmentation.errors import ImageRefusal
from segmentation.images.dicom.choosing import Wanted
from segmentation.images.dicom.reading import read_series_header
from tests.dicom_series import (
    AXIAL,
    OBLIQUE,
    ORIGIN,
    Change,
    base,
    enhanced,
    planes,
    positions,
    save,
    slice_of,
    write_series,
)


def code_of(path: Path, wanted: Wanted | None = None) -> str:
    """The code of a refusal, or ok."""
    found: list[ImageRefusal] = []
    try:
        read_series_header(path, wanted=wanted or Wanted())
    except ImageRefusal as error:
        found.append(error)
    assert not any(word in str(error) for error in found for word in ("P1", "P2", "Nobody", "Somebody"))
    assert all(error.next_step for error in found)
    return found[0].code if found else "ok"


def on(number: int, **values: object) -> Change:
    """A change of one slice."""

    def change(index: int, data: Dataset) -> None:
        if index == number:
            for name, value in values.items():
                setattr(data, name, value)

    return change


def on_all(**values: object) -> Change:
    def change(index: int, data: Dataset) -> None:
        for name, value in values.items():
            setattr(data, name, value)

    return change


def without(*names: str) -> Change:
    def change(index: int, data: Dataset) -> None:
        for name in names:
            delattr(data, name)

    return change


def _place(number: int, height: float) -> Change:
    return on(number, ImagePositionPatient=[ORIGIN[0], ORIGIN[1], ORIGIN[2] + height])


def _lut(index: int, data: Dataset) -> None:
    data.ModalityLUTSequence = Items([Dataset()])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (on(2, PatientID="P2"), "mixed_patients"),
        (on(2, PatientName="Somebody^Else"), "mixed_patients"),
        (on(2, StudyInstanceUID="1.2.4"), "mixed_series"),
        (on(2, Modality="MR"), "mixed_modality"),
        (on(2, FrameOfReferenceUID="1.2.3.8"), "mixed_frame_of_reference"),
        (on(2, ImageOrientationPatient=list(OBLIQUE)), "mixed_orientation"),
        (on(2, PixelSpacing=[0.75, 0.6]), "mixed_spacing"),
        (_place(2, 2.0), "duplicate_position"),
        (_place(5, 12.0), "missing_slices"),
        (_place(2, 4.4), "uneven_slices"),
        (on_all(ImagePositionPatient=list(ORIGIN)), "not_a_volume"),
        (without("RescaleSlope", "RescaleIntercept"), "no_rescale"),
        (without("RescaleIntercept"), "no_rescale"),
        (on(2, RescaleSlope=0), "bad_rescale"),
        (_lut, "modality_lut"),
        (without("PixelSpacing"), "no_spacing"),
        (on_all(PixelSpacing=[0.0, 1.0]), "bad_spacing"),
        (on_all(PixelSpacing=[-1.0, 1.0]), "bad_spacing"),
        (on_all(PixelSpacing=[1.0]), "bad_spacing"),
        (without("ImagePositionPatient"), "no_position"),
        (without("ImageOrientationPatient"), "no_orientation"),
        (on_all(ImageOrientationPatient=[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]), "bad_orientation"),
        (on_all(ImageOrientationPatient=[2.0, 0.0, 0.0, 0.0, 1.0, 0.0]), "bad_orientation"),
        (on_all(ImageOrientationPatient=[1.0, 0.0, 0.0, 0.1, 0.995, 0.0]), "bad_orientation"),
        (on_all(Modality="RTDOSE"), "wrong_modality"),
        (on_all(Modality="SEG"), "wrong_modality"),
        (on_all(Modality="<script>"), "wrong_modality"),
        (on_all(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localizer"),
        (on_all(ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"]), "mosaic"),
        (on_all(PhotometricInterpretation="PALETTE COLOR"), "not_scalar"),
        (on_all(SamplesPerPixel=3, PhotometricInterpretation="RGB"), "not_scalar"),
        (on_all(Rows=0), "bad_dims"),
        (on_all(Rows=6), "truncated"),
        (on_all(Rows=3), "size_mismatch"),
        (on_all(BitsAllocated=12), "bad_pixels"),
        (on_all(BitsStored=17), "bad_pixels"),
        (on_all(Rows=65535, Columns=65535), "too_large"),
        (without("PixelData"), "no_pixel_data"),
        (on_all(SOPClassUID="1.2.840.10008.1.3.10"), "dicomdir"),
    ],
)
def test_a_series_with_one_fault_is_refused_for_it(tmp_path: Path, change: Change, code: str) -> None:
    assert code_of(write_series(tmp_path / "s", planes(), change)) == code


@pytest.mark.parametrize("value", ["NaN", "inf", "1e400", "0x10", "1_0", "abc", "9" * 60])
def test_numbers_that_are_none_are_refused(tmp_path: Path, value: str) -> None:
    folder = write_series(tmp_path / "s", planes())
    for path in folder.iterdir():
        raw = path.read_bytes()
        at = raw.index(b"\x28\x00\x30\x00DS")
        length = int.from_bytes(raw[at + 6 : at + 8], "little")
        new = f"{value}\\{value}".encode()
        new += b" " * (len(new) % 2)
        path.write_bytes(raw[: at + 6] + len(new).to_bytes(2, "little") + new + raw[at + 8 + length :])
    assert code_of(folder) == "bad_spacing"


def test_small_roundings_of_positions_are_no_fault(tmp_path: Path) -> None:
    assert code_of(write_series(tmp_path / "s", planes(), _place(2, 4.05))) == "ok"
    assert code_of(write_series(tmp_path / "w", planes(), on_all(SliceThickness=9.0))) == "ok"
    assert code_of(write_series(tmp_path / "m", planes(), without("SliceThickness"), modality="MR")) == "ok"


def test_a_tilted_gantry_is_refused_with_its_angle(tmp_path: Path) -> None:
    def tilt(number: int, data: Dataset) -> None:
        data.ImagePositionPatient = [0.0, 2.0 * number * np.tan(np.radians(15)), 2.0 * number]

    with pytest.raises(ImageRefusal, match=r"15\.0 degrees") as refused:
        read_series_header(write_series(tmp_path / "s", planes(), tilt))
    assert refused.value.code == "gantry_tilt"


def test_too_few_slices_are_no_volume(tmp_path: Path) -> None:
    assert code_of(write_series(tmp_path / "three", planes(3))) == "too_few_slices"
    assert code_of(write_series(tmp_path / "one", planes(1))) == "too_few_slices"
    assert code_of(write_series(tmp_path / "four", planes(4))) == "ok"


def test_points_in_time_are_several_volumes(tmp_path: Path) -> None:
    places = positions(3)

    def again(number: int, data: Dataset) -> None:
        data.ImagePositionPatient = [float(n) for n in places[number % 3]]

    with pytest.raises(ImageRefusal, match="2 images at each of 3 places") as refused:
        read_series_header(write_series(tmp_path / "s", planes(6), again))
    assert refused.value.code == "several_volumes"


def test_slices_of_another_size_are_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "s", planes())
    save(slice_of(planes(1, 7, 7)[0], positions(7)[6]), tmp_path / "s" / "other")
    assert code_of(tmp_path / "s") == "mixed_size"


def test_an_enhanced_image_without_places_or_over_time_is_refused(tmp_path: Path) -> None:
    assert code_of(save(enhanced(planes(5)), tmp_path / "good.dcm")) == "ok"
    assert code_of(save(enhanced(planes(5), placed=False), tmp_path / "e.dcm")) == "multiframe_no_geometry"
    timed = enhanced(planes(5))
    timed.NumberOfTemporalPositions = 20
    assert code_of(save(timed, tmp_path / "t.dcm")) == "several_volumes"
    loop = base(planes(5), "US")
    loop.NumberOfFrames = 5
    assert code_of(save(loop, tmp_path / "us.dcm")) == "multiframe_no_geometry"
    many = base(planes(1)[0])
    many.NumberOfFrames = 2**31 - 1
    assert code_of(save(many, tmp_path / "many.dcm")) == "too_large"


def test_what_lies_beside_a_series_is_left_out_and_told(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "s", planes())
    (folder / "report.pdf").write_bytes(b"%PDF-1.7")
    plan = slice_of(planes(1)[0], ORIGIN)
    plan.Modality, plan.SeriesInstanceUID = "RTPLAN", "1.2.3.77"
    save(plan, folder / "plan.dcm")
    left = read_series_header(folder).chosen.files_left_out
    assert left == {"files that are not DICOM": 1, "DICOM files without a volume of grey values (wrong_modality)": 1}
    index = slice_of(planes(1)[0], ORIGIN)
    index.SOPClassUID = "1.2.840.10008.1.3.10"
    save(index, folder / "DICOMDIR")
    assert read_series_header(folder).chosen.files_left_out["index files (DICOMDIR)"] == 1
    plan.SeriesInstanceUID = "1.2.3.1"
    save(plan, folder / "plan.dcm")
    assert code_of(folder) == "mixed_kinds"


def test_a_damaged_slice_or_one_without_its_mark_is_never_left_out(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "s", planes())
    last = folder / "006"
    whole = last.read_bytes()
    last.write_bytes(whole[:-3])
    assert code_of(folder) == "truncated"
    last.write_bytes(whole[132:])
    assert code_of(folder) == "not_part10"


def _other(uid: str, number: int, count: int, **values: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        changes = on_all(SeriesInstanceUID=uid, SeriesNumber=number, **values)
        return write_series(folder / uid, planes(count), changes)

    return write


def test_of_several_series_one_is_read_by_the_rule_or_none(tmp_path: Path) -> None:
    write_series(tmp_path / "scan", planes())
    _other("1.9.1", 1, 5, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])(tmp_path)
    _other("1.9.2", 2, 2)(tmp_path)
    chosen = read_series_header(tmp_path).chosen
    assert chosen.stack.grid.shape == (4, 5, 6)
    assert chosen.left_out == ("series 1 (CT, 5 slices): localizer", "series 2 (CT, 2 slices): too_few_slices")
    _other("1.9.3", 3, 7, AcquisitionDate="20240301")(tmp_path)
    assert code_of(tmp_path) == "several_series"
    assert read_series_header(tmp_path, wanted=Wanted(before=date(2024, 2, 1))).grid.shape == (4, 5, 6)
    assert read_series_header(tmp_path, wanted=Wanted(number=3)).grid.shape == (4, 5, 7)
    _other("1.9.4", 5, 8, PatientID="P2")(tmp_path)
    assert code_of(tmp_path, Wanted(number=3)) == "mixed_patients"


@pytest.mark.parametrize(
    ("made", "day", "code"),
    [
        ("20240110", date(2024, 1, 11), "ok"),
        ("20240110", date(2024, 1, 10), "after_surgery"),  # of the day itself nobody knows which came first
        ("20240111", date(2024, 1, 10), "after_surgery"),
        ("", date(2024, 1, 10), "no_date"),
        ("soon", date(2024, 1, 10), "no_date"),
    ],
)
def test_images_of_the_day_of_surgery_or_later_are_refused(tmp_path: Path, made: str, day: date, code: str) -> None:
    folder = write_series(tmp_path / "s", planes(), on(3, AcquisitionDate=made))
    assert code_of(folder, Wanted(before=day)) == code
    assert code_of(folder) == "ok"


def test_another_modality_than_asked_for_is_refused(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "s", planes(), orientation=AXIAL)
    assert code_of(folder, Wanted(modality="MR")) == "other_modality"
    assert code_of(folder, Wanted(modality="ct")) == "ok"
