"""Every section of the page, in the order of reading: verdict first, evidence after it, provenance last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outcome.report.artefacts import Artefacts
from outcome.report.card import card_html
from outcome.report.cohort_sections import (
    case_mix_section,
    integrity_section,
    missing_section,
    multiplicity_section,
    shift_section,
    updating_section,
)
from outcome.report.contents import Section
from outcome.report.entries import Json, ModelEntry, horizons, model_entries
from outcome.report.figures import flow_svg
from outcome.report.masks import mask_groups
from outcome.report.model_parts import model_parts
from outcome.report.numbers import horizon_words
from outcome.report.pieces import Drawing, Folded, Group, Items, Pieces, Table, Words
from outcome.report.sections import EndpointSection, PartitionSection, partition_sections
from outcome.report.tables import OverviewRow, finding_rows, flow_rows, overview_rows, withheld_rows
from outcome.report.verdict_box import verdict_pieces

_HASHES, _VERSIONS = "hashes", "versions"
_CANNOT_SHOW = (
    "That using the model helps a patient; that it works at an institution not named here; that a factor causes an "
    "outcome. A claim is made only where an interval excludes the value that means nothing; where it covers it, the "
    "words are \u201ccannot tell\u201d or \u201cno gain claimed\u201d. Many comparisons stand side by side: without "
    "correction a single interval that excludes zero is a hint, not proof. Intervals are 95 % unless stated."
)


def page_sections(given: Artefacts) -> tuple[Section, ...]:
    """All sections but the checklists, which need to know what else the page holds."""
    metrics = given.metrics
    return (
        Section("In plain words", "verdict", verdict_pieces(metrics)),
        Section("What the numbers are about", "summary", _summary(given)),
        integrity_section(metrics),
        Section("Participant flow", "flow", _flow(given.flow), is_gap=not given.flow),
        case_mix_section(metrics),
        missing_section(metrics),
        Section("Overview of all results", "overview", _overview(metrics), is_gap=not overview_rows(metrics)),
        Section("Withheld numbers", "withheld", _withheld(metrics)),
        *_partitions(metrics, given.model_facts.get("ladder") or {}),
        shift_section(metrics),
        multiplicity_section(metrics),
        updating_section(metrics),
        Section("Learned masks", "masks", _masks(metrics)),
        Section("Model card", "model-card", (card_html(given.card),)),
        Section("Findings in the data", "findings", _findings(given.findings)),
        Section("Provenance", "provenance", _provenance(metrics, given.model_facts)),
    )


def _summary(given: Artefacts) -> Pieces:
    predicted = "; ".join(_predicted(given.metrics)) or "Nothing: no endpoint was evaluated"
    return (
        Words(f"{predicted}.", lead="What was predicted."),
        Words(_CANNOT_SHOW, lead="What the numbers cannot show."),
    )


def _predicted(metrics: Json) -> list[str]:
    """Each endpoint once: its label with its horizon."""
    found: dict[str, str] = {}
    for partition in (metrics.get("partitions") or {}).values():
        for name, endpoint in (partition.get("endpoints") or {}).items():
            found.setdefault(name, f"{endpoint.get('label') or name} ({horizon_words(horizons(endpoint))})")
    return list(found.values())


def _flow(flow: Sequence[Json]) -> Pieces:
    steps = flow_rows(flow)
    if not steps:
        return (Words("The participant flow was not recorded."),)
    table = Table(("Step", "Reason", "Cases left", "Taken out"), tuple(steps))
    figure = Drawing(flow_svg(steps, "Participant flow"), "Cases left after each step.", repeats=False)
    return (figure, Folded("The same as a table", (table,)))


def _overview(metrics: Json) -> Pieces:
    """A table for each group of cases; few columns, so that the sentence at the end keeps its place."""
    rows = overview_rows(metrics)
    if not rows:
        return (Words("No endpoint was evaluated."),)
    header = ("Endpoint", "Model", "Comparator alone", "Difference", "What this shows")
    groups = dict.fromkeys(row.cases for row in rows)
    return tuple(
        Group(cases, (Table(header, tuple(_overview_cells(row) for row in rows if row.cases == cases)),))
        for cases in groups
    )


def _overview_cells(row: OverviewRow) -> tuple[str, ...]:
    endpoint = f"{row.endpoint} · {row.inputs} · {row.events}"
    return (endpoint, f"{row.measure}: {row.model}", row.comparator, row.difference, row.verdict)


def _withheld(metrics: Json) -> Pieces:
    return (Items(tuple(f"{where}: {reason}" for where, reason in withheld_rows(metrics))),)


def _partitions(metrics: Json, ladder: Json) -> list[Section]:
    entries = {(e.partition_name, e.endpoint_name, e.inputs): e for e in model_entries(metrics)}
    sections = partition_sections(metrics, ladder)
    return [
        _partition(section, {key[1:]: entry for key, entry in entries.items() if key[0] == name})
        for name, section in zip(metrics.get("partitions") or {}, sections, strict=True)
    ]


def _partition(section: PartitionSection, entries: Mapping[tuple[str, str], ModelEntry]) -> Section:
    endpoints = dict.fromkeys(name for name, _ in entries)
    inside = tuple(
        _endpoint(endpoint, [entry for key, entry in entries.items() if key[0] == endpoint.name], is_open=place == 0)
        for place, endpoint in enumerate(section.endpoints)
    )
    return Section(section.title, section.anchor, () if endpoints else (Words("No model was evaluated."),), inside)


def _endpoint(section: EndpointSection, entries: Sequence[ModelEntry], *, is_open: bool) -> Section:
    """One endpoint, opened or closed by its title; the first of a group stands open."""
    models = tuple(
        Section(
            f"{model.inputs.capitalize()} inputs",
            model.anchor,
            (Words(_made(model), muted=True),),
            model_parts(entry, model),
            headline=f"{model.inputs_meaning}: {model.headline}".lstrip(": "),
            is_open=place == 0,
        )
        for place, (entry, model) in enumerate(zip(entries, section.models, strict=True))
    )
    nothing = () if models else (Words("No model was evaluated for this endpoint."),)
    pieces = (Words(section.facts, muted=True), *_definition(section), *nothing)
    return Section(section.label, section.anchor, pieces, models, topic="definitions", headline=section.facts,
                   is_open=is_open)  # fmt: skip


def _definition(section: EndpointSection) -> Pieces:
    definition = Words(section.definition, lead="Definition.")
    return (definition, Group("Parts", (Items(tuple(section.parts)),)))


def _made(model: Any) -> str:
    why = f" Why: {model.choice}." if model.choice else ""
    notes = f" Notes: {'; '.join(model.notes)}." if model.notes else ""
    return f"Chosen model: {model.rung}.{why}{notes}"


_MASKS = (
    "A network outlined the regions on the images, not a person. Where a mask drawn by a person was handed over it "
    "served to teach networks on development cases; everywhere it is compared here, and no measurement of it reached "
    "a model."
)
_DICE = (
    "Dice is twice the shared voxels over the sum of both masks: 1 agrees everywhere, 0 nowhere. A region that neither "
    "mask holds is not counted. Volume above 0: the network draws larger than the person did."
)
_MASK_HEADER = ("Region", "Cases compared", "Dice, mean over patients", "Median", "Worst patient", "Not found",
                "Volume, learned minus given")  # fmt: skip


def _masks(metrics: Json) -> Pieces:
    groups = mask_groups(metrics)
    if not groups:
        return ()
    found = [Group(g.title, (_drawn(g), _compared(g))) for g in groups]
    return (Words(_MASKS), *found, Words(_DICE, muted=True))


def _drawn(group: Any) -> Words:
    text = f"{group.drawn} cases with a learned mask; {group.drawn_by}. Network of the bundle: {group.network}."
    return Words(f"{text} {group.ranges}".rstrip(), muted=True)


def _compared(group: Any) -> Table | Words:
    if not group.rows:
        return Words("No mask was handed over for these cases: how well the network outlines them is not known.")
    rows = tuple((r.region, r.compared, r.dice, r.median, r.worst, r.missed, r.bias) for r in group.rows)
    return Table(_MASK_HEADER, rows)


def _findings(findings: Sequence[Json]) -> Pieces:
    rows = tuple((code, level, message, cases) for level, code, message, cases in finding_rows(findings))
    if not rows:
        return (Words("No finding was recorded."),)
    return (Table(("Finding", "Level", "Message", "Cases named"), rows),)


def _provenance(metrics: Json, model_facts: Json) -> Pieces:
    return (Table(("What", "Which"), tuple(provenance_rows(metrics, model_facts))),)


def provenance_rows(metrics: Json, model_facts: Json) -> list[tuple[str, str]]:
    """What made these numbers: bundle, software, hashes, library versions; as name and value."""
    rows = [
        ("bundle", str(model_facts.get("bundle_id") or metrics.get("bundle_id") or "none")),
        ("evaluated by", str(metrics.get("created_by") or "not recorded")),
        ("metrics format", f"version {metrics.get('schema_version', 'not recorded')}"),
    ]
    known = {"bundle_id", "ladder", _HASHES, _VERSIONS}
    rows += [(_words(key), str(value)) for key, value in model_facts.items() if key not in known and _is_plain(value)]
    rows += [(f"sha256 of {name}", str(value)) for name, value in (model_facts.get(_HASHES) or {}).items()]
    rows += [(f"version of {name}", str(value)) for name, value in (model_facts.get(_VERSIONS) or {}).items()]
    return rows


def _words(key: str) -> str:
    return key.replace("_", " ")


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, float))
