"""Resampling, scaling and the way back, against numbers that can be counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segmentation.errors import ImageRefusal
from segmentation.preparation.preprocess import (
    as_filed,
    axis_weights,
    label_slabs,
    network_shape,
    prepare_image,
    prepare_mask,
    resample,
    upright,
)
from segmentation.types import Grid, Mask, Volume
from tests.segmenter_studies import BLOCKS, patient


def test_halving_averages_and_doubling_interpolates() -> None:
    """Doubling (0, 4): samples at -0.25, 0.25, 0.75, 1.25 of the old ones. Halving: weights 1 3 3 1 of 8, inside."""
    two = np.array([0.0, 4.0]).reshape(2, 1, 1)
    assert resample(two, (4, 1, 1)).ravel().tolist() == [0, 1, 3, 4]
    six = np.array([0.0, 0, 8, 0, 0, 0]).reshape(6, 1, 1)
    assert resample(six, (3, 1, 1)).ravel().tolist() == pytest.approx([8 / 7, 3, 0])


@pytest.mark.parametrize(("old", "new"), [(5, 7), (7, 5), (40, 3), (3, 40), (1, 4), (4, 1)])
def test_weights_sum_to_one_and_keep_straight_lines(old: int, new: int) -> None:
    weights = axis_weights(old, new)
    assert weights is not None
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    line = (np.arange(old) + 0.5) / old
    inside = slice(new // 3, new - new // 3)
    if min(old, new) > 2:
        # A triangle of a fractional width is a little off a straight line; linear interpolation is not.
        atol = 0.01 if new < old else 1e-6
        np.testing.assert_allclose((weights @ line)[inside], ((np.arange(new) + 0.5) / new)[inside], atol=atol)


def test_the_same_size_changes_nothing() -> None:
    array = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    np.testing.assert_array_equal(resample(array, (3, 4, 5)), array)


def test_upright_and_back() -> None:
    affine = np.array([[0, 0, 2.0, 0], [-1, 0, 0, 0], [0, 3, 0, 0], [0, 0, 0, 1]])
    grid = Grid((3, 4, 5), affine)
    array = np.arange(60).reshape(3, 4, 5)
    turned = upright(array, grid)
    assert turned.shape == (5, 3, 4)
    assert turned[1, 0, 2] == array[2, 2, 1]
    np.testing.assert_array_equal(as_filed(turned, grid), array)
    assert network_shape(grid, replace(BLOCKS, voxel=(1, 1, 1))) == (10, 3, 12)


def test_hu_are_windowed_to_soft_tissue() -> None:
    array = np.array([-1000.0, -160, 40, 240, 3000, 0]).reshape(1, 2, 3).repeat(2, axis=0)
    scaled = prepare_image(Volume(array, np.eye(4)), BLOCKS)
    np.testing.assert_allclose(scaled[0].ravel(), [-1, -1, 0, 1, 1, -0.2], atol=1e-6)


def test_z_scores_have_mean_0_and_spread_1_and_outliers_do_not_rule() -> None:
    array = np.random.default_rng(0).normal(300, 50, (20, 20, 20))
    array[0, 0, 0] = 1e6
    scaled = prepare_image(Volume(array, np.eye(4)), replace(BLOCKS, intensity="z_score"))
    assert float(scaled.mean()) == pytest.approx(0, abs=1e-4)
    assert float(scaled.std()) == pytest.approx(1, abs=1e-3)
    assert scaled.max() < 4


def test_what_cannot_be_read_is_refused() -> None:
    cases = {
        "not_3d": np.random.default_rng(0).normal(size=(8, 8, 1)),
        "constant_image": np.full((8, 8, 8), 7),
        "non_finite": np.where(np.arange(512).reshape(8, 8, 8) == 5, np.nan, 1.0),
    }
    for code, array in cases.items():
        with pytest.raises(ImageRefusal) as refused:
            prepare_image(Volume(array, np.eye(4)), BLOCKS)
        assert refused.value.code == code
        assert refused.value.next_step
    almost = np.zeros((20, 20, 20))
    almost[0, 0, 0] = 1
    with pytest.raises(ImageRefusal, match="nothing"):
        prepare_image(Volume(almost, np.eye(4)), replace(BLOCKS, intensity="z_score"))


def test_a_mask_becomes_classes_and_comes_back() -> None:
    """Labels 7 and 300 are classes 1 and 2; one-hot scores of the classes give the labels back."""
    _, mask = patient(0)
    plan = replace(BLOCKS, regions={"a": 300, "b": 7})
    names = np.array([0, 300, 7], dtype=np.uint16)
    given = Mask(names[mask.labels], mask.affine, plan.regions)
    classes = prepare_mask(given, given.grid, plan)
    scores = np.stack([classes == n for n in range(3)]).astype(np.float32)
    out = np.zeros(given.grid.shape, dtype=np.uint16)
    for part, slab in label_slabs(scores, given.grid.shape, plan.class_labels):
        out[:, :, part] = slab
    np.testing.assert_array_equal(out, given.labels)


def test_slabs_of_any_thickness_give_the_same_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(0).normal(size=(3, 5, 6, 7)).astype(np.float32)
    whole = [slab for _, slab in label_slabs(scores, (9, 6, 20), (0, 1, 2))]
    assert len(whole) == 1
    monkeypatch.setattr("segmentation.preparation.preprocess._SLAB_BYTES", 4 * 3 * 9 * 6 * 3)
    parts = list(label_slabs(scores, (9, 6, 20), (0, 1, 2)))
    assert len(parts) == 7
    np.testing.assert_array_equal(np.concatenate([slab for _, slab in parts], axis=2), whole[0])


def test_preparing_changes_neither_image_nor_mask() -> None:
    volume, mask = patient(1)
    before = volume.array.copy(), mask.labels.copy()
    prepare_image(volume, replace(BLOCKS, voxel=(9, 9, 9)))
    prepare_mask(mask, volume.grid, replace(BLOCKS, voxel=(9, 9, 9)))
    np.testing.assert_array_equal(volume.array, before[0])
    np.testing.assert_array_equal(mask.labels, before[1])
