"""How models are trained: everything that is fixed before any outcome is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from outcome.features.preprocess import Rules

FAMILIES = ("ridge", "elastic_net", "forest", "boosting")


@dataclass(frozen=True)
class TrainingSettings:
    """Folds, refits and limits. Raises ValueError for values that make no sense."""

    outer_folds: int = 5
    inner_folds: int = 3
    bootstraps: int = 50
    min_events: int = 10  # fewer events (or, for yes/no, non-events): no model
    few_events: int = 20  # fewer: no slope is estimated when calibrating
    families: tuple[str, ...] = FAMILIES
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        object.__setattr__(self, "families", tuple(self.families))
        if min(self.outer_folds, self.inner_folds) < 2:
            raise ValueError(f"at least two folds are needed, found {self.outer_folds} and {self.inner_folds}")
        if self.bootstraps < 0 or self.min_events < 2:
            raise ValueError(f"bootstraps >= 0 and min_events >= 2, found {self.bootstraps} and {self.min_events}")
        unknown = sorted(set(self.families) - set(FAMILIES))
        if unknown or not self.families:
            raise ValueError(f"families are among {FAMILIES}, found {unknown or 'none'}")

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "families": list(self.families)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainingSettings:
        return cls(**{**data, "families": tuple(data["families"]), "rules": Rules(**data["rules"])})
