"""Odd and malformed DICOM, collected with what ought to happen to each; sound ones voxel by voxel beside SimpleITK."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.errors import ImageRefusal
from segmentation.images.inspection import inspect_image
from segmentation.images.reading import read_channels

pytestmark = pytest.mark.real

SERIES = (
    "series_ct5n_small", "series_jpegls", "series_position_HFDR",
    "synth/s_control", "synth/s_mixed_rescale", "synth/s_thickness_lies",
)  # fmt: skip
CODES = {
    "series_mixed_orientation": "mixed_orientation", "series_not_a_volume": "not_a_volume", "series_rgb": "not_scalar",
    "series_tilt_ge": "gantry_tilt", "series_too_few_slices": "too_few_slices",
    "synth/s_duplicate": "duplicate_position", "synth/s_two_patients": "mixed_patients",
    "synth/s_zero_spacing": "bad_spacing", "synth/s_bad_iop": "bad_orientation", "synth/s_mr_in_ct": "mixed_modality",
}  # fmt: skip


def test_each_file_is_read_or_refused_as_listed(real_data: Path) -> None:
    folder = real_data / "edge_images"
    with (folder / "files.csv").open() as file:
        rows = list(csv.DictReader(file))
    wrong = [row["file"] for row in rows if not _as_listed(folder / row["file"], row["expected"])]
    assert len(rows) > 80
    assert wrong == []


def _as_listed(path: Path, expected: str) -> bool:
    try:
        inspect_image(path)
    except ImageRefusal as error:
        return expected != "read" and bool(error.code)
    return expected != "refuse"


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_each_bad_series_is_refused_for_its_fault(real_data: Path, name: str, code: str) -> None:
    with pytest.raises(ImageRefusal) as refused:
        inspect_image(real_data / "edge_images" / name)
    assert refused.value.code == code


@pytest.mark.parametrize("name", SERIES)
def test_sound_series_are_as_simpleitk_reads_them(real_data: Path, name: str) -> None:
    folder = real_data / "edge_images" / name
    image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    affine[:2] *= -1
    (volume,) = read_channels(folder)
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(image).T)
    np.testing.assert_allclose(volume.affine, affine, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm", "MR_small_jpeg_ls_lossless.dcm", "693_J2KI.dcm",
        "693_J2KR.dcm", "frag_5001001.dcm", "frag_6001001_.dcm", "MR-SIEMENS-DICOM-WithOverlays.dcm",
        "examples_overlay.dcm", "nib_decimal_rescale.dcm",
    ],
)  # fmt: skip
def test_sound_slices_are_as_simpleitk_reads_them(real_data: Path, name: str) -> None:
    path = real_data / "edge_images" / "dicom_single" / name
    (volume,) = read_channels(path)
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(sitk.ReadImage(str(path))).T)
