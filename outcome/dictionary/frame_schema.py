"""What a coded frame must look like: types, choices and hard ranges, as a pandera schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pandera.pandas as pa

from outcome.dictionary.variable import Variable, VariableKind


def frame_schema(variables: Iterable[Variable]) -> pa.DataFrameSchema:
    """The schema of the coded frame: float64 for numbers and yes/no (NaN missing), str for the rest (None missing)."""
    return pa.DataFrameSchema({variable.name: COLUMNS[variable.kind](variable) for variable in variables})


def _numeric(variable: Variable) -> pa.Column:
    low, high = variable.hard_range.low, variable.hard_range.high
    checks = [pa.Check.ge(low)] if low is not None else []
    return pa.Column(float, [*checks, pa.Check.le(high)] if high is not None else checks, nullable=True)


def _boolean(variable: Variable) -> pa.Column:
    return pa.Column(float, pa.Check.isin([0.0, 1.0]), nullable=True)


def _categorical(variable: Variable) -> pa.Column:
    return pa.Column(object, pa.Check.isin(list(variable.codes)), nullable=True)


def _text(variable: Variable) -> pa.Column:
    return pa.Column(object, nullable=True)


COLUMNS: Mapping[VariableKind, Callable[[Variable], pa.Column]] = {
    VariableKind.NUMERIC: _numeric,
    VariableKind.BOOLEAN: _boolean,
    VariableKind.CATEGORICAL: _categorical,
    VariableKind.TEXT: _text,
    VariableKind.DATE: _text,
}
