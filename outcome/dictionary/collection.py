"""All variables of a study: reading and writing the dictionary, and the rule about what may become a predictor."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from outcome.dictionary.frame_schema import frame_schema
from outcome.dictionary.nearest import nearest
from outcome.dictionary.redcap import ANNOTATION, HEADER, NAME, TODO, TYPE, RowProblem, read_row, rows_csv, write_row
from outcome.dictionary.tags import read_annotation
from outcome.dictionary.variable import PREDICTOR_KINDS, Availability, Role, Variable
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.types import InputSet

if TYPE_CHECKING:
    import pandera.pandas as pa

_WRITE_HINT = "the format is described in docs/dictionary.md"


@dataclass(frozen=True)
class DataDictionary:
    """The variables of a study, in dictionary order. Refuses one that would let the model see the future."""

    variables: tuple[Variable, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", tuple(self.variables))
        _refuse_duplicates([variable.name for variable in self.variables])
        _refuse_late_predictors(self.variables)
        _refuse_unusable_predictors(self.variables)

    def __iter__(self) -> Iterator[Variable]:
        return iter(self.variables)

    def __len__(self) -> int:
        return len(self.variables)

    def __contains__(self, name: object) -> bool:
        return any(variable.name == name for variable in self.variables)

    def __getitem__(self, name: str) -> Variable:
        for variable in self.variables:
            if variable.name == name:
                return variable
        raise ConfigRefusal(
            f"the data dictionary has no variable {name!r}",
            expected=nearest(name, self.names),
            next_step="correct the name or add a row to the dictionary",
        )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(variable.name for variable in self.variables)

    def predictors(self, inputs: InputSet) -> tuple[Variable, ...]:
        """The variables that a model of this input set may read, in dictionary order."""
        return tuple(variable for variable in self.variables if variable.is_predictor(inputs))

    def with_role(self, role: Role) -> tuple[Variable, ...]:
        """The variables that carry a role, in dictionary order."""
        return tuple(variable for variable in self.variables if role in variable.roles)

    def schema(self, names: Iterable[str] | None = None) -> pa.DataFrameSchema:
        """What the coded frame of these variables (default: all) must look like."""
        wanted = None if names is None else set(names)
        return frame_schema([v for v in self.variables if wanted is None or v.name in wanted])

    def to_csv(self) -> str:
        """The dictionary as REDCap reads it."""
        return rows_csv(write_row(variable) for variable in self.variables)

    def save(self, path: Path) -> None:
        """Write the dictionary as REDCap's CSV."""
        path.write_text(self.to_csv(), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> DataDictionary:
        """Read a dictionary. Raises DataRefusal for a file that is none, ConfigRefusal where a rule is broken."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise DataRefusal(
                "the data dictionary does not exist",
                found=str(path),
                next_step="correct `dictionary` in the study file",
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise DataRefusal(
                "the data dictionary cannot be read",
                expected="UTF-8 text",
                found=f"{path}: {error}",
                next_step="save it again as UTF-8 (in Excel: Save As, CSV UTF-8)",
            ) from None
        return cls.read(io.StringIO(text, newline=""), path.name)

    @classmethod
    def read(cls, file: TextIO, where: str = "the dictionary") -> DataDictionary:
        """The dictionary in an open REDCap CSV; `where` names it in messages."""
        rows = _rows(file, where)
        _refuse_todo(rows)
        variables, problems = [], []
        for line, row in rows:
            try:
                variables.append(read_row(row))
            except RowProblem as problem:
                problems.append(f"line {line}, {row[NAME] or 'no name'}: {problem}")
        _refuse(problems, where)
        return cls(tuple(variables))


def _rows(file: TextIO, where: str) -> list[tuple[int, dict[str, str]]]:
    text = file.read()
    first = text.split("\n", 1)[0]
    separator = ";" if first.count(";") > first.count(",") else ","  # what Excel writes where the comma is decimal
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = tuple(name.strip() for name in next(reader, []))
        if header != HEADER:
            raise DataRefusal(f"{where} is not a REDCap data dictionary", **_header_difference(header))
        rows, problems = [], []
        for cells in reader:
            if len(cells) != len(HEADER) and any(cells):
                problems.append(f"line {reader.line_num}: expected {len(HEADER)} cells, found {len(cells)}")
            elif any(cell.strip() for cell in cells):
                rows.append((reader.line_num, dict(zip(HEADER, (c.strip() for c in cells), strict=True))))
    except csv.Error as error:
        raise DataRefusal(f"{where} is not a CSV file", found=str(error), next_step=_WRITE_HINT) from None
    _refuse(problems or ([] if rows else ["no variable is described"]), where)
    return [(line, row) for line, row in rows if row[TYPE] != "descriptive"]


def _header_difference(header: tuple[str, ...]) -> dict[str, str]:
    absent = [name for name in HEADER if name not in header]
    foreign = [name for name in header if name not in HEADER]
    found = f"absent: {absent or 'none'}; not REDCap's: {foreign or 'none'}" if absent or foreign else "another order"
    return {"expected": f"REDCap's {len(HEADER)} columns in order", "found": found, "next_step": _WRITE_HINT}


def _refuse(problems: list[str], where: str) -> None:
    if problems:
        raise DataRefusal(
            f"{where} has {len(problems)} row(s) that cannot be understood",
            found="\n    ".join(problems),
            next_step=_WRITE_HINT,
        )


def _refuse_todo(rows: list[tuple[int, dict[str, str]]]) -> None:
    waiting = [row[NAME] for _, row in rows if read_annotation(row[ANNOTATION]).tags.get("AVAILABILITY") == TODO]
    if waiting:
        raise ConfigRefusal(
            f"{len(waiting)} variable(s) still wait for a person to say when they become known",
            expected=f"@AVAILABILITY= one of {', '.join(Availability)}",
            found=f"@AVAILABILITY='{TODO}' in {', '.join(waiting)}",
            next_step="replace each TODO in the dictionary's Field Annotation column (docs/own_study.md)",
        )


def _refuse_duplicates(names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataRefusal(
            "a variable is described twice in the dictionary", found=", ".join(twice), next_step="keep one row of each"
        )


def _refuse_late_predictors(variables: Iterable[Variable]) -> None:
    early = (Availability.PREOPERATIVE, Availability.PLANNED)
    late = [v for v in variables if Role.PREDICTOR in v.roles and v.availability not in early]
    if late:
        raise ConfigRefusal(
            "only what is known before surgery may become a predictor",
            expected="@AVAILABILITY='preoperative' or 'planned' beside @ROLE='predictor'",
            found=", ".join(f"{v.name} ({v.availability})" for v in late),
            next_step="remove the predictor role of these variables, or correct their availability",
        )


def _refuse_unusable_predictors(variables: Iterable[Variable]) -> None:
    bad = [v for v in variables if Role.PREDICTOR in v.roles and (v.kind not in PREDICTOR_KINDS or v.is_identifier)]
    if bad:
        raise ConfigRefusal(
            "a predictor must be numeric, yes/no or categorical, and never an identifier",
            found=", ".join(f"{v.name} ({'identifier' if v.is_identifier else v.kind})" for v in bad),
            next_step="remove the predictor role, or describe the variable by its choices",
        )
