"""A column of raw text as numbers: what is missing, and what is no number, told apart and counted by row."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from outcome.errors import DataRefusal
from outcome.types import BoolArray, FloatArray

_MISSING = {"", "na", "nan", "n/a", "null", "none", "."}
_TRUTH = {"true": "1", "false": "0"}


def numbers(frame: pd.DataFrame, name: str) -> FloatArray:
    """A column of finite numbers, none missing."""
    values = parsed(frame, name)
    missing = np.isnan(values)
    if missing.any():
        raise DataRefusal(
            f"column {name!r} has gaps",
            expected="a number for every case",
            found=f"nothing in {missing.sum()} of {missing.size} rows ({rows_named(missing)})",
            next_step="leave these cases out of the table and say so, or predict them too",
        )
    return values


def parsed(frame: pd.DataFrame, name: str, *, coded: bool = False) -> FloatArray:
    """A column as numbers, NaN where nothing stands; refuses text and infinities. `coded`: true and false count."""
    words = _TRUTH if coded else {}
    texts = frame[name].astype("string").fillna("").str.lower()
    values = np.array([_number(words.get(text, text)) for text in texts], dtype=float)
    wrong = np.isinf(values)
    if wrong.any():
        raise DataRefusal(
            f"column {name!r} holds what is no number",
            expected="finite numbers with a decimal point",
            found=f"{wrong.sum()} of {wrong.size} rows ({rows_named(wrong)})",
            next_step="write numbers without units, decimal commas or signs of comparison; leave unknown cells empty",
        )
    return values


def _number(text: str) -> float:
    """The number; NaN where nothing stands; infinity where something else stands."""
    if text in _MISSING:
        return math.nan
    if "_" in text:  # Python reads 1_5 as 15
        return math.inf
    try:
        value = float(text)
    except ValueError:
        return math.inf
    return math.inf if math.isnan(value) else value


def rows_named(rows: BoolArray) -> str:
    """Where the first of these rows stand in the table, counted from 1 without the header."""
    first = (np.flatnonzero(rows)[:5] + 1).tolist()
    more = ", …" if rows.sum() > len(first) else ""
    return f"row {', '.join(str(row) for row in first)}{more}"
