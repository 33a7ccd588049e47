"""The model behind the risks: what it is, why it was chosen, how well it does on whom, and what is unknown."""

from __future__ import annotations

from itertools import groupby

import streamlit as st

from app import markup
from app.records import StudyRecords
from outcome.report.entries import ModelEntry, model_entries
from outcome.report.numbers import count
from outcome.report.sections import endpoint_facts, ladder_entry, model_section
from outcome.report.tables import (
    OVERVIEW_HEADER,
    overview_rows,
)
from outcome.report.wording import can_show, inputs_words, partition_title

PARTITION, ENDPOINT = "md_part", "md_endpoint"
NO_BUNDLE = (
    "This store holds no frozen model (bundle); risks shown are out-of-fold predictions of the development cases."
)
NO_METRICS = "The model was not evaluated yet, so nothing can be said about how well it does."


def show(records: StudyRecords, inputs: str) -> None:
    """The model page."""
    markup.show("heading.html.j2", title="Model", facts=model_facts(records))
    if not records.bundle_id and not records.predicted_by:
        markup.show("sentence.html.j2", text=NO_BUNDLE, next_step="outcome train STUDY.yaml")
    entries = [entry for entry in model_entries(records.metrics) if entry.inputs == inputs]
    if not entries:
        markup.show("sentence.html.j2", text=NO_METRICS, next_step="outcome evaluate STUDY.yaml")
        return
    chosen = _choose(entries)
    if chosen:
        _details(records, chosen)
    rows = [(cases, list(group)) for cases, group in groupby(overview_rows(records.metrics), key=lambda r: r.cases)]
    markup.show("overview.html.j2", header=OVERVIEW_HEADER, groups=rows)


def model_facts(records: StudyRecords) -> str:
    """Which model this is, in one line."""
    bundle = records.bundle_id or records.predicted_by
    made = str(records.metrics.get("created_by") or records.bundle_facts.get("created_by") or "")
    parts = [records.title, f"bundle {bundle}" if bundle else "no bundle", f"evaluated by {made}" if made else ""]
    return " · ".join(part for part in parts if part)


def _choose(entries: list[ModelEntry]) -> ModelEntry | None:
    partitions = {entry.partition_name: entry.partition for entry in entries}
    first, second = st.columns(2)
    name = first.selectbox(
        "Cases", list(partitions), format_func=lambda n: partition_title(n, partitions[n]), key=PARTITION
    )
    labels = {entry.endpoint_name: entry.label for entry in entries if entry.partition_name == name}
    endpoint = second.selectbox("Outcome", list(labels), format_func=lambda n: labels[n], key=ENDPOINT)
    found = [e for e in entries if (e.partition_name, e.endpoint_name) == (name, endpoint)]
    return found[0] if found else None


def _details(records: StudyRecords, entry: ModelEntry) -> None:
    section = model_section(entry, ladder_entry(records.ladder, entry.endpoint_name, entry.inputs))
    figures = {
        "calibration": section.calibration_figure,
        "subgroups": section.subgroup_figure,
    }
    markup.show(
        "model.html.j2",
        m=section,
        title=f"{entry.label}, {inputs_words(entry.inputs)} inputs: {section.headline}",
        facts=f"{endpoint_facts(entry.endpoint)}. {count(entry.partition.get('n'))} cases, which can show "
        f"{can_show(entry.partition)}.",
        **{name: markup.data_uri(str(svg).encode(), "svg+xml") if svg else "" for name, svg in figures.items()},
    )
