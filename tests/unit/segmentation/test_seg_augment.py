"""Patches: placed, turned and brightened as drawn; never mirrored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from segmentation.augmentation.augment import Source, Variation, cut, draw_variation
from segmentation.augmentation.settings import Augmentation
from tests.segmenter_studies import BLOCKS, SLICES

SPACING = (1.0, 1.0, 1.0)


def _source(shape: tuple[int, int, int]) -> Source:
    image = torch.arange(float(np.prod(shape))).reshape(1, *shape)
    classes = torch.zeros(shape, dtype=torch.uint8)
    classes[-2, 1, -3] = 2
    return Source("a", "a", image, classes, {2: np.array([[shape[0] - 2, 1, shape[2] - 3]])}, SPACING)


def _plain(source: Source, start: tuple[int, int, int], size: tuple[int, int, int]) -> Variation:
    return Variation(np.array(start) + (np.array(size) - 1) / 2, np.eye(3))


def test_a_plain_patch_is_a_crop() -> None:
    source, plan = _source((30, 28, 20)), replace(BLOCKS, intensity="z_score")
    image, classes = cut(source, plan, _plain(source, (5, 2, 3), plan.patch))
    torch.testing.assert_close(image[0], source.image[0, 5:29, 2:26, 3:19], rtol=1e-5, atol=0.02)
    assert torch.equal(classes, source.classes[5:29, 2:26, 3:19].long())


def test_outside_the_image_lies_the_fill() -> None:
    source = _source((10, 10, 10))
    image, classes = cut(source, BLOCKS, _plain(source, (-3, 0, 0), BLOCKS.patch))
    assert (image[0, :3] == BLOCKS.fill).all()
    assert (image[0, 13:] == BLOCKS.fill).all()
    torch.testing.assert_close(image[0, 3:13, :10, :10] - BLOCKS.fill, source.image[0], rtol=1e-5, atol=1e-2)
    assert classes[3:13, :10, :10].sum() == 2


def test_a_slice_comes_with_its_neighbours_as_channels() -> None:
    source, plan = _source((30, 28, 20)), replace(SLICES, intensity="z_score")
    image, classes = cut(source, plan, _plain(source, (0, 0, 4), (24, 24, 3)))
    torch.testing.assert_close(image, source.image[0, :24, :24, 4:7].permute(2, 0, 1), rtol=1e-5, atol=0.02)
    assert classes.shape == (24, 24)


def test_a_quarter_turn_in_unequal_voxels_is_a_turn_in_mm() -> None:
    """x goes to y: with voxels of 1 x 2 mm one voxel of the patch along x is half of one along y."""
    ball = torch.zeros(40, 20, 8)
    ball[20:32, 10:12, 4] = 1
    source = Source("a", "a", ball[None], torch.zeros(40, 20, 8, dtype=torch.uint8), {}, (1.0, 2.0, 1.0))
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]) * np.array([[1.0, 2, 1]]) / np.array([[1.0], [2], [1]])
    plan = replace(BLOCKS, intensity="z_score", patch=(40, 20, 8), channels=(4, 4))
    image, _ = cut(source, plan, Variation(np.array([19.5, 9.5, 3.5]), turn))
    places = np.argwhere(image[0].numpy() > 0.5)
    assert np.ptp(places[:, 1]) * 2 >= 9
    assert np.ptp(places[:, 0]) <= 4


def test_patches_are_drawn_from_the_generator_alone_and_meet_the_regions() -> None:
    source = _source((60, 60, 40))
    drawn = [draw_variation(source, BLOCKS, np.random.default_rng(n)) for n in range(40)]
    again = draw_variation(source, BLOCKS, np.random.default_rng(7))
    np.testing.assert_array_equal(drawn[7].middle, again.middle)
    hits = sum(bool((cut(source, BLOCKS, replace(one, matrix=np.eye(3)))[1] == 2).any()) for one in drawn)
    assert hits >= 14
    assert all(np.linalg.det(one.matrix) > 0 for one in drawn)


def test_a_plan_says_how_many_patches_lie_on_a_region() -> None:
    source, still = _source((60, 60, 40)), replace(BLOCKS, augmentation=Augmentation(space=0, intensity=0))
    hits = {}
    for share in (0.0, 1.0):
        plan = replace(still, foreground=share)
        drawn = [draw_variation(source, plan, np.random.default_rng(n)) for n in range(20)]
        hits[share] = sum(bool((cut(source, plan, one)[1] == 2).any()) for one in drawn)
    assert hits[1.0] == 20
    assert hits[0.0] < 10  # one voxel near a corner: most patches that lie anywhere miss it


def test_a_2d_patch_never_leaves_its_slice() -> None:
    source = _source((60, 60, 40))
    for n in range(20):
        variation = draw_variation(source, SLICES, np.random.default_rng(n))
        np.testing.assert_array_equal(variation.matrix[2], [0, 0, 1])
        np.testing.assert_array_equal(variation.matrix[:2, 2], [0, 0])
        assert 0 <= variation.middle[2] <= 39


def test_cutting_leaves_the_source_alone() -> None:
    source = _source((30, 28, 20))
    before = source.image.clone()
    cut(source, BLOCKS, Variation(np.array([12.0, 12, 8]), np.eye(3), gain=2, shift=1, gamma=0.7, noise=0.1))
    assert torch.equal(source.image, before)
