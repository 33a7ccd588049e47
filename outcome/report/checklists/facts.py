"""What checklists, model card and hazard log are told: the page, the numbers, both studies and the bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]
DEVELOPMENT = "development"


@dataclass(frozen=True)
class ReportFacts:
    """Everything that may be said about a model and its evaluation; each part may be empty.

    `has` tells whether the page has content under an anchor. `metrics` is `metrics.json`; `study` the resolved study
    being evaluated, `bundle_study` the one the model was learned from (the bundle's `config.json`). `bundle` holds,
    each optional: `id`, `facts` (its manifest's), `hashes` {file: sha256}, and its `columns`, `reference`, `ladder`,
    `recipe` and `updates` as JSON.
    """

    has: Callable[[str], bool]
    metrics: Json = field(default_factory=dict)
    study: Json = field(default_factory=dict)
    bundle_study: Json = field(default_factory=dict)
    bundle: Json = field(default_factory=dict)

    @property
    def partitions(self) -> Json:
        """The groups of cases that were evaluated, by name."""
        return self.metrics.get("partitions") or {}

    @property
    def shows_development(self) -> bool:
        """Whether the report holds the cases that the model was learned from."""
        return any(part.get("relation") == DEVELOPMENT for part in self.partitions.values())

    @property
    def shows_evaluation(self) -> bool:
        """Whether the report holds cases that the model was not learned from."""
        return any(part.get("relation") != DEVELOPMENT for part in self.partitions.values())

    @property
    def elsewhere(self) -> bool:
        """Whether the model was learned from another study than the one reported here."""
        return bool(self.bundle_study) and self.bundle_study.get("name") != self.study.get("name")

    @property
    def says(self) -> Json:
        """The statements of the study reported here, those with content."""
        return _filled(self.study)

    @property
    def development_says(self) -> Json:
        """The statements of the study that the model was learned from, those with content."""
        return _filled(self.bundle_study)

    def endpoints(self) -> Iterator[tuple[str, str, Json]]:
        """Each evaluated endpoint with the names of its partition and its own, in the order of the file."""
        for name, partition in self.partitions.items():
            for key, endpoint in (partition.get("endpoints") or {}).items():
                yield name, key, endpoint

    def models(self) -> Iterator[tuple[str, str, str, Json]]:
        """Each evaluated model with the names of its partition, endpoint and input set."""
        for name, key, endpoint in self.endpoints():
            for inputs, model in (endpoint.get("models") or {}).items():
                yield name, key, inputs, model or {}


def _filled(study: Json) -> dict[str, str]:
    texts = study.get("reporting") or {}
    return {name: str(text).strip() for name, text in texts.items() if str(text or "").strip()}
