"""Conditions on what does not leave as it was: a date limit, a case id, a hospital. Their answers leave instead.

`surgery_date below 2022-01-01` is worked out on the source and becomes a yes/no variable; after the shift the limit
would mean another day for each patient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from outcome.cohort.coding import code_column
from outcome.cohort.criteria import truth
from outcome.config import Condition
from outcome.config.conditions import COMPARISONS
from outcome.deidentification.columns import Column, Record, why_dropped
from outcome.dictionary import DataDictionary, Variable, VariableKind
from outcome.errors import ConfigRefusal

Document = dict[str, Any]


@dataclass(frozen=True)
class Answered:
    """The study file's document with conditions replaced, and the variables that hold their answers."""

    document: Document
    columns: tuple[Column, ...]


def answered(document: Document, dictionary: DataDictionary, record: Record) -> Answered:
    """Replace inclusion criteria and partitions that compare with what changes. The document is not changed.

    Raises ConfigRefusal where an endpoint or a score compares with it: its answer is an outcome and no condition.
    """
    changing = {v.name for v in dictionary if _changes(v, record)}
    columns: list[Column] = []

    def replaced(condition: Document) -> Document:
        if not _compares(condition, changing):
            return condition
        column = _answer(condition, dictionary, record, len(columns) + 1)
        columns.append(column)
        beside = {name: value for name, value in condition.items() if name not in (*COMPARISONS, "variable")}
        return {**beside, "variable": column.variable.name, "equals": True}

    made = dict(document)
    if "inclusion" in document:
        made["inclusion"] = [replaced(one) for one in document["inclusion"]]
    if "partitions" in document:
        made["partitions"] = {
            name: {**part, "where": [replaced(one) for one in part["where"]]} if "where" in part else part
            for name, part in document["partitions"].items()
        }
    _refuse_elsewhere({k: v for k, v in made.items() if k not in ("inclusion", "partitions")}, changing)
    return Answered(made, tuple(columns))


def _changes(variable: Variable, record: Record) -> bool:
    study = record.study
    named = variable.name in (study.case_id, study.patient_id)
    site = variable.name == study.site and not record.rules.keep_sites
    return named or site or variable.kind is VariableKind.DATE or bool(why_dropped(variable, study, record.rules))


def _compares(condition: Any, changing: set[str]) -> bool:
    """Whether this compares a variable that changes; whether one is missing stays as true as it was, if it leaves."""
    if not isinstance(condition, dict) or condition.get("variable") not in changing:
        return False
    return any(condition.get(name) is not None for name in COMPARISONS)


def _answer(condition: Document, dictionary: DataDictionary, record: Record, number: int) -> Column:
    asked = Condition(**{name: condition[name] for name in ("variable", *COMPARISONS) if name in condition})
    source = dictionary[asked.variable]
    coded = code_column(source, record.raw(source), decimal=record.study.table.decimal)
    answers = truth(asked, coded.values.rename(source.name).to_frame(), dictionary)
    cells = [None if np.isnan(one) else f"{one:.0f}" for one in answers]
    name = _free_name(f"criterion_{number}", dictionary)
    label = f"Criterion {number} of the source study"
    return Column(Variable(name, VariableKind.BOOLEAN, label, availability=source.availability), cells, {})


def _free_name(name: str, dictionary: DataDictionary) -> str:
    return _free_name(f"{name}_", dictionary) if name in dictionary else name


def _refuse_elsewhere(document: Document, changing: set[str]) -> None:
    found = [
        place for place, part in _parts(document)
        if _compares(part, changing) and part.get("missing") is None
    ]  # fmt: skip
    if found:
        raise ConfigRefusal(
            "an endpoint or a score compares with a value that does not leave as it is",
            expected="numbers, choices and yes/no", found=", ".join(found),
            next_step="make a variable of it in the source, such as days from surgery",
        )  # fmt: skip


def _parts(document: Any, place: str = "") -> Iterator[tuple[str, Document]]:
    if isinstance(document, dict):
        yield place, document
        for name, value in document.items():
            yield from _parts(value, f"{place}.{name}" if place else str(name))
    elif isinstance(document, (list, tuple)):
        for number, value in enumerate(document):
            yield from _parts(value, f"{place}[{number}]")
