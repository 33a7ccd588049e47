"""The model card: what a model is for, what it reads and gives, how well it did and on whom, and what it must not do.

Markdown without tables, so that it reads the same as text, on the page and in a bundle. The card of a bundle is made
before anything is evaluated and says so; the report writes one with the evaluation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from outcome.config.endpoints import Endpoint
from outcome.report.checklists.facts import ReportFacts
from outcome.report.entries import ModelEntry, all_metrics, model_entries
from outcome.report.heat_map_words import heat_map_lines
from outcome.report.model_words import (
    development_lines,
    endpoint_label,
    input_lines,
    input_sets,
    model_lines,
    output_lines,
    threshold_lines,
)
from outcome.report.numbers import count, format_difference, format_estimate, is_number
from outcome.report.update_card import card_section
from outcome.report.wording import AMOUNT_METRICS, amount_unit, inputs_words, metric_of, partition_title

Json = Mapping[str, Any]
NOTICE = "Research use only. Not a medical device; no clinical validity is claimed."
NOT_FOR = (
    "patients of another procedure than the one named above",
    "decisions about an individual without a clinician who knows the case",
    "any use outside research",
)
LIMITS = (
    "A risk says how often the event came among like patients, not whether it will come in this one",
    "What raises a risk is no cause of the event: changing it need not change the outcome",
    "A risk holds for the horizon named with it and for care as it was when the data were gathered",
    "The interval of a risk tells how much it depends on which patients were in training, not all that is unknown",
)
_UNSTATED = "not stated (`reporting.{}` in the study file)"
_SHOWN = ("oe_ratio", "slope", "brier", "mae")
_HASHED = ("config.json", "dictionary.csv", "recipe.json", "columns.json", "reference.json", "ladder.json")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


def card_markdown(facts: ReportFacts) -> str:
    """The whole card, Markdown; "research use only" stands first, and whatever is unknown is said to be."""
    title = facts.bundle_study.get("title") or facts.study.get("title") or "model"
    sections = (
        ("Intended use", _intended_use(facts)),
        ("Not for", _not_for(facts)),
        ("Endpoints", _endpoints(facts.bundle_study)),
        ("Outputs", output_lines(facts.bundle_study)),
        ("Inputs", _inputs(facts)),
        ("Learned from", _learned_from(facts)),
        ("Models and their choice", model_lines(facts.bundle_study, facts.bundle.get("ladder") or {})),
        ("Heat maps", heat_map_lines(facts.bundle_study, facts.bundle.get("ladder") or {})),
        ("Thresholds", _thresholds(facts)),
        ("Performance", list(_performance(facts))),
        ("Subgroups", list(_subgroups(facts))),
        ("Limits", _limits(facts)),
    )
    blocks = [f"# Model card: {safe_line(title)}", f"**{NOTICE}**"]
    blocks += [section(heading, lines) for heading, lines in sections if lines]
    blocks += [card_section(entry).strip() for entry in facts.bundle.get("updates") or ()]
    blocks += [section(heading, lines) for heading, lines in _ending(facts) if lines]
    return "\n\n".join(blocks) + "\n"


def section(heading: str, lines: Iterable[str]) -> str:
    """A heading and its list, Markdown."""
    return "\n".join([f"## {heading}", *(f"- {safe_line(line)}" for line in lines)])


def safe_line(text: object) -> str:
    """A text on one line that no viewer takes for HTML."""
    return _TAG.sub("< ", " ".join(str(text).split()))


def stated(facts: ReportFacts, name: str) -> str:
    """What the model's own study states, else the study reported here, else that it is not stated."""
    return facts.development_says.get(name) or facts.says.get(name) or _UNSTATED.format(name)


def _intended_use(facts: ReportFacts) -> list[str]:
    return [
        f"Procedure: {facts.bundle_study.get('procedure') or 'not stated'}",
        f"Use: {stated(facts, 'intended_use')}",
        f"Users: {stated(facts, 'intended_users')}",
    ]


def _not_for(facts: ReportFacts) -> list[str]:
    return [*NOT_FOR, *filter(None, [facts.development_says.get("must_not_be_used_for")])]


def _endpoints(study: Json) -> list[str]:
    reader: TypeAdapter[Any] = TypeAdapter(Endpoint)
    told = ((name, reader.validate_python(each)) for name, each in (study.get("endpoints") or {}).items())
    return [f"**{endpoint_label(study, name)}**: {endpoint.definition}" for name, endpoint in told]


def _inputs(facts: ReportFacts) -> list[str]:
    recipe = facts.bundle.get("recipe") or {}
    drawn = recipe and recipe.get("segmenter") != "given"
    masks = "masks are drawn by the bundle's own network" if drawn else "masks are handed over by a person"
    read = input_lines(facts.bundle.get("columns") or ())
    return [*(f"Input set {line}" for line in input_sets(facts.bundle.get("ladder") or {})), *read,
            *([f"Of images: {masks}"] if recipe else [])]  # fmt: skip


def _learned_from(facts: ReportFacts) -> list[str]:
    lines = development_lines(facts.bundle_study, facts.bundle.get("reference") or {})
    told = ("data_source", "setting", "dates")
    return [*(lines or ["not recorded"]), *(f"{_heading(n)}: {_told(facts.development_says, n)}" for n in told)]


def _heading(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _told(says: Json, name: str) -> str:
    return str(says.get(name) or _UNSTATED.format(name))


def _thresholds(facts: ReportFacts) -> list[str]:
    lines = threshold_lines(facts.bundle_study, facts.bundle.get("ladder") or {})
    return lines or ["none belongs to this model"]


def _performance(facts: ReportFacts) -> Iterator[str]:
    if not facts.partitions:
        yield "Not evaluated: no measured performance stands in this card. `outcome validate` measures it"
    for entry in model_entries(facts.metrics):
        yield f"{partition_title(entry.partition_name, entry.partition)}, {_place(entry)}: {_numbers(entry)}"


def _place(entry: ModelEntry) -> str:
    return f"{entry.label}, {inputs_words(entry.inputs)} inputs"


def _numbers(entry: ModelEntry) -> str:
    metrics = all_metrics(entry.model, entry.endpoint.get("horizon_days"))
    names = [entry.metric, *(n for n in metrics if n.partition("@")[0].removesuffix("_t") in _SHOWN)]
    unit = amount_unit(entry.endpoint)
    told = ", ".join(_number(name, metrics.get(name), unit) for name in dict.fromkeys(names))
    n, events = entry.endpoint.get("n"), entry.endpoint.get("n_events")
    cases = f"{count(events)} events in {count(n)} cases" if is_number(events) else f"{count(n)} cases"
    return f"{told}; {cases}"


def _number(name: str, estimate: Json | None, unit: str) -> str:
    metric, label = metric_of(name)
    shown = unit if name in AMOUNT_METRICS else ""
    return f"{label} {format_estimate(estimate, decimals=metric.decimals, unit=shown)}"


def _subgroups(facts: ReportFacts) -> Iterator[str]:
    """Gaps whose interval lies off "no difference"; what was too small to see is said, not hidden."""
    looked = False
    for entry in model_entries(facts.metrics):
        gaps = (entry.model.get("subgroup_analysis") or {}).get("gaps") or ()
        looked = looked or bool(gaps)
        for gap in clear_gaps(gaps):
            label = metric_of(str(gap["metric"]))[1]
            where = f"{_place(entry)}, {partition_title(entry.partition_name, entry.partition)}"
            yield f"{where}: {gap['variable']} {gap['group']} differs from all others in {label} by {gap_text(gap)}"
    if looked:
        yield "Where no gap is named none was shown; groups may be too small to show one. Not adjusted for their number"
    elif facts.partitions:
        yield "No subgroup was compared"


def clear_gaps(gaps: Sequence[Json]) -> list[Json]:
    """Gaps between a group and all others whose interval excludes no difference (both scales have it at 0)."""
    return [gap for gap in gaps if _off_zero(gap.get("difference") or {})]


def _off_zero(estimate: Json) -> bool:
    low, high = estimate.get("low"), estimate.get("high")
    return is_number(estimate.get("value")) and is_number(low) and is_number(high) and (low > 0 or high < 0)


def gap_text(gap: Json) -> str:
    """ "+0.10 (+0.02 to +0.18)", "on the log scale" where it is."""
    return format_difference(gap.get("difference")) + (" on the log scale" if gap.get("scale") == "log" else "")


def _limits(facts: ReportFacts) -> list[str]:
    notes = [str(note) for note in facts.bundle_study.get("notes") or ()]
    own = [str(note) for note in facts.study.get("notes") or ()] if facts.elsewhere else []
    said = [text for text in (facts.development_says.get("limitations"), facts.says.get("limitations")) if text]
    return list(dict.fromkeys([*LIMITS, *notes, *own, *said]))


def _ending(facts: ReportFacts) -> list[tuple[str, list[str]]]:
    made, hashes = facts.bundle.get("facts") or {}, facts.bundle.get("hashes") or {}
    versions = [f"Bundle: `{facts.bundle['id']}`"] if facts.bundle.get("id") else []
    versions += [f"{_heading(name)}: {made[name]}" for name in ("program", "code_sha256", "seed") if name in made]
    versions += [f"sha256 of `{name}`: `{hashes[name]}`" for name in _HASHED if name in hashes]
    return [
        ("Versions", versions),
        ("Contact", [f"Developer: {stated(facts, 'developer')}", f"Contact: {stated(facts, 'contact')}"]),
    ]
