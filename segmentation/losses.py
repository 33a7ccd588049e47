"""What a segmentation network is trained to make small: Dice and cross-entropy in equal parts."""

from __future__ import annotations

import torch
from torch.nn import functional

# Keeps the Dice of an absent region at 1 without a share in the gradient; cross-entropy looks after those.
_SMOOTH = 1e-5


def dice_and_cross_entropy(scores: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """One minus the mean soft Dice of the regions, plus the mean cross-entropy; lower is better, a scalar.

    `scores` (batch, classes, *spatial), not normalised; `classes` (batch, *spatial) int64, 0 background. Dice is
    taken per patch and region, without background.

    Reference: Isensee F et al. nnU-Net. Nat Methods 2021;18:203-11. doi:10.1038/s41592-020-01008-z
    """
    log_share = functional.log_softmax(scores.float(), dim=1)
    # Written out, because torch's own cross-entropy has no deterministic form for images on CUDA.
    truth = torch.stack([classes == n for n in range(scores.shape[1])], dim=1).to(log_share.dtype)
    entropy = -(truth * log_share).sum(dim=1).mean()
    return 1 - soft_dice(log_share.exp(), truth).mean() + entropy


def soft_dice(share: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Overlap of probabilities with the truth, (batch, classes - 1), in [0, 1]; higher is better.

    Both (batch, classes, *spatial) with background first; `truth` holds 0 and 1.
    """
    share, truth = share[:, 1:].flatten(2), truth[:, 1:].flatten(2)
    shared, total = (share * truth).sum(dim=2), share.sum(dim=2) + truth.sum(dim=2)
    return (2 * shared + _SMOOTH) / (total + _SMOOTH)
