"""A study's record as it may leave: table, dictionary and study file, with nothing that names a patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from outcome.cohort.identity import identify
from outcome.config import Study
from outcome.deidentification.columns import Column, Record, column, pseudonyms, why_dropped
from outcome.deidentification.conditions import answered
from outcome.deidentification.key import Key
from outcome.deidentification.rules import TOP_AGE, Rules
from outcome.deidentification.study_file import CASE, as_written, refuse_dropped, refuse_traces
from outcome.dictionary import Availability, DataDictionary, Role, Variable, VariableKind, nearest
from outcome.errors import DataRefusal, UsageError

_YEARS = ("a", "year", "years", "yr", "yrs")


@dataclass(frozen=True, eq=False)
class Person:
    """A case of the source: its id there, its name from now on, whom its files name, and how far its dates move."""

    case_id: str
    name: str
    patient: str
    days: int


@dataclass(frozen=True, eq=False)
class Leaving:
    """What leaves. `document` still lacks the places of files. `facts` say what was done, without any value."""

    table: pd.DataFrame
    dictionary: DataDictionary
    document: dict[str, Any]
    people: tuple[Person, ...]
    facts: Mapping[str, Any]


def leaving(study: Study, dictionary: DataDictionary, table: pd.DataFrame, key: Key, rules: Rules) -> Leaving:
    """The record of a study without what names its patients; nothing that is handed over is changed.

    Raises ConfigRefusal where study file or dictionary cannot go along, DataRefusal where two cases share a name.
    """
    _refuse_unknown(rules, dictionary)
    dropped = {v.name: reason for v in dictionary if (reason := why_dropped(v, study, rules))}
    record = _record(study, dictionary, table, key, rules)
    found = answered(as_written(study), dictionary, record)
    refuse_dropped(_without_conditions(study), dropped)
    columns = [*(column(v, record) for v in dictionary if v.name not in dropped), *found.columns]
    if study.case_id not in dictionary:
        columns.insert(0, Column(_case_variable(dictionary), pseudonyms(record, "case"), {}))
    described = DataDictionary(tuple(one.variable for one in columns))
    refuse_traces(found.document, described, _names(record, rules))
    frame = pd.DataFrame({one.variable.name: one.cells for one in columns}, dtype=object)
    cases = [one.variable.name for one in columns].index(study.case_id if study.case_id in dictionary else CASE)
    frame = frame.sort_values(frame.columns[cases], kind="stable", ignore_index=True)  # the source's order tells when
    facts = {
        "rows": len(frame), "kept": list(described.names), "dropped": dropped,
        "columns_not_described": len(set(table.columns) - {v.column for v in dictionary}),
        "left_empty": {one.variable.name: one.left_empty for one in columns if one.left_empty},
        "ages_above_89": _old(columns, rules),
    }  # fmt: skip
    return Leaving(frame, described, found.document, _people(record), facts)


def _record(study: Study, dictionary: DataDictionary, table: pd.DataFrame, key: Key, rules: Rules) -> Record:
    identity = identify(study, dictionary, table)
    named = [v.column for v in dictionary if v.is_identifier and v.column in table.columns]
    rows = pd.concat([table[named], identity[["case_id", "patient_id"]]], axis=1)
    identifiers = [{str(cell) for cell in row if cell is not None and cell == cell} for row in rows.to_numpy()]
    return Record(study, table, identity, identifiers, key, rules)


def _without_conditions(study: Study) -> Study:
    """The study without criteria and partitions, whose conditions have been answered."""
    parts = {name: part.model_copy(update={"where": ()}) for name, part in study.partitions.items()}
    return study.model_copy(update={"inclusion": (), "partitions": parts})


def _names(record: Record, rules: Rules) -> set[str]:
    """Everything in the record that may not be found in words of its author."""
    named = set().union(*record.identifiers)
    own_site = record.study.site is not None and not rules.keep_sites
    return named | (set(record.identity["site"].dropna()) if own_site else set())


def _people(record: Record) -> tuple[Person, ...]:
    """Each case of the table once. Raises DataRefusal where two have one name from now on."""
    cases, key = record.identity["case_id"], record.key
    found: dict[str, Person] = {}
    for case, patient, days in zip(cases, record.patients, record.days, strict=True):
        if case is not None:
            found.setdefault(
                case, Person(case, key.pseudonym("case", case), key.pseudonym("patient", str(patient)), days)
            )
    if len({person.name for person in found.values()}) < len(found):
        raise DataRefusal("two cases have one pseudonym", next_step="make another key")
    return tuple(found.values())


def _case_variable(dictionary: DataDictionary) -> Variable:
    """Rows that had a number alone are cases with a name."""
    if CASE in dictionary:
        raise DataRefusal(
            f"cases are called by their row and the dictionary has a variable {CASE}",
            next_step=f"write `case_id: {CASE}` in the study file, or rename the variable",
        )
    known, role = Availability.PREOPERATIVE, frozenset({Role.IDENTIFIER})
    return Variable(CASE, VariableKind.TEXT, "Case", availability=known, roles=role)


def _old(columns: list[Column], rules: Rules) -> dict[str, int]:
    """Variables in years that tell ages above 89 one by one, and of how many cases."""
    counts = {
        one.variable.name: sum(cell is not None and float(cell) >= TOP_AGE for cell in one.cells)
        for one in columns
        if one.variable.kind is VariableKind.NUMERIC and one.variable.unit.strip().lower() in _YEARS
    }
    return {name: count for name, count in counts.items() if count and name not in rules.top_ages}


def _refuse_unknown(rules: Rules, dictionary: DataDictionary) -> None:
    for option, names, kind in (("--keep-text", rules.keep_text, VariableKind.TEXT),
                                ("--top-age", rules.top_ages, VariableKind.NUMERIC)):  # fmt: skip
        fitting = [v.name for v in dictionary if v.kind is kind and not v.is_identifier]
        strangers = [name for name in names if name not in fitting]
        if strangers:
            raise UsageError(
                f"{option} names no {kind} variable of the dictionary that is no identifier",
                expected=nearest(strangers[0], fitting), found=", ".join(strangers),
            )  # fmt: skip
