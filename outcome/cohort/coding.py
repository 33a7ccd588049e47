"""From raw text to values: what each cell means by the dictionary, and which cells cannot mean anything.

A cell that cannot be right becomes missing and is reported; nothing is guessed or clipped.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from outcome.dictionary import Variable, VariableKind
from outcome.dictionary.variable import Range
from outcome.sources.compact import cells as raw_cells
from outcome.sources.compact import numbers_of
from outcome.types import BoolArray, FloatArray

UNKNOWN_CODE, NOT_A_NUMBER, NOT_A_DATE = "unknown_code", "not_a_number", "not_a_date"
OUT_OF_RANGE, IMPLAUSIBLE, BEFORE_SURGERY = "out_of_range", "implausible_value", "event_before_surgery"

# Spellings of "not recorded" that tables carry without being asked; a choice of that code in the dictionary wins.
STANDARD_MISSING = frozenset({"NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None"})
BOOLEAN_SPELLINGS: Mapping[str, float] = {
    **dict.fromkeys(("1", "yes", "y", "true", "t"), 1.0),
    **dict.fromkeys(("0", "no", "n", "false", "f"), 0.0),
}
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_COMMA_AS_POINT = str.maketrans({",": ".", ".": "?"})
Cells = list[str | None]
_WHOLE_AS_FLOAT = re.compile(r"(-?\d+)\.0+")


@dataclass(frozen=True, eq=False)
class Coded:
    """One coded column, and by problem code which rows have it, shape (n,)."""

    values: pd.Series
    problems: Mapping[str, BoolArray]


def code_column(variable: Variable, raw: pd.Series, *, decimal: str = ".", is_time: bool = False) -> Coded:
    """The values of one variable, float64 or str, from raw text.

    `decimal` is the table's decimal sign; `is_time` marks a time counted from surgery, which cannot be negative.
    """
    absent = _missing_spellings(variable)
    if variable.kind is VariableKind.NUMERIC:
        coded = _code_numbers(variable, *_numbers(raw, absent, decimal), is_time)
    else:
        cells = _cells(raw, absent)
        values, problem = CODERS[variable.kind](variable, cells)
        lost = [cell is not None and value is None for cell, value in zip(cells, values, strict=True)]
        dtype = float if variable.kind is VariableKind.BOOLEAN else object
        coded = Coded(pd.Series(values, dtype=dtype), {problem: np.array(lost, dtype=bool)} if problem else {})
    return Coded(coded.values.set_axis(raw.index), coded.problems)


def _missing_spellings(variable: Variable) -> frozenset[str]:
    standard = STANDARD_MISSING if variable.kind is not VariableKind.TEXT else frozenset()
    return (standard - set(variable.codes)) | set(variable.missing_codes)


def _cells(raw: pd.Series, absent: frozenset[str]) -> Cells:
    return [None if cell is None or cell != cell or cell in absent else str(cell) for cell in raw_cells(raw)]


def _numbers(raw: pd.Series, absent: frozenset[str], decimal: str) -> tuple[FloatArray, BoolArray]:
    """The numbers of a column, NaN where there is none, and which cells are filled: as if read cell by cell."""
    at_once = numbers_of(raw, absent, _NUMBER.pattern) if decimal == "." else None
    if at_once is not None:
        return at_once
    cells = _cells(raw, absent)
    filled = np.array([cell is not None for cell in cells], dtype=bool)
    return np.array([_number(cell, decimal) for cell in cells], dtype=float), filled


def _code_numbers(variable: Variable, numbers: FloatArray, filled: BoolArray, is_time: bool) -> Coded:
    before = (numbers < 0) & is_time
    outside = _outside(numbers, variable.hard_range) & ~before
    problems = {
        NOT_A_NUMBER: filled & np.isnan(numbers),
        BEFORE_SURGERY: before,
        OUT_OF_RANGE: outside,
        IMPLAUSIBLE: _outside(numbers, variable.plausible_range) & ~before & ~outside,
    }
    return Coded(pd.Series(np.where(before | outside, np.nan, numbers)), problems)


def _number(cell: str | None, decimal: str) -> float:
    plain = "" if cell is None else cell
    if decimal == ",":
        plain = plain.translate(_COMMA_AS_POINT)  # 1.500 would be read as 1500 by some and as 1.5 by others
    if not _NUMBER.fullmatch(plain):
        return math.nan
    number = float(plain)
    return number if math.isfinite(number) else math.nan


def _outside(numbers: FloatArray, limits: Range) -> BoolArray:
    low = -math.inf if limits.low is None else limits.low
    high = math.inf if limits.high is None else limits.high
    return (numbers < low) | (numbers > high)


def _code_boolean(variable: Variable, cells: Cells) -> tuple[list[float | None], str]:
    spelled = [None if cell is None else BOOLEAN_SPELLINGS.get(_without_zero(cell).lower()) for cell in cells]
    return spelled, UNKNOWN_CODE


def _code_category(variable: Variable, cells: Cells) -> tuple[Cells, str]:
    known = {choice.label: choice.code for choice in variable.choices} | {code: code for code in variable.codes}
    return [None if cell is None else known.get(cell, known.get(_without_zero(cell))) for cell in cells], UNKNOWN_CODE


def _code_date(variable: Variable, cells: Cells) -> tuple[Cells, str]:
    return [None if cell is None else _iso(cell) for cell in cells], NOT_A_DATE


def _code_text(variable: Variable, cells: Cells) -> tuple[Cells, str]:
    return cells, ""


def _without_zero(cell: str) -> str:
    match = _WHOLE_AS_FLOAT.fullmatch(cell)
    return match.group(1) if match else cell


def _iso(cell: str) -> str | None:
    try:
        moment = datetime.datetime.fromisoformat(cell)
    except ValueError:
        return None
    return moment.isoformat(sep=" ").removesuffix(" 00:00:00")


CODERS: Mapping[VariableKind, Callable[[Variable, Cells], tuple[Sequence[Any], str]]] = {
    VariableKind.BOOLEAN: _code_boolean,
    VariableKind.CATEGORICAL: _code_category,
    VariableKind.DATE: _code_date,
    VariableKind.TEXT: _code_text,
}
