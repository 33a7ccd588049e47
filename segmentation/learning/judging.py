"""How good a network in training is on cases that it does not learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from segmentation.augmentation.augment import Source
from segmentation.device import choose_precision
from segmentation.learning.losses import Criterion
from segmentation.outlining.sliding import scores_of
from segmentation.planning.plan import SegmenterPlan

Scores = npt.NDArray[np.float32]


def held_out_score(
    network: nn.Module, held: Sequence[Source], plan: SegmenterPlan, criterion: Criterion, device: str
) -> float:
    """How well held-out cases are outlined, on the network's own voxels; higher is better.

    The mean Dice of the regions that their masks hold, in [0, 1]; with `stopping: loss` minus the mean loss. A network
    with a loss of its own is judged by the plan's loss all the same.
    """
    half = choose_precision(device, plan.precision) != "32-true"
    found: list[float] = []
    with _evaluating(network):
        for source in held:
            image = source.image.numpy() + np.float32(plan.fill)
            scores = scores_of(network, image, plan, device=device, half=half)
            found += [_minus_loss(scores, source, criterion)] if plan.stopping == "loss" else _dice(scores, source)
    return float(np.mean(found)) if found else 0.0


def _dice(scores: Scores, source: Source) -> list[float]:
    drawn, truth = scores.argmax(axis=0), source.classes.numpy()
    pairs = [(drawn == number, truth == number) for number in source.spots]
    return [2 * float((a & b).sum()) / float(a.sum() + b.sum()) for a, b in pairs]


def _minus_loss(scores: Scores, source: Source, criterion: Criterion) -> float:
    return -float(criterion(torch.from_numpy(scores)[None], source.classes[None].long()))


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    before = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(before)
