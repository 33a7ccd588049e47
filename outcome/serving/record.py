"""Does a coded record hold only what the bundle's dictionary knows and allows?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from outcome.dictionary import DataDictionary, Variable, VariableKind
from outcome.errors import DataRefusal


def refuse_unfit(dictionary: DataDictionary, record: Mapping[str, Any]) -> None:
    """Raises DataRefusal where a record names unknown variables or holds values that cannot be."""
    unknown = sorted(set(record) - set(dictionary.names))
    if unknown:
        raise DataRefusal(
            f"the record names unknown variables: {', '.join(unknown[:5])}",
            expected="variables of the bundle's dictionary",
            next_step="`outcome bundle inspect` and dictionary.csv say which there are",
        )
    _refuse_uncoded(dictionary, record)


def _refuse_uncoded(dictionary: DataDictionary, record: Mapping[str, Any]) -> None:
    """A code the dictionary does not name, text for a number or an impossible number would pass for a healthy value."""
    wrong = [name for name, value in record.items() if not _allowed(dictionary[name], value)]
    if wrong:
        raise DataRefusal(
            f"the record holds values that cannot be: {', '.join(wrong[:5])}",
            expected="; ".join(_words(dictionary[name]) for name in wrong[:5]),
            next_step="code the record by the bundle's dictionary.csv; leave out what is not known",
        )


def _allowed(variable: Variable, value: Any) -> bool:
    if value is None or value != value:
        return True
    if variable.kind is VariableKind.CATEGORICAL:
        return value in variable.codes
    if variable.kind is VariableKind.BOOLEAN:
        return isinstance(value, Real) and value in (0, 1)
    if variable.kind is not VariableKind.NUMERIC:
        return True
    limits = variable.hard_range
    low, high = (-math.inf if limits.low is None else limits.low), (math.inf if limits.high is None else limits.high)
    return isinstance(value, Real) and math.isfinite(value) and low <= float(value) <= high


def _words(variable: Variable) -> str:
    if variable.kind is VariableKind.CATEGORICAL:
        return f"{variable.name} one of {', '.join(variable.codes)}"
    if variable.kind is VariableKind.BOOLEAN:
        return f"{variable.name} 0 or 1"
    limits = variable.hard_range
    ends = [f"{word} {end:g}" for word, end in (("at least", limits.low), ("at most", limits.high)) if end is not None]
    return " ".join([variable.name, "a number", *ends])
