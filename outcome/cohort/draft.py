"""A first dictionary and study file from one's own table: what can be read off is guessed, the rest is marked TODO."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from outcome.cohort.column_guess import ColumnGuess, guess_column
from outcome.config import TableSource
from outcome.dictionary import Availability, Role, Variable, VariableKind
from outcome.dictionary.redcap import ANNOTATION, TODO, rows_csv, write_row
from outcome.dictionary.variable import PREDICTOR_KINDS
from outcome.errors import UsageError
from outcome.sources import read_table

_FORMATS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json", ".parquet": "parquet", ".xlsx": "excel"}
_DEATH = re.compile(r"death|dead|died|status|mortal")
_FOLLOW_UP = re.compile(r"follow|surv|time")
_AVAILABILITY = f"@AVAILABILITY='{Availability.POSTOPERATIVE}'"


@dataclass(frozen=True)
class Draft:
    """The texts of `dictionary.csv` and `study.yaml`, and what a person still has to fill in."""

    dictionary: str
    study: str
    todo: tuple[str, ...]


def draft(table: Path) -> Draft:
    """A first dictionary and study file for a table (CSV, JSON, Parquet or Excel, by its ending).

    Types, choices, units, the case's column and likely endpoints are guessed from names and values. When a variable
    becomes known cannot be seen in a table: that is left as TODO, and the loader refuses both files until a person
    has decided. Raises UsageError for an unknown ending, DataRefusal for a table that cannot be read.
    """
    source = _source(table)
    frame = read_table(source, table.resolve().parent)
    guesses = _distinct([guess_column(str(name), frame[name].tolist()) for name in frame.columns])
    case = next((guess for guess in guesses if guess.names_cases), None)
    waiting = [guess.variable.name for guess in guesses if not guess.variable.is_identifier]
    todo = (*(f"availability of {name}" for name in waiting), "endpoints in study.yaml")
    return Draft(rows_csv(map(_row, guesses)), _study_text(table, source, guesses, case), todo)


def _source(table: Path) -> TableSource:
    kind = _FORMATS.get(table.suffix.lower())
    if kind is None:
        raise UsageError(
            "the table's format cannot be told from its name",
            expected=", ".join(_FORMATS),
            found=table.suffix or "none",
        )
    separator = _separator(table) if kind == "csv" and table.is_file() else ","
    return TableSource.model_validate({"format": kind, "path": table.name, "separator": separator})


def _separator(table: Path) -> str:
    """The sign that splits the first line into most cells."""
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        header = file.readline()
    return max(",;\t|", key=lambda sign: len(next(csv.reader([header], delimiter=sign), [])))


def _distinct(guesses: list[ColumnGuess]) -> list[ColumnGuess]:
    """Variable names that two raw columns would share get a number."""
    seen: dict[str, int] = {}
    distinct = []
    for guess in guesses:
        name = guess.variable.name
        seen[name] = seen.get(name, 0) + 1
        distinct.append(guess.renamed(f"{name}_{seen[name]}") if seen[name] > 1 else guess)
    return distinct


def _row(guess: ColumnGuess) -> dict[str, str]:
    """A variable's dictionary row with its availability left to a person.

    The predictor role comes with it: once the availability is written, nothing else has to be touched.
    """
    row = write_row(guess.variable)
    if not guess.variable.is_identifier:
        predicts = not guess.variable.roles and guess.variable.kind in PREDICTOR_KINDS
        todo = row[ANNOTATION].replace(_AVAILABILITY, f"@AVAILABILITY='{TODO}'")
        row[ANNOTATION] = f"{todo} @ROLE='{Role.PREDICTOR}'" if predicts else todo
    return row


def _study_text(table: Path, source: TableSource, guesses: list[ColumnGuess], case: ColumnGuess | None) -> str:
    stem = re.sub(r"[^a-z0-9]+", "_", table.stem.lower()).strip("_") or "study"
    separator = f', separator: "{_escaped(source.separator)}"' if source.separator != "," else ""
    decimal = ', decimal: ","' if any(guess.decimal_comma for guess in guesses) else ""
    place = f"format: {source.format}, path: {_quoted(table.name)}{separator}{decimal}"
    rows = "'@row' # no column tells the cases apart; a table sorted otherwise would name other patients"
    return _STUDY.format(
        name=stem,
        root=_quoted(str(table.resolve().parent)),
        table=f"{{{place}}}",
        case=case.variable.name if case else rows,
        optional="".join(_optional(guesses, case)),
        examples="\n".join(f"  # {line}" for line in _examples([guess.variable for guess in guesses])),
    )


def _optional(guesses: Iterable[ColumnGuess], case: ColumnGuess | None) -> Iterable[str]:
    for guess in guesses:
        if Role.SITE in guess.variable.roles:
            yield f"site: {guess.variable.name}\n"
        if guess.names_patients and guess is not case:
            yield f"patient_id: {guess.variable.name}\n"


def _examples(variables: list[Variable]) -> list[str]:
    """Commented endpoints made of the table's own likely outcomes, or of placeholders."""
    likely = [variable for variable in variables if Role.ENDPOINT in variable.roles]
    events = [variable for variable in likely if variable.kind in (VariableKind.BOOLEAN, VariableKind.CATEGORICAL)]
    times = [variable for variable in likely if variable.kind is VariableKind.NUMERIC]
    event = events[0].name if events else "my_outcome"
    time = times[0].name if times else "my_days"
    last = max(times, key=lambda variable: bool(_FOLLOW_UP.search(variable.name)), default=None)
    death = max(events, key=lambda variable: bool(_DEATH.search(variable.name)), default=None)
    return [
        f"{event}_yes: {{kind: binary, event: {_event(events[0] if events else None)}, horizon_days: 30}}",
        f"{time}_length: {{kind: duration, variable: {time}}}",
        "survival:",
        "  kind: time_to_event",
        f"  time: {last.name if last else 'my_days'} # time from surgery to event or last contact",
        f"  event: {_event(death)}",
        "  horizons_days: [365]",
    ]


def _event(variable: Variable | None) -> str:
    """The last choice of a variable, or yes, as the event of an example."""
    if variable is None or variable.kind is VariableKind.BOOLEAN:
        return f"{{variable: {variable.name if variable else 'my_outcome'}, equals: true}}"
    return f'{{variable: {variable.name}, equals: "{variable.codes[-1]}"}}'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _escaped(sign: str) -> str:
    return "\\t" if sign == "\t" else sign


_STUDY = """# A draft. Replace every TODO, here and in dictionary.csv; docs/own_study.md walks through it and
# configs/template.yaml shows every key that can stand here.
schema_version: 1
name: {name}
title: {name} # how the report is headed
procedure: "" # such as: partial or radical nephrectomy
root: {root}
dictionary: dictionary.csv
table: {table}
case_id: {case}
{optional}
# What is to be predicted. Examples from this table's columns; change and uncomment, then remove the TODO:
endpoints: TODO
{examples}
"""
