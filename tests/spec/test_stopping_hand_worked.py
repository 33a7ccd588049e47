"""When a network's training ends and which weights are kept, for losses written down by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import nn

from outcome.models.network.stopping import Stopping, Watch, in_evaluation


class Counter(nn.Module):
    """A weight and a running statistic that say how many epochs were taken."""

    seen: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.epoch = nn.Parameter(torch.zeros(1))
        self.register_buffer("seen", torch.zeros(1))

    def learn(self) -> None:
        with torch.no_grad():
            self.epoch += 1
        self.seen += 1


def watched(losses: Sequence[float], patience: int) -> tuple[Watch, Counter]:
    """What is left after learning with these losses of the watch cases, the first before any step."""
    counter, coming = Counter(), iter(losses)
    watch = Watch(np.arange(3), patience)
    stopping = Stopping(watch, [counter], lambda: next(coming))
    for _ in losses[1:]:
        counter.learn()
        if stopping.enough():
            break
    stopping.restore()
    return watch, counter


@pytest.mark.parametrize(
    ("losses", "patience", "best", "taken"),
    [
        ([1.0, 0.8, 0.7, 0.75, 0.72, 0.6], 2, 2, 4),
        ([1.0, 0.8, 0.7, 0.75, 0.72, 0.6], 3, 5, 5),
        ([1.0, 1.1, 1.05, 0.5], 2, 0, 2),
        ([1.0, 0.9, 0.8, 0.7], 1, 3, 3),
        ([1.0, 0.9, 0.9, 0.9], 2, 1, 3),
        ([1.0, 1 - 4e-6, 1 - 8e-6, 1 - 12e-6], 2, 0, 2),
        ([1.0, 1 - 4e-6, 1 - 8e-6, 1 - 12e-6], 3, 3, 3),
        ([1.0, 0.9, float("nan"), float("nan"), 0.1], 2, 1, 3),
    ],
    ids=[
        "twice no better",
        "better at the third",
        "never better",
        "always better",
        "as good is no better",
        "better by rounding alone",
        "small gains add up",
        "diverged",
    ],
)
def test_which_epoch_is_kept_and_when_learning_ends(losses: list[float], patience: int, best: int, taken: int) -> None:
    watch, counter = watched(losses, patience)
    assert (watch.best, watch.epochs) == (best, taken)
    assert (counter.epoch.item(), counter.seen.item()) == (best, best)
    assert f"after {best} of 12 epochs" in watch.note(12)
    assert f"ended after {taken}." in watch.note(12)


def test_looking_at_watch_cases_leaves_every_layer_in_its_mode() -> None:
    learning, still = nn.Dropout(0.5), nn.Dropout(0.5).eval()
    both = nn.Sequential(learning, still).train()
    still.eval()
    with in_evaluation([both]):
        assert not any(layer.training for layer in both.modules())
    assert (both.training, learning.training, still.training) == (True, True, False)


def test_a_patience_of_no_epoch_is_refused() -> None:
    with pytest.raises(ValueError, match="found 0"):
        Watch(np.arange(3), 0)
