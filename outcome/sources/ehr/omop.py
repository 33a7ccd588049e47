"""An OMOP database (CDM v5.4) as a health record: persons and concepts are filtered by the database itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, FromClause, Row

from outcome.config import TableSource
from outcome.config.mapping import OmopMapping, OmopVariable
from outcome.dictionary import DataDictionary
from outcome.errors import ConfigRefusal
from outcome.sources.database import reading
from outcome.sources.ehr.moments import Moment, moment
from outcome.sources.ehr.omop_database import Database
from outcome.sources.ehr.omop_tables import EQUALS, SHAPES, Shape
from outcome.sources.ehr.records import Entry, Operation, Patient, Told
from outcome.sources.ehr.table import record_table
from outcome.sources.reading import Reading

AT_ONCE = 500  # persons asked for in one query
UNREADABLE = "unreadable_date: record(s) without a date that can be read are left out, of variable"


def read_omop(source: TableSource, root: Path, mapping: OmopMapping, dictionary: DataDictionary) -> Reading:
    """One row a case from an OMOP database. Raises ConfigRefusal and DataRefusal, as every reader does."""
    with reading(source, root, "check table.url, the mapping's schemas and the network") as connection:
        return record_table(OmopRecord(connection, mapping), dictionary, "the OMOP database")


class OmopRecord:
    """The record behind a connection; nothing is read before it is asked for, and no table whole."""

    def __init__(self, connection: Connection, mapping: OmopMapping) -> None:
        self.mapping, self.told = mapping, Told()
        self._zone = ZoneInfo(mapping.time_zone) if mapping.time_zone else None
        self._database = Database(connection, mapping)

    def operations(self) -> list[Operation]:
        """Every procedure of the index, with the site of its visit where the mapping asks for it."""
        shape, index, base = SHAPES["procedure_occurrence"], self.mapping.index, self._database
        table = base.table("procedure_occurrence")
        wanted = base.columns(table, shape.id, "person_id", *shape.start)
        query: Any = sqlalchemy.select(*wanted)
        if self.mapping.site == "visit":
            visit = base.table("visit_occurrence")
            base.refuse_unknown("site: visit", table, "visit_occurrence_id")
            base.refuse_unknown("site: visit", visit, "care_site_id")
            joined = table.outerjoin(visit, table.c["visit_occurrence_id"] == visit.c["visit_occurrence_id"])
            query = sqlalchemy.select(*wanted, visit.c["care_site_id"]).select_from(joined)
        rows = base.rows(query.where(base.of_concepts(table, shape, index, "index")))
        return [self._operation(row, shape) for row in rows]

    def _operation(self, row: Row[Any], shape: Shape) -> Operation:
        cells, start = row._mapping, None
        with contextlib.suppress(ValueError):  # told by the frame: an index time that is no date
            start = self._moment(cells, shape.start)
        written = next((str(cells[column]) for column in shape.start if cells.get(column)), None)
        return Operation(str(cells[shape.id]), str(cells["person_id"]), start, written, text(cells.get("care_site_id")))

    def patients(self, wanted: Sequence[str]) -> dict[str, Patient]:
        """Birth, recorded sex and site of those persons whom the database holds."""
        table = self._database.table("person")
        columns = self._database.columns(table, "person_id", *PERSON)
        rows = self._of(table, columns, wanted, [])
        return {str(cells["person_id"]): self._patient(cells) for cells in rows}

    def _patient(self, cells: Mapping[Any, Any]) -> Patient:
        site = text(cells.get("care_site_id")) if self.mapping.site == "person" else None
        return Patient(self._birth(cells), text(cells.get("gender_concept_id")), site)

    def _birth(self, cells: Mapping[Any, Any]) -> Moment | None:
        parts: list[Any] = [cells.get(f"{part}_of_birth") for part in ("year", "month", "day")]
        written = "-".join(f"{int(part):02d}" for part in parts[: parts.index(None) if None in parts else 3])
        try:
            return moment(cells.get("birth_datetime"), self._zone) or moment(written, self._zone)
        except ValueError:
            return None

    def entries(self, wanted: Sequence[str]) -> dict[str, list[Entry]]:
        """The records behind each variable of the mapping."""
        mapped = {name: v for name, v in self.mapping.variables.items() if not v.is_demographic}
        return {name: list(self._entries(name, variable, wanted)) for name, variable in mapped.items()}

    def _entries(self, name: str, variable: OmopVariable, wanted: Sequence[str]) -> Iterator[Entry]:
        shape, base, place = SHAPES[variable.table], self._database, f"variables.{name}"
        table = base.table(variable.table)
        column = variable.value_column or shape.value(variable.reads)
        if variable.value_column:
            base.refuse_unknown(f"{place}.value_column", table, column)
        if not column and variable.reads in ("number", "code", "text"):
            raise ConfigRefusal(f"{place}: table {variable.table} has no {variable.reads}; name its value_column")
        wanted_columns = base.columns(
            table, shape.id, "person_id", *shape.start, *shape.end, column, *shape.unit, shape.operator
        )
        conditions = [base.of_concepts(table, shape, variable, place)] if variable.concepts else []
        for number, cells in enumerate(self._of(table, wanted_columns, wanted, conditions)):
            entry = self._entry(name, variable, cells, column, number)
            if entry is not None:
                yield entry

    def _entry(
        self, name: str, variable: OmopVariable, cells: Mapping[Any, Any], column: str, number: int
    ) -> Entry | None:
        shape = SHAPES[variable.table]
        own = str(cells[shape.id]) if shape.id else f"{cells['person_id']}-{number}"
        at = shape.end if variable.reads == "end_days" else shape.start
        when = self._when(cells, at)
        if when is None:
            if at == shape.start or any(cells.get(column) for column in at):  # a stay may still go on
                self.told.note(f"{UNREADABLE} {name}", own)
            return None
        value = cells.get(column) if column else None
        if variable.reads == "code":
            value = text(value)
        unit = self._database.unit(cells, shape) if variable.reads == "number" else ""
        bound = variable.reads == "number" and cells.get(shape.operator) not in (None, 0, EQUALS)
        return Entry(own, str(cells["person_id"]), when, when, value, unit, bound)

    def _when(self, cells: Mapping[Any, Any], columns: tuple[str, str]) -> Moment | None:
        with contextlib.suppress(ValueError):
            return self._moment(cells, columns)
        return None

    def _moment(self, cells: Mapping[Any, Any], columns: tuple[str, str]) -> Moment | None:
        """From date and datetime; where these name different days, the time from the one to the other."""
        date, time = (moment(cells.get(column), self._zone) if column else None for column in columns)
        if date is None or time is None or time.day == date.day:
            return time or date
        return min(date, time, key=lambda m: m.low).until(max(date, time, key=lambda m: m.high))

    def _of(
        self,
        table: FromClause,
        columns: Sequence[Any],
        wanted: Sequence[str],
        conditions: Sequence[ColumnElement[bool]],
    ) -> Iterator[Mapping[Any, Any]]:
        """The rows of these persons, a few hundred persons at a time."""
        for start in range(0, len(wanted), AT_ONCE):
            persons = table.c["person_id"].in_([int(person) for person in wanted[start : start + AT_ONCE]])
            for row in self._database.rows(sqlalchemy.select(*columns).where(persons, *conditions)):
                yield row._mapping


PERSON = (
    "gender_concept_id", "year_of_birth", "month_of_birth", "day_of_birth", "birth_datetime", "care_site_id",
)  # fmt: skip


def text(value: Any) -> str | None:
    """A concept or other id as text; None for none, and for 0, OMOP's "no matching concept"."""
    return None if value in (None, 0, "") else str(value)
