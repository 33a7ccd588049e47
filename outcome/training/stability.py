"""Columns that do not agree with themselves when a case is measured again are left out of a fit, by its cases alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from outcome.cases import repeat_limits
from outcome.features.preprocess import Preprocessor
from outcome.features.stability import UNSTABLE, training_intervals, unstable_columns
from outcome.training.data import TrainingData
from outcome.training.rungs import Rung

LEAST_CASES = 5  # fewer say too little of a column to take it away
NOTE = "repeated measurements"  # what stands for the column where nothing is judged


def without_unstable(data: TrainingData) -> TrainingData:
    """The same cases without the columns that are unstable over these very cases; no repeat of another case is read.

    Unstable: the lower 95 % limit of ICC(1,1) lies below the least, or no limit can be had. Columns that were not
    measured again stay. With fewer than `LEAST_CASES` repeated cases every column stays, and `unstable` says so.
    """
    if data.repeats is None:
        return data
    names = [column.name for column in data.columns]
    tables = {name: data.repeats.tables[name] for name in names if name in data.repeats.tables}
    cases = [str(case) for case in data.frame.index.unique()]
    known = sum(case in data.repeats.case_ids for case in cases)
    if not tables or known < LEAST_CASES:
        why = f"no column left out for instability: {known} repeated cases in training, {LEAST_CASES} are needed"
        return replace(data, unstable=((NOTE, why),) if tables else ())
    reasons = unstable_columns(names, training_intervals(tables, cases, repeat_limits), data.repeats.least)
    kept = tuple(column for column in data.columns if column.name not in reasons)
    return replace(data, columns=kept, unstable=tuple(reasons.items()))


def with_reasons(fitted: Preprocessor, rung: Rung, data: TrainingData) -> Preprocessor:
    """The same preprocessing, telling too which columns it would have read were they not unstable."""
    told = tuple(row for row in data.unstable if row[0] == NOTE or rung.reads(row[0]))
    return replace(fitted, dropped=told + fitted.dropped)


def stability_json(data: TrainingData, folds: Iterable[Iterable[Preprocessor]]) -> dict[str, Any]:
    """What a reader is told: how many cases and columns were judged on all rows, which were left out and why.

    `folds`: the preprocessings of every rung in each outer fold, for how many columns each fold left out. {} where
    nothing was measured again.
    """
    if data.repeats is None:
        return {}
    repeats, unstable = data.repeats, without_unstable(data.known()).unstable
    cases = {str(case) for case in data.known().frame.index} & repeats.case_ids
    left_out = [list(row) for row in unstable if row[0] != NOTE]
    return {
        "stability": {
            "least": repeats.least,
            "repeated_cases": len(cases),
            "columns_judged": sum(column.name in repeats.tables for column in data.columns),
            "left_out": left_out,
            "note": next((why for name, why in unstable if name == NOTE), ""),
            "left_out_in_outer_folds": [_unstable_in(fold) for fold in folds],
        }
    }


def _unstable_in(fold: Iterable[Preprocessor]) -> int:
    return len({name for fitted in fold for name, why in fitted.dropped if why.startswith(UNSTABLE)})
