"""Which weights of an image encoder learn: all, those of its last stage, or none; its pooling always does.

What does not learn stays in evaluation mode, so that running statistics of a backbone's batch norms stay too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

FULL, LAST_STAGE, FROZEN = "full", "last_stage", "frozen"
TUNINGS = (FULL, LAST_STAGE, FROZEN)


def begin_learning(network: nn.Module, encoders: Iterable[nn.Module], tuning: str) -> None:
    """Put a network into training mode, and hold still what `tuning` keeps of its encoders.

    Raises ValueError for a tuning that is none of `TUNINGS`.
    """
    if tuning not in TUNINGS:
        raise ValueError(f"tuning must be one of {TUNINGS}, found {tuning!r}")
    for encoder in encoders if tuning != FULL else ():
        learning = {id(weight) for weight in last_stage(encoder)} if tuning == LAST_STAGE else set()
        for weight in body_weights(encoder):
            weight.requires_grad_(id(weight) in learning)
    network.train()
    for encoder in encoders if tuning != FULL else ():
        for layer in (layer for part in _body(encoder) for layer in part.modules()):  # a layer after what holds it
            layer.train(any(weight.requires_grad for weight in layer.parameters()))


def body_weights(encoder: nn.Module) -> list[nn.Parameter]:
    """The weights of an encoder before its pooling."""
    return [weight for part in _body(encoder) for weight in part.parameters()]


def last_stage(encoder: Any) -> list[nn.Parameter]:
    """The weights that the deepest maps alone depend on."""
    encoder.eval()
    *earlier, _ = encoder.levels(torch.zeros(1, encoder.read, *encoder.size))
    total: Tensor = torch.stack([maps.sum() for maps in earlier]).sum()
    weights = body_weights(encoder)
    slopes = torch.autograd.grad(total, weights, allow_unused=True)
    return [weight for weight, slope in zip(weights, slopes, strict=True) if slope is None]


def _body(encoder: nn.Module) -> list[nn.Module]:
    return [part for name, part in encoder.named_children() if name != "pooling"]
