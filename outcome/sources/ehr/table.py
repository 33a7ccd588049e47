"""From a health record to the frame that every other reader gives: raw text, one row a case."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outcome.config.mapping import CASE_COLUMNS, MappedVariable
from outcome.dictionary import DataDictionary
from outcome.errors import DataRefusal
from outcome.sources.ehr.agreement import refuse_disagreement
from outcome.sources.ehr.cases import one_a_case, tell_patients
from outcome.sources.ehr.choosing import chosen
from outcome.sources.ehr.moments import Moment
from outcome.sources.ehr.quantities import UnitLedger
from outcome.sources.ehr.records import Entry, Operation, Patient, Record
from outcome.sources.ehr.windows import counting
from outcome.sources.raw import raw_frame
from outcome.sources.reading import Reading

BOUND = "limit_taken_as_value: value(s) are a limit such as '<0.2' and are taken as that limit, of variable"


@dataclass(frozen=True, eq=False)
class Cohorted:
    """The record's cases with what was found out about their patients, before any variable is made."""

    record: Record
    cases: Sequence[Operation]
    patients: Mapping[str, Patient]
    units: UnitLedger


def record_table(record: Record, dictionary: DataDictionary, where: str) -> Reading:
    """One row a case: case_id, patient_id, site, index_time, then a column for each variable of the mapping.

    Raises ConfigRefusal where mapping and dictionary disagree, DataRefusal where no procedure makes a case and where a
    unit cannot be used.
    """
    refuse_disagreement(record.mapping, dictionary)
    cases = one_a_case(record.operations(), record.told)
    if not cases:
        raise DataRefusal(
            f"{where} holds no case",
            expected="at least one procedure of the mapping's index",
            found="none",
            next_step="correct index in the mapping: its codes, and for omop descendants and concept_column",
        )
    wanted = sorted({case.patient for case in cases})
    patients = record.patients(wanted)
    tell_patients(cases, patients, record.told)
    cohort = Cohorted(record, cases, patients, UnitLedger(dictionary))
    entries = record.entries(wanted)
    variables = {
        dictionary[name].column: _column(cohort, name, variable, entries.get(name, []))
        for name, variable in record.mapping.variables.items()
    }
    cohort.units.refuse()
    who = zip(CASE_COLUMNS, zip(*(_who(cohort, case) for case in cases), strict=True), strict=True)
    columns: dict[str, Sequence[Any]] = {**dict(who), **variables}
    table = raw_frame(list(columns), list(columns.values()), where)
    return Reading(table, (*record.told.findings(), *cohort.units.findings()))


def _who(cohort: Cohorted, case: Operation) -> tuple[str, str | None, str | None, str | None]:
    patient = cohort.patients.get(case.patient)
    site = case.site or (patient.site if patient else None)
    named = cohort.record.mapping.sites.get(site, site) if site else None
    return case.id, case.patient if patient else None, named, case.start.text if case.start else case.start_text


def _column(cohort: Cohorted, name: str, variable: MappedVariable, entries: Sequence[Entry]) -> list[Any]:
    if variable.is_demographic:
        return [_demographic(variable, cohort.patients.get(case.patient), case.start) for case in cohort.cases]
    by_patient: dict[str, list[Entry]] = {}
    for entry in entries:
        by_patient.setdefault(entry.patient, []).append(entry)
    return [_value(cohort, name, variable, by_patient.get(case.patient, []), case.start) for case in cohort.cases]


def _value(
    cohort: Cohorted, name: str, variable: MappedVariable, entries: Sequence[Entry], index: Moment | None
) -> Any:
    """The case's value of a variable. Without a readable index time nothing can be said to lie before it."""
    if index is None:
        return None
    read = READS[variable.reads]
    values = []
    for entry in counting(entries, index, variable.window):
        value = read(entry, index)
        if variable.reads == "number":
            value = cohort.units.converted(name, variable, entry)
            if entry.bound and value is not None:
                cohort.record.told.note(f"{BOUND} {name}", entry.id)
        elif variable.values and value is not None:
            value = variable.values.get(str(value), value)
        values.append(value)
    return chosen(variable, values)


def _demographic(variable: MappedVariable, patient: Patient | None, index: Moment | None) -> Any:
    if patient is None or index is None:
        return None
    if variable.value == "sex":
        return None if patient.sex is None else variable.values.get(patient.sex, patient.sex)
    return None if patient.birth is None else completed_years(patient.birth, index.day)


def completed_years(birth: Moment, day: datetime.date) -> int:
    """Age in completed years; of a birth known by its month or year alone the middle of that time counts."""
    middle = birth.day + (birth.high - birth.low) // 2
    return day.year - middle.year - ((day.month, day.day) < (middle.month, middle.day))


def _days(entry: Entry, index: Moment) -> int:
    return (entry.when.day - index.day).days


READS: Mapping[str, Callable[[Entry, Moment], Any]] = {
    "number": lambda entry, index: entry.value,
    "code": lambda entry, index: entry.value,
    "text": lambda entry, index: entry.value,
    "present": lambda entry, index: 1,
    "time": lambda entry, index: entry.when.text,
    "days": _days,
    "end_days": _days,
}
