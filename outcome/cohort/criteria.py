"""For which cases is a condition true, false or unknown? Three-valued logic throughout (Kleene).

Every answer is a float array, shape (n,): 1 true, 0 false, NaN unknown.

References: Kleene SC. On notation for ordinal numbers. J Symb Log 1938;3:150-155. doi:10.2307/2267778
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from outcome.cohort.coding import BOOLEAN_SPELLINGS
from outcome.config import AlivePart, Condition, Part
from outcome.dictionary import DataDictionary, Variable, VariableKind
from outcome.types import FloatArray


def truth(condition: Condition, variables: pd.DataFrame, dictionary: DataDictionary) -> FloatArray:
    """Whether the condition holds for each row of the coded frame; a missing value makes it unknown."""
    variable = dictionary[condition.variable]
    column = variables[variable.name]
    name, value = condition.comparison
    known = column.notna().to_numpy(dtype=bool)
    if name == "missing":
        return (known != value).astype(float)
    answer = np.full(len(column), np.nan)
    keys = comparable(variable, column[known])
    if variable.kind is VariableKind.DATE:
        keys = keys.astype(f"U{_precision(value)}")  # "at most 2021-12-31" means the whole day
    answer[known] = COMPARE[name](keys, reference(variable, value)).astype(float)
    return answer


def part_truth(part: Part | AlivePart, variables: pd.DataFrame, dictionary: DataDictionary) -> FloatArray:
    """Whether one part of a composite endpoint holds for each row."""
    if isinstance(part, AlivePart):
        return alive_at(
            part.alive_at_days, variables[part.time].to_numpy(dtype=float), truth(part.event, variables, dictionary)
        )
    return truth(part, variables, dictionary)


def alive_at(day: float, time_days: FloatArray, died: FloatArray) -> FloatArray:
    """Whether each case was alive `day` days after surgery.

    `time_days`: to death or last contact; `died`: 1, 0 or NaN. A death on the day itself is not alive; a last
    contact on that day is. A follow-up that ended earlier, alive, is unknown.
    """
    answer = np.full(len(time_days), np.nan)
    answer[(died == 1) & (time_days <= day)] = 0.0
    answer[time_days > day] = 1.0
    answer[(died == 0) & (time_days >= day)] = 1.0
    return answer


def all_of(answers: Sequence[FloatArray]) -> FloatArray:
    """True where all are true, false where any is false, else unknown."""
    stacked = np.vstack(answers)
    return np.where((stacked == 0).any(axis=0), 0.0, np.where((stacked == 1).all(axis=0), 1.0, np.nan))


def any_of(answers: Sequence[FloatArray]) -> FloatArray:
    """True where any is true, false where all are false, else unknown."""
    return 1.0 - all_of([1.0 - answer for answer in answers])


def _precision(value: Any) -> int:
    return min(map(len, value)) if isinstance(value, tuple) else len(value)


def comparable(variable: Variable, known: pd.Series) -> np.ndarray[Any, Any]:
    """Known values in a form that compares: numbers, ranks of choices, or text."""
    if variable.kind is VariableKind.CATEGORICAL:
        ranks = {code: rank for rank, code in enumerate(variable.codes)}
        return known.map(ranks).to_numpy(dtype=float)
    if variable.kind in (VariableKind.NUMERIC, VariableKind.BOOLEAN):
        return known.to_numpy(dtype=float)
    return np.array([str(value) for value in known], dtype=str)


def reference(variable: Variable, value: Any) -> Any:
    """What a study file compares with, in the same form. Raises ValueError where the variable has no such value."""
    if isinstance(value, tuple):
        return tuple(reference(variable, each) for each in value)
    if variable.kind is VariableKind.CATEGORICAL:
        return float(variable.codes.index(_code(value)))
    if variable.kind in (VariableKind.NUMERIC, VariableKind.BOOLEAN):
        return _number(variable, value)
    return str(value)


def _number(variable: Variable, value: Any) -> float:
    if not isinstance(value, str):
        return float(value)
    if variable.kind is VariableKind.BOOLEAN and value.lower() in BOOLEAN_SPELLINGS:
        return BOOLEAN_SPELLINGS[value.lower()]
    raise ValueError(f"{value!r} is text")


def _code(value: Any) -> str:
    """A choice's code as YAML may have read it: 3, 3.0 and "3" are one code, true and false are 1 and 0."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _between(keys: Any, ends: tuple[Any, Any]) -> Any:
    return (keys >= ends[0]) & (keys <= ends[1])


def _one_of(keys: Any, values: tuple[Any, ...]) -> Any:
    return np.isin(keys, list(values))


COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "equals": operator.eq,
    "not_equals": operator.ne,
    "at_least": operator.ge,
    "at_most": operator.le,
    "above": operator.gt,
    "below": operator.lt,
    "between": _between,
    "one_of": _one_of,
}
