"""What was found of a network's heat maps when it was trained, and whether they may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

LIKENESS = 0.5  # the most that a map may look like one of a network that knows nothing; Adebayo et al. state no limit


@dataclass(frozen=True)
class MapCheck:
    """What became of the heat maps of one network on one sequence, in the mean over `cases` where it shows heat.

    `weights` and `labels`: likeness (`outcome.explain.sanity`) to networks with weights drawn anew, and to one that
    learned from shuffled outcomes; None where there is none. `inside`: the share of the heat in each region, by name.
    `deletion_gain`, `insertion_gain`: see `outcome.explain.heat_measures.Curves`.
    """

    cases: int
    weights: float | None
    labels: float | None
    inside: Mapping[str, float] = field(default_factory=dict)
    deletion_gain: float | None = None
    insertion_gain: float | None = None
    limit: float = LIKENESS

    @property
    def passed(self) -> bool:
        """Whether there was heat, unlike that of networks that know nothing, and hot places matter more than chance."""
        asked = [value for value in (self.weights, self.labels) if value is not None]
        gained = (self.deletion_gain or 0.0) + (self.insertion_gain or 0.0)
        matters = gained > 0 or self.deletion_gain is None
        return self.cases > 0 and bool(asked) and all(value <= self.limit for value in asked) and matters

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> MapCheck:
        """Raises ValueError, KeyError or TypeError for what `to_json` does not write."""
        numbers = {name: _number(told[name]) for name in ("weights", "labels", "deletion_gain", "insertion_gain")}
        inside = {str(name): float(share) for name, share in told["inside"].items()}
        made = cls(cases=int(told["cases"]), inside=inside, limit=float(told["limit"]), **numbers)
        if told["passed"] is not made.passed:
            raise ValueError("a check of heat maps that contradicts itself")
        return made


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
