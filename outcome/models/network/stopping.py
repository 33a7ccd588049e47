"""When a network has learned enough: what its watch cases say after each epoch of what was learned until then.

Watch cases are cases of the fit that no step learns from. Their loss is taken before the first epoch and after each;
the weights of the best epoch are kept, and learning ends where `patience` epochs in a row brought nothing better
(Prechelt 1998, doi:10.1007/3-540-49430-8_3). They chose the epoch, and so would flatter it: the judges of
`earned_strength`, who weigh the joined path afterwards, are other cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from outcome.models.network.left_aside import left_aside
from outcome.models.network.tasks import nothing_to_learn
from outcome.types import BoolArray, EndpointKind, Target

WATCHED = 0.2  # share of the cases that do not judge
LEAST_GAIN = 1e-5  # of the mean loss: less is rounding


@dataclass(frozen=True, eq=False)
class Watch:
    """The `rows` of the watch cases, and their `losses`, of which the first was taken before any step.

    Raises ValueError for a patience below one epoch.
    """

    rows: npt.NDArray[np.int_]
    patience: int
    losses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise ValueError(f"patience is one epoch or more, found {self.patience}")

    @property
    def epochs(self) -> int:
        """After how many epochs the last loss was taken."""
        return len(self.losses) - 1

    @property
    def best(self) -> int:
        """After how many epochs the loss was least; of losses that rounding alone tells apart the first."""
        best = 0
        for epoch, loss in enumerate(self.losses):
            if loss < self.losses[best] - LEAST_GAIN:  # never of a loss that is no number
                best = epoch
        return best

    @property
    def ended(self) -> bool:
        """Whether patience is spent."""
        return self.epochs - self.best >= self.patience

    def note(self, epochs: int) -> str:
        """What a reader of the training should know; `epochs` are those of its schedule."""
        return (
            f"The weights kept are those after {self.best} of {epochs} epochs, where watch cases lost least; "
            f"learning ended after {self.epochs}."
        )


class Stopping:
    """Looks at the watch cases after each epoch, and keeps the weights of the best one."""

    def __init__(self, watch: Watch, modules: Sequence[nn.Module], loss: Callable[[], float]) -> None:
        """`loss()` is the mean loss of the watch cases by the modules as they stand, here those before any step."""
        self._watch, self._modules, self._loss = watch, modules, loss
        self._kept: list[dict[str, Tensor]] = []
        self.enough()

    def enough(self) -> bool:
        """Take the loss after an epoch; whether learning ends here."""
        with in_evaluation(self._modules):
            self._watch.losses.append(self._loss())
        if self._watch.best == self._watch.epochs:
            self._kept = [{k: x.detach().clone() for k, x in each.state_dict().items()} for each in self._modules]
        return self._watch.ended

    def restore(self) -> None:
        """Set the modules back to the best epoch."""
        for module, state in zip(self._modules, self._kept, strict=True):
            module.load_state_dict(state)


@contextmanager
def in_evaluation(modules: Sequence[nn.Module]) -> Iterator[None]:
    """In evaluation mode for a while; afterwards each layer is in the mode in which it was."""
    modes = [(layer, layer.training) for module in modules for layer in module.modules()]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for layer, training in modes:
            layer.training = training


def watch_cases(
    cases: Sequence[str], target: Target, event: BoolArray, judge: BoolArray, patience: int, rng: np.random.Generator
) -> Watch | None:
    """A fifth of the rows (n,) that do not judge, events spread alike, rows of a case together.

    None where there is nothing to judge by: the watch cases, or the cases left to learn from, hold no event or one
    outcome alone.
    """
    rest = np.flatnonzero(~judge)
    watched = left_aside([cases[row] for row in rest.tolist()], event[rest], WATCHED, rng)
    watch, left = target.take(rest[watched]), target.take(rest[~watched])
    return Watch(rest[watched], patience) if _can_tell(watch) and not nothing_to_learn(left) else None


def _can_tell(watch: Target) -> bool:
    """Whether a loss of these outcomes depends on the scores in both directions."""
    if nothing_to_learn(watch):
        return False
    if watch.kind is not EndpointKind.TIME_TO_EVENT:
        return True
    first = watch.time_days[watch.event == 1].min()
    return int(np.sum(watch.time_days >= first)) > 1  # a partial likelihood compares the case with another
