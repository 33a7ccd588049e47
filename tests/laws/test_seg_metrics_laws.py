"""What holds for any two masks: symmetry, place and turn, crops, growing error, and distances by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.images.writing import crop_to_regions
from segmentation.metrics import METRICS, Settings, compare, region_pair
from segmentation.metrics.distances import surface_distances
from segmentation.metrics.surfels import AREA, VOXEL, surface
from segmentation.types import Mask

SHAPE = (6, 7, 5)
SYMMETRIC = ("dice", "jaccard", "f1", "accuracy", "hausdorff_mm", "hausdorff_95_mm", "average_surface_distance_mm",
             "surface_dice")  # fmt: skip
KINDS = (AREA, VOXEL)


def _pair(seed: int, shape: tuple[int, int, int] = SHAPE) -> tuple[Mask, Mask]:
    rng = np.random.default_rng(seed)
    affine = np.diag([*np.round(rng.uniform(0.5, 4, 3), 2), 1.0])
    dense = rng.uniform(0.02, 0.5)
    first, second = (Mask((rng.random(shape) < dense).astype(np.uint8), affine, {"a": 1}) for _ in range(2))
    return first, second


def _values(first: Mask, second: Mask, kind: str = AREA) -> dict[str, float | str]:
    found = compare(first, second, 1, Settings(surface=kind))
    return {name: one.reason if one.value is None else one.value for name, one in found.items()}


def _same(first: dict[str, float | str], second: dict[str, float | str]) -> None:
    for name in METRICS:
        assert first[name] == (second[name] if isinstance(second[name], str) else pytest.approx(second[name])), name


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(KINDS))
def test_who_comes_first_only_turns_signs_and_names(seed: int, kind: str) -> None:
    first, second = _pair(seed)
    there, back = _values(first, second, kind), _values(second, first, kind)
    for name in SYMMETRIC:
        assert there[name] == pytest.approx(back[name]) if not isinstance(back[name], str) else back[name]
    if isinstance(there["precision"], float) and isinstance(back["sensitivity"], float):
        assert there["precision"] == back["sensitivity"]
    assert there["volume_difference_ml"] == pytest.approx(-float(back["volume_difference_ml"]))
    assert there["dice"] == there["f1"]
    jaccard = float(there["jaccard"])
    assert there["dice"] == pytest.approx(2 * jaccard / (1 + jaccard))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sets(st.integers(0, 2)), st.sampled_from(KINDS))
def test_neither_place_nor_turn_matters(seed: int, flipped: set[int], kind: str) -> None:
    """Shifted inside a larger image of equal size, mirrored along any axis, and cropped: the same numbers."""
    first, second = _pair(seed)
    wide = [np.pad(one.labels, 3) for one in (first, second)]
    plain = _values(*(Mask(labels, first.affine, {"a": 1}) for labels in wide), kind)
    moved = [np.roll(labels, (2, -3, 1), axis=(0, 1, 2)) for labels in wide]
    _same(plain, _values(*(Mask(labels, first.affine, {"a": 1}) for labels in moved), kind))
    turned = [np.flip(labels, tuple(flipped)).copy() for labels in wide]
    _same(plain, _values(*(Mask(labels, first.affine, {"a": 1}) for labels in turned), kind))
    order = [2, 0, 1]
    affine = np.diag([*np.diag(first.affine)[order], 1.0])
    _same(plain, _values(*(Mask(labels.transpose(order), affine, {"a": 1}) for labels in wide), kind))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_crops_compare_like_the_whole(seed: int) -> None:
    first, second = _pair(seed, (9, 8, 7))
    _same(_values(first, second), _values(crop_to_regions(first), crop_to_regions(second)))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(KINDS))
def test_distances_are_those_of_every_pair_of_elements(seed: int, kind: str) -> None:
    first, second = _pair(seed)
    pair = region_pair(first, second, 1)
    if not pair.n_truth or not pair.n_drawn:
        return
    steps = np.array(pair.spacing_mm)
    (a, _), (b, _) = (surface(one, pair.spacing_mm, kind) for one in (pair.truth, pair.drawn))
    all_pairs = np.sqrt((((a[:, None] - b[None]) * steps) ** 2).sum(axis=2))
    found = surface_distances(pair, kind)
    np.testing.assert_allclose(np.sort(found.from_truth), np.sort(all_pairs.min(axis=1)))
    np.testing.assert_allclose(np.sort(found.from_drawn), np.sort(all_pairs.min(axis=0)))
    assert found.hausdorff() == pytest.approx(max(all_pairs.min(axis=1).max(), all_pairs.min(axis=0).max()))
    assert found.hausdorff(95) <= found.hausdorff()
    assert found.share_within(found.hausdorff() + 1e-9) == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_growing_shift_never_looks_better(kind: str) -> None:
    grid = np.indices((40, 24, 24)).reshape(3, 40, 24, 24)
    ball = ((grid - np.array([12, 12, 12])[:, None, None, None]) ** 2).sum(axis=0) < 49
    truth = Mask(ball.astype(np.uint8), np.diag([1, 1.5, 2, 1.0]), {"a": 1})
    found = []
    for shift in range(0, 14, 2):
        moved = Mask(np.roll(truth.labels, shift, axis=0), truth.affine, {"a": 1})
        found.append(_values(truth, moved, kind))
    for name, metric in METRICS.items():
        values = [float(one[name]) for one in found]
        steps = np.diff(values)
        if metric.better == "higher":
            # surfaces that cross stay near each other there: their share may rise a little
            assert name == "surface_dice" or (steps <= 1e-12).all(), name
            assert values[-1] < values[0], name
        elif metric.better == "lower":
            assert (steps >= -1e-12).all(), name
            assert values[-1] > values[0], name
        else:
            assert values == pytest.approx([0] * len(values)), name
