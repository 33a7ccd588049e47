"""Heat in a region, the hottest voxel, and curves of deletion and insertion, each worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from outcome.explain.heat_measures import deletion_and_insertion, points_inside, share_inside
from outcome.types import FloatArray


def test_the_share_of_heat_in_a_region() -> None:
    heat = np.zeros((2, 2, 1))
    heat[0, 0, 0], heat[1, 1, 0] = 3.0, 1.0
    region = np.zeros((2, 2, 1), dtype=bool)
    region[0, 0, 0] = True
    assert share_inside(heat, region) == 0.75
    assert share_inside(np.zeros((2, 2, 1)), region) == 0.0


def test_the_hottest_voxel_may_lie_beside_the_region_by_so_many_voxels() -> None:
    heat, region = np.zeros((7, 1, 1)), np.zeros((7, 1, 1), dtype=bool)
    heat[4], region[1:3] = 1.0, True
    assert [points_inside(heat, region, voxels) for voxels in (0, 1, 2)] == [False, False, True]


WEIGHTS = np.array([4.0, 3.0, 2.0, 1.0]).reshape(4, 1, 1)


def weighted(crop: FloatArray) -> float:
    return float((crop[0] * WEIGHTS).sum())


def crop() -> FloatArray:
    return np.stack([np.ones((4, 1, 1)), np.ones((4, 1, 1))])


def test_curves_of_a_weighted_sum_in_the_order_of_its_weights() -> None:
    found = deletion_and_insertion(weighted, crop(), WEIGHTS, steps=4)
    assert found.shares.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert found.deletion.tolist() == [10.0, 6.0, 3.0, 1.0, 0.0]
    assert found.insertion.tolist() == [0.0, 4.0, 7.0, 9.0, 10.0]
    assert (found.deletion_by_chance[0], found.insertion_by_chance[-1]) == (10.0, 10.0)
    assert found.deletion_gain > 0
    assert found.insertion_gain > 0
    backwards = deletion_and_insertion(weighted, crop(), -WEIGHTS, steps=4)
    assert backwards.deletion.tolist() == [10.0, 9.0, 7.0, 4.0, 0.0]
    assert backwards.deletion_gain < 0


def test_against_the_mean_of_all_orders_the_gain_is_what_it_is_by_hand() -> None:
    # by chance every voxel takes 2.5 away: areas 4 (trapezoids over quarters: 10/2+6+3+1 = 15 / 4 = 3.75) against 5
    rng = np.random.default_rng(0)
    gains = [
        deletion_and_insertion(weighted, crop(), WEIGHTS, steps=4, seed=int(rng.integers(1 << 30))).deletion_gain
        for _ in range(200)
    ]
    assert np.mean(gains) == pytest.approx((5.0 - 3.75) / 10, abs=0.01)


def test_regions_stay_where_they_are_and_the_case_is_not_changed() -> None:
    own, seen = crop(), []

    def watched(given: FloatArray) -> float:
        seen.append(given[1].copy())
        return weighted(given)

    deletion_and_insertion(watched, own, WEIGHTS, steps=2)
    assert all((region == 1.0).all() for region in seen)
    assert (own == 1.0).all()


def test_a_score_that_nothing_moves_gains_nothing() -> None:
    found = deletion_and_insertion(lambda _: 3.0, crop(), WEIGHTS)
    assert (found.deletion_gain, found.insertion_gain) == (0.0, 0.0)
