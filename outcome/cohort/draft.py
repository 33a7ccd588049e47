"""A first dictionary and study file from one's own table: what can be read off is guessed, the rest is marked TODO."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from outcome.cohort.column_guess import ColumnGuess, guess_column
from outcome.cohort.draft_examples import endpoint_examples
from outcome.config import TableSource
from outcome.dictionary import Availability, Role, VariableKind
from outcome.dictionary.redcap import ANNOTATION, TODO, rows_csv, write_row
from outcome.dictionary.variable import PREDICTOR_KINDS
from outcome.errors import UsageError
from outcome.sources import read_table

_FORMATS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".json": "json", ".parquet": "parquet", ".xlsx": "excel"}
_SURGERY = re.compile(r"surg|operat|(^|_)op(_|$)")
UTF8 = "utf-8-sig"  # the default of a study file
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
    odd = (guess.open_point for guess in guesses if guess.open_point)
    todo = ("endpoints in study.yaml", *odd, *(f"availability of {name}" for name in waiting))
    return Draft(rows_csv(map(_row, guesses)), _study_text(table, source, guesses, case), todo)


def _source(table: Path) -> TableSource:
    kind = _FORMATS.get(table.suffix.lower())
    if kind is None:
        raise UsageError(
            "the table's format cannot be told from its name",
            expected=", ".join(_FORMATS),
            found=table.suffix or "none",
        )
    place = {"format": kind, "path": table.name}
    if kind != "csv" or not table.is_file():
        return TableSource.model_validate(place)
    encoding = _encoding(table)
    return TableSource.model_validate({**place, "encoding": encoding, "separator": _separator(table, encoding)})


def _encoding(table: Path) -> str:
    """UTF-16 by its mark, UTF-8 where every byte fits, else what Windows programs write."""
    data = table.read_bytes()
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "cp1252"
    return UTF8


def _separator(table: Path, encoding: str) -> str:
    """The sign that splits the first line into most cells."""
    with table.open(encoding=encoding, errors="replace", newline="") as file:
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
    encoding = f", encoding: {source.encoding}" if source.encoding != UTF8 else ""
    decimal = ', decimal: ","' if any(guess.decimal_comma for guess in guesses) else ""
    place = f"format: {source.format}, path: {_quoted(table.name)}{separator}{decimal}{encoding}"
    rows = "'@row' # no column tells the cases apart; a table sorted otherwise would name other patients"
    return _STUDY.format(
        name=stem,
        root=_quoted(str(table.resolve().parent)),
        table=f"{{{place}}}",
        case=case.variable.name if case else rows,
        optional="".join(_optional(guesses, case)),
        examples="\n".join(f"  # {line}" for line in endpoint_examples([guess.variable for guess in guesses])),
    )


def _optional(guesses: list[ColumnGuess], case: ColumnGuess | None) -> Iterable[str]:
    for guess in guesses:
        if Role.SITE in guess.variable.roles:
            yield f"site: {guess.variable.name}\n"
        if guess.names_patients and guess is not case:
            yield f"patient_id: {guess.variable.name}\n"
    surgery = [g for g in guesses if g.variable.kind is VariableKind.DATE and _SURGERY.search(g.variable.name)]
    for guess in surgery[:1]:
        yield f"index_time: {guess.variable.name} # start of surgery: later dates must not precede it\n"


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
# What is to be predicted. Examples from this table's columns: take the # away before those that fit, change them,
# and delete the word TODO. What an endpoint is made of has @ROLE='endpoint' in dictionary.csv, never 'predictor'.
endpoints: TODO
{examples}
"""
