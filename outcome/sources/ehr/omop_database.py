"""What an OMOP database really holds: its tables, columns, concepts below a concept, and units."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, FromClause
from sqlalchemy.exc import NoSuchTableError

from outcome.config.mapping import Concepts, OmopMapping
from outcome.dictionary import nearest
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.sources.ehr.omop_tables import SHAPES, Shape

_VOCABULARY = ("concept", "concept_ancestor")
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "person": ("person_id", "gender_concept_id", "year_of_birth"),
    "concept": ("concept_id", "concept_code", "vocabulary_id"),
    "concept_ancestor": ("ancestor_concept_id", "descendant_concept_id"),
    **{name: tuple(c for c in (s.id, "person_id", s.start[0]) if c) for name, s in SHAPES.items()},
}


class Database:
    """Tables by name with the columns that are there, and rows of a query one after another."""

    def __init__(self, connection: Connection, mapping: OmopMapping) -> None:
        self._connection, self._mapping = connection, mapping
        self._inspector = sqlalchemy.inspect(connection)
        self._tables: dict[str, FromClause] = {}

    def table(self, name: str) -> FromClause:
        """A table with all its columns. Raises DataRefusal where it or a column that OMOP requires is missing."""
        if name not in self._tables:
            self._tables[name] = self._found(name)
        return self._tables[name]

    def _found(self, name: str) -> FromClause:
        schema = self._schema(name)
        try:
            found = [str(column["name"]) for column in self._inspector.get_columns(name, schema=schema)]
        except NoSuchTableError:
            raise DataRefusal(
                f"the database has no table {name!r}",
                expected="the tables of the OMOP CDM v5.4 that the mapping names",
                found=nearest(name, self._inspector.get_table_names(schema=schema)),
                next_step="correct table.url, or cdm_schema and vocabulary_schema in the mapping",
            ) from None
        missing = [column for column in _REQUIRED[name] if column not in found]
        if missing:
            raise DataRefusal(
                f"table {name!r} lacks column(s) of the OMOP CDM v5.4",
                expected=", ".join(missing),
                found=", ".join(found[:30]),
                next_step="convert the database to v5.4, or give its tables as views with these columns",
            )
        return sqlalchemy.table(name, *(sqlalchemy.column(column) for column in found), schema=schema)

    def _schema(self, name: str) -> str | None:
        mapping = self._mapping
        return (mapping.vocabulary_schema if name in _VOCABULARY else "") or mapping.cdm_schema or None

    def columns(self, table: FromClause, *names: str) -> list[ColumnElement[Any]]:
        """Those of these columns that the table has, each once."""
        return [table.c[name] for name in dict.fromkeys(names) if name and name in table.c]

    def refuse_unknown(self, place: str, table: FromClause, column: str) -> None:
        """Raise ConfigRefusal where a mapping names a column that the table does not have."""
        if column not in table.c:
            raise ConfigRefusal(
                f"{place}: table {getattr(table, 'name', '')} has no column {column!r}",
                expected=nearest(column, table.c.keys()),
                next_step="correct the mapping",
            )

    def of_concepts(self, table: FromClause, shape: Shape, wanted: Concepts, place: str) -> ColumnElement[bool]:
        """Whether a row's concept is one of these, or below one of them where the mapping asks for descendants."""
        name = wanted.concept_column or shape.concept
        self.refuse_unknown(f"{place}.concept_column", table, name)
        column = table.c[name]
        named = column.in_(wanted.concepts)
        if not wanted.descendants:
            return named
        tree = self.table("concept_ancestor")
        above = tree.c["ancestor_concept_id"].in_(wanted.concepts)
        return sqlalchemy.or_(named, column.in_(sqlalchemy.select(tree.c["descendant_concept_id"]).where(above)))

    def rows(self, query: Any) -> Iterator[Any]:
        """The rows of a query, a thousand in memory at a time."""
        yield from self._connection.execute(query.execution_options(yield_per=1000))

    def unit(self, cells: Mapping[Any, Any], shape: Shape) -> str:
        """The UCUM code of a row's unit concept; without one, the unit as the source wrote it; "" for none."""
        concept, written = (cells.get(column) if column else None for column in shape.unit)
        known = self._units.get(int(concept)) if concept else None
        return known or (str(written).strip() if written else "") or (f"concept {concept}" if concept else "")

    @functools.cached_property
    def _units(self) -> dict[int, str]:
        concept = self.table("concept")
        columns = (concept.c["concept_id"], concept.c["concept_code"])
        query = sqlalchemy.select(*columns).where(concept.c["vocabulary_id"] == "UCUM")
        return {int(row[0]): str(row[1]) for row in self.rows(query)}
