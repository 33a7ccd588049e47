"""Dice and the loss on examples that can be counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from segmentation.errors import ImageRefusal
from segmentation.images.writing import crop_to_regions
from segmentation.learning.losses import dice_and_cross_entropy, soft_dice
from segmentation.metrics import dice, dice_by_region
from segmentation.types import Mask


def _mask(values: list[int]) -> Mask:
    return Mask(np.array(values, dtype=np.uint8).reshape(-1, 1, 1), np.eye(4), {"a": 1, "b": 2, "c": 3})


def test_dice_by_hand() -> None:
    """Label 1: 2 shared of 3 + 2. Label 2: none shared of 1 + 2. Label 3: in neither."""
    first, second = _mask([1, 1, 1, 2, 0, 0]), _mask([0, 1, 1, 0, 2, 2])
    assert dice(first, second, 1) == pytest.approx(4 / 5)
    assert dice_by_region(first, second) == {"a": pytest.approx(0.8), "b": 0.0, "c": 1.0}


def test_crops_compare_like_the_whole() -> None:
    first, second = _mask([1, 1, 1, 2, 0, 0]), _mask([0, 1, 1, 0, 2, 2])
    assert dice_by_region(crop_to_regions(first), crop_to_regions(second)) == dice_by_region(first, second)
    apart = crop_to_regions(_mask([1, 0, 0, 0, 0, 0])), crop_to_regions(_mask([0, 0, 0, 0, 0, 1]))
    assert dice(*apart, 1) == 0


def test_masks_of_other_grids_are_not_compared() -> None:
    with pytest.raises(ImageRefusal) as refused:
        dice(_mask([1, 1]), _mask([1, 1, 0]), 1)
    assert refused.value.code == "grid_mismatch"


def test_the_loss_by_hand() -> None:
    """Two voxels, even scores for two classes: cross-entropy log 2; Dice 2 x 0.5 / (1 + 1)."""
    scores, classes = torch.zeros(1, 2, 2, 1), torch.tensor([[[1], [0]]])
    assert float(dice_and_cross_entropy(scores, classes)) == pytest.approx(math.log(2) + 1 - 0.5, abs=1e-4)
    share = torch.tensor([[[0.2, 1.0, 0.0], [0.8, 0.0, 1.0]]])
    truth = torch.tensor([[[0.0, 1, 0], [1, 0, 1]]])
    assert soft_dice(share, truth).tolist() == [[pytest.approx(2 * 1.8 / 3.8, abs=1e-5)]]


def test_right_scores_cost_nothing_and_wrong_ones_much() -> None:
    classes = torch.tensor([[[0, 1], [2, 1]]])
    right = 50 * torch.nn.functional.one_hot(classes, 3).permute(0, 3, 1, 2).float()
    assert float(dice_and_cross_entropy(right, classes)) == pytest.approx(0, abs=1e-4)
    assert float(dice_and_cross_entropy(-right, classes)) > 10
