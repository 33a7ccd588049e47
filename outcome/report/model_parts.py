"""The sections of one model, each an answer to one question, in the order in which a reader asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from outcome.report.contents import Section
from outcome.report.coverage_tables import conformal_pieces
from outcome.report.detail_pieces import detail_pieces
from outcome.report.entries import Json, ModelEntry
from outcome.report.evidence_tables import (
    held_out_pieces,
    information_pieces,
    instability_pieces,
    missing_pieces,
    part_pieces,
    precision_pieces,
    readers_pieces,
    risk_group_pieces,
    sites_pieces,
)
from outcome.report.figures import MAX_GROUPS
from outcome.report.ladder_steps import step_pieces
from outcome.report.nested_rungs import HEADER, MEANING, gain_cells
from outcome.report.numbers import format_difference, format_estimate
from outcome.report.pieces import Drawing, Folded, Group, Pieces, Table, Words
from outcome.report.sections import ModelSection
from outcome.report.subgroup_tables import analysis_pieces, fairness_pieces
from outcome.report.tables import ComparisonRow, MetricRow, comparator_words, comparators_of
from outcome.report.within_folds import within_folds_pieces
from outcome.report.wording import inputs_words

_METRIC_HEADER = ("Measure", "Value (interval)", "Meaning")
_DECISIONS = (
    "What acting on the risk is worth at each threshold, in events caught per patient less the unneeded actions, these "
    "weighed by the threshold's odds. Useful only above both other lines, and only at thresholds that somebody would "
    "act at."
)
_CURVE = (
    "Observed share of events against predicted risk, with its interval; below, how the risks are spread among cases "
    "with and without the event."
)


def model_parts(entry: ModelEntry, model: ModelSection) -> tuple[Section, ...]:
    """Every section of one model; those without content are left out when the page is put together."""
    return tuple(
        Section(title, f"{model.anchor}-{topic}", pieces, topic=topic) for topic, title, pieces in _topics(entry, model)
    )


def _topics(entry: ModelEntry, model: ModelSection) -> Iterator[tuple[str, str, Pieces]]:
    """(topic, title, pieces)"""
    part, place = entry.model, f"{entry.label}, {model.inputs} inputs, {entry.partition_name.replace('_', ' ')}"
    yield "performance", "Discrimination: are those with the event ranked higher?", _metrics(model.discrimination)
    yield "calibration", "Calibration and error: are the numbers right?", _calibration(model)
    beyond = part_pieces(part.get("details"), lambda p: detail_pieces(p, f"Over time: {place}"))
    yield "details", "Grades, quantiles and incidences: are they right on average?", beyond
    yield "utility", "Utility: is acting on the risk worth it?", _utility(model)
    groups = part_pieces(part.get("risk_groups"), lambda p: risk_group_pieces(p, f"Risk groups: {place}"))
    yield "risk-groups", "Risk groups", groups
    yield "comparators", "Beside the comparator and published scores", _comparators(entry, model)
    readers = part_pieces(entry.endpoint.get("readers"), lambda p: readers_pieces(p, entry.inputs))
    yield "readers", "Beside clinicians", readers
    yield "ladder", "Ladder: simpler and richer models", _ladder(entry, model)
    yield "within-folds", "Ranked within outer folds", within_folds_pieces(entry)
    yield "subgroups", "Subgroups", _subgroups(entry, model)
    yield "fairness", "Fairness between groups", fairness_pieces(part.get("subgroup_analysis"))
    sites = part_pieces(part.get("sites"), lambda p: sites_pieces(p, entry, f"Sites: {place}"))
    yield "sites", "Sites", sites
    held_out = part_pieces(part.get("internal_external"), lambda p: held_out_pieces(p, entry, f"Held out: {place}"))
    yield "internal-external", "Sites held out in turn: internal-external validation", held_out
    yield "precision", "Sample size and precision", part_pieces(part.get("precision"), precision_pieces)
    unstable = part_pieces(part.get("instability"), lambda p: instability_pieces(p, f"Instability: {place}"))
    yield "instability", "Instability: would another sample have given other risks?", unstable
    yield (
        "conformal",
        "Coverage of prediction sets, intervals and lower bounds",
        part_pieces(part.get("conformal"), conformal_pieces),
    )
    missing = part_pieces(part.get("missing_sensitivity"), lambda p: missing_pieces(p, entry))
    yield "missing-data", "With and without the data that are often missing", missing
    told = part_pieces(part.get("information"), lambda p: information_pieces(p, entry))
    yield "information", "Cases of which too little is known", told


def _metrics(rows: list[MetricRow]) -> Pieces:
    return (Table(_METRIC_HEADER, tuple((row.label, row.value, row.meaning) for row in rows)),)


def _calibration(model: ModelSection) -> Pieces:
    curve = f" Curve: {model.calibration_definition}." if model.calibration_definition else ""
    figure = Drawing(model.calibration_figure, f"{_CURVE}{curve}", repeats=False)
    return (*_metrics(model.calibration), figure, Words(model.calibration_gap, muted=True))


def _utility(model: ModelSection) -> Pieces:
    definition = model.decision_definition
    caption = f"{_DECISIONS} {definition[:1].upper()}{definition[1:]}."
    figure = Drawing(model.decision_figure, caption, repeats=False)
    if not model.at_threshold:
        return (figure,)
    shares = Group("At the decision threshold", _metrics(model.at_threshold))
    return (shares, Words(model.threshold, muted=True), figure)


def _comparators(entry: ModelEntry, model: ModelSection) -> Pieces:
    table = _comparison(model.measure, model.comparators)
    whole = (entry.endpoint.get("comparators") or {}).get("withheld")
    reason = Words(f"Withheld: {whole}.") if isinstance(whole, str) else Words("")
    again = (_recalibrated(name, comparator, entry) for name, comparator in comparators_of(entry.endpoint).items())
    made = (_computed(name, comparator) for name, comparator in comparators_of(entry.endpoint).items())
    return (reason, table, *(piece for pieces in (*made, *again) for piece in pieces))


def _computed(name: str, comparator: Json) -> Pieces:
    """How a score was computed from the record: its publication, and which inputs are missing."""
    part = comparator.get("computed") or {}
    if not part:
        return ()
    counts = f"{part['n_scored']} of {part['n']} cases have it. {comparator.get('citation') or ''}"
    return (Words(f"{part['words']} {counts}.", lead=f"{comparator_words(name, comparator)}."),)


def _recalibrated(name: str, comparator: Json, entry: ModelEntry) -> Pieces:
    """A published score after its average and spread were set right on these cases, with what that means."""
    part = comparator.get("recalibrated") or {}
    if not part:
        return ()
    title = f"{comparator_words(name, comparator)}, recalibrated"
    if part.get("withheld"):
        return (Words(f"withheld: {part['withheld']}.", lead=f"{title}."),)
    difference = (part.get("difference") or {}).get(entry.inputs)
    numbers = "; ".join(f"{key} {format_estimate(value)}" for key, value in (part.get("metrics") or {}).items())
    gain = f"{inputs_words(entry.inputs).capitalize()} model minus it: {format_difference(difference)}."
    return (Words(f"{numbers}. {gain} {part.get('words') or ''}", lead=f"{title}."),)


def _comparison(measure: str, rows: list[ComparisonRow]) -> Table:
    header = ("Model", f"{measure} (interval)", "Chosen model minus this one", "What this shows")
    cells = tuple((row.name, row.value, row.difference, row.verdict) for row in rows)
    return Table(header, cells, marked=frozenset(place for place, row in enumerate(rows) if row.chosen))


def _ladder(entry: ModelEntry, model: ModelSection) -> Pieces:
    caption = "Overlapping intervals do not decide between models; the paired differences above do."
    figure = Folded("The same as a figure", (Drawing(model.ladder_figure, caption),))
    notes = Table(("Model", "What it learned from"), tuple(model.ladder_notes), "Enough cases and events?")
    steps = (*((notes,) if model.ladder_notes else ()), figure, *step_pieces(entry))
    table, gains = _comparison(model.measure, model.ladder), gain_cells(entry.model.get("ladder") or [])
    if not gains:
        return (table, *steps)
    rows = tuple((*row, gain) for row, gain in zip(table.rows, gains, strict=True))
    return (replace(table, header=(*table.header, HEADER), rows=rows), Words(MEANING, muted=True), *steps)


def _subgroups(entry: ModelEntry, model: ModelSection) -> Pieces:
    rows = tuple((row.variable, row.group, row.events, row.value) for row in model.subgroups)
    header = ("Variable", "Group", "Events / cases", f"{model.measure} (interval)")
    caption = "Dotted line: all cases together. Wide intervals mean few events, not a difference between groups."
    caption += f" The first {MAX_GROUPS} of {len(rows)} groups." if len(rows) > MAX_GROUPS else ""
    analysis = analysis_pieces(entry.model.get("subgroup_analysis"))
    return (Table(header, rows), Folded("The same as a figure", (Drawing(model.subgroup_figure, caption),)), *analysis)
