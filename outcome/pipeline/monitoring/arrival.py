"""In which order did the cases come, and which period is each of? By a date, or by case where there is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outcome.dictionary import DataDictionary, VariableKind
from outcome.errors import ConfigRefusal

ALL = "all cases"


@dataclass(frozen=True)
class Asked:
    """How cases are ordered: `by` names a date variable (None: by case), periods are so many `months`."""

    by: str | None = None
    months: int = 1


@dataclass(frozen=True, eq=False)
class Arrival:
    """`case_ids` in order, the date of each (ISO, "" where none) and its period, rising; `words` say what was done."""

    case_ids: tuple[str, ...]
    dates: tuple[str, ...]
    periods: tuple[str, ...]
    words: str


def asked_order(by: str | None, index_time: str | None, dictionary: DataDictionary) -> Asked:
    """What `--by` asks for: a number of months of the date of surgery, or a date variable by months.

    Raises ConfigRefusal where there is no such date. Without `--by` the date of surgery orders, if there is one.
    """
    dates = [variable.name for variable in dictionary if variable.kind is VariableKind.DATE]
    if by is None:
        return Asked(index_time if index_time in dates else None)
    months = int(by) if re.fullmatch(r"[1-9][0-9]?", by) else 1
    name = index_time if re.fullmatch(r"[0-9]+", by) else by
    if name not in dates or re.fullmatch(r"0+|[0-9]{3,}", by):
        raise ConfigRefusal(
            "--by needs a date to order the cases by",
            expected="1 to 99 months with index_time in the study file, or a date variable of its dictionary",
            found=f"--by {by}; index_time {index_time or 'not stated'}; date variables: {', '.join(dates) or 'none'}",
            next_step="give the dictionary a row of type date, or leave --by out: cases then stand in case order",
        )
    return Asked(name, months)


def arrival(case_ids: Sequence[str], variables: pd.DataFrame, asked: Asked) -> Arrival:
    """The cases in order. Equal dates stand in case order; cases without a date come last, in a period of their own."""
    ids = np.array(sorted(case_ids), dtype=object)
    if asked.by is None or asked.by not in variables:
        return Arrival(tuple(ids), ("",) * len(ids), (ALL,) * len(ids), "in case order: no date orders them")
    moments = pd.to_datetime(variables[asked.by].reindex(ids), errors="coerce", format="ISO8601")
    order = np.argsort(moments.to_numpy(), kind="stable")  # NaT sorts last
    moments = moments.iloc[order]
    dates = tuple("" if pd.isna(moment) else moment.date().isoformat() for moment in moments)
    periods = tuple(_period(date, asked.months) for date in dates)
    without = sum(not date for date in dates)
    more = f"; {without} case(s) without it come last" if without else ""
    return Arrival(tuple(ids[order]), dates, periods, f"by {asked.by}{more}")


def _period(date: str, months: int) -> str:
    """The first month of the period, counted from year 0, so that it hangs on no first case."""
    if not date:
        return "no date"
    first = (int(date[:4]) * 12 + int(date[5:7]) - 1) // months * months
    return f"{first // 12:04d}-{first % 12 + 1:02d}"
