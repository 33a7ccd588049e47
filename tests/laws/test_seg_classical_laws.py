"""A classical method outlines a patient alike however the file stores the axes, and learns nothing from other cases."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segmentation.classical import METHODS
from segmentation.classical.fuzzy import memberships
from segmentation.classical.morphology import filled, opened_and_closed
from segmentation.classical.segmenter import ClassicalSegmenter, fit_method
from segmentation.classical.settings import ClassicalSettings
from segmentation.images.writing import write_mask
from segmentation.types import Volume
from tests.unit.segmentation.classical.test_seg_classical_methods import FAST, REGIONS, scene, write_scenes

ORDERS = [(order, flips) for order in permutations(range(3)) for flips in product((1, -1), repeat=3)]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ClassicalSegmenter]:
    cases = write_scenes(tmp_path_factory.mktemp("scenes"), range(3))
    return {name: fit_method(name, cases, ClassicalSettings(REGIONS, options=FAST.get(name, {}))) for name in METHODS}


def _stored(volume: Volume, order: tuple[int, ...], flips: tuple[int, ...]) -> Volume:
    """The same patient with array axes in another order and direction."""
    affine = np.eye(4)
    affine[:3, :3] = volume.affine[:3, :3][:, order] * flips
    last = np.array(volume.array.shape)[list(order)] - 1
    affine[:3, 3] = volume.affine[:3, 3] - affine[:3, :3] @ np.where(np.array(flips) < 0, last, 0)
    return Volume(volume.array.transpose(order)[tuple(slice(None, None, flip) for flip in flips)], affine)


@pytest.mark.parametrize("name", METHODS)
@settings(deadline=None, max_examples=3)
@given(way=st.sampled_from(ORDERS))
def test_axis_order_and_direction_change_no_voxel(
    name: str, way: tuple[tuple[int, ...], tuple[int, ...]], fitted: dict[str, ClassicalSegmenter]
) -> None:
    volume, (order, flips) = scene(6)[0], way
    before = volume.array.copy()
    plain = fitted[name].segment(volume).labels
    turned = fitted[name].segment(_stored(volume, order, flips)).labels
    np.testing.assert_array_equal(turned, plain.transpose(order)[tuple(slice(None, None, flip) for flip in flips)])
    np.testing.assert_array_equal(volume.array, before)
    assert plain.any()


@pytest.mark.parametrize("name", METHODS)
def test_brightness_and_contrast_change_no_voxel(name: str, fitted: dict[str, ClassicalSegmenter]) -> None:
    """Intensities are brought to one scale first; powers of two keep that exact but for rounding."""
    volume = scene(6)[0]
    brighter = Volume(volume.array * np.float32(4), volume.affine)
    differ = fitted[name].segment(volume).labels != fitted[name].segment(brighter).labels
    assert differ.mean() < 0.002


@pytest.mark.parametrize("name", ["otsu", "random_forest"])
def test_a_case_that_is_not_handed_over_is_not_learned_from(name: str, tmp_path: Path) -> None:
    cases = write_scenes(tmp_path, range(4))
    how = ClassicalSettings(REGIONS, options=FAST.get(name, {}))
    first = fit_method(name, cases[:3], how).to_bytes()
    mask = scene(0)[1]
    write_mask(mask, cases[3].mask)
    assert fit_method(name, cases[:3], how).to_bytes() == first
    write_mask(mask, cases[2].mask)
    assert fit_method(name, cases[:3], how).to_bytes() != first


@settings(deadline=None, max_examples=30)
@given(
    values=arrays(float, (12, 2), elements=st.floats(-100, 100)),
    centres=arrays(float, (3, 2), elements=st.floats(-100, 100)),
    fuzziness=st.floats(1.1, 4),
)
def test_memberships_are_shares_and_the_nearest_has_the_largest(
    values: np.ndarray, centres: np.ndarray, fuzziness: float
) -> None:
    found = memberships(values, centres, fuzziness)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-9)
    squared = ((values[:, None] - centres[None]) ** 2).sum(axis=2)
    best = np.take_along_axis(found, squared.argmin(axis=1)[:, None], axis=1)[:, 0]
    assert (best >= found.max(axis=1) - 1e-12).all()


@settings(deadline=None, max_examples=30)
@given(inside=arrays(bool, (7, 8, 6)), reach=st.integers(0, 2))
def test_opening_only_takes_closing_and_filling_only_give_and_twice_is_once(inside: np.ndarray, reach: int) -> None:
    opened, closed = opened_and_closed(inside, reach, 0), opened_and_closed(inside, 0, reach)
    assert not (opened & ~inside).any()
    assert not (inside & ~closed).any()
    assert not (inside & ~filled(inside)).any()
    np.testing.assert_array_equal(filled(filled(inside)), filled(inside))
