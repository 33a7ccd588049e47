"""What a cell of any format looks like as raw text, so that one coding rule serves all formats."""

from __future__ import annotations

import datetime
import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from outcome.errors import DataRefusal


def raw_text(value: Any) -> str | None:
    """A cell as text without surrounding blanks; None where nothing stands there.

    Whole numbers lose a trailing `.0` (a column of codes with gaps is float in most formats), yes/no become
    `true`/`false`, dates ISO text without a midnight.
    """
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        return _float_text(float(value))
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ").removesuffix(" 00:00:00")
    if isinstance(value, list | dict | tuple):
        return json.dumps(value, sort_keys=True)
    return str(value).strip() or None


def raw_frame(names: Sequence[str], columns: Sequence[Sequence[Any]], where: str) -> pd.DataFrame:
    """A frame of raw text from columns of any values. Refuses duplicate names and a table without rows."""
    names = distinct_names(names, where)
    if not columns or not len(columns[0]):
        raise DataRefusal(f"{where} is empty", expected="a header and one row a case", found="no rows")
    texts = {name: [raw_text(value) for value in column] for name, column in zip(names, columns, strict=True)}
    return pd.DataFrame(texts, dtype=object)


def distinct_names(names: Sequence[str], where: str) -> list[str]:
    """The columns' names without surrounding blanks, a number where one has none. Raises DataRefusal for a repeat."""
    named = [str(name).strip() or f"column_{number}" for number, name in enumerate(names, start=1)]
    twice = sorted(name for name, count in Counter(named).items() if count > 1)
    if twice:
        raise DataRefusal(
            f"{where} has several columns of the same name",
            found=", ".join(twice[:10]),
            next_step="rename or remove the copies: nobody can tell which one is meant",
        )
    return named


def _float_text(value: float) -> str | None:
    if math.isnan(value):
        return None
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
