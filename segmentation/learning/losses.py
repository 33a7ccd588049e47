"""What a segmentation network is trained to make small, by name.

Every loss takes `scores` (batch, classes, *spatial), not normalised, `classes` (batch, *spatial) int64 with 0 for
background, and `weights` (classes,), how much each class counts (None: all alike). It gives a scalar; lower is better.
Overlaps (Dice, Jaccard, Tversky) are taken per patch and region (`batch_dice_and_cross_entropy`: over all patches that
are computed together), without background. All are sums and products,
written out, because torch's own cross-entropy has no deterministic form for images on CUDA.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional

# Keeps the Dice of an absent region at 1 without a share in the gradient; cross-entropy looks after those.
_SMOOTH = 1e-5
FOCUS = 2.0
FALSE_POSITIVES, FALSE_NEGATIVES = 0.3, 0.7

Criterion = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Loss(Protocol):
    """A loss that can weigh classes."""

    def __call__(
        self, scores: torch.Tensor, classes: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor: ...


def criterion_of(name: str, weights: torch.Tensor | None = None) -> Criterion:
    """The loss of that name with its class weights put in."""
    loss = CRITERIA[name]
    return loss if weights is None else partial(loss, weights=weights)


def supervised(
    scores: torch.Tensor | Sequence[torch.Tensor], classes: torch.Tensor, criterion: Criterion
) -> torch.Tensor:
    """The criterion of a network's output: one, or a list from the finest level on, each counting half as much.

    Coarser scores are judged on the classes of the voxels nearest to theirs. Weights add up to 1.
    """
    if isinstance(scores, torch.Tensor):
        return criterion(scores, classes)
    weights = [0.5**level for level in range(len(scores))]
    losses = [
        weight * criterion(part, _coarser(classes, part.shape[2:]))
        for weight, part in zip(weights, scores, strict=True)
    ]
    return torch.stack(losses).sum() / sum(weights)


def loss_of(network: nn.Module, image: torch.Tensor, classes: torch.Tensor, criterion: Criterion) -> torch.Tensor:
    """What a network in training mode is to make small: its own `loss`, where it has one, or the criterion of its
    output."""
    own = getattr(network, "loss", None)
    return supervised(network(image), classes, criterion) if own is None else own(image, classes, criterion)


def _coarser(classes: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    if classes.shape[1:] == torch.Size(size):
        return classes
    return functional.interpolate(classes[:, None].float(), size=tuple(size), mode="nearest-exact")[:, 0].long()


def cross_entropy(scores: torch.Tensor, classes: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """Mean over voxels of minus the log of the true class's probability, each voxel weighted by its class."""
    log_share, truth = _log_share_and_truth(scores, classes)
    return _weighted_mean(-(truth * log_share).sum(dim=1), truth, weights)


def dice(scores: torch.Tensor, classes: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """One minus the mean soft Dice of the regions, in [0, 1]. Milletari F et al. 3DV 2016. doi:10.1109/3DV.2016.79"""
    log_share, truth = _log_share_and_truth(scores, classes)
    return _one_minus(soft_dice(log_share.exp(), truth), weights)


def dice_and_cross_entropy(
    scores: torch.Tensor, classes: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """`dice` plus `cross_entropy`.

    Reference: Isensee F et al. nnU-Net. Nat Methods 2021;18:203-11. doi:10.1038/s41592-020-01008-z
    """
    log_share, truth = _log_share_and_truth(scores, classes)
    entropy = _weighted_mean(-(truth * log_share).sum(dim=1), truth, weights)
    return _one_minus(soft_dice(log_share.exp(), truth), weights) + entropy


def batch_dice_and_cross_entropy(
    scores: torch.Tensor, classes: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """`dice_and_cross_entropy` with one Dice a region over all patches, as if they were one image.

    A patch without the region has no Dice of its own; here what is drawn in it lowers the Dice of the others. Slices of
    a volume are mostly such patches.

    Reference: Isensee F et al. nnU-Net. Nat Methods 2021;18:203-11. doi:10.1038/s41592-020-01008-z
    """
    log_share, truth = _log_share_and_truth(scores, classes)
    entropy = _weighted_mean(-(truth * log_share).sum(dim=1), truth, weights)
    return _one_minus(soft_dice(_as_one(log_share.exp()), _as_one(truth)), weights) + entropy


def jaccard(scores: torch.Tensor, classes: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """One minus the mean soft intersection over union of the regions, in [0, 1]."""
    log_share, truth = _log_share_and_truth(scores, classes)
    shared, drawn, given = _amounts(log_share.exp(), truth)
    return _one_minus((shared + _SMOOTH) / (drawn + given - shared + _SMOOTH), weights)


def focal(scores: torch.Tensor, classes: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """Cross-entropy in which a voxel of which the network is sure counts less, by (1 - probability) to the power 2.

    Departs from the paper: softmax over all classes in place of a sigmoid, and the mean over all voxels.

    Reference: Lin T-Y et al. Focal loss for dense object detection. ICCV 2017. doi:10.1109/ICCV.2017.324
    """
    log_share, truth = _log_share_and_truth(scores, classes)
    log_right = (truth * log_share).sum(dim=1)
    return _weighted_mean(-((1 - log_right.exp()) ** FOCUS) * log_right, truth, weights)


def tversky(scores: torch.Tensor, classes: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """One minus an overlap that counts voxels missed (0.7) more than voxels drawn too much (0.3), in [0, 1].

    Reference: Salehi SSM et al. MLMI 2017. doi:10.1007/978-3-319-67389-9_44
    """
    log_share, truth = _log_share_and_truth(scores, classes)
    shared, drawn, given = _amounts(log_share.exp(), truth)
    wrong = FALSE_POSITIVES * (drawn - shared) + FALSE_NEGATIVES * (given - shared)
    return _one_minus((shared + _SMOOTH) / (shared + wrong + _SMOOTH), weights)


def soft_dice(share: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Overlap of probabilities with the truth, (batch, classes - 1), in [0, 1]; higher is better.

    Both (batch, classes, *spatial) with background first; `truth` holds 0 and 1.
    """
    return soft_overlap(share[:, 1:], truth[:, 1:])


def soft_overlap(share: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Dice of each map by itself, (batch, maps), in [0, 1]; both (batch, maps, *spatial)."""
    share, truth = share.flatten(2), truth.flatten(2)
    return (2 * (share * truth).sum(dim=2) + _SMOOTH) / (share.sum(dim=2) + truth.sum(dim=2) + _SMOOTH)


def _log_share_and_truth(scores: torch.Tensor, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    log_share = functional.log_softmax(scores.float(), dim=1)
    truth = torch.stack([classes == n for n in range(scores.shape[1])], dim=1).to(log_share.dtype)
    return log_share, truth


def _as_one(maps: torch.Tensor) -> torch.Tensor:
    """(batch, classes, *spatial) as (1, classes, voxels of all)."""
    return maps.transpose(0, 1).flatten(1)[None]


def _amounts(share: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What both hold, what is drawn and what is given, (batch, classes - 1) voxels each."""
    share, truth = share[:, 1:].flatten(2), truth[:, 1:].flatten(2)
    return (share * truth).sum(dim=2), share.sum(dim=2), truth.sum(dim=2)


def _weighted_mean(cost: torch.Tensor, truth: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """The mean of each voxel's cost (batch, *spatial), weighted by its class."""
    if weights is None:
        return cost.mean()
    share = (truth * weights.to(truth).reshape(1, -1, *([1] * (truth.dim() - 2)))).sum(dim=1)
    return (cost * share).sum() / share.sum().clamp(min=_SMOOTH)


def _one_minus(overlap: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """One minus the mean of overlaps (batch, regions), weighted by region."""
    if weights is None:
        return 1 - overlap.mean()
    regions = weights[1:].to(overlap)
    return 1 - (overlap * regions).sum(dim=1).mean() / regions.sum()


CRITERIA: dict[str, Loss] = {
    "dice_and_cross_entropy": dice_and_cross_entropy,
    "cross_entropy": cross_entropy,
    "dice": dice,
    "jaccard": jaccard,
    "focal": focal,
    "tversky": tversky,
    "batch_dice_and_cross_entropy": batch_dice_and_cross_entropy,
}
