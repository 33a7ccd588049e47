"""What each step of a network's training is shown: which cases, and which of their blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from outcome.types import BoolArray, EndpointKind, Target


def events(target: Target) -> BoolArray:
    """(n,) events; of grades and amounts those above the median, so that batches and judges hold small and large."""
    if target.kind is EndpointKind.TIME_TO_EVENT:
        return np.asarray(target.event == 1)
    if target.kind is EndpointKind.BINARY:
        return np.asarray(target.value == 1)
    median = np.median(target.value)
    above = target.value > median
    return np.asarray(above if above.any() else target.value == median)


def dealt_batches(
    event: BoolArray,
    batch: int,
    epochs: int,
    rng: np.random.Generator,
    beside: npt.NDArray[np.int_] | None = None,
    *,
    enlarge: bool = True,
) -> Iterator[npt.NDArray[np.int_]]:
    """Row indices of every step. Events are dealt out evenly, so that no batch of theirs is without one.

    Fewer and larger batches are made where there are fewer events than batches, unless `enlarge` is False. `beside`
    (n,) counts the events of auxiliary endpoints of each case: these are dealt out evenly too, but make no batch
    larger, so that rare ones are in some batches alone.
    """
    most = round(len(event) / batch)
    batches = max(1, min(most, int(event.sum())) if enlarge else most)
    for _ in range(epochs):
        shuffled = rng.permutation(len(event))
        dealt = shuffled[np.lexsort(_order(event[shuffled], None if beside is None else beside[shuffled]))]
        for i in rng.permutation(batches):
            yield dealt[i::batches]


def _order(event: BoolArray, beside: npt.NDArray[np.int_] | None) -> tuple[npt.NDArray[np.int_], ...]:
    """Sort keys, the last the first: cases with the event stand together, and so do those with events beside it."""
    if beside is None:
        return ((~event).astype(int),)
    return np.where(event, beside, -beside), (~event).astype(int)


def kept_blocks(present: BoolArray, dropout: float, rng: np.random.Generator) -> BoolArray:
    """Which blocks stay: each present one goes with chance `dropout`, but a case never loses its last one."""
    kept: BoolArray = rng.random(present.shape) >= dropout
    spared = np.argmax(np.where(present, rng.random(present.shape), -1.0), axis=1)
    lost = ~(kept & present).any(axis=1)
    kept[lost, spared[lost]] = True
    return kept
