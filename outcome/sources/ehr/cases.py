"""From procedures to cases: those of one patient at one time are one operation, and so one case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from outcome.sources.ehr.records import Operation, Patient, Told

SAME_TIME = (
    "procedures_at_one_time: procedure(s) of a patient at the time of another index procedure count as the same case"
)
UNKNOWN_PATIENT = "case_of_unknown_patient: index procedure(s) name a patient whom the record does not hold"
NO_BIRTH = "patient_without_birth_date: case(s) belong to a patient without a birth date"


def one_a_case(operations: Iterable[Operation], told: Told) -> list[Operation]:
    """One operation a patient and time, sorted by patient and time; of several the smallest id names the case.

    A procedure with a date alone belongs to a timed one of the same patient and day. One whose date cannot be read
    stays, so that it is told as a case whose index time is none.
    """
    by_patient: dict[str, list[Operation]] = {}
    for operation in operations:
        by_patient.setdefault(operation.patient, []).append(operation)
    return [case for patient in sorted(by_patient) for case in _cases(by_patient[patient], told)]


def _cases(operations: Sequence[Operation], told: Told) -> Iterator[Operation]:
    readable = sorted((op for op in operations if op.start is not None), key=_order)
    yield from (op for op in operations if op.start is None)
    taken: list[Operation] = []
    for operation in readable:
        if any(_same(operation, other) for other in taken):
            told.note(SAME_TIME, operation.id)
        else:
            taken.append(operation)
            yield operation


def _order(operation: Operation) -> tuple[object, ...]:
    """By day, timed procedures of a day before those without a time, then by time and id."""
    assert operation.start is not None
    start = operation.start
    return (start.day, not start.is_exact, start.low, _natural(operation.id))


def _natural(name: str) -> tuple[int, str]:
    """Numbers by their size, as text of their length."""
    return (len(name) if name.isdigit() else 0, name)


def _same(one: Operation, other: Operation) -> bool:
    if one.start is None or other.start is None:
        return False
    if one.start.is_exact:
        return one.start.low == other.start.low
    return one.start.day == other.start.day


def tell_patients(cases: Iterable[Operation], patients: Mapping[str, Patient], told: Told) -> None:
    """Note the cases of unknown patients, and of patients without a birth date."""
    for case in cases:
        if case.patient not in patients:
            told.note(UNKNOWN_PATIENT, case.id)
        elif patients[case.patient].birth is None:
            told.note(NO_BIRTH, case.id)
