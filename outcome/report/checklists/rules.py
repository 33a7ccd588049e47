"""Does the report say what an item asks for? Reported, not applicable with the reason, or missing with what to add."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

from outcome.report.checklists.facts import ReportFacts
from outcome.report.checklists.statements import AT_DEVELOPMENT, HERE, statements
from outcome.report.numbers import is_number

Status = Literal["reported", "not applicable", "missing"]
REPORTED: Status = "reported"
NOT_APPLICABLE: Status = "not applicable"
MISSING: Status = "missing"
STATUSES: tuple[Status, ...] = (REPORTED, MISSING, NOT_APPLICABLE)
PHASES: Mapping[str, str] = {"D": "development", "E": "evaluation", "DE": "both"}
_EITHER = "|"

# what brings a part of the page about, where it is absent
TO_ADD: Mapping[str, str] = {
    "flow": "the participant flow: run the cohort stage again",
    "findings": "the findings of the checks: run the cohort stage again",
    "definitions": "endpoints in the study file",
    "precision": "the precision reached: at least 10 events of an endpoint",
    "performance": "a measured endpoint: at least 10 events",
    "calibration": "calibration: a yes/no or time-to-event endpoint with at least 10 events",
    "utility": "net benefit: a yes/no or time-to-event endpoint with at least 10 events",
    "case-mix": "the comparison with the development cases: a bundle whose reference.json describes them",
    "subgroups": "`subgroups` in the study file that the model was learned from",
    "sites": "results by site: `site` in the study file, and sites with at least 10 events",
    "updating": "advice on updating: a yes/no or time-to-event endpoint with at least 10 events",
    "provenance": "the provenance: run the report stage again",
    "declared-study": "`title`, `procedure` and `endpoints` in the study file",
    "declared-objective": "`partitions` with their relation in the study file",
    "declared-inclusion": "`inclusion` in the study file that the model was learned from",
    "declared-split": "`partitions` in the study file that the model was learned from",
    "declared-evidence": "cases that the model has not seen: another partition, or out-of-fold predictions",
    "declared-numbers": "counts of cases and events: run the evaluate stage again",
    "declared-inputs": "a bundle with columns.json",
    "declared-characteristics": "a bundle whose reference.json describes its development cases",
    "declared-outputs": "endpoints in the study file that the model was learned from",
    "declared-thresholds": "a bundle with a threshold and its origin",
    "declared-model": "a bundle with ladder.json",
    "declared-updates": "the updates of the bundle (updates.json)",
    "declared-access": "the bundle behind the numbers",
}
_METHOD = "the bundle's config.json with its training settings"


@dataclass(frozen=True)
class Item:
    """One line of an instrument: what it asks and which content answers it."""

    number: str
    section: str
    phase: str
    asks: str
    needs: tuple[str, ...] = ()
    development: tuple[str, ...] = ()
    evaluation: tuple[str, ...] = ()
    time_to_event: tuple[str, ...] = ()
    never: str = ""

    def needed(self, facts: ReportFacts) -> tuple[str, ...]:
        """Every content that this report needs for the item; "a|b" means either."""
        timed = any(endpoint.get("kind") == "time_to_event" for _, _, endpoint in facts.endpoints())
        return (
            *self.needs,
            *(self.development if facts.shows_development else ()),
            *(self.evaluation if facts.shows_evaluation or not facts.partitions else ()),
            *(self.time_to_event if timed else ()),
        )


@dataclass(frozen=True)
class ChecklistRow:
    """An item's answer: `links` are anchors with the content; `note` is the reason, or what to add and where."""

    number: str
    section: str
    phase: str
    asks: str
    status: Status
    links: tuple[str, ...] = ()
    note: str = ""


@cache
def items(name: str) -> tuple[Item, ...]:
    """The items of an instrument, "tripod" or "probast", in the published order. Raises KeyError for another name."""
    if name not in INSTRUMENTS:
        raise KeyError(f"instruments are {', '.join(INSTRUMENTS)}, found {name!r}")
    text = files("outcome.report.checklists").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return tuple(Item(**{key: _frozen(value) for key, value in row.items()}) for row in yaml.safe_load(text))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def checklist(name: str, facts: ReportFacts) -> tuple[ChecklistRow, ...]:
    """Every item of "tripod" or "probast" with its status in this report.

    An item is reported only where everything it needs stands on the page with content. Nothing is judged: a
    signalling question is "reported" where a reviewer finds what is needed to answer it.
    """
    said = frozenset(statement.anchor for statement in statements(facts))
    return tuple(_row(item, facts, said) for item in items(name))


def _row(item: Item, facts: ReportFacts, said: frozenset[str]) -> ChecklistRow:
    shown = (item.number, item.section, item.phase, item.asks)
    reason = _not_applicable(item, facts)
    if reason:
        return ChecklistRow(*shown, NOT_APPLICABLE, note=reason)
    found: list[str] = []
    absent: list[str] = []
    for need in item.needed(facts):
        names = [_placed(each, facts) for each in need.split(_EITHER)]
        present = [each for each in names if each in said or facts.has(each)]
        found += present
        absent += [] if present else [" or ".join(to_add(each, facts) for each in names)]
    status = MISSING if absent or not found else REPORTED
    note = f"add {'; '.join(dict.fromkeys(absent))}" if absent else ""
    return ChecklistRow(*shown, status, tuple(dict.fromkeys(found)), note)


def _placed(anchor: str, facts: ReportFacts) -> str:
    """A development statement stands among the study's own where both are one study."""
    if facts.bundle_study and not facts.elsewhere and anchor.startswith(f"{AT_DEVELOPMENT}-"):
        return anchor.replace(AT_DEVELOPMENT, HERE, 1)
    return anchor


def to_add(anchor: str, facts: ReportFacts) -> str:
    """What somebody has to add, and where, so that an anchor gets content."""
    kind, _, name = anchor.partition("-")
    field = f"`reporting.{name.replace('-', '_')}`"
    if kind == HERE:
        return f"{field} in the study file"
    if kind == AT_DEVELOPMENT:
        study = facts.bundle_study.get("name")
        return f"{field} in the study file that the model was learned from{f' ({study})' if study else ''}"
    return TO_ADD.get(anchor, _METHOD)


def _not_applicable(item: Item, facts: ReportFacts) -> str:
    if item.phase == "E" and not facts.partitions:
        return "nothing was evaluated"
    return NEVER[item.never](facts) if item.never else ""


def _one_site(facts: ReportFacts) -> str:
    """Several sites, and no results by site, would be a gap; one site has none to compare."""
    parts = [model["sites"] for *_, model in facts.models() if "sites" in model]
    if any(len(part.get("rows") or ()) > 1 for part in parts):
        return ""
    alone = parts or facts.study.get("site") is None
    return "all cases of each group come from one site" if alone and facts.partitions else ""


def _no_update(facts: ReportFacts) -> str:
    if facts.bundle.get("updates") or facts.has("updating") or _advised(facts):
        return ""
    return "the frozen model was evaluated as it is; nothing was updated" if facts.partitions else ""


def _advised(facts: ReportFacts) -> bool:
    return any((model.get("advice") or {}).get("rung") for *_, model in facts.models())


def _not_updated(facts: ReportFacts) -> str:
    return "" if facts.bundle.get("updates") else "the bundle was never updated"


def _no_resampling(_: ReportFacts) -> str:
    return "the program uses no method against class imbalance: cases are neither resampled nor weighted by outcome"


def _no_threshold(facts: ReportFacts) -> str:
    """An item on classes falls away only with models that have none."""
    ladder = facts.bundle.get("ladder") or {}
    classified = any(is_number((unit.get("threshold") or {}).get("value")) for unit in ladder.values())
    binary = any(endpoint.get("kind") == "binary" for endpoint in _endpoints(facts))
    return "" if classified or binary or not ladder else "amounts and times have no threshold"


def _endpoints(facts: ReportFacts) -> Sequence[Mapping[str, Any]]:
    return tuple((facts.bundle_study.get("endpoints") or {}).values())


def _development_only(facts: ReportFacts) -> str:
    return "" if facts.shows_evaluation else "the report shows development cases only"


def _nothing_split(facts: ReportFacts) -> str:
    return "" if facts.shows_development else "these cases were neither split nor resampled: the model saw none of them"


NEVER: Mapping[str, Callable[[ReportFacts], str]] = {
    "one_site": _one_site,
    "no_update": _no_update,
    "not_updated": _not_updated,
    "no_resampling": _no_resampling,
    "no_threshold": _no_threshold,
    "development_only": _development_only,
    "nothing_split": _nothing_split,
}
INSTRUMENTS: Mapping[str, str] = {"tripod": "TRIPOD+AI", "probast": "PROBAST+AI"}
