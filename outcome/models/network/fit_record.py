"""What a reader of the ladder is told of how a network learned: auxiliary endpoints, and batches without an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from outcome.models.fitted import Scorer
from outcome.models.stacking import StackedScorer


@dataclass(frozen=True)
class FitRecord:
    """Facts of one fit, by endpoint.

    `weights`: exp(-s) of each loss at the end of the fit, the network's own endpoint first; empty where it learned
    alone. `left_out`: auxiliary endpoints that were not learned, with the reason. `without_event`: in how many of all
    `batches` a Cox head had no event, and so no gradient; only where there were some.
    """

    batches: int
    weights: Mapping[str, float] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    without_event: Mapping[str, int] = field(default_factory=dict)

    @property
    def says_something(self) -> bool:
        return bool(self.weights or self.left_out or self.without_event)

    def sentences(self) -> tuple[str, ...]:
        """All of it in plain words."""
        return (*self._of_tasks(), *self.warnings())

    def warnings(self) -> tuple[str, ...]:
        """What a reader should not overlook."""
        return tuple(
            f"In {count} of {self.batches} batches of the network's training no case had the event of {endpoint}: "
            "such a batch teaches its Cox head nothing."
            for endpoint, count in self.without_event.items()
        )

    def _of_tasks(self) -> tuple[str, ...]:
        told = ", ".join(f"{endpoint} {weight:.2g}" for endpoint, weight in self.weights.items())
        learned = (f"Learned jointly, the losses weighed by: {told}.",) if told else ()
        return (*learned, *(f"{endpoint} was not learned beside it: {why}." for endpoint, why in self.left_out.items()))

    def to_json(self) -> dict[str, Any]:
        parts = {name: dict(getattr(self, name)) for name in ("weights", "left_out", "without_event")}
        return {"batches": self.batches, **parts}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FitRecord:
        return cls(**data)


@runtime_checkable
class RecordedScorer(Protocol):
    """A scorer that may tell how it was fitted."""

    @property
    def record(self) -> FitRecord | None:
        """None where there is nothing to tell."""


@runtime_checkable
class ManyNetworks(Protocol):
    """A scorer made of several networks."""

    @property
    def members(self) -> tuple[Scorer, ...]: ...


def fit_records(scorer: Scorer) -> tuple[FitRecord, ...]:
    """What the networks of a rung, alone, together or in a stack, tell of their fit."""
    if isinstance(scorer, StackedScorer):
        return tuple(record for each in scorer.scorers for record in fit_records(each))
    if isinstance(scorer, ManyNetworks):
        return tuple(record for each in scorer.members for record in fit_records(each))
    record = scorer.record if isinstance(scorer, RecordedScorer) else None
    return (record,) if record else ()
