"""Classical methods on a few numbers that can be worked out on paper."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.classical.active_contour import Motion, moved
from segmentation.classical.features import features_of
from segmentation.classical.fuzzy import fuzzy_centres, memberships
from segmentation.classical.labelling import label_levels, learn_labelling
from segmentation.classical.morphology import filled, opened_and_closed
from segmentation.classical.place import learn_places
from segmentation.classical.refinements import Step
from segmentation.classical.region_growing import grow
from segmentation.classical.scene import Example, Scene
from segmentation.classical.settings import ClassicalSettings
from segmentation.classical.threshold import learn_range
from segmentation.classical.watershed import split_at_waists


def test_memberships_fall_with_the_squared_distance() -> None:
    # Value 1 lies 1 from centre 0 and 3 from centre 4: squared 1 and 9, so 9/10 and 1/10 at fuzziness 2.
    found = memberships(np.array([[1.0], [2.0], [0.0]]), np.array([[0.0], [4.0]]), 2.0)
    np.testing.assert_allclose(found, [[0.9, 0.1], [0.5, 0.5], [1.0, 0.0]], atol=1e-12)
    # Fuzziness 3 takes the square root: 3/4 and 1/4.
    np.testing.assert_allclose(memberships(np.array([[1.0]]), np.array([[0.0], [4.0]]), 3.0), [[0.75, 0.25]])


def test_fuzzy_centres_stand_still_where_their_equations_hold() -> None:
    values = np.array([[0.0], [1.0], [9.0], [10.0]])
    centres = fuzzy_centres(values, np.array([[2.0], [8.0]]), 2.0)
    weight = memberships(values, centres, 2.0) ** 2
    np.testing.assert_allclose(centres, (weight.T @ values) / weight.sum(axis=0)[:, None], atol=2e-4)
    # The values mirror each other about 5, and so do the centres.
    assert centres.sum() == pytest.approx(10.0, abs=1e-3)
    assert 0 < centres.min() < 1


def test_the_range_of_intensity_is_that_of_the_region() -> None:
    image = np.arange(1000, dtype=np.float32).reshape(1, 10, 10, 10) / 1000
    classes = ((image[0] >= 0.3) & (image[0] < 0.6)).astype(np.uint8)
    settings = ClassicalSettings({"a": 1}, intensity="none")
    numbers = learn_places([Example(Scene(image, (1, 1, 1)), classes)], settings)
    low, high = learn_range([Example(Scene(image, (1, 1, 1)), classes)], numbers, settings)["range"]
    assert (low, high) == pytest.approx((0.3, 0.6), abs=0.02)  # 64 steps of 1/64


def test_levels_and_reach_are_those_with_the_highest_dice() -> None:
    # Level 2 is the region's, level 1 its wide neighbour's, level 0 the ground's.
    levels = np.zeros((9, 9, 9), dtype=np.uint8)
    levels[2:7, 2:7, 2:7] = 1
    levels[3:6, 3:6, 3:6] = 2
    example = Example(Scene(np.zeros((1, 9, 9, 9), dtype=np.float32), (1, 1, 1)), (levels == 2).astype(np.uint8))
    numbers = learn_labelling([(example, levels)], learn_places([example], ClassicalSettings({"a": 5})), count=3)
    assert numbers["levels/kept"].tolist() == [[False, False, True]]
    np.testing.assert_array_equal(label_levels(example.scene, levels, numbers), example.classes)
    assert numbers["place/mean"][0] == pytest.approx([0.5, 0.5, 0.5])
    assert float(numbers["place/size"][0]) == pytest.approx(27 / 729)


def test_growing_takes_what_faces_join_and_no_more() -> None:
    allowed = np.array([[1, 1, 0], [0, 0, 1], [0, 1, 1]], dtype=bool)
    seed = np.zeros((3, 3), dtype=bool)
    seed[0, 0] = True
    np.testing.assert_array_equal(grow(allowed, seed), [[1, 1, 0], [0, 0, 0], [0, 0, 0]])
    seed[0, 0], seed[0, 2] = False, True  # a seed that is not allowed grows nothing
    assert not grow(allowed, seed).any()


def test_a_dumb_bell_is_cut_at_its_waist() -> None:
    inside = np.zeros((9, 19), dtype=bool)
    inside[1:8, 1:8] = inside[1:8, 11:18] = inside[4, 8:11] = True
    pieces = split_at_waists(inside, (1.0, 1.0))
    assert pieces[4, 4] != pieces[4, 14]
    assert set(np.unique(pieces[inside])) == {1, 2}
    assert (pieces[~inside] == 0).all()


def test_opening_drops_a_speck_and_closing_a_gap_and_the_border_is_no_edge() -> None:
    inside = np.zeros((9, 9), dtype=bool)
    inside[:, 0:4] = True
    inside[4, 2] = False  # a gap
    inside[4, 7] = True  # a speck
    shaped = opened_and_closed(inside, 0, 1)
    assert shaped[4, 2]
    assert shaped[4, 7]
    assert not opened_and_closed(inside, 1, 0)[4, 7]
    assert opened_and_closed(inside, 1, 0)[0, 0]
    ring = np.zeros((5, 5), dtype=bool)
    ring[1:4, 1:4] = True
    ring[2, 2] = False
    assert filled(ring)[2, 2]


def test_a_contour_finds_the_edge_of_a_square() -> None:
    image = np.zeros((24, 24), dtype=np.float32)
    image[6:18, 6:18] = 1
    start = np.zeros((24, 24), dtype=bool)
    start[8:15, 8:15] = True
    np.testing.assert_array_equal(moved(image, start, Motion("chan_vese", 20, 0)), image > 0)


def test_a_ramp_has_one_slope_at_every_scale() -> None:
    ramp = np.broadcast_to(np.arange(30, dtype=np.float32)[:, None, None] * 3, (30, 12, 12))
    table = features_of(Scene(ramp[None].copy(), (1.0, 1.0, 1.0)), (1.0, 2.0), position=False)
    assert table.shape == (30 * 12 * 12, 1 + 2 * 6)
    middle = table.reshape(30, 12, 12, 13)[15, 6, 6]
    # The value; then Gaussian, gradient (3 a voxel times the scale), Laplacian and three curvatures.
    np.testing.assert_allclose(middle, [45, 45, 3, 0, 0, 0, 0, 45, 6, 0, 0, 0, 0], atol=2e-3)


def _square(shift: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    classes = np.zeros((20, 20), dtype=np.uint8)
    classes[5 + shift : 15 + shift, 5:15] = 3
    return classes


@pytest.mark.parametrize("name", ["watershed", "active_contour"])
def test_a_mask_a_voxel_off_moves_to_the_edge(name: str) -> None:
    image = (_square() > 0).astype(np.float32)
    options = {"smoothing": 0.5} if name == "watershed" else {"kind": "chan_vese", "smoothing": 0}
    before, after = _square(1), Step(name, {"band": 2, **options}).refined(image, _square(1))
    wrong = [int((classes != _square()).sum()) for classes in (before, after)]
    assert wrong[0] == 20
    assert wrong[1] < 10


def test_growth_takes_the_missing_row_and_stops_at_the_band() -> None:
    image = np.random.default_rng(0).normal(0, 0.01, (20, 20)).astype(np.float32) + (_square() > 0)
    short = _square()
    short[5:8] = 0
    grown = Step("region_growing", {"band": 1, "tolerance": 6.0}).refined(image.astype(np.float32), short)
    assert (grown[7, 5:15] == 3).all()  # one row further
    assert not grown[5:7].any()  # and no more


def test_morphology_fills_a_hole_and_keeps_the_largest_piece() -> None:
    classes = _square()
    classes[9, 9], classes[0, 0] = 0, 3
    shaped = Step("morphology", {"closing": 0, "largest": True}).refined(np.zeros((20, 20), dtype=np.float32), classes)
    np.testing.assert_array_equal(shaped, _square())
