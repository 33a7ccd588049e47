"""One patient: warnings first, then every predicted outcome with interval and horizon, the planes and the inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import explanation, markup, route, similar, viewer, what_if
from app.beyond import beyond_words
from app.known import share_words
from app.outlines import outline_words
from app.patient_inputs import input_blocks
from app.planes import Heat, Shown, extent_of, pictures_of
from app.records import Question, StudyRecords, answers, not_predicted, questions
from app.standing import standing_words
from app.warnings_for_case import cautions, row_of
from outcome.report.numbers import is_number
from outcome.report.planes import heat_key
from outcome.report.wording import partition_title

PICK, HEAT, SEQUENCE = "pt_case", "pt_heat", "pt_heat_image"
_SHOWN_CAUTIONS = 3
OUT_OF_FOLD = "This patient is one of the development cases: each risk comes from a model fitted without this patient."
FROZEN = "Risks come from the frozen model {bundle}, which never saw this patient."
NO_INTERVAL = "no interval"
WHY_NO_INTERVAL = "Intervals are computed by the frozen model only, for patients it has never seen."
NEVER = "No prediction exists for this patient."


@dataclass(frozen=True)
class RiskRow:
    """One answer as text, with the lengths of its bar in percent (None where there is no bar)."""

    label: str
    definition: str
    value: str
    interval: str
    horizon: str
    percent: float | None
    low_percent: float | None
    width_percent: float | None
    outlines: str = ""
    beyond: str = ""
    known: str = ""
    standing: str = ""
    withheld: bool = False  # `known` stands in the place of the answer


def show(store: Path, records: StudyRecords, case_id: str, inputs: str) -> None:
    """The patient page; an unknown case is said, and the list to choose from stays."""
    _pick(records, case_id)
    if case_id not in records.cases.index:
        text = "Choose a patient at the side, or in the worklist." if not case_id else "This study has no such case."
        markup.show("sentence.html.j2", text=text, next_step="")
        return
    markup.show("heading.html.j2", title=f"Case {case_id}", facts=_facts(records, case_id))
    markup.show("cautions.html.j2", cautions=cautions(records, case_id, inputs), limit=_SHOWN_CAUTIONS)
    rows, source = risk_rows(records, case_id, inputs)
    markup.show("risks.html.j2", risks=rows, silent=not_predicted(records, inputs), source=source)
    moved, pictures, read = st.container(), st.container(), st.container()
    with pictures:
        screen = _screen(store, records, case_id)
    with read:
        markup.show("inputs.html.j2", blocks=input_blocks(records, case_id, inputs))
    # last, since the first explanation takes seconds: risk, planes and inputs stand meanwhile
    with moved:
        heat = _what_moved(store, records, case_id, inputs)
    _heat_over(screen, store, records, case_id, heat)


def _pick(records: StudyRecords, case_id: str) -> None:
    cases = records.cases.index.tolist()
    if case_id in records.cases.index:
        route.preset(PICK, case_id)
    st.sidebar.selectbox(
        "Patient",
        cases,
        index=None,
        placeholder="Type or choose a case",
        key=PICK,
        on_change=route.choice("case", PICK),
    )


def _facts(records: StudyRecords, case_id: str) -> str:
    row = records.cases.loc[case_id]
    partition = str(row.get("partition", ""))
    group = partition_title(partition, records.partitions.get(partition, {}))
    return f"Patient {row.get('patient_id', '–')} · site {row.get('site', '–')} · {group}"


def risk_rows(records: StudyRecords, case_id: str, inputs: str) -> tuple[list[RiskRow], str]:
    """Every answered question for the case, and where the answers come from, in words."""
    rows, sources = [], set()
    for question in questions(records):
        every = answers(records, question, inputs)
        answer = row_of(every, case_id)
        if answer is not None:
            asked = (records, question, answer, inputs)
            row = replace(_risk_row(question, answer), known=share_words(answer, records.min_information))
            if not row.withheld:
                standing = standing_words(every["risk"].astype(float), case_id, is_risk=question.is_risk)
                row = replace(row, outlines=outline_words(*asked), beyond=beyond_words(*asked), standing=standing)
            rows.append(row)
            sources.add(str(answer["source"]))
    words = source_words(sources, records.predicted_by)
    bare = bool(rows) and all(NO_INTERVAL in row.interval for row in rows)
    return rows, f"{words} {WHY_NO_INTERVAL}" if bare else words


def source_words(sources: set[str], bundle_id: str) -> str:
    """Where predictions come from, in plain words."""
    if not sources:
        return NEVER
    words = {"out_of_fold": OUT_OF_FOLD, "bundle": FROZEN.format(bundle=bundle_id)}
    return " ".join(words.get(source, source) for source in sorted(sources))


def _risk_row(question: Question, answer: pd.Series) -> RiskRow:
    if answer["withheld"]:
        named = RiskRow(question.label, question.definition, "", "", question.horizon, None, None, None)
        return replace(named, withheld=True)
    risk, low, high = (float(answer[name]) for name in ("risk", "low", "high"))
    value, _, interval = question.text(risk, low, high).partition(" (")
    bar = question.is_risk and is_number(risk)
    ranged = bar and is_number(low) and is_number(high)
    return RiskRow(
        label=question.label,
        definition=question.definition,
        value=value,
        interval=f"({interval}" if interval else "",
        horizon=question.horizon,
        percent=round(100 * risk, 2) if bar else None,
        low_percent=round(100 * low, 2) if ranged else None,
        width_percent=round(100 * (high - low), 2) if ranged else None,
    )


def _answered(records: StudyRecords, case_id: str, inputs: str) -> list[str]:
    """The endpoints with a number for the case, in the study's order."""
    found = ((q.endpoint, row_of(answers(records, q, inputs), case_id)) for q in questions(records))
    return list(dict.fromkeys(name for name, answer in found if answer is not None and not answer["withheld"]))


def _what_moved(store: Path, records: StudyRecords, case_id: str, inputs: str) -> dict[str, Heat]:
    """The section under the risks; gives back where a network looked, by sequence."""
    endpoints = _answered(records, case_id, inputs)
    if not endpoints:
        return {}
    markup.show("title.html.j2", title="What moved this estimate")
    endpoint = explanation.pick_endpoint(records, endpoints)
    found = explanation.explained(store, records, case_id, endpoint, inputs)
    explanation.show(found, development=explanation.is_development(records, case_id))
    what_if.show(store, records, case_id, endpoint, inputs)
    similar.show(store, records, case_id, endpoint, inputs)
    return {} if isinstance(found, str) else explanation.heats(found)


@dataclass(frozen=True)
class Screen:
    """Where the planes stand on the page, with the place for what is switched over them, and what of them is shown."""

    switch: DeltaGenerator
    planes: DeltaGenerator
    shown: Shown


def _screen(store: Path, records: StudyRecords, case_id: str) -> Screen:
    markup.show("title.html.j2", title="Images")
    switch = st.container()
    screen = Screen(switch, st.empty(), viewer.controls(case_id, extent_of(store, records, case_id)))
    if not st.session_state.get(HEAT):
        _draw(screen, store, records, case_id, None)
    return screen


def _heat_over(screen: Screen, store: Path, records: StudyRecords, case_id: str, heat: dict[str, Heat]) -> None:
    """The switch for where a network looked, off unless asked for; only where there is something to show."""
    chosen: Heat | None = None
    with screen.switch:
        if heat and st.toggle("Where the network looks", key=HEAT):
            names = list(heat)
            chosen = heat[st.radio("Image", names, horizontal=True, key=SEQUENCE) if len(names) > 1 else names[0]]
    if chosen is not None or st.session_state.get(HEAT):
        _draw(screen, store, records, case_id, chosen)


def _draw(screen: Screen, store: Path, records: StudyRecords, case_id: str, heat: Heat | None) -> None:
    shown = pictures_of(store, records, case_id, screen.shown, heat)
    with screen.planes:
        if shown.pictures:
            markup.show("planes.html.j2", shown=shown, heat_key=heat_key())
        else:
            markup.show("sentence.html.j2", text=shown.notice, next_step="")
