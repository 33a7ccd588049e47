"""What was observed among the patients of this study who are most like this one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app import markup
from app.explanation import frozen_model, why_silent
from app.records import Question, StudyRecords, questions
from outcome.errors import OutcomeError
from outcome.report.numbers import format_number, per_100
from outcome.serving import Similar, similar_cases
from outcome.types import Estimate

HOW = (
    "Alike in what the model reads, other patients of this study whose outcome is known; a check of plausibility, not "
    "another estimate."
)


def show(store: Path, records: StudyRecords, case_id: str, endpoint: str, inputs: str) -> None:
    """The section: a line for each horizon; nothing where this store's model cannot be asked."""
    if why_silent(records, case_id):
        return
    try:
        found = _asked(str(store), records.name, records.bundle_id, case_id, endpoint, inputs)
    except OutcomeError:  # the section above has said that the model, or the case, cannot be read
        return
    markup.show("title.html.j2", title="Patients most like this one")
    asked = [question for question in questions(records) if question.endpoint == endpoint]
    lines = [f"{question.name}: {line(question, found)}" for question in asked]
    markup.show("similar.html.j2", lines=lines, cases=found.case_ids, how=HOW)


def line(question: Question, found: Similar) -> str:
    """What was observed by the question's horizon, in words."""
    days = question.horizon_days
    estimate = next((e for day, e in found.observed if day == days or (day != day and days != days)), None)
    if estimate is None or estimate.value is None:
        return (estimate.withheld if estimate else None) or "not observed"
    return _share(estimate, len(found.case_ids)) if question.is_risk else _amount(estimate, question.unit)


def _share(estimate: Estimate, count: int) -> str:
    value, low, high = (per_100(number or 0.0) for number in (estimate.value, estimate.low, estimate.high))
    return f"{value} of 100 ({low}–{high}) among the {count} nearest, {estimate.n_events} with the event"


def _amount(estimate: Estimate, unit: str) -> str:
    value, low, high = (format_number(number or 0.0, 1) for number in (estimate.value, estimate.low, estimate.high))
    return f"half of the {estimate.n} nearest between {low} and {high} {unit}, median {value}".rstrip()


@st.cache_data(max_entries=256, show_spinner=False)
def _asked(store: str, study: str, bundle_id: str, case_id: str, endpoint: str, inputs: str) -> Similar:
    model = frozen_model(store, study, bundle_id)
    return similar_cases(model, Path(store), study, case_id, endpoint, inputs)
