"""What is read is what was written; what cannot be vouched for is refused with its code."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.images import nifti
from segmentation.images.reading import read_header, read_image, read_mask

REGIONS = {"organ": 1, "tumor": 2}
AFFINE = np.array([[-2.0, 0, 0, 10], [0, 1.5, 0, -20], [0, 0, 3.0, 5], [0, 0, 0, 1]])


def _labels(dtype: type = np.uint8) -> np.ndarray:
    labels: np.ndarray = np.zeros((9, 8, 7), dtype=dtype)
    labels[2:5, 3:6, 1:4] = 1
    labels[4:7, 4:6, 3:5] = 2
    return labels


def _save(path: Path, array: np.ndarray, **fields: float) -> Path:
    image = nib.Nifti1Image(array, AFFINE, dtype=array.dtype)
    nib.save(image, path)
    if fields:
        raw = path.read_bytes()
        header = nib.Nifti1Header(raw[:348], check=False)
        for name, value in fields.items():
            header[name] = value
        path.write_bytes(header.binaryblock + raw[348:])
    return path


def _code(read: Callable[[], object]) -> str:
    with pytest.raises(ImageRefusal) as refusal:
        read()
    assert refusal.value.expected
    assert refusal.value.next_step
    return refusal.value.code


@pytest.mark.parametrize("name", ["m.nii", "m.nii.gz"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_a_mask_is_cropped_to_its_regions_whatever_its_type(tmp_path: Path, name: str, dtype: type) -> None:
    labels = _labels(dtype)
    mask = read_mask(_save(tmp_path / name, labels), REGIONS)
    assert mask.labels.dtype == np.uint8
    np.testing.assert_array_equal(mask.labels, labels[2:7, 3:6, 1:5])
    assert mask.offset == (2, 3, 1)
    assert mask.source is not None
    assert mask.source.shape == (9, 8, 7)
    np.testing.assert_allclose(mask.affine[:3, 3], AFFINE[:3, :3] @ [2, 3, 1] + AFFINE[:3, 3])


@pytest.mark.parametrize("block_bytes", [1, 100, 200, 10**6])
def test_the_size_of_the_slabs_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, (6, 5, 11)).astype(np.uint8)
    path = _save(tmp_path / "m.nii.gz", labels)
    monkeypatch.setattr(nifti, "BLOCK_BYTES", block_bytes)
    mask = read_mask(path, REGIONS)
    np.testing.assert_array_equal(mask.labels, np.where(labels <= 2, labels, 0))
    assert mask.unnamed == {3: int((labels == 3).sum())}
    image = read_image(path, window=(slice(1, 4), slice(0, 5), slice(2, 9)))
    np.testing.assert_array_equal(image.array, labels[1:4, :, 2:9])


def test_big_endian_and_nifti_2_read_the_same(tmp_path: Path) -> None:
    labels = _labels(np.int16)
    big = nib.Nifti1Image(labels, AFFINE, nib.Nifti1Header(endianness=">"))
    big.set_data_dtype(">i2")
    nib.save(big, tmp_path / "big.nii.gz")
    nib.save(nib.Nifti2Image(labels, AFFINE), tmp_path / "two.nii.gz")
    for name in ("big.nii.gz", "two.nii.gz"):
        np.testing.assert_array_equal(read_image(tmp_path / name).array, labels)
        np.testing.assert_array_equal(read_mask(tmp_path / name, REGIONS).labels, labels[2:7, 3:6, 1:5])


def test_scaling_is_applied_to_images_and_masks(tmp_path: Path) -> None:
    path = _save(tmp_path / "m.nii", _labels(np.int16), scl_slope=2, scl_inter=-2)
    image = read_image(path)
    np.testing.assert_array_equal(image.array, _labels() * 2.0 - 2)
    assert image.array.dtype == np.float32
    shifted = _save(tmp_path / "s.nii", _labels(np.int16) + 4, scl_slope=0.5, scl_inter=-2)
    assert _code(lambda: read_mask(shifted, REGIONS)) == "mask_not_integer"
    whole = _save(tmp_path / "w.nii", _labels(np.int16) * 2 + 4, scl_slope=0.5, scl_inter=-2)
    np.testing.assert_array_equal(read_mask(whole, REGIONS).labels, _labels()[2:7, 3:6, 1:5])


def test_labels_above_255_survive(tmp_path: Path) -> None:
    labels = _labels(np.int32)
    labels[labels == 2] = 1000
    mask = read_mask(_save(tmp_path / "m.nii.gz", labels), {"organ": 1, "tumor": 1000})
    assert mask.labels.dtype == np.uint16
    np.testing.assert_array_equal(mask.labels, labels[2:7, 3:6, 1:5])


def test_a_mask_without_any_region_is_one_background_voxel(tmp_path: Path) -> None:
    mask = read_mask(_save(tmp_path / "m.nii.gz", _labels()), {"cyst": 9})
    assert mask.labels.shape == (1, 1, 1)
    assert not mask.labels.any()
    assert set(mask.unnamed) == {1, 2}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"dim": [2, 9, 8, 1, 1, 1, 1, 1]}, "not_3d"),
        ({"dim": [4, 9, 8, 1, 7, 1, 1, 1]}, "not_3d"),
        ({"dim": [3, 9, 8, 0, 1, 1, 1, 1]}, "bad_dims"),
        ({"dim": [3, 9, -8, 7, 1, 1, 1, 1]}, "bad_dims"),
        ({"dim": [99, 9, 8, 7, 1, 1, 1, 1]}, "bad_dims"),
        ({"dim": [3, 9, 8, 70, 1, 1, 1, 1]}, "truncated"),
        ({"dim": [3, 9, 8, 6, 1, 1, 1, 1]}, "trailing_bytes"),
        ({"dim": [3, 30000, 30000, 30000, 1, 1, 1, 1]}, "too_large"),
        ({"pixdim": [1, 2, 0, 3, 0, 0, 0, 0]}, "bad_spacing"),
        ({"pixdim": [1, 2, -1, 3, 0, 0, 0, 0]}, "bad_spacing"),
        ({"pixdim": [1, 2, np.nan, 3, 0, 0, 0, 0]}, "bad_spacing"),
        ({"srow_x": [np.nan, 0, 0, 0]}, "bad_affine"),
        ({"srow_x": [0, 0, 0, 0]}, "bad_spacing"),
        ({"srow_x": [-2, 1.2, 0, 0]}, "affine_shear"),
        ({"sform_code": 0, "qform_code": 0}, "no_orientation"),
        ({"xyzt_units": 1}, "bad_units"),
        ({"datatype": 128, "bitpix": 24}, "bad_datatype"),
        ({"datatype": 9999}, "bad_datatype"),
        ({"scl_slope": np.inf}, "bad_scaling"),
        ({"vox_offset": 100}, "bad_offset"),
        ({"vox_offset": np.nan}, "bad_offset"),
        ({"magic": b"ni1"}, "not_nifti"),
    ],
)
def test_a_header_that_cannot_be_true_is_refused(tmp_path: Path, fields: dict[str, object], code: str) -> None:
    path = _save(tmp_path / "m.nii", _labels(), **fields)  # type: ignore[arg-type]
    assert _code(lambda: read_header(path)) == code


def test_a_negative_fractional_or_huge_label_is_refused(tmp_path: Path) -> None:
    for name, value, code in (
        ("a", -1, "bad_label"),
        ("b", 70000, "bad_label"),
        ("c", 0.5, "mask_not_integer"),
        ("d", np.nan, "bad_label"),
    ):
        labels = _labels(np.float32)
        labels[0, 0, 6] = value
        path = _save(tmp_path / f"{name}.nii.gz", labels)
        assert _code(partial(read_mask, path, REGIONS)) == code


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_hole_anywhere_refuses_the_image_even_outside_the_window(tmp_path: Path, value: float) -> None:
    array = np.zeros((4, 4, 4), dtype=np.float32)
    array[3, 3, 3] = value
    path = _save(tmp_path / "i.nii.gz", array)
    window = (slice(0, 1), slice(0, 1), slice(0, 1))
    assert _code(lambda: read_image(path, window=window)) == "non_finite"


def test_damage_to_the_file_is_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = _save(tmp_path / "m.nii.gz", rng.integers(0, 3, (40, 40, 40)).astype(np.uint8)).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 16
    wrong_sum = bytearray(whole)
    wrong_sum[-8] ^= 1
    for n, (content, codes) in enumerate(
        [
            (whole[: len(whole) // 2], {"damaged", "truncated"}),
            (bytes(flipped), {"damaged", "truncated", "trailing_bytes"}),
            (bytes(wrong_sum), {"damaged"}),
            (b"", {"not_gzip"}),
            (b"no gzip at all", {"not_gzip"}),
            (whole[:9], {"unreadable", "not_nifti", "truncated"}),
            (gzip.compress(gzip.decompress(whole) + b"\0"), {"trailing_bytes"}),
        ]
    ):
        path = tmp_path / f"{n}.nii.gz"
        path.write_bytes(content)
        assert _code(partial(read_mask, path, REGIONS)) in codes


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert _code(lambda: read_header(tmp_path / "none.nii.gz")) == "missing_file"
    assert _code(lambda: read_header(tmp_path)) == "unreadable"


def test_a_window_must_lie_inside(tmp_path: Path) -> None:
    path = _save(tmp_path / "i.nii.gz", _labels())
    with pytest.raises(ImageRefusal, match="leaves the image"):
        read_image(path, window=(slice(0, 10), slice(0, 1), slice(0, 1)))
