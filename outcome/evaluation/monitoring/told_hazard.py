"""How much hazard of the event did a model tell each case, up to the end of follow-up? From its incidence curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from outcome.types import Detail, FloatArray


def told_hazard(details: pd.DataFrame, case_ids: Sequence[str], until_days: FloatArray) -> FloatArray:
    """The cumulative cause-specific hazard by `until_days` (n,), cut at the last day told; NaN where nothing is told.

    `details`: one unit's rows (case_id, what, at, value). Between the days told, hazard is spread evenly. Where the
    competing event has no curve (a subdistribution), what is told is the event's own hazard, with nobody taken away.
    """
    own = _curves(details, Detail.INCIDENCE, case_ids)
    if own.empty:
        return np.full(len(case_ids), np.nan)
    days = np.array([0.0, *own.columns], dtype=float)
    incidence = np.column_stack([np.zeros(len(own)), own.to_numpy(dtype=float)])
    other = _curves(details, Detail.COMPETING_INCIDENCE, case_ids).reindex(columns=own.columns)
    taken = np.column_stack([np.zeros(len(own)), np.nan_to_num(other.to_numpy(dtype=float))])
    return _at(days, _cumulative(incidence, taken), np.minimum(until_days, days[-1]))


def last_day(details: pd.DataFrame) -> float:
    """Up to which day incidences are told: an event after it is none of what was predicted; 0 where none is."""
    days = details.loc[details["what"] == Detail.INCIDENCE.value, "at"]
    return float(days.max()) if len(days) else 0.0


def _cumulative(incidence: FloatArray, taken: FloatArray) -> FloatArray:
    """Of an even split of a step's events between its start and its end, (n, days)."""
    free = np.clip(1 - incidence - taken, 1e-9, None)
    steps = np.diff(incidence, axis=1) / np.sqrt(free[:, 1:] * free[:, :-1])
    return np.column_stack([np.zeros(len(incidence)), np.cumsum(steps, axis=1)])


def _curves(details: pd.DataFrame, what: Detail, case_ids: Sequence[str]) -> pd.DataFrame:
    rows = details[details["what"] == what.value]
    table = rows.pivot_table(index="case_id", columns="at", values="value")
    return table.reindex(list(case_ids))


def _at(days: FloatArray, curves: FloatArray, until: FloatArray) -> FloatArray:
    place = np.clip(np.searchsorted(days, until, side="right"), 1, len(days) - 1)
    rows = np.arange(len(until))
    before, after = curves[rows, place - 1], curves[rows, place]
    share = (until - days[place - 1]) / (days[place] - days[place - 1])
    return np.asarray(before + share * (after - before), dtype=float)
