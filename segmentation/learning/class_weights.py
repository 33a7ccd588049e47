"""How much each class counts in the loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from segmentation.augmentation.augment import Source
from segmentation.learning.sources import class_counts
from segmentation.planning.plan import SegmenterPlan


def class_weights(plan: SegmenterPlan, learned: Sequence[Source]) -> torch.Tensor | None:
    """The plan's weights (classes,), background first; None where all count alike.

    "balanced": all voxels over those of the class and the number of classes; so every class has the same sum. A class
    that no mask holds counts 1. `learned` are the cases learned from; held-out ones must not be among them.
    """
    if isinstance(plan.class_weights, tuple):
        return torch.tensor(plan.class_weights, dtype=torch.float32)
    if plan.class_weights == "equal":
        return None
    counts = class_counts(learned, plan.classes)
    present = counts > 0
    weights = np.ones(plan.classes)
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return torch.tensor(weights, dtype=torch.float32)
