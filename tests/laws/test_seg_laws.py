"""What may not change a measurement: padding, shifting, mirroring, reordering axes, renaming labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segmentation.images.writing import crop_to_regions
from segmentation.radiomics import measure, measure_all
from segmentation.radiomics.mesh import mesh_volume_and_area
from segmentation.types import Mask, Volume

SPACING = (0.8, 1.1, 2.7)
# Compiled on the first example, which therefore takes longer than any deadline.
LAW = settings(deadline=None, max_examples=30)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A small mask with labels 0 to 2 (2 at least once) and an image."""
    shape = draw(st.tuples(*[st.integers(1, 6)] * 3))
    labels = draw(arrays(np.uint8, shape, elements=st.integers(0, 2)))
    labels[tuple(draw(st.integers(0, n - 1)) for n in shape)] = 2
    image = np.random.default_rng(draw(st.integers(0, 999))).normal(100, 30, shape)
    return labels, image


def _features(labels: np.ndarray, image: np.ndarray, spacing: tuple[float, ...] = SPACING) -> dict[str, float]:
    affine = np.diag([*spacing, 1.0])
    return measure(Mask(labels, affine, {"a": 2}), "a", Volume(image, affine))[0]


def _same(first: dict[str, float], second: dict[str, float]) -> None:
    assert set(first) == set(second)
    for tag, value in first.items():
        # Skewness and ratios of near-zero numbers lose digits; the absolute part covers those.
        assert second[tag] == pytest.approx(value, rel=1e-6, abs=1e-7), tag


@LAW
@given(cases(), st.tuples(*[st.booleans()] * 3))
def test_mirroring_keeps_every_feature(case: tuple[np.ndarray, np.ndarray], mirrored: tuple[bool, bool, bool]) -> None:
    labels, image = case
    turn = tuple(slice(None, None, -1 if flip else 1) for flip in mirrored)
    _same(_features(labels, image), _features(labels[turn], image[turn]))


@LAW
@given(cases(), st.permutations(range(3)))
def test_the_order_of_the_axes_keeps_every_feature(case: tuple[np.ndarray, np.ndarray], order: list[int]) -> None:
    labels, image = case
    spacing = tuple(SPACING[axis] for axis in order)
    _same(_features(labels, image), _features(labels.transpose(order), image.transpose(order), spacing))


@LAW
@given(cases(), st.tuples(*[st.integers(0, 3)] * 6))
def test_padding_and_shifting_keep_every_feature(case: tuple[np.ndarray, np.ndarray], by: tuple[int, ...]) -> None:
    labels, image = case
    width = list(zip(by[::2], by[1::2], strict=True))
    assert _features(labels, image) == _features(np.pad(labels, width), np.pad(image, width))


@LAW
@given(cases())
def test_cropping_keeps_every_feature_and_forgets_nothing(case: tuple[np.ndarray, np.ndarray]) -> None:
    labels, _ = case
    mask = Mask(labels, np.diag([*SPACING, 1.0]), {"a": 2, "b": 1})
    assert measure_all(crop_to_regions(mask), None) == measure_all(mask, None)


@LAW
@given(cases())
def test_renaming_labels_permutes_regions(case: tuple[np.ndarray, np.ndarray]) -> None:
    labels, _ = case
    plain = measure_all(Mask(labels, np.eye(4), {"a": 1, "b": 2}), None)
    renamed = np.array([0, 300, 4], dtype=np.uint16)[labels]
    assert measure_all(Mask(renamed, np.eye(4), {"b": 4, "a": 300}), None) == plain


@LAW
@given(cases())
def test_measuring_changes_neither_mask_nor_image(case: tuple[np.ndarray, np.ndarray]) -> None:
    labels, image = case
    before = labels.copy(), image.copy()
    _features(labels, image)
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(image, before[1])


@LAW
@given(cases(), st.floats(0.2, 5))
def test_a_finer_grid_scales_lengths_areas_and_volumes(case: tuple[np.ndarray, np.ndarray], factor: float) -> None:
    labels, image = case
    plain = _features(labels, image, (1, 1, 1))
    scaled = _features(labels, image, (factor,) * 3)
    power = {"morph_volume": 3, "morph_vol_approx": 3, "morph_area_mesh": 2, "morph_diam": 1, "morph_av": -1}
    for tag, value in plain.items():
        if tag in power or tag == "morph_sphericity" or tag.startswith("morph_vol_dens"):
            # The affine is kept in float32, so a factor is exact to 1e-7 only.
            assert scaled[tag] == pytest.approx(value * factor ** power.get(tag, 0), rel=1e-5), tag


@LAW
@given(arrays(np.uint8, st.tuples(*[st.integers(1, 6)] * 3), elements=st.integers(0, 1)))
def test_the_surface_is_closed(block: np.ndarray) -> None:
    """Volume by the flux along each axis in turn: they agree only if no triangle is missing or turned round."""
    padded, spacing = np.pad(block, 1), np.array(SPACING)
    volumes = []
    for first in range(3):
        order = [first, *(axis for axis in range(3) if axis != first)]
        turned = np.ascontiguousarray(padded.transpose(order))
        volumes.append(mesh_volume_and_area(turned, spacing[order])[0])
    assert volumes == pytest.approx([volumes[0]] * 3, abs=1e-9)
    assert 0 <= volumes[0] <= block.sum() * spacing.prod() * 1.5


@LAW
@given(cases(), st.floats(-500, 500), st.floats(0.1, 10))
def test_shifting_and_scaling_the_image_moves_statistics_as_they_should(
    case: tuple[np.ndarray, np.ndarray], shift: float, factor: float
) -> None:
    labels, image = case
    plain, moved = _features(labels, image), _features(labels, image * factor + shift)
    assert moved["stat_mean"] == pytest.approx(plain["stat_mean"] * factor + shift, abs=1e-6)
    for tag in ("stat_iqr", "stat_range", "stat_mad", "stat_medad"):
        assert moved[tag] == pytest.approx(plain[tag] * factor, abs=1e-6)
    if "stat_skew" in plain and "stat_skew" in moved:
        assert moved["stat_skew"] == pytest.approx(plain["stat_skew"], abs=1e-5)
