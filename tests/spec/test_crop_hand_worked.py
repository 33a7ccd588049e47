"""A block of tissue worked out by hand: where its voxels lie, and what stands in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segmentation.crops import crop_grid, region_crop, region_middle
from segmentation.types import Mask, Volume

REGIONS = {"tumor": 2, "kidney": 1}
BLOCK: dict[str, Any] = {"region": "tumor", "size": (2, 2, 2), "extent": (2.0, 2.0, 2.0)}


def ramp() -> Volume:
    """40 HU and 20 more each mm to the right, 10 anterior, 4 superior: 0 and 0.1, 0.05, 0.02 once scaled."""
    x, y, z = np.indices((6, 6, 6)).astype(np.float32)
    return Volume(np.asfortranarray(40 + 20 * x + 10 * y + 4 * z), np.eye(4))


def mask() -> Mask:
    """Two by two tumour voxels in slice 2, and one kidney voxel far from them."""
    labels = np.zeros((6, 6, 6), dtype=np.uint8)
    labels[2:4, 2:4, 2] = 2
    labels[0, 0, 0] = 1
    return Mask(labels, np.eye(4), REGIONS)


def test_the_block_lies_round_the_middle_of_the_box() -> None:
    assert region_middle(mask(), "tumor").tolist() == [2.5, 2.5, 2.0]
    grid = crop_grid(mask(), region="tumor", size=(2, 2, 2), extent=(2.0, 2.0, 2.0))
    assert grid.affine[:3, 3].tolist() == [2.0, 2.0, 1.5]
    assert grid.spacing_mm == (1.0, 1.0, 1.0)


def test_the_image_is_read_between_its_voxels() -> None:
    crop = region_crop(ramp(), mask(), **BLOCK, scale="hu")
    assert crop.shape == (3, 2, 2, 2)
    assert crop.dtype == np.float32
    assert crop[0, 0, 0].tolist() == pytest.approx([0.33, 0.35])  # 0.1 * 2 + 0.05 * 2 + 0.02 * 1.5, then z = 2.5
    assert crop[0, 1, 1].tolist() == pytest.approx([0.48, 0.50])


def test_channels_are_sorted_by_name_and_half_a_voxel_counts() -> None:
    kidney, tumour = region_crop(ramp(), mask(), **BLOCK, scale="hu")[1:]
    assert not kidney.any()
    assert tumour.all()  # slices 1.5 and 2.5 lie half in, half out


def test_hu_are_windowed_and_beside_the_image_is_air() -> None:
    volume = ramp()
    array = volume.array.copy()
    array[2, 2, 2], array[3, 2, 2] = 3000, -1000
    part: dict[str, Any] = {"region": "tumor", "size": (2, 2, 1), "extent": (2.0, 2.0, 1.0)}
    crop = region_crop(Volume(array, volume.affine), mask(), **part, scale="hu")
    assert crop[0, :, 0, 0].tolist() == [1.0, -1.0]
    wide = region_crop(volume, mask(), region="tumor", size=(20, 1, 1), extent=(20.0, 1.0, 1.0), scale="hu")
    assert wide[0, 0, 0, 0] == -1.0
    assert wide[0, -1, 0, 0] == -1.0
    assert not wide[1:, 0].any()


def test_z_scores_are_of_the_voxels_that_are_not_zero() -> None:
    array = np.zeros((6, 6, 6), dtype=np.uint8)
    array[2, :, :], array[3, :, :] = 10, 30
    part: dict[str, Any] = {"region": "tumor", "size": (2, 1, 1), "extent": (2.0, 1.0, 1.0)}
    crop = region_crop(Volume(array, np.eye(4)), mask(), **part, scale="z_score")
    assert crop[0, :, 0, 0].tolist() == [-1.0, 1.0]
    wide = region_crop(Volume(array, np.eye(4)), mask(), **(part | {"size": (20, 1, 1), "extent": (20.0, 1, 1)}),
                       scale="z_score")  # fmt: skip
    assert wide[0, 0, 0, 0] == 0.0  # beside the image
    assert wide[0, 7, 0, 0] == -2.0  # background within it: (0 - 20) / 10
