"""What would the model say of this patient with other values of what may change before surgery?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from app import markup
from app.explanation import frozen_model, why_silent
from app.records import Question, StudyRecords, questions
from outcome.errors import OutcomeError
from outcome.report.numbers import format_number
from outcome.serving import Changeable, WhatIf, case_what_if

NOT_A_PROMISE = (
    "The model's response, not a promised effect: it learned from who had which value, not from changing it."
)
_STEPS = 100  # of a slider
_COLUMNS = 3
Value = float | str


@dataclass(frozen=True)
class Answer:
    """One question's answer as it is and as changed, as text."""

    label: str
    horizon: str
    as_it_is: str
    changed: str


def show(store: Path, records: StudyRecords, case_id: str, endpoint: str, inputs: str) -> None:
    """The section: sliders and lists, and the answers below; nothing where no variable may be changed."""
    if why_silent(records, case_id):
        return
    asked = (str(store), records.name, records.bundle_id, case_id, endpoint, inputs)
    try:
        found = _asked(*asked, ())
    except OutcomeError:  # the section above has said that the model, or the case, cannot be read
        return
    if not found.offered:
        return
    markup.show("title.html.j2", title="What if")
    changes = _widgets(found.offered, f"{case_id}_{endpoint}_{inputs}")
    if changes:
        try:
            found = _asked(*asked, tuple(sorted(changes.items())))
        except OutcomeError as error:
            markup.show("sentence.html.j2", text=error.message, next_step="")
            return
    rows = answers(records, endpoint, found)
    markup.show("what_if.html.j2", rows=rows, changed=bool(changes), caution=NOT_A_PROMISE)


def answers(records: StudyRecords, endpoint: str, found: WhatIf) -> list[Answer]:
    """Each horizon of the endpoint as text."""
    asked = [question for question in questions(records) if question.endpoint == endpoint]
    return [
        Answer(question.label, question.horizon, _text(question, found.as_it_is), _text(question, found.changed))
        for question in asked
    ]


def _text(question: Question, table: pd.DataFrame) -> str:
    row = table.loc[question.on_its_day(table)].iloc[0]
    return question.text(*(float(row[name]) for name in ("risk", "low", "high")))


def _widgets(offered: tuple[Changeable, ...], place: str) -> dict[str, Value]:
    """A widget for each variable, at the patient's own value; what was moved."""
    changes: dict[str, Value] = {}
    places = st.columns(_COLUMNS)
    for number, what in enumerate(offered):
        with places[number % _COLUMNS]:
            value = _widget(what, f"wi_{place}_{what.name}")
        if value is not None and value != what.value:
            changes[what.name] = value
    return changes


def _widget(what: Changeable, key: str) -> Value | None:
    """What is asked for; None while nothing was moved."""
    label = f"{what.label}{f' ({what.unit})' if what.unit else ''}: {own_words(what)}"
    if what.kind == "numeric":
        return _slider(what, label, key)
    options: Mapping[Value, str] = {0.0: "no", 1.0: "yes"} if what.kind == "boolean" else dict(what.choices)
    names = list(options)
    index = names.index(what.value) if what.value in names else None
    return st.selectbox(label, names, index=index, format_func=options.__getitem__, key=key, placeholder="not known")


def _slider(what: Changeable, label: str, key: str) -> float | None:
    low, high = what.low or 0.0, what.high or 0.0
    own = (low + high) / 2 if what.value is None else float(what.value)
    start = min(max(own, low), high)
    moved = st.slider(label, low, high, start, step=(high - low) / _STEPS, key=key)
    return None if moved == start else float(moved)


def own_words(what: Changeable) -> str:
    """This patient's value in words."""
    if what.value is None:
        return "not known"
    if what.kind == "numeric":
        return f"now {format_number(float(what.value), 1)}"
    return f"now {dict(what.choices).get(str(what.value), 'yes' if what.value else 'no')}"


@st.cache_data(max_entries=256, show_spinner=False)
def _asked(
    store: str,
    study: str,
    bundle_id: str,
    case_id: str,
    endpoint: str,
    inputs: str,
    changes: tuple[tuple[str, Value], ...],
) -> WhatIf:
    model = frozen_model(store, study, bundle_id)
    return case_what_if(model, Path(store), study, case_id, dict(changes), endpoint, inputs)
