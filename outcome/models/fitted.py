"""The one interface of every model: a score that ranks, and a prediction on the outcome's own scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from outcome.models.hazard import BaselineHazard
from outcome.models.inputs import Inputs
from outcome.models.scale import from_score
from outcome.models.state import State
from outcome.types import Detail, EndpointKind, FloatArray


class Scorer(Protocol):
    """What an algorithm learns: a score on the scale of `outcome.models.scale`; higher is riskier or larger."""

    def score(self, X: Inputs) -> FloatArray:
        """The score of each of n cases, shape (n,). Case by case: a batch changes nothing."""

    def to_state(self) -> State:
        """Everything needed to score again, bit for bit."""


@dataclass(frozen=True, eq=False)
class Said:
    """What a scorer says of n cases beyond their score.

    GRADE_AT_LEAST: `at` (k,) the grades of training, rising, and `value` (n, k) the chance of each or a higher one.
    QUANTILE: `at` the levels, and `value` how far each quantile lies from the score, on the modelled scale.
    """

    what: Detail
    at: tuple[float, ...]
    value: FloatArray


@runtime_checkable
class SayingScorer(Scorer, Protocol):
    """A scorer that may say more than a score."""

    def said(self, X: Inputs) -> Said | None:
        """What it says beyond the score; None where there is nothing. Case by case: a batch changes nothing."""


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A fitted model. `baseline` stands where and only where the endpoint is a time to an event."""

    algorithm: str
    kind: EndpointKind
    scorer: Scorer
    baseline: BaselineHazard | None = None
    note: str = ""  # what kept the algorithm from being fitted, in plain words

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", EndpointKind(self.kind))
        if (self.kind is EndpointKind.TIME_TO_EVENT) != (self.baseline is not None):
            raise ValueError(f"a baseline hazard goes with time_to_event and no other kind, found {self.kind}")

    def score(self, X: Inputs | FloatArray) -> FloatArray:
        """The ranking score, shape (n,); higher is riskier or larger."""
        return self.scorer.score(Inputs.of(X))

    def said(self, X: Inputs | FloatArray) -> Said | None:
        """What the scorer says of each case beyond its score, before any calibration; None where there is nothing."""
        return self.scorer.said(Inputs.of(X)) if isinstance(self.scorer, SayingScorer) else None

    def predict(self, X: Inputs | FloatArray, horizons_days: Sequence[float] = ()) -> FloatArray:
        """Probability (binary), event probability by each horizon (time to event) or value: shape (n, h), h >= 1.

        Before any calibration. Kinds other than time to event have one column whatever the horizons.
        """
        score = self.score(X)
        if self.baseline is None:
            return from_score(self.kind, score)[:, None]
        return self.baseline.incidence(score, horizons_days)

    def to_state(self) -> State:
        inner = self.scorer.to_state()
        baseline = self.baseline.to_json() if self.baseline else None
        numbers = {"algorithm": self.algorithm, "kind": self.kind.value, "baseline": baseline, "note": self.note}
        return State({**numbers, "scorer": dict(inner.numbers)}, inner.arrays)
