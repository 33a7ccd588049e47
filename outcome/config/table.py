"""Where the record stands, as a study file writes it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from outcome.config.model import Model

STATED_WHERE_ASKED = ("mapping", "aliases")
RECORDS = ("omop", "fhir")  # whole health records, of which a mapping makes one row a case
_NEEDS = {"sql": ("url", "query"), "omop": ("url", "mapping"), "fhir": ("path", "mapping")}
_PLACES = ("path", "url", "query", "mapping")


class TableSource(Model):
    """One table, one row a case: a file below the study's root, a query of a database, or a mapped health record."""

    format: Literal["csv", "parquet", "json", "excel", "sql", "omop", "fhir"]
    path: str | None = Field(default=None, description="relative to root; a folder for fhir; not for sql and omop")
    separator: str = Field(default=",", min_length=1, max_length=1, description="csv only")
    encoding: str = Field(default="utf-8-sig", description="csv and json only")
    decimal: Literal[".", ","] = Field(default=".", description="the decimal sign of numbers written as text")
    sheet: str | None = Field(default=None, description="excel only; default the first sheet")
    url: str | None = Field(default=None, description="sql and omop only; ${VAR} is taken from the environment")
    query: str | None = Field(default=None, description="sql only: one SELECT")
    mapping: Path | None = Field(
        default=None, description="omop and fhir only: the mapping, relative to the study file (docs/ehr.md)"
    )
    aliases: Literal["nsqip"] | None = Field(
        default=None, description="columns are renamed as the shipped table of this registry says"
    )

    @model_validator(mode="after")
    def _one_place(self) -> TableSource:
        needed = _NEEDS.get(self.format, ("path",))
        others = [name for name in _PLACES if name not in needed]
        if not all(getattr(self, name) for name in needed) or any(getattr(self, name) for name in others):
            raise ValueError(f"format {self.format} needs {' and '.join(needed)}, and no {', '.join(others)}")
        if self.aliases and self.format in RECORDS:
            raise ValueError(f"format {self.format} has no columns to rename: leave aliases out")
        if self.decimal != "." and self.format in RECORDS:
            raise ValueError(f"format {self.format} writes numbers with a point: leave decimal out")
        return self

    @model_validator(mode="after")
    def _inside_root(self) -> TableSource:
        if self.path is not None:
            refuse_outside(self.path)
        return self

    @model_serializer(mode="wrap")
    def _stated(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is not asked for, and of the mapping its name alone: where it lies is a fact of the machine."""
        written: dict[str, Any] = write(self)
        written["mapping"] = self.mapping and self.mapping.name
        return {name: value for name, value in written.items() if value is not None or name not in STATED_WHERE_ASKED}


def refuse_outside(path: str) -> None:
    """Raise ValueError where a path would leave the study's root."""
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError(f"must be relative to root and stay inside it, found {path!r}")
