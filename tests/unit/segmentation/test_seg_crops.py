"""Blocks of tissue: centred on the region, smoothed where coarse, read from files by their window, refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmentation import crops as crops_module
from segmentation.crops import crop_grid, quantised, read_region_crop, region_crop, region_middle
from segmentation.errors import ImageRefusal
from segmentation.images.writing import crop_to_regions, write_image
from segmentation.phantoms import PhantomSpec, phantom
from segmentation.types import Mask, Volume

SPEC = PhantomSpec(shape=(48, 44, 34), orientation="LPS", tumour_ml=10, side="right", pole="upper")
BLOCK: dict[str, Any] = {"region": "tumor", "size": (16, 16, 12), "extent": (60.0, 60.0, 48.0)}


@pytest.fixture(scope="module")
def patient() -> tuple[Volume, Mask, dict[str, Any]]:
    return phantom(np.random.default_rng(3), SPEC)


def test_the_tumour_stands_in_the_middle(patient: tuple[Volume, Mask, dict[str, Any]]) -> None:
    volume, mask, truth = patient
    np.testing.assert_allclose(region_middle(mask, "tumor"), truth["tumour_centre_mm"], atol=3)
    crop = region_crop(volume, mask, **BLOCK, scale="hu")
    tumour = crop[2]
    middle = [float(np.mean(places)) for places in np.nonzero(tumour)]
    np.testing.assert_allclose(middle, [7.5, 7.5, 5.5], atol=0.6)
    voxel_ml = np.prod(np.divide(BLOCK["extent"], BLOCK["size"])) / 1000
    assert tumour.sum() * voxel_ml == pytest.approx(truth["tumour_voxels_ml"], rel=0.05)
    assert crop[0][tumour > 0].mean() == pytest.approx((80 - 40) / 200, abs=0.03)  # 80 HU in the window
    assert set(np.unique(crop[1:])) == {0.0, 1.0}


def test_what_lies_right_anterior_and_above_does_so_in_the_block() -> None:
    labels = np.zeros((21, 21, 21), dtype=np.uint8)
    labels[9:12, 9:12, 9:12] = 1
    image = np.full(labels.shape, -200, dtype=np.int16)
    image[5, 6, 16] = 200  # in LPS: 5 voxels to the right, 4 to the front, 6 above the middle
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    crop = region_crop(
        Volume(image, affine), Mask(labels, affine, {"tumor": 1}),
        region="tumor", size=(15, 15, 15), extent=(15.0, 15.0, 15.0), scale="hu",
    )  # fmt: skip
    assert np.argwhere(crop[0] > 0).tolist() == [[7 + 5, 7 + 4, 7 + 6]]


def test_a_coarse_block_averages_what_it_passes_over() -> None:
    """A board of 1 mm squares seen at 8 mm is grey; picking single voxels would give black and white."""
    board = np.where(np.indices((64, 64, 64)).sum(axis=0) % 2, 240, -160).astype(np.int16)
    labels = np.zeros(board.shape, dtype=np.uint8)
    labels[28:35, 28:35, 28:35] = 1  # an odd width: every place read is the centre of a voxel
    mask = Mask(labels, np.eye(4), {"tumor": 1})
    crop = region_crop(
        Volume(board, np.eye(4)), mask, region="tumor", size=(6, 6, 6), extent=(48.0, 48.0, 48.0), scale="hu"
    )
    assert np.abs(crop[0]).max() < 0.01


@pytest.mark.parametrize("scale", ["hu", "z_score"])
@pytest.mark.parametrize("extent", [(30.0, 30.0, 30.0), (240.0, 240.0, 240.0)])
def test_a_file_gives_what_the_image_gives(
    patient: tuple[Volume, Mask, dict[str, Any]], tmp_path: Path, scale: str, extent: tuple[float, float, float]
) -> None:
    volume, mask, _ = patient
    write_image(volume, tmp_path / "ct.nii.gz")
    block = BLOCK | {"extent": extent}
    read = read_region_crop(tmp_path / "ct.nii.gz", crop_to_regions(mask), **block, scale=scale)
    np.testing.assert_allclose(read, region_crop(volume, mask, **block, scale=scale), atol=1e-5)


def test_of_a_ct_only_the_block_is_held(
    patient: tuple[Volume, Mask, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume, mask, _ = patient
    write_image(volume, tmp_path / "ct.nii.gz")
    read, asked = crops_module.read_image, []

    def reading(path: Path, **words: Any) -> Volume:
        asked.append(words["window"])
        return read(path, **words)

    monkeypatch.setattr(crops_module, "read_image", reading)
    read_region_crop(tmp_path / "ct.nii.gz", mask, **(BLOCK | {"extent": (20.0, 20.0, 20.0)}), scale="hu")
    assert np.prod([part.stop - part.start for part in asked[0]]) < 0.1 * volume.array.size


def test_a_block_at_the_border_is_filled_up(patient: tuple[Volume, Mask, dict[str, Any]]) -> None:
    volume, mask, _ = patient
    labels = np.zeros_like(mask.labels)
    labels[0, 0, 0] = 2
    corner = Mask(labels, mask.affine, mask.regions)
    crop = region_crop(volume, corner, **BLOCK, scale="z_score")
    assert np.isfinite(crop).all()
    assert not crop[0, :, :, :4].any()  # below the lowest slice: nothing, and nothing is 0
    assert crop[0, :6, :6, 8:].any()


def test_the_grid_is_the_blocks(patient: tuple[Volume, Mask, dict[str, Any]]) -> None:
    _, mask, _ = patient
    grid = crop_grid(mask, region="tumor", size=(16, 16, 12), extent=(60.0, 60.0, 48.0))
    assert grid.orientation == "RAS"
    assert grid.shape == (16, 16, 12)
    middle = grid.affine[:3, :3] @ ((np.array(grid.shape) - 1) / 2) + grid.affine[:3, 3]
    np.testing.assert_allclose(middle, region_middle(mask, "tumor"), atol=1e-4)


def test_half_precision_is_kept_by_a_second_rounding(patient: tuple[Volume, Mask, dict[str, Any]]) -> None:
    volume, mask, _ = patient
    crop = region_crop(volume, mask, **BLOCK, scale="hu")
    before = crop.copy()
    once = quantised(crop)
    assert np.array_equal(crop, before)
    assert once.dtype == np.float32
    assert np.array_equal(quantised(once), once)
    np.testing.assert_allclose(once, crop, atol=5e-4)
    assert not np.array_equal(once, crop)


def _refused(code: str, volume: Volume, mask: Mask, **changes: Any) -> ImageRefusal:
    with pytest.raises(ImageRefusal) as caught:
        region_crop(volume, mask, **(BLOCK | {"scale": "hu"} | changes))
    assert caught.value.code == code
    return caught.value


def test_what_cannot_be_cut_is_refused_with_a_reason(patient: tuple[Volume, Mask, dict[str, Any]]) -> None:
    volume, mask, _ = patient
    without = Mask(np.where(mask.labels == 2, 0, mask.labels), mask.affine, mask.regions)
    refusal = _refused("empty_region", volume, without)
    assert "'tumor'" in refusal.message
    assert refusal.next_step
    _refused("no_regions", volume, mask, region="cyst")
    _refused("bad_scale", volume, mask, scale="percent")
    _refused("flat_image", Volume(np.full_like(volume.array, 7), volume.affine), mask, scale="z_score")
    _refused("flat_image", Volume(np.zeros_like(volume.array), volume.affine), mask, scale="z_score")
    moved = volume.affine.copy()
    moved[0, 3] += 2.3
    _refused("grid_mismatch", Volume(volume.array, moved), mask)
