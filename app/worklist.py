"""Which patients to look at: search, filter and sort all cases by the risk of one endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from app import markup, route
from app.records import Question, StudyRecords, answers, case_findings, missing_counts, questions, unlike_counts
from outcome.report.wording import partition_title

TABLE, SEARCH, PARTITION, ENDPOINT, ORDER, OPEN = (
    "wl_table",
    "wl_search",
    "wl_part",
    "wl_question",
    "wl_order",
    "wl_open",
)
ALL = "All cases"
ORDERS = {
    "Prediction, highest first": ("Prediction", False),
    "Case, A to Z": ("Case", True),
    "Missing inputs, most first": ("Missing inputs", False),
    "Findings to review, most first": ("To review", False),
    "Unlike training, most first": ("Unlike training", False),
}


def show(records: StudyRecords, inputs: str) -> None:
    """The worklist page."""
    asked = questions(records)
    markup.show("heading.html.j2", title="Worklist", facts=f"{records.title} · {len(records.cases):,} cases")
    if not asked:
        markup.show(
            "sentence.html.j2",
            text="No predictions yet: the cases are listed without a risk.",
            next_step="outcome train STUDY.yaml, then outcome predict",
        )
    question, search, partition, order = _controls(records, asked)
    table = ordered(filtered(worklist(records, question, inputs), search, partition), order)
    _pick(table)
    _table(table, question)


def _controls(records: StudyRecords, asked: list[Question]) -> tuple[Question | None, str, str, str]:
    titles = {name: partition_title(name, facts) for name, facts in records.partitions.items()}
    first, second, third, fourth = st.columns([1.5, 1.1, 1.2, 1.1])
    question = first.selectbox("Outcome", asked, format_func=lambda q: q.name, key=ENDPOINT) if asked else None
    search = second.text_input("Search case, patient or site", key=SEARCH)
    partition = third.selectbox("Cases", [ALL, *titles], format_func=lambda n: titles.get(n, n), key=PARTITION)
    order = fourth.selectbox("Order", list(ORDERS), key=ORDER)
    return question, search, partition, order


def worklist(records: StudyRecords, question: Question | None, inputs: str) -> pd.DataFrame:
    """A row a case: identifiers, prediction with interval (per 100 for a risk), missing inputs, findings, warnings."""
    table = pd.DataFrame(index=records.cases.index)
    table["Case"] = records.cases.index
    for name, column in (("Patient", "patient_id"), ("Site", "site"), ("partition", "partition")):
        table[name] = records.cases[column].astype(str) if column in records.cases else ""
    labels = {name: str(facts.get("label") or name) for name, facts in records.partitions.items()}
    table["Cases"] = table["partition"].map(labels).fillna("")
    scale = 100.0 if question and question.is_risk else 1.0
    found = answers(records, question, inputs) if question else pd.DataFrame(columns=["risk", "low", "high"])
    for name, column in (("Prediction", "risk"), ("Low", "low"), ("High", "high")):
        table[name] = found[column].astype(float).reindex(table.index) * scale
    table["Missing inputs"] = missing_counts(records, inputs)
    named = case_findings(records)
    table["To review"] = [len(named.get(case, ())) for case in table.index]
    table["Unlike training"] = unlike_counts(records)
    return table


def filtered(table: pd.DataFrame, search: str, partition: str) -> pd.DataFrame:
    """The rows of a partition whose case, patient or site contains the text, whatever its case."""
    rows = table if partition == ALL else table.loc[table["partition"] == partition]
    wanted = search.strip().casefold()
    if not wanted:
        return rows
    text = rows["Case"] + "\n" + rows["Patient"] + "\n" + rows["Site"]
    return rows.loc[text.str.casefold().str.contains(wanted, regex=False)]


def ordered(table: pd.DataFrame, order: str) -> pd.DataFrame:
    """The rows in the order asked for; ties by case, so that the order never jumps."""
    column, ascending = ORDERS[order]
    keys = [column] if column == "Case" else [column, "Case"]
    return table.sort_values(keys, ascending=[ascending, True][: len(keys)], na_position="last")


def _pick(table: pd.DataFrame) -> None:
    st.selectbox(
        f"Open a patient ({len(table):,} listed; or select a row below)",
        table["Case"].tolist(),
        index=None,
        placeholder="Type or choose a case",
        key=OPEN,
        on_change=_open_picked,
    )


def _open_picked() -> None:
    picked = st.session_state.get(OPEN)
    if picked:
        route.go(view="patient", case=str(picked))


def _table(table: pd.DataFrame, question: Question | None) -> None:
    if not len(table):
        markup.show("sentence.html.j2", text="No case matches the search and filter.", next_step="")
        return
    hidden = hidden_columns(table, question)
    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height=440,
        key=TABLE,
        on_select=_open_row(table["Case"].tolist()),
        selection_mode="single-row",
        column_config=_columns(question),
        column_order=[name for name in table.columns if name not in hidden],
    )


def hidden_columns(table: pd.DataFrame, question: Question | None) -> set[str]:
    """Columns with nothing to show: no question, no interval or no warning for any listed case."""
    hidden = {"partition"} | (set() if table["Unlike training"].any() else {"Unlike training"})
    if question is None:
        return hidden | {"Prediction", "Low", "High"}
    return hidden if table["Low"].notna().any() else hidden | {"Low", "High"}


def _columns(question: Question | None) -> dict[str, Any]:
    if question is None:
        return {}
    unit = "of 100" if question.is_risk else question.unit
    form = "%.0f" if question.is_risk else "%.1f"
    top = 100 if question.is_risk else None
    heading = f"{question.name}, {unit}".rstrip(", ")
    prediction = (
        st.column_config.ProgressColumn(heading, format=form, min_value=0, max_value=top)
        if top
        else st.column_config.NumberColumn(heading, format=form)
    )
    return {
        "Prediction": prediction,
        "Low": st.column_config.NumberColumn("from", format=form, help="lower end of the 95 % interval"),
        "High": st.column_config.NumberColumn("to", format=form, help="upper end of the 95 % interval"),
    }


def _open_row(cases: list[str]) -> Callable[[], None]:
    """Opens the patient of the selected row; bound to the rows as they were shown."""

    def follow() -> None:
        rows = st.session_state[TABLE].selection.rows
        if rows and rows[0] < len(cases):
            route.go(view="patient", case=cases[rows[0]])

    return follow
