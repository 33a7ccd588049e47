"""Which columns move too much when a case is measured again? For use inside a training fold, before fitting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from outcome.errors import DataRefusal
from outcome.types import FloatArray

LEAST = 0.75  # of the lower limit; "good" in Koo & Li, J Chiropr Med 2016, doi:10.1016/j.jcm.2016.02.012
Interval = tuple[float, float]
UNSTABLE = "agreement of repeated measurements"  # how every reason for dropping such a column begins


@dataclass(frozen=True, eq=False)
class Repeats:
    """Repeated measurements: by column one row a case (its index), one column a repeat, NaN where missing.

    `least`: what the lower limit of a column's agreement has to reach.
    """

    tables: Mapping[str, pd.DataFrame]
    least: float = LEAST

    @property
    def case_ids(self) -> frozenset[str]:
        """The cases with repeated measurements."""
        return frozenset(str(case) for table in self.tables.values() for case in table.index)


def repeats_from(frame: pd.DataFrame, least: float = LEAST) -> Repeats:
    """The repeats in a table with columns case_id, repeat and one a feature column."""
    wide = frame.set_index(["case_id", "repeat"]).unstack("repeat").sort_index()
    return Repeats({str(name): wide[name] for name in wide.columns.get_level_values(0).unique()}, least)


def training_intervals(
    repeats: Mapping[str, pd.DataFrame],
    training_cases: Sequence[str],
    agreement: Callable[[FloatArray], Interval | None],
) -> dict[str, Interval | None]:
    """For each column the interval of its agreement over the training cases of a fold; no other row is read.

    `repeats`: by column a table with one row a case (its index) and one column a repeat, NaN where missing.
    `agreement` turns (n cases, k repeats) into limits, None where it cannot. Training cases that were not measured
    repeatedly are left out.
    """
    wanted = set(training_cases)
    chosen = {name: table[table.index.isin(wanted)] for name, table in repeats.items()}
    return {name: agreement(table.to_numpy(dtype=float)) for name, table in chosen.items()}


def unstable_columns(
    columns: Sequence[str], intervals: Mapping[str, Interval | None], least: float = LEAST
) -> dict[str, str]:
    """The columns to drop, each with the reason, in the order of `columns`.

    `intervals` holds the lower and upper limit of the intraclass correlation of each column that was measured
    repeatedly, from training cases only; None where it could not be estimated, which counts as unstable. Columns that
    it does not name (clinical ones) stay. Raises DataRefusal for a `least` outside [0, 1], a lower limit above the
    upper one, and where it names none of the columns.
    """
    if not 0 <= least <= 1:
        raise DataRefusal("the least agreement is none", expected="from 0 to 1", found=f"{least}")
    judged = [name for name in columns if name in intervals]
    if intervals and not judged:
        raise DataRefusal(
            "no repeated measurement belongs to a column",
            expected=f"names such as {next(iter(columns), '(no column)')}",
            found=f"names such as {next(iter(intervals))}",
            next_step="name the measurements like the columns of the features table",
        )
    reasons = {name: _reason(name, intervals[name], least) for name in judged}
    return {name: reason for name, reason in reasons.items() if reason}


def _reason(name: str, interval: Interval | None, least: float) -> str:
    if interval is None:
        return f"{UNSTABLE} could not be estimated"
    low, high = interval
    if not low <= high:
        raise DataRefusal("an interval is upside down", expected="lower <= upper limit", found=f"{interval} for {name}")
    return "" if low >= least else f"{UNSTABLE} may be as low as {low:.2f}, below {least:g}"
