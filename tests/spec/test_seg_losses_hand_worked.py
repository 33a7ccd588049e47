"""Losses, class weights and schedules on two voxels that can be counted on paper."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from segmentation.learning.losses import CRITERIA, criterion_of
from segmentation.learning.optimizers import learning_rate
from tests.segmenter_studies import BLOCKS

# Two voxels; the first is region 1 and seen as such with 0.8, the second is background and seen so with 0.6.
SCORES = torch.log(torch.tensor([[[[0.2, 0.6]], [[0.8, 0.4]]]]))
CLASSES = torch.tensor([[[1, 0]]])
ENTROPY = -(math.log(0.8) + math.log(0.6)) / 2
DICE = 2 * 0.8 / (1.2 + 1)
BY_HAND = {
    "cross_entropy": ENTROPY,
    "dice": 1 - DICE,
    "dice_and_cross_entropy": 1 - DICE + ENTROPY,
    "jaccard": 1 - 0.8 / (1.2 + 1 - 0.8),
    "focal": -(0.2**2 * math.log(0.8) + 0.4**2 * math.log(0.6)) / 2,
    "tversky": 1 - 0.8 / (0.8 + 0.3 * 0.4 + 0.7 * 0.2),
    "batch_dice_and_cross_entropy": 1 - DICE + ENTROPY,  # of one patch
}


@pytest.mark.parametrize("name", CRITERIA)
def test_a_loss_by_hand(name: str) -> None:
    assert float(criterion_of(name)(SCORES, CLASSES)) == pytest.approx(BY_HAND[name], abs=1e-4)


def test_a_weight_of_three_counts_a_class_three_times() -> None:
    weighted = criterion_of("cross_entropy", torch.tensor([1.0, 3.0]))(SCORES, CLASSES)
    assert float(weighted) == pytest.approx(-(3 * math.log(0.8) + math.log(0.6)) / 4)
    focused = criterion_of("focal", torch.tensor([1.0, 3.0]))(SCORES, CLASSES)
    assert float(focused) == pytest.approx(-(3 * 0.2**2 * math.log(0.8) + 0.4**2 * math.log(0.6)) / 4)


def test_overlaps_weigh_regions_and_never_background() -> None:
    scores = torch.log(torch.tensor([[[[0.2, 0.2]], [[0.6, 0.2]], [[0.2, 0.6]]]]))
    classes = torch.tensor([[[1, 2]]])
    overlaps = [2 * 0.6 / 1.8, 2 * 0.6 / 1.8]
    assert float(criterion_of("dice")(scores, classes)) == pytest.approx(1 - sum(overlaps) / 2, abs=1e-4)
    wrong = torch.tensor([[[1, 1]]])
    first = 2 * 0.8 / (0.8 + 2)
    found = criterion_of("dice", torch.tensor([9.0, 3.0, 1.0]))(scores, wrong)
    assert float(found) == pytest.approx(1 - (3 * first + 0) / 4, abs=1e-4)


def test_what_is_drawn_in_an_empty_patch_counts_over_the_batch_alone() -> None:
    scores, classes = torch.cat([SCORES, SCORES]), torch.cat([CLASSES, torch.zeros_like(CLASSES)])
    entropy = -(math.log(0.8) + math.log(0.6) + math.log(0.2) + math.log(0.6)) / 4
    together = 1 - 2 * 0.8 / (2 * 1.2 + 1) + entropy
    assert float(criterion_of("batch_dice_and_cross_entropy")(scores, classes)) == pytest.approx(together, abs=1e-4)
    apart = 1 - (DICE + 0) / 2 + entropy
    assert float(criterion_of("dice_and_cross_entropy")(scores, classes)) == pytest.approx(apart, abs=1e-4)


def test_schedules_by_hand() -> None:
    plan = replace(BLOCKS, steps=9, learning_rate=0.5)
    rates = {
        "constant": [0.5] * 9,
        "step": [0.5] * 3 + [0.05] * 3 + [0.005] * 3,
        "polynomial": [0.5 * (1 - n / 9) ** 0.9 for n in range(9)],
    }
    for name, expected in rates.items():
        found = [learning_rate(replace(plan, schedule=name), step) for step in range(9)]
        assert found == pytest.approx(expected)
