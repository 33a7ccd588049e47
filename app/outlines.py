"""How far a risk moves when the outline is drawn differently, as one sentence under it; computed beforehand only."""

from __future__ import annotations

import pandas as pd

from app.records import Question, StudyRecords
from outcome.report.numbers import format_range, is_number, per_100

OUTLINES = "If the outline were drawn differently: {range} ({n} outlines{moved})."
BY_NETWORK = "If the network outlined more cautiously or more generously: {range} ({n} outlines of the network{moved})."
NETWORK = "network"  # the kind of outlines that the network drew itself; any other is the case's own one, changed
UNKNOWN = "If the outline were drawn differently: not known. {reason}."
WIDE = " That is wide: have the outline reviewed before relying on this number."
WIDE_RISK, WIDE_SHARE = 0.10, 0.5  # of a risk: ten of 100 patients; of an amount: half of it
FROZEN_SOURCE = "bundle"  # the ranges are the frozen model's: they say nothing of an out-of-fold prediction


def outline_words(records: StudyRecords, question: Question, answer: pd.Series, inputs: str) -> str:
    """The range of one answer over other outlines in words, with what moved most; "" where none was computed."""
    table = records.outlines
    if not len(table) or str(answer["source"]) != FROZEN_SOURCE:
        return ""
    wanted = (table["case_id"] == str(answer.name)) & (table["endpoint"] == question.endpoint)
    rows = table.loc[wanted & (table["inputs"] == inputs) & question.on_its_day(table)]
    return _words(question, rows.iloc[0]) if len(rows) else ""


def _words(question: Question, row: pd.Series) -> str:
    if not (is_number(row["low"]) and is_number(row["high"])):
        return UNKNOWN.format(reason=str(row["reason"]).rstrip("."))
    low, high = float(row["low"]), float(row["high"])
    ends = f"{per_100(low)} to {per_100(high)} of 100" if question.is_risk else _amounts(low, high, question.unit)
    moved = f"; moved most: {row['moved_most']}" if row["moved_most"] else ""
    words = BY_NETWORK if row.get("kind") == NETWORK else OUTLINES
    wide = WIDE if is_wide(low, high, is_risk=question.is_risk) else ""
    return words.format(range=ends, n=int(row["n_outlines"]), moved=moved) + wide


def is_wide(low: float, high: float, *, is_risk: bool) -> bool:
    """Whether other outlines move the answer so far that somebody should look at the outline; the limits are ours."""
    return high - low >= (WIDE_RISK if is_risk else WIDE_SHARE * abs(low + high) / 2)


def _amounts(low: float, high: float, unit: str) -> str:
    return f"{format_range(low, high, 1)} {unit}".rstrip()
