"""Who are the cases? Case, patient and site of every row, and the rows that cannot be told apart."""

from __future__ import annotations

import pandas as pd

from outcome.config import Study
from outcome.config.study import ROW_NUMBER
from outcome.dictionary import DataDictionary, nearest
from outcome.errors import DataRefusal
from outcome.sources.compact import cells
from outcome.types import Finding, Level


def identify(study: Study, dictionary: DataDictionary, table: pd.DataFrame) -> pd.DataFrame:
    """case_id, patient_id and site of each row of the raw table (str or None), on the table's index.

    With `case_id: "@row"` cases are called row_00001, row_00002, … Without `patient_id` every case is a patient of
    its own; without `site` all cases belong to one site called by the study's name. Raises DataRefusal where the
    table lacks one of these columns.
    """
    if study.case_id == ROW_NUMBER:
        cases = pd.Series([f"row_{number:05d}" for number in range(1, len(table) + 1)], table.index, dtype=object)
    else:
        cases = _column(study.case_id, dictionary, table)
    patients = _column(study.patient_id, dictionary, table) if study.patient_id else cases
    sites = _column(study.site, dictionary, table) if study.site else pd.Series(study.name, table.index, dtype=object)
    return pd.DataFrame({"case_id": cases, "patient_id": patients, "site": sites}, dtype=object)


def identity_findings(identity: pd.DataFrame) -> list[Finding]:
    """Rows without a case, cases in several rows, cases without a patient or site."""
    cases = identity["case_id"]
    findings = []
    nameless = [str(number) for number, case in enumerate(cases, start=1) if case is None]
    if nameless:
        message = f"{len(nameless)} row(s) name no case; rows {', '.join(nameless[:5])} of the table"
        findings.append(Finding("row_without_case", Level.REJECT, message))
    twice = tuple(dict.fromkeys(cases[cases.notna() & cases.duplicated(keep=False)]))
    if twice:
        message = f"{len(twice)} case(s) stand in more than one row; keep the right row of each"
        findings.append(Finding("duplicate_case", Level.REJECT, message, twice))
    for column in ("patient_id", "site"):
        lacking = tuple(cases[identity[column].isna() & cases.notna()])
        if lacking:
            message = f"{len(lacking)} case(s) have no {column}; patients must be told apart to keep folds honest"
            findings.append(Finding(f"case_without_{column}", Level.REJECT, message, lacking))
    return findings


def usable_rows(identity: pd.DataFrame) -> pd.Series:
    """Which rows name a case for the first time."""
    return identity["case_id"].notna() & ~identity["case_id"].duplicated()


def _column(name: str, dictionary: DataDictionary, table: pd.DataFrame) -> pd.Series:
    column = dictionary[name].column
    if column not in table.columns:
        raise DataRefusal(
            f"the table has no column {column!r}, which tells the cases apart",
            expected=nearest(column, map(str, table.columns)),
            found=f"{len(table.columns)} columns",
            next_step=f"correct @SOURCE of {name} in the dictionary, or the table",
        )
    return pd.Series(cells(table[column]), table.index, dtype=object)
