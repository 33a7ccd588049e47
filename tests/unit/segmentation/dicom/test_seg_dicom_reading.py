"""Sound DICOM: values and places are what SimpleITK, pydicom and the arithmetic of the standard say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from segmentation.images.case_files import image_cases
from segmentation.images.dicom.reading import read_series_header, series_volume
from segmentation.images.reading import read_header, read_image, read_mask
from segmentation.images.scans import read_scan
from segmentation.types import Volume
from tests.dicom_series import (
    AXIAL,
    OBLIQUE,
    ORIGIN,
    enhanced,
    jpeg_2000,
    planes,
    positions,
    save,
    slice_of,
    with_stream,
    write_series,
)


def by_itk(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels (I, J, K) and affine (RAS mm) of a series as SimpleITK reads it."""
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    image = sitk.ReadImage(names)
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    affine[:2] *= -1
    return sitk.GetArrayFromImage(image).T, affine


def of_folder(folder: Path) -> Volume:
    return series_volume(read_series_header(folder))


@pytest.mark.parametrize(
    "orientation", [AXIAL, OBLIQUE, (0.0, 1.0, 0.0, 0.0, 0.0, -1.0), (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0)]
)
def test_a_series_lies_where_its_positions_say_whatever_its_files_are_called(
    tmp_path: Path, orientation: tuple[float, ...]
) -> None:
    array = planes()
    volume = of_folder(write_series(tmp_path / "s", array, orientation=orientation))
    np.testing.assert_array_equal(volume.array, array.T.astype(int) - 1024)
    voxels, affine = by_itk(tmp_path / "s")
    np.testing.assert_array_equal(volume.array, voxels)
    np.testing.assert_allclose(volume.affine, affine, atol=1e-5)
    corner = volume.affine @ [0, 0, 5, 1]
    np.testing.assert_allclose(corner[:3], positions(6, orientation)[5] * [-1, -1, 1], atol=1e-5)


def test_each_slice_has_its_own_rescaling(tmp_path: Path) -> None:
    def change(number: int, data: Dataset) -> None:
        data.RescaleSlope, data.RescaleIntercept = 1 + number, -100 * number

    array = planes().astype(int)
    volume = of_folder(write_series(tmp_path / "s", planes(), change))
    expected = [plane * (1 + number) - 100 * number for number, plane in enumerate(array)]
    np.testing.assert_array_equal(volume.array, np.array(expected).T)
    assert volume.array.dtype == np.int16  # the narrowest that holds all


def test_a_fractional_slope_gives_fractions(tmp_path: Path) -> None:
    def change(number: int, data: Dataset) -> None:
        data.RescaleSlope = "0.25"

    volume = of_folder(write_series(tmp_path / "s", planes(), change, modality="PT"))
    np.testing.assert_allclose(volume.array, planes().T * 0.25 - 1024)
    assert volume.modality == "PT"


def test_bits_beside_the_stored_ones_are_no_image(tmp_path: Path) -> None:
    array = planes()
    overlaid = array | np.uint16(0x8000)
    np.testing.assert_array_equal(of_folder(write_series(tmp_path / "o", overlaid)).array, array.T.astype(int) - 1024)

    def signed(number: int, data: Dataset) -> None:
        data.PixelRepresentation = 1

    def shifted(number: int, data: Dataset) -> None:
        data.HighBit = 14

    values = np.where(array >= 2048, array.astype(int) - 4096, array) - 1024
    np.testing.assert_array_equal(of_folder(write_series(tmp_path / "s", overlaid, signed)).array, values.T)
    moved = of_folder(write_series(tmp_path / "m", array << 3, shifted))
    np.testing.assert_array_equal(moved.array, array.T.astype(int) - 1024)


def test_whole_words_with_sign_and_single_bytes(tmp_path: Path) -> None:
    wide = np.random.default_rng(1).integers(-(2**15), 2**15, (4, 3, 5)).astype(np.int16)
    volume = of_folder(write_series(tmp_path / "w", wide))
    np.testing.assert_array_equal(volume.array, wide.T.astype(int) - 1024)
    narrow = np.random.default_rng(1).integers(0, 256, (4, 3, 5)).astype(np.uint8)
    np.testing.assert_array_equal(of_folder(write_series(tmp_path / "n", narrow, modality="MR")).array, narrow.T)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_uncompressed_syntaxes_give_the_same_image(tmp_path: Path, syntax: str) -> None:
    array = planes()
    stored = array.byteswap() if syntax == ExplicitVRBigEndian else array
    volume = of_folder(write_series(tmp_path / "s", stored, syntax=syntax))
    np.testing.assert_array_equal(volume.array, array.T.astype(int) - 1024)


def _rle(plane: np.ndarray, data: Dataset) -> None:
    data.compress(RLELossless, plane, generate_instance_uid=False)


def _jpeg_ls(plane: np.ndarray, data: Dataset) -> None:
    data.compress(JPEGLSLossless, plane, generate_instance_uid=False)


def _jpeg_2000(plane: np.ndarray, data: Dataset) -> None:
    stream = jpeg_2000(plane)
    with_stream(data, [stream[:100], stream[100:]])


@pytest.mark.parametrize(
    ("syntax", "compress"), [(RLELossless, _rle), (JPEGLSLossless, _jpeg_ls), (JPEG2000Lossless, _jpeg_2000)]
)
def test_compressed_slices_are_what_they_were(tmp_path: Path, syntax: str, compress) -> None:  # type: ignore[no-untyped-def]
    array = planes(4, 16, 12)

    def change(number: int, data: Dataset) -> None:
        data.ensure_file_meta()
        compress(array[number], data)

    folder = write_series(tmp_path / "s", array, change, syntax=syntax)
    np.testing.assert_array_equal(of_folder(folder).array, array.T.astype(int) - 1024)


def test_frames_of_an_enhanced_image_are_slices(tmp_path: Path) -> None:
    array = planes(5)
    path = save(enhanced(array), tmp_path / "e.dcm")
    volume = read_image(path)
    expected = [plane.astype(int) * (number + 1) - number for number, plane in enumerate(array)]
    np.testing.assert_array_equal(volume.array, np.array(expected[::-1]).T)  # stored from the last place to the first
    np.testing.assert_allclose(volume.grid.spacing_mm, (0.5, 0.75, 2.0), atol=1e-6)  # not the thickness of 9 mm
    np.testing.assert_allclose(volume.affine[:3, 3], np.array(ORIGIN) * [-1, -1, 1], atol=1e-5)


def test_one_slice_is_an_image_of_one_slice(tmp_path: Path) -> None:
    path = save(slice_of(planes()[0], ORIGIN), tmp_path / "one.dcm")
    volume = read_image(path)
    assert volume.array.shape == (4, 5, 1)
    assert (volume.grid.spacing_mm, volume.modality) == ((0.5, 0.75, 2.0), "CT")
    (same,) = read_scan([path])
    np.testing.assert_array_equal(same.array, volume.array)
    for name in ("0001", "1.2.840.113", "one.nii", "one.png"):  # its mark says what it is, not its name
        path = path.rename(tmp_path / name)
        np.testing.assert_array_equal(read_image(path).array, volume.array)


def test_pydicom_reads_the_same_numbers(tmp_path: Path) -> None:
    path = save(slice_of(planes()[0], ORIGIN), tmp_path / "one.dcm")
    data = pydicom.dcmread(path)
    expected = data.pixel_array * float(data.RescaleSlope) + float(data.RescaleIntercept)
    np.testing.assert_array_equal(read_image(path).array[:, :, 0].T, expected)


def test_a_series_in_folders_is_one_image_and_a_mask_may_be_of_any_kind(tmp_path: Path) -> None:
    write_series(tmp_path / "disc" / "A" / "B", planes())
    (tmp_path / "disc" / "README.txt").write_text("hello")
    assert read_header(tmp_path / "disc").grid.shape == (4, 5, 6)
    drawn = np.zeros((4, 5, 4), dtype=np.uint8)
    drawn[1, 2:4, 1:3] = 255
    mask = read_mask(write_series(tmp_path / "mask", drawn, modality="OT"), {"one": 1})
    assert mask.offset == (1, 2, 1)
    assert (mask.labels.shape, int(mask.labels.sum())) == ((2, 2, 1), 4)


def test_folders_of_series_are_cases(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_series(tmp_path / "all" / name, planes())
    assert [(case.name, case.files) for case in image_cases(tmp_path / "all", ["ct"])] == [
        ("a", (tmp_path / "all" / "a",)),
        ("b", (tmp_path / "all" / "b",)),
    ]
    assert [case.name for case in image_cases(tmp_path / "all" / "a", ["ct"])] == ["a"]
