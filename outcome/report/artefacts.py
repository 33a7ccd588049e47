"""What a report is made from, and what checklists, model card and hazard log are told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outcome.report.checklists import ReportFacts
from outcome.report.model_card import card_markdown

Json = Mapping[str, Any]


def _nothing_known(_: str) -> bool:
    return False


@dataclass(frozen=True)
class Artefacts:
    """The files behind a report (see `render_report`)."""

    metrics: Json
    flow: Sequence[Json]
    findings: Sequence[Json]
    model_facts: Json
    study: Json

    def facts(self, has: Callable[[str], bool] = _nothing_known) -> ReportFacts:
        """The same for the reporting standards; `has` tells what the page holds, where that matters."""
        return ReportFacts(
            has=has,
            metrics=self.metrics,
            study=self.study,
            bundle_study=self.model_facts.get("bundle_study") or {},
            bundle=self.model_facts.get("bundle") or {},
        )

    @property
    def card(self) -> str:
        """The model card (Markdown) with the evaluation where the bundle is known, else the one handed over."""
        return (
            card_markdown(self.facts()) if self.model_facts.get("bundle") else str(self.study.get("model_card") or "")
        )
