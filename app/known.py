"""How much of what a model reads is known of a patient, as one sentence under its answer; computed beforehand only."""

from __future__ import annotations

import pandas as pd

from app.records import Question, StudyRecords
from outcome.report.information_words import blocks_named, known_words


def share_words(records: StudyRecords, question: Question, answer: pd.Series, inputs: str) -> str:
    """The sentence for one answer, from the same model as the answer itself; "" where nothing is told of it."""
    row = known_row(records, question, answer, inputs)
    return "" if row is None else known_words(float(row["known_share"]), blocks_named(str(row["blocks_missing"])))


def known_row(records: StudyRecords, question: Question, answer: pd.Series, inputs: str) -> pd.Series | None:
    """The row of information.parquet that goes with an answer; None where there is none."""
    table = records.information
    if not len(table):
        return None
    same = (table["case_id"] == str(answer.name)) & (table["endpoint"] == question.endpoint)
    rows = table.loc[same & (table["inputs"] == inputs) & (table["source"] == answer["source"])]
    return rows.iloc[0] if len(rows) else None
