"""What becomes of each variable: pseudonyms, shifted dates, values that the dictionary can read, or nothing.

A cell is never copied: it is read by the dictionary and written anew. What cannot be read is left empty and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from outcome.cohort.coding import IMPLAUSIBLE, code_column
from outcome.config import Study
from outcome.deidentification.key import Key, shifted_day
from outcome.deidentification.rules import TOP_AGE, Rules
from outcome.deidentification.traces import of_patient
from outcome.dictionary import Choice, Role, Variable, VariableKind

NAMED, FREE_TEXT = "identifier", "free text"
TRACE = "names_the_patient"
Cells = list[str | None]


@dataclass(frozen=True, eq=False)
class Record:
    """The source as its columns need it: the raw table, who stands in each row, and what may name them."""

    study: Study
    table: pd.DataFrame
    identity: pd.DataFrame  # case_id, patient_id, site of each row, as written
    identifiers: list[set[str]]  # of each row: all that names its patient
    key: Key
    rules: Rules

    def raw(self, variable: Variable) -> pd.Series:
        absent = pd.Series([None] * len(self.table), index=self.table.index, dtype=object)
        return self.table[variable.column] if variable.column in self.table.columns else absent

    @property
    def patients(self) -> Cells:
        """Who each row's dates move with: the patient, or the case where nobody is named."""
        return [who if who is not None else case for case, who in
                zip(self.identity["case_id"], self.identity["patient_id"], strict=True)]  # fmt: skip

    @property
    def days(self) -> list[int]:
        return [self.key.days(who or "", self.rules.most_days) for who in self.patients]


@dataclass(frozen=True, eq=False)
class Column:
    """A column as it leaves: its description, its cells, and how many were left empty for which reason."""

    variable: Variable
    cells: Cells
    left_empty: dict[str, int]


def why_dropped(variable: Variable, study: Study, rules: Rules) -> str:
    """Why a variable does not leave; empty where it does."""
    if variable.name in (study.case_id, study.patient_id, study.site):
        return ""
    if variable.is_identifier:
        return NAMED
    return FREE_TEXT if variable.kind is VariableKind.TEXT and variable.name not in rules.keep_text else ""


def column(variable: Variable, record: Record) -> Column:
    """A variable of the source as it leaves."""
    study = record.study
    if variable.name in (study.case_id, study.patient_id):
        kind = "case" if variable.name == study.case_id else "patient"
        return Column(_as_text(variable), pseudonyms(record, kind), {})
    if variable.name == study.site:
        return _site(variable, record)
    coded = code_column(variable, record.raw(variable), decimal=study.table.decimal)
    left_empty = {code: int(rows.sum()) for code, rows in coded.problems.items() if code != IMPLAUSIBLE}
    cells, traces = WRITERS[variable.kind](variable, coded.values.tolist(), record)
    counts = {**left_empty, TRACE: traces}
    return Column(described(variable), cells, {code: count for code, count in counts.items() if count})


def pseudonyms(record: Record, kind: str) -> Cells:
    """The pseudonym of each row's case, patient or site."""
    return [None if value is None else record.key.pseudonym(kind, str(value)) for value in
            record.identity["site" if kind == "site" else f"{kind}_id"]]  # fmt: skip


def described(variable: Variable) -> Variable:
    """A variable by its meaning alone: raw names, spellings of missing and what REDCap keeps beside stay behind."""
    return replace(variable, source="", missing_codes=(), other={}, other_annotation="")


def _as_text(variable: Variable) -> Variable:
    plain = replace(
        described(variable), kind=VariableKind.TEXT, choices=(), ordered=False, field_type="", validation=""
    )
    return replace(plain, roles=plain.roles | {Role.IDENTIFIER})


def _site(variable: Variable, record: Record) -> Column:
    raw = record.raw(variable)
    if variable.kind is not VariableKind.CATEGORICAL:
        cells = raw.tolist() if record.rules.keep_sites else pseudonyms(record, "site")
        return Column(described(variable), cells, {})
    coded = code_column(variable, raw).values.tolist()
    if record.rules.keep_sites:
        return Column(described(variable), coded, {})
    named = {code: record.key.pseudonym("site", code) for code in variable.codes}
    choices = tuple(Choice(name, name) for name in sorted(named.values()))
    return Column(replace(described(variable), choices=choices), [named.get(code) for code in coded], {})


def _numbers(variable: Variable, values: list[float], record: Record) -> tuple[Cells, int]:
    top = variable.name in record.rules.top_ages
    told = [TOP_AGE if top and value >= TOP_AGE else value for value in values]
    return [None if value != value else repr(float(value)).removesuffix(".0") for value in told], 0


def _dates(variable: Variable, values: Cells, record: Record) -> tuple[Cells, int]:
    return [None if one is None else shifted_day(one[:10], days) or None
            for one, days in zip(values, record.days, strict=True)], 0  # fmt: skip


def _codes(variable: Variable, values: Cells, record: Record) -> tuple[Cells, int]:
    return values, 0


def _texts(variable: Variable, values: Cells, record: Record) -> tuple[Cells, int]:
    told = [None if one is None or of_patient(one, who) else one
            for one, who in zip(values, record.identifiers, strict=True)]  # fmt: skip
    return told, sum(before is not None and after is None for before, after in zip(values, told, strict=True))


WRITERS: Mapping[VariableKind, Callable[[Variable, list[Any], Record], tuple[Cells, int]]] = {
    VariableKind.NUMERIC: _numbers,
    VariableKind.BOOLEAN: _numbers,
    VariableKind.CATEGORICAL: _codes,
    VariableKind.DATE: _dates,
    VariableKind.TEXT: _texts,
}
