"""Masks come back as they were, and the same mask always makes the same bytes."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from segmentation.images.reading import read_image, read_mask
from segmentation.images.writing import crop_to_regions, mask_bytes, write_image, write_mask
from segmentation.phantoms import PhantomSpec, phantom
from segmentation.types import Mask


def _oblique() -> Mask:
    turn, labels = 0.3, np.zeros((8, 7, 6), dtype=np.int64)
    labels[2:6, 1:5, 3:5] = 1
    labels[3, 2, 3] = 2
    affine = np.eye(4)
    affine[:2, :2] = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * 0.7
    affine[:3, 3] = 1 / 3, -1234.5678, 0.1
    return Mask(labels, affine, {"organ": 1, "tumor": 2})


def test_a_mask_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    mask = crop_to_regions(_oblique())
    write_mask(mask, tmp_path / "m.nii.gz")
    again = read_mask(tmp_path / "m.nii.gz", mask.regions)
    assert again.affine.tobytes() == mask.affine.tobytes()
    assert again.grid.spacing_mm == mask.grid.spacing_mm
    np.testing.assert_array_equal(again.labels, mask.labels)
    assert mask_bytes(again) == mask_bytes(mask) == (tmp_path / "m.nii.gz").read_bytes()


def test_another_reader_sees_the_same_mask(tmp_path: Path) -> None:
    mask = _oblique()
    write_mask(mask, tmp_path / "m.nii.gz")
    image = nib.nifti1.load(tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), mask.labels)
    np.testing.assert_allclose(image.affine, mask.affine, atol=1e-6)
    np.testing.assert_allclose(image.header.get_qform(), mask.affine, atol=1e-3)


def test_the_time_of_writing_is_not_in_the_bytes() -> None:
    assert mask_bytes(_oblique())[4:8] == bytes(4)


def test_a_crop_keeps_every_voxel_in_its_place() -> None:
    whole = _oblique()
    part = crop_to_regions(whole)
    assert part.labels.shape == (4, 4, 2)
    assert part.offset == (2, 1, 3)
    there = part.affine @ [1, 1, 0, 1]  # the tumour voxel
    np.testing.assert_allclose(there, whole.affine @ [3, 2, 3, 1], atol=1e-4)
    assert crop_to_regions(part).offset == part.offset


def test_cropping_drops_and_counts_labels_without_a_name() -> None:
    whole = _oblique()
    part = crop_to_regions(Mask(whole.labels, whole.affine, {"tumor": 2}))
    assert part.labels.tolist() == [[[2]]]
    assert part.unnamed == {1: 31}


def test_an_image_comes_back_with_its_type(tmp_path: Path) -> None:
    volume, _, _ = phantom(np.random.default_rng(1), PhantomSpec(shape=(10, 9, 8), orientation="PIR"))
    write_image(volume, tmp_path / "i.nii.gz")
    again = read_image(tmp_path / "i.nii.gz")
    np.testing.assert_array_equal(again.array, volume.array)
    assert again.array.dtype == np.int16
    assert again.grid.orientation == "PIR"
