"""Where the record stands, as a study file writes it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from pydantic import Field, model_validator

from outcome.config.model import Model


class TableSource(Model):
    """One table, one row a case: a file below the study's root, or a query of a database."""

    format: Literal["csv", "parquet", "json", "excel", "sql"]
    path: str | None = Field(default=None, description="relative to root; all formats but sql")
    separator: str = Field(default=",", min_length=1, max_length=1, description="csv only")
    encoding: str = Field(default="utf-8-sig", description="csv and json only")
    decimal: Literal[".", ","] = Field(default=".", description="the decimal sign of numbers written as text")
    sheet: str | None = Field(default=None, description="excel only; default the first sheet")
    url: str | None = Field(default=None, description="sql only; ${VAR} is taken from the environment")
    query: str | None = Field(default=None, description="sql only: one SELECT")

    @model_validator(mode="after")
    def _one_place(self) -> TableSource:
        if self.format == "sql":
            if not self.url or not self.query or self.path:
                raise ValueError("format sql needs url and query, and no path")
        elif not self.path or self.url or self.query:
            raise ValueError(f"format {self.format} needs path, and neither url nor query")
        return self

    @model_validator(mode="after")
    def _inside_root(self) -> TableSource:
        if self.path is not None:
            refuse_outside(self.path)
        return self


def refuse_outside(path: str) -> None:
    """Raise ValueError where a path would leave the study's root."""
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError(f"must be relative to root and stay inside it, found {path!r}")
