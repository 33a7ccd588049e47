"""Losses beside MONAI's and torch's where definitions agree; every loss is cheap when right and repeats to the bit."""

from __future__ import annotations

import pytest
import torch
from monai.losses import DiceCELoss, DiceLoss, FocalLoss, TverskyLoss
from torch.nn import functional

from segmentation.learning.losses import CRITERIA, criterion_of
from segmentation.planning.choices import LOSSES

every_loss = pytest.mark.parametrize("name", CRITERIA)


def _plain(value: torch.Tensor) -> float:
    return float(value.detach())


@pytest.fixture
def example() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    scores = torch.randn(2, 4, 6, 5, 7, generator=generator, requires_grad=True)
    return scores, torch.randint(0, 4, (2, 6, 5, 7), generator=generator)


def test_every_named_loss_is_there() -> None:
    assert tuple(CRITERIA) == LOSSES


def test_monai_agrees(example: tuple[torch.Tensor, torch.Tensor]) -> None:
    scores, classes = example
    shared = {"include_background": False, "softmax": True, "to_onehot_y": True}
    peers = {
        "dice": DiceLoss(**shared),
        "jaccard": DiceLoss(jaccard=True, **shared),
        "tversky": TverskyLoss(alpha=0.3, beta=0.7, **shared),
        "batch_dice_and_cross_entropy": DiceCELoss(batch=True, **shared),
    }
    for name, peer in peers.items():
        assert _plain(criterion_of(name)(scores, classes)) == pytest.approx(
            _plain(peer(scores, classes[:, None])), abs=1e-5
        )
    # MONAI's mean is over classes too, of which all but the true one cost nothing.
    focal = FocalLoss(gamma=2.0, use_softmax=True, to_onehot_y=True)(scores, classes[:, None])
    assert _plain(criterion_of("focal")(scores, classes)) == pytest.approx(4 * _plain(focal), rel=1e-5)


def test_torch_agrees(example: tuple[torch.Tensor, torch.Tensor]) -> None:
    scores, classes = example
    for weights in (None, torch.tensor([0.5, 1.0, 2.0, 7.0])):
        ours, theirs = (
            criterion_of("cross_entropy", weights)(scores, classes),
            functional.cross_entropy(scores, classes, weight=weights),
        )
        assert _plain(ours) == pytest.approx(_plain(theirs), rel=1e-5)
        pairs = zip(torch.autograd.grad(ours, scores), torch.autograd.grad(theirs, scores), strict=True)
        assert all(torch.allclose(a, b, atol=1e-7) for a, b in pairs)


@every_loss
def test_right_costs_least_and_equal_weights_change_nothing(
    name: str, example: tuple[torch.Tensor, torch.Tensor]
) -> None:
    scores, classes = example
    criterion = criterion_of(name)
    right = 40 * functional.one_hot(classes, 4).movedim(-1, 1).float()
    assert 0 <= _plain(criterion(right, classes)) < 1e-3 < _plain(criterion(scores, classes))
    assert _plain(criterion(-right, classes)) > _plain(criterion(scores, classes))
    weighted = criterion_of(name, torch.full((4,), 5.0))
    assert _plain(weighted(scores, classes)) == pytest.approx(_plain(criterion(scores, classes)), rel=1e-5)


@every_loss
def test_a_loss_has_finite_gradients_and_repeats_to_the_bit(
    name: str, example: tuple[torch.Tensor, torch.Tensor]
) -> None:
    scores, _ = example
    empty = torch.zeros(2, 6, 5, 7, dtype=torch.int64)  # no region anywhere
    first, second = (torch.autograd.grad(criterion_of(name)(scores, empty), scores)[0] for _ in range(2))
    assert bool(torch.isfinite(first).all())
    assert torch.equal(first, second)
