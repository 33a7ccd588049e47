"""A table's raw cells in little memory: numbers as numbers, text as Arrow keeps it; each is a cell's text all the same.

A cell as a Python text costs some sixty bytes, as a number eight. A column of a compact table is float64 where the
format gave numbers whose text is told by their value alone, an Arrow column of text, or str and None as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from outcome.errors import DataRefusal
from outcome.sources.raw import distinct_names, raw_text

LARGEST_WHOLE = 10**15  # larger whole numbers are written otherwise as floats than as integers


def compact_frame(names: Sequence[str], columns: Iterable[pd.Series], where: str) -> pd.DataFrame:
    """A frame of compact columns; as `raw_frame` it refuses duplicate names and a table without rows."""
    made = dict(zip(distinct_names(names, where), columns, strict=True))
    if not made or not len(next(iter(made.values()))):
        raise DataRefusal(f"{where} is empty", expected="a header and one row a case", found="no rows")
    return pd.DataFrame(made, copy=False)


def text_column(parts: Sequence[pa.Array]) -> pd.Series:
    """A column from its pieces of text, already without surrounding blanks and None where nothing stands."""
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array(parts, pa.string())))


def arrow_column(column: pa.ChunkedArray) -> pd.Series:
    """A column of a file that knows types: numbers stay numbers where that loses nothing, all else becomes text."""
    if pa.types.is_floating(column.type):
        # adding zero takes the sign from a zero, which its text does not have either
        return pd.Series(column.to_numpy().astype(float) + 0.0)
    if pa.types.is_integer(column.type) and _all_small(column):
        return pd.Series(column.cast(pa.float64()).to_numpy().astype(float))
    return pd.Series([raw_text(value) for value in column.to_pylist()], dtype=object)


def cells(column: pd.Series) -> list[str | None]:
    """The column's cells as raw text, None where nothing stands."""
    if isinstance(column.dtype, pd.ArrowDtype):
        return list(arrow_text(column).to_pylist())
    if column.dtype == float:
        return [raw_text(value) for value in column.tolist()]
    return list(column.tolist())


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """The whole table as str and None."""
    return pd.DataFrame({name: cells(table[name]) for name in table.columns}, index=table.index, dtype=object)


def arrow_text(column: pd.Series) -> pa.ChunkedArray:
    """The Arrow data behind a column of text."""
    return pa.chunked_array(column.array.__arrow_array__())


def numbers_of(column: pd.Series, absent: frozenset[str], pattern: str) -> tuple[Any, Any] | None:
    """(values float64 with NaN, whether a cell stands there) of a column without a Python object a cell.

    `absent` are texts that mean missing, `pattern` what a number looks like; a text that is none is NaN. None where
    the column is no compact one.
    """
    if column.dtype == float:
        return _of_floats(column.to_numpy(), absent)
    return _of_text(arrow_text(column), absent, pattern) if isinstance(column.dtype, pd.ArrowDtype) else None


def _of_floats(values: np.ndarray[Any, Any], absent: frozenset[str]) -> tuple[Any, Any]:
    there = ~np.isnan(values)
    for text in absent:
        number = _float(text)
        if number is not None and raw_text(number) == text:
            there &= values != number
    return np.where(there & np.isfinite(values), values, np.nan), there


def _of_text(text: pa.ChunkedArray, absent: frozenset[str], pattern: str) -> tuple[Any, Any]:
    missing = pc.or_(pc.is_null(text), pc.is_in(text, pa.array(sorted(absent), text.type)))
    fits = pc.and_(pc.match_substring_regex(text, f"^(?:{pattern})$"), pc.invert(missing))
    made = pc.if_else(fits, text, pa.scalar(None, text.type)).cast(pa.float64()).to_numpy().astype(float)
    return np.where(np.isfinite(made), made, np.nan), ~missing.to_numpy()


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _all_small(column: pa.ChunkedArray) -> bool:
    ends = pc.min_max(column).as_py()
    return ends["min"] is not None and ends["min"] > -LARGEST_WHOLE and ends["max"] < LARGEST_WHOLE
