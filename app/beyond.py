"""What the model says of a patient beyond one number, as one sentence under it; computed beforehand only."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from app.records import Question, StudyRecords
from outcome.report.numbers import format_number, horizon_words, is_number, per_100
from outcome.types import Detail

COMPETING = "Competing event {by}: {risk} of 100."
GRADES = "Of 100 such patients: {chances}."
GRADE = "{risk} with {name} or worse"
QUANTILES = "Of 100 such patients {share} are expected between {middle}, and {wide_share} between {wide}."


def beyond_words(records: StudyRecords, question: Question, answer: pd.Series, inputs: str) -> str:
    """The sentence for one answer, from the same model as the answer itself; "" where it says no more."""
    table = records.details
    if not len(table):
        return ""
    same = (table["case_id"] == str(answer.name)) & (table["endpoint"] == question.endpoint)
    rows = table.loc[same & (table["inputs"] == inputs) & (table["source"] == answer["source"])]
    parts = [_WORDS[what](records, question, rows[rows["what"] == what]) for what in _WORDS]
    return " ".join(part for part in parts if part)


def _competing(records: StudyRecords, question: Question, rows: pd.DataFrame) -> str:
    here = rows.loc[rows["at"] == question.horizon_days, "value"]
    if not len(here) or not float(here.iloc[0]) > 0:
        return ""
    return COMPETING.format(by=horizon_words(question.horizon_days), risk=per_100(float(here.iloc[0])))


def _grades(records: StudyRecords, question: Question, rows: pd.DataFrame) -> str:
    """Every grade but the lowest, which everybody reaches."""
    names = _grade_names(records, question.endpoint)
    told = [
        GRADE.format(risk=per_100(float(value)), name=names.get(float(at), f"grade {at:g}"))
        for at, value in sorted(zip(rows["at"], rows["value"], strict=True))[1:]
    ]
    return GRADES.format(chances=", ".join(told)) if told else ""


def _grade_names(records: StudyRecords, endpoint: str) -> dict[float, str]:
    """Names of grades by rank, as the evaluation noted them."""
    return {
        float(row["grade"]): str(row["label"])
        for partition in (records.metrics.get("partitions") or {}).values()
        for model in ((partition.get("endpoints") or {}).get(endpoint, {}).get("models") or {}).values()
        for row in (model.get("details") or {}).get("grades") or []
        if row.get("label")
    }


def _quantiles(records: StudyRecords, question: Question, rows: pd.DataFrame) -> str:
    at = {float(level): float(value) for level, value in zip(rows["at"], rows["value"], strict=True)}
    middle, wide = ((0.25, 0.75), (0.1, 0.9))
    if not all(is_number(at.get(level)) for level in (*middle, *wide)):
        return ""
    pairs = ((format_number(at[low], 1), format_number(at[high], 1)) for low, high in (middle, wide))
    ranges = (f"{low} and {high} {question.unit}".rstrip() for low, high in pairs)
    shares = (per_100(high - low) for low, high in (middle, wide))
    return QUANTILES.format(**dict(zip(("middle", "wide", "share", "wide_share"), (*ranges, *shares), strict=True)))


_WORDS: Mapping[Detail, Callable[[StudyRecords, Question, pd.DataFrame], str]] = {
    Detail.COMPETING_INCIDENCE: _competing,
    Detail.GRADE_AT_LEAST: _grades,
    Detail.QUANTILE: _quantiles,
}
