"""Heads, region statistics and the added ridge by hand and against other ways."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from outcome.models.network.heads import BinaryHead, CoxHead, DiscreteTimeHead
from outcome.models.network.outcomes import Outcomes
from outcome.models.network.region_pooling import resampled
from outcome.models.network.region_statistics import NUMBERS, region_statistics, statistics_count


def survival(time: list[float], cause: list[int]) -> Outcomes:
    return Outcomes(torch.zeros(len(time)), torch.tensor(time), torch.tensor(cause))


def test_cox_on_four_cases() -> None:
    """Relative hazards 1, 2, 3, 1; the case of day 4 has a competing event, which censors.

    Day 1: 1 of 1+2+3+1 = 7. Day 2 is censored. Day 3: 3 of 3+1 = 4.
    """
    raw = torch.log(torch.tensor([[1.0], [2.0], [3.0], [1.0]]))
    outcomes = survival([1.0, 2.0, 3.0, 4.0], [1, 0, 1, 2])
    expected = math.log(7) + math.log(4 / 3)
    assert float(CoxHead().total_loss(raw, outcomes)) == pytest.approx(expected, rel=1e-6)
    assert float(CoxHead().loss(raw, outcomes)) == pytest.approx(expected / 2, rel=1e-6)


def test_cox_ties_go_by_efron() -> None:
    """Relative hazards 1, 2, 3, the first two tied: 1 of 1+2+3 = 6, then 2 of 6 - (1+2)/2 = 4.5, in either order."""
    raw = torch.log(torch.tensor([[1.0], [2.0], [3.0]]))
    expected = math.log(6) + math.log(4.5 / 2)
    assert float(CoxHead().total_loss(raw, survival([1.0, 1.0, 2.0], [1, 1, 0]))) == pytest.approx(expected, rel=1e-6)
    turned = survival([2.0, 1.0, 1.0], [0, 1, 1])
    assert float(CoxHead().total_loss(raw.flip(0), turned)) == pytest.approx(expected, rel=1e-6)


def test_a_censored_case_takes_no_part_in_a_tie() -> None:
    """Relative hazards 1, 2, 3, 5; the last leaves on the day of both events: 11, then 11 - (1+2)/2 = 9.5."""
    raw = torch.log(torch.tensor([[1.0], [2.0], [3.0], [5.0]]))
    outcomes = survival([1.0, 1.0, 2.0, 1.0], [1, 1, 0, 0])
    expected = math.log(11) + math.log(9.5 / 2)
    assert float(CoxHead().total_loss(raw, outcomes)) == pytest.approx(expected, rel=1e-6)


def test_discrete_time_on_four_cases() -> None:
    """Interval 1: neither, event, competing are 1/3 each; interval 2: 1/4, 2/4, 1/4.

    An event on the edge belongs to the interval that ends there: 1/3. A competing event on day 15: 1/3 of 1/4. An
    event after the last edge has lived through both: 1/3 of 1/4. Censored inside interval 2: lived through the first.
    """
    head = DiscreteTimeHead((10.0, 20.0))
    raw = torch.tensor([[0.0, math.log(2), 0.0, 0.0]]).expand(4, -1)
    outcomes = survival([10.0, 15.0, 25.0, 20.0], [1, 2, 1, 0])
    expected = math.log(3) + math.log(12) + math.log(12) + math.log(3)
    assert float(head.total_loss(raw, outcomes)) == pytest.approx(expected, rel=1e-6)
    assert float(head.loss(raw, outcomes)) == pytest.approx(expected / 4, rel=1e-6)
    incidence = 1 / 3 + 1 / 3 * 2 / 4
    assert float(head.score(raw)[0]) == pytest.approx(math.log(-math.log(1 - incidence)), rel=1e-6)


def test_discrete_time_score_rises_with_the_event_and_falls_with_its_competitor() -> None:
    head = DiscreteTimeHead((10.0, 20.0))
    base = torch.tensor([[-1.0, -1.0, -1.0, -1.0]])
    assert float(head.score(base + torch.tensor([[0.5, 0.5, 0.0, 0.0]]))) > float(head.score(base))
    assert float(head.score(base + torch.tensor([[0.0, 0.0, 0.5, 0.5]]))) < float(head.score(base))
    extreme = head.score(torch.tensor([[90.0, 0, 0, 0], [-90.0, -90, 0, 0]]))
    assert torch.isfinite(extreme).all()


def test_the_level_of_a_head_fits_better_than_none() -> None:
    head = DiscreteTimeHead((10.0, 20.0))
    outcomes = survival([5.0] + [30.0] * 19, [1] + [0] * 19)
    level = head.level(outcomes, torch.zeros(20)).expand(20, -1)
    assert float(head.loss(level, outcomes)) < 0.5 * float(head.loss(torch.zeros(20, 4), outcomes))


def test_binary_loss_by_hand() -> None:
    outcomes = Outcomes(torch.tensor([1.0, 0.0]), torch.zeros(2), torch.zeros(2, dtype=torch.long))
    raw = torch.tensor([[math.log(3)], [0.0]])
    assert float(BinaryHead().loss(raw, outcomes)) == pytest.approx((math.log(4 / 3) + math.log(2)) / 2, rel=1e-6)


def test_region_statistics_by_hand() -> None:
    """One region, the right half (x from 4) of an 8-voxel cube: brightness 3, no contrast."""
    crop = torch.zeros(1, 2, 8, 8, 8)
    crop[0, 0] = 3.0
    crop[0, 1, 4:] = 1.0
    numbers = region_statistics(crop)[0]
    assert len(numbers) == NUMBERS == statistics_count(2)
    assert numbers[:3].tolist() == pytest.approx([0.5, 0.0, 0.0], abs=1e-6)
    assert numbers[3:6].tolist() == pytest.approx([0.5, 0.0, 0.0], abs=1e-6)
    assert float(numbers[6]) == pytest.approx(0.5, abs=1e-3)
    assert float(numbers[7]) == pytest.approx(math.log(0.5), abs=1e-3)
    assert float(numbers[8]) == pytest.approx(3.0)
    assert float(numbers[9]) == pytest.approx(math.log(1e-4), abs=1e-3)


def test_a_place_left_of_the_middle_is_as_far_as_one_right_of_it() -> None:
    crop = torch.zeros(2, 2, 8, 8, 8)
    crop[0, 1, :4], crop[1, 1, 4:] = 1.0, 1.0
    left, right = region_statistics(crop)
    assert float(left[0]) == -float(right[0]) == pytest.approx(-0.5)
    assert float(left[3]) == float(right[3]) == pytest.approx(0.5)


def test_roughness_by_hand() -> None:
    """A checkerboard of +-1: neighbours differ by 2, those two apart by nothing, those three apart by 2 again."""
    checker = torch.tensor(np.indices((16, 16, 16)).sum(axis=0) % 2, dtype=torch.float32) * 2 - 1
    mask = torch.zeros(16, 16, 16)
    mask[4:12, 4:12, 4:12] = 1
    numbers, faint = (region_statistics(torch.stack([x, mask])[None])[0] for x in (checker, 0.3 * checker))
    assert numbers[10:13].tolist() == pytest.approx([math.log(4), math.log(1e-4), math.log(4)], abs=1e-3)
    assert float(faint[10]) == pytest.approx(math.log(4), abs=1e-2)
    # inside, of 27 neighbours 14 differ in sign from the 13 others; at the region's border as many as not
    assert float(numbers[13]) == pytest.approx(math.log((6 / 8) ** 3 / 27**2 + 1e-4), abs=1e-3)


def test_averaging_takes_noise_and_leaves_texture() -> None:
    rng = np.random.default_rng(0)
    waves = np.sin(np.indices((24, 24, 24)).sum(axis=0) / 4)
    noise = rng.normal(size=waves.shape)
    mask = np.ones(waves.shape)
    of_waves, of_noise = (
        float(region_statistics(torch.tensor(np.stack([x, mask])[None], dtype=torch.float32))[0, 13])
        for x in (waves, noise)
    )
    assert of_waves > math.log(0.6)
    assert of_noise < math.log(0.1)


def test_an_empty_region_gives_numbers_and_gradients() -> None:
    crop = torch.rand(2, 3, 8, 8, 8)
    crop[:, 1:] = 0
    crop.requires_grad_(True)
    numbers = region_statistics(crop)
    assert torch.isfinite(numbers).all()
    assert torch.isfinite(torch.autograd.grad(numbers.sum(), crop)[0]).all()


@pytest.mark.parametrize(("size", "cells"), [(6, 3), (6, 4), (3, 6), (5, 5), (7, 2)])
def test_a_map_on_another_grid_keeps_its_mean(size: int, cells: int) -> None:
    x = torch.rand(2, 3, size, size)
    there = resampled(x, (cells, cells))
    assert there.shape == (2, 3, cells, cells)
    torch.testing.assert_close(there.mean(dim=(2, 3)), x.mean(dim=(2, 3)))
    if size % cells == 0:
        torch.testing.assert_close(there, torch.nn.functional.avg_pool2d(x, size // cells))
