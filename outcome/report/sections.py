"""What one model's section of the report holds: its tables, figures, threshold and choice, ready for the template."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from outcome.report.entries import ModelEntry, all_metrics, horizons, model_entries
from outcome.report.figures import calibration_svg, decision_svg, forest_svg, ladder_svg
from outcome.report.numbers import count, events_text, format_number, horizon_words, is_number
from outcome.report.tables import (
    ComparisonRow,
    MetricRow,
    SubgroupRow,
    comparator_rows,
    ladder_rows,
    metric_rows,
    primary_text,
    subgroup_rows,
)
from outcome.report.wording import (
    AT_THRESHOLD,
    CALIBRATION,
    DISCRIMINATION,
    INPUTS_MEANING,
    KINDS,
    inputs_words,
    metric_of,
    partition_title,
    rung_words,
    with_metric_labels,
)

Json = Mapping[str, Any]


@dataclass(frozen=True)
class ModelSection:
    """One endpoint with one input set in one partition."""

    anchor: str
    inputs: str
    inputs_meaning: str
    headline: str
    rung: str
    choice: str
    notes: list[str]
    discrimination: list[MetricRow]
    calibration: list[MetricRow]
    calibration_figure: Markup | None
    calibration_definition: str
    calibration_gap: str
    threshold: str
    at_threshold: list[MetricRow]
    decision_figure: Markup | None
    decision_definition: str
    comparators: list[ComparisonRow]
    subgroups: list[SubgroupRow]
    subgroup_figure: Markup | None
    ladder: list[ComparisonRow]
    ladder_figure: Markup | None
    ladder_notes: list[tuple[str, str]]
    measure: str


@dataclass(frozen=True)
class EndpointSection:
    """One endpoint in one partition, with a section an input set."""

    name: str
    anchor: str
    label: str
    facts: str
    definition: str
    parts: list[str]
    models: list[ModelSection]


@dataclass(frozen=True)
class PartitionSection:
    """One group of cases, with its endpoints."""

    anchor: str
    title: str
    endpoints: list[EndpointSection]


def partition_sections(metrics: Json, ladder: Json) -> list[PartitionSection]:
    """All sections in the order of `metrics.json`. `ladder` is `train/ladder.json` (may be empty)."""
    sections = []
    for name, partition in (metrics.get("partitions") or {}).items():
        entries = [e for e in model_entries(metrics) if e.partition_name == name]
        endpoints = [
            _endpoint_section(name, key, endpoint, [e for e in entries if e.endpoint_name == key], ladder)
            for key, endpoint in (partition.get("endpoints") or {}).items()
        ]
        sections.append(PartitionSection(slug("cases", name), partition_title(name, partition), endpoints))
    return sections


def slug(*names: str) -> str:
    """A safe anchor from names."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(names).lower()).strip("-")


def _endpoint_section(
    partition: str, name: str, endpoint: Json, entries: Sequence[ModelEntry], ladder: Json
) -> EndpointSection:
    return EndpointSection(
        name=name,
        anchor=slug("cases", partition, name),
        label=str(endpoint.get("label") or name),
        facts=endpoint_facts(endpoint),
        definition=str(endpoint.get("definition") or ""),
        parts=[part_text(part) for part in endpoint.get("parts") or []],
        models=[model_section(entry, ladder_entry(ladder, name, entry.inputs)) for entry in entries],
    )


def endpoint_facts(endpoint: Json) -> str:
    """Kind, horizon, events among known cases, and how many are unknown."""
    kind = KINDS.get(str(endpoint.get("kind")), str(endpoint.get("kind") or ""))
    horizon = horizon_words(horizons(endpoint))
    counted = "events among cases" if is_number(endpoint.get("n_events")) else "cases"
    known = f"{counted}: {events_text(endpoint.get('n'), endpoint.get('n_events'))}"
    unknown = f"outcome unknown in {count(endpoint['n_unknown'])}, left out" if endpoint.get("n_unknown") else ""
    return " · ".join(part for part in (kind, horizon, known, unknown) if part)


def part_text(part: object) -> str:
    """A part of a composite endpoint as text: its label with its count where one is given."""
    if not isinstance(part, Mapping):
        return str(part)
    label = str(part.get("part") or part.get("label") or "part")
    return f"{label}: {events_text(part.get('n'), part.get('n_fulfilled'))}" if "n" in part else label


def choice_notes(unit: Json) -> list[str]:
    """What the training stage noted of the chosen model: columns read, calibration and the model's own remark."""
    columns = f"reads {unit['n_columns']} prepared columns" if is_number(unit.get("n_columns")) else ""
    calibration = f"calibration: {unit['calibration']}" if unit.get("calibration") else ""
    stability = stability_words(unit.get("stability") or {})
    return [note for note in (columns, stability, calibration, str(unit.get("model_note") or "")) if note]


def stability_words(told: Json) -> str:
    """How many measured columns were left out since they move too much when a case is measured again; "" if unasked."""
    if not told or told.get("note"):
        return str(told.get("note") or "")
    lost, judged, cases = len(told["left_out"]), told["columns_judged"], told["repeated_cases"]
    folds = ", ".join(str(n) for n in told["left_out_in_outer_folds"])
    return (
        f"measured again in {cases} training cases: {lost} of {judged} columns left out, as the lower limit of their "
        f"intraclass correlation is below {told['least']:g} (in the outer folds: {folds})"
    )


def ladder_entry(ladder: Json, endpoint: str, inputs: str) -> Json:
    """One unit of `ladder.json`, whether filed by endpoint then inputs or under "endpoint.inputs"."""
    nested = ladder.get(endpoint)
    found = nested.get(inputs) if isinstance(nested, Mapping) else ladder.get(f"{endpoint}.{inputs}")
    return found if isinstance(found, Mapping) else {}


def model_section(entry: ModelEntry, unit: Json) -> ModelSection:
    """Everything a page says about one model; `unit` is its part of `ladder.json`, empty where unknown."""
    metrics, primary = all_metrics(entry.model, entry.endpoint.get("horizon_days")), metric_of(entry.metric)
    place = f"{entry.label}, {inputs_words(entry.inputs)} inputs, {entry.partition_name.replace('_', ' ')}"
    subgroups, ladder, decisions = subgroup_rows(entry), ladder_rows(entry), entry.model.get("decision_curve")
    figure = calibration_svg(
        entry.model.get("calibration_curve"), entry.model.get("risk_histogram"), f"Calibration: {place}"
    )
    return ModelSection(
        anchor=slug("cases", entry.partition_name, entry.endpoint_name, entry.inputs),
        inputs=inputs_words(entry.inputs),
        inputs_meaning=INPUTS_MEANING.get(entry.inputs, ""),
        headline=f"{primary[1]} {primary_text(metrics, entry.metric)}",
        rung=rung_words(str(entry.model.get("rung") or "none")),
        choice=with_metric_labels(str(entry.model.get("reason") or unit.get("reason") or unit.get("skipped") or "")),
        notes=choice_notes(unit),
        discrimination=metric_rows(metrics, DISCRIMINATION, entry.endpoint),
        calibration=metric_rows(metrics, CALIBRATION, entry.endpoint),
        calibration_figure=_markup(figure),
        calibration_definition=str((entry.model.get("calibration_curve") or {}).get("definition") or ""),
        calibration_gap="" if figure else _no_calibration(entry.endpoint),
        threshold=threshold_text(entry.model.get("threshold")),
        at_threshold=metric_rows(metrics, AT_THRESHOLD, entry.endpoint),
        decision_figure=_markup(decision_svg(decisions, f"Net benefit: {place}")),
        decision_definition=str((decisions or {}).get("definition") or ""),
        comparators=comparator_rows(entry),
        subgroups=subgroups,
        subgroup_figure=_markup(
            forest_svg(subgroups, metrics.get(entry.metric), primary[0].null, f"{primary[1]}: subgroups, {place}")
        ),
        ladder=ladder,
        ladder_figure=_markup(ladder_svg(ladder, primary[0].null, f"{primary[1]}: ladder, {place}")),
        ladder_notes=list(_ladder_notes(unit)),
        measure=primary[1],
    )


def _ladder_notes(unit: Json) -> Iterator[tuple[str, str]]:
    """(rung, whether its training cases were enough for what it learns), and why the network is no rung."""
    for row in unit.get("rungs") or []:
        if row.get("note"):
            yield rung_words(str(row.get("rung"))), str(row["note"])
    if unit.get("not_offered"):
        yield "fusion network", str(unit["not_offered"])


def _no_calibration(endpoint: Json) -> str:
    if endpoint.get("kind") in ("binary", "time_to_event"):
        return "No calibration curve: too few events, or none was computed for this kind of endpoint."
    return ""


def threshold_text(threshold: Json | None) -> str:
    """The decision threshold with where it came from."""
    if not threshold or not is_number(threshold.get("value")):
        return "No decision threshold belongs to this model."
    provenance = threshold.get("provenance") or "provenance not recorded"
    return f"Threshold: risk of at least {format_number(100 * threshold['value'], 1)} of 100 ({provenance})."


def _markup(svg: str | None) -> Markup | None:
    return Markup(svg) if svg else None
