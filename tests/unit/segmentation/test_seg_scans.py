"""Images of several channels: read from one file or many, learned from in order, refused where they do not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from segmentation.augmentation.augment import cut, draw_variation
from segmentation.errors import ImageRefusal
from segmentation.images.reading import read_channels, read_image
from segmentation.images.scans import channel_count, read_scan, scan_grid
from segmentation.images.writing import write_image, write_mask
from segmentation.learning.losses import supervised
from segmentation.learning.sources import read_sources
from segmentation.learning.training import first_network, train_segmenter
from segmentation.learning.training_case import TrainingCase
from segmentation.outlining.inference import Segmenter
from segmentation.planning.plan import SegmenterPlan
from segmentation.preparation.preprocess import prepare_scan
from segmentation.types import Volume
from tests.segmenter_studies import BLOCKS, PLANS, SLICES, patient

AFFINE = np.diag([2.0, 3.0, 4.0, 1.0])


def _save(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def test_a_fourth_axis_is_channels_in_their_order(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(5, 6, 7, 3)).astype(np.float32)
    path = _save(tmp_path / "four.nii.gz", array)
    channels = read_channels(path)
    assert [channel.array.shape for channel in channels] == [(5, 6, 7)] * 3
    np.testing.assert_array_equal(np.stack([channel.array for channel in channels], axis=-1), array)
    assert channel_count([path]) == 3
    assert channels[0].grid.spacing_mm == (2, 3, 4)
    with pytest.raises(ImageRefusal) as refused:
        read_image(path)
    assert refused.value.code == "not_3d"


def test_one_file_a_channel_is_the_same_scan(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 99, size=(5, 6, 7, 2)).astype(np.int16)
    both = _save(tmp_path / "both.nii.gz", array)
    parts = [_save(tmp_path / f"{n}.nii.gz", array[..., n]) for n in range(2)]
    for one, other in zip(read_scan([both]), read_scan(parts), strict=True):
        np.testing.assert_array_equal(one.array, other.array)
    assert scan_grid(parts).shape == (5, 6, 7)


def test_channels_on_two_grids_are_refused_with_the_file_and_the_difference(tmp_path: Path) -> None:
    array = np.ones((4, 4, 4), dtype=np.int16)
    moved = AFFINE.copy()
    moved[0, 3] = 7.5
    files = [_save(tmp_path / "t1.nii.gz", array), _save(tmp_path / "t2.nii.gz", array, moved)]
    with pytest.raises(ImageRefusal, match=r"t2\.nii\.gz") as refused:
        read_scan(files)
    assert refused.value.code == "grid_mismatch"
    assert "7.500 mm" in refused.value.found
    with pytest.raises(ImageRefusal) as none:
        read_scan([])
    assert none.value.code == "missing_image"


def test_a_fourth_axis_beside_a_fifth_is_refused(tmp_path: Path) -> None:
    path = _save(tmp_path / "five.nii.gz", np.zeros((3, 3, 3, 2, 2), dtype=np.int16))
    with pytest.raises(ImageRefusal) as refused:
        read_channels(path)
    assert refused.value.code == "not_3d"


@pytest.mark.parametrize("plan", [BLOCKS, SLICES], ids=["blocks", "slices"])
def test_a_patch_holds_every_channel_at_its_place(tmp_path: Path, plan: SegmenterPlan) -> None:
    """The second channel is the first times ten: after every turn and cut it must still be, voxel by voxel."""
    plan = replace(plan, inputs=("a", "b"), intensity="none")
    volume, mask = patient(1)
    array = np.asarray(volume.array, dtype=np.float32)
    files = (tmp_path / "a.nii.gz", tmp_path / "b.nii.gz")
    write_image(Volume(array, volume.affine), files[0])
    write_image(Volume(10 * array, volume.affine), files[1])
    write_mask(mask, tmp_path / "mask.nii.gz")
    (source,) = read_sources([TrainingCase("c", files, tmp_path / "mask.nii.gz")], plan)
    variation = replace(draw_variation(source, plan, np.random.default_rng(1)), gain=1, shift=0, gamma=1, noise=0)
    image, _ = cut(source, plan, variation)
    slices = 1 if plan.dimensions == 3 else 3
    torch.testing.assert_close(image[slices:], 10 * image[:slices], rtol=1e-3, atol=1e-2)
    scan = prepare_scan(read_scan(files), plan)
    assert scan.shape == (2, *patient(1)[0].array.shape)


@pytest.mark.parametrize("name", ["unet_2d", "unet_3d"])
def test_two_channels_are_learned_from_and_a_single_one_refused(tmp_path: Path, name: str) -> None:
    plan = replace(PLANS[name], inputs=("a", "b"), steps=2)
    cases = []
    for number in range(2):
        volume, mask = patient(number)
        files = (tmp_path / f"{number}_a.nii.gz", tmp_path / f"{number}_b.nii.gz")
        for path in files:
            write_image(volume, path)
        write_mask(mask, tmp_path / f"{number}_mask.nii.gz")
        cases.append(TrainingCase(f"c{number}", files, tmp_path / f"{number}_mask.nii.gz"))
    segmenter = Segmenter.from_bytes(train_segmenter(cases, plan).to_bytes())
    assert segmenter.plan == plan
    volume, _ = patient(5)
    assert segmenter.segment([volume, volume]).grid.shape == volume.grid.shape
    with pytest.raises(ImageRefusal) as refused:
        segmenter.segment(volume)
    assert refused.value.code == "wrong_channels"
    assert "a, b" in refused.value.expected


def test_coarser_levels_are_judged_on_coarser_truth() -> None:
    plan = replace(BLOCKS, channels=(8, 16, 32), deep_supervision=True)
    network = first_network(plan).train()
    image = torch.randn(1, 1, *plan.patch)
    scores = network(image)
    assert [tuple(part.shape[2:]) for part in scores] == [(24, 24, 16), (12, 12, 8)]
    assert network.eval()(image).shape == (1, 3, *plan.patch)
    classes = torch.zeros(1, *plan.patch, dtype=torch.int64)
    classes[:, :12] = 1
    seen: list[torch.Tensor] = []

    def criterion(part: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        seen.append(truth)
        return part.sum() * 0 + len(seen)

    loss = supervised(scores, classes, criterion)
    assert loss.item() == pytest.approx((1 * 1 + 0.5 * 2) / 1.5)
    assert bool((seen[1][:, :6] == 1).all()) and not bool(seen[1][:, 6:].any())  # noqa: PT018


def test_without_skips_a_network_is_smaller_and_still_reads_the_whole_patch() -> None:
    with_skips, without = (first_network(replace(BLOCKS, options={"skips": on})) for on in (True, False))
    size = [sum(p.numel() for p in network.parameters()) for network in (with_skips, without)]
    assert size[1] < size[0]
    assert without(torch.randn(1, 1, *BLOCKS.patch)).shape == (1, 3, *BLOCKS.patch)


def test_an_option_that_the_network_does_not_know_is_refused_with_those_it_does() -> None:
    with pytest.raises(ImageRefusal, match="options") as refused:
        replace(BLOCKS, options={"skip": False})
    assert "skips" in refused.value.expected


def test_a_plan_survives_its_json_with_what_it_may_leave_out() -> None:
    plan = replace(BLOCKS, inputs=("flair", "t1"), options={"skips": False}, deep_supervision=True, ema=0.99)
    assert SegmenterPlan.from_json(plan.to_json()) == plan
    old = {name: value for name, value in BLOCKS.to_json().items() if name not in ("inputs", "options", "loss", "ema")}
    assert SegmenterPlan.from_json(old) == BLOCKS
