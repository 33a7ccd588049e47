"""A table of predictions made elsewhere: outcomes beside risks, read and checked before anything is measured.

Columns: `outcome` (0 or 1) and `risk`, or `time`, `event` (0 censored, 1 event, 2 competing event) and `risk`, the
probability of the event by the horizon; optionally `case_id`, `patient_id`, scores to compare with, and columns that
name groups. Times may be in any unit; the horizon is in the same. Messages carry counts, rows and case ids, no
patient's value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.config import TableSource
from outcome.dictionary import nearest
from outcome.errors import DataRefusal, Refusal, UsageError
from outcome.pipeline.table_numbers import numbers, parsed, rows_named
from outcome.sources.tables import READERS
from outcome.types import FloatArray, Target

FORMATS: dict[str, Literal["csv", "parquet"]] = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet"}
COLUMNS = {
    "binary": ("outcome", "risk"),
    "survival": ("time", "event", "risk"),
    "competing": ("time", "event", "risk"),
}
CODES = {
    "outcome": ((0.0, 1.0), "0 (no event) or 1 (event)"),
    "survival": ((0.0, 1.0), "0 (censored) or 1 (event); with competing events (2) ask for --kind competing"),
    "competing": ((0.0, 1.0, 2.0), "0 (censored), 1 (event) or 2 (competing event)"),
}
CASE_ID, PATIENT_ID = "case_id", "patient_id"
MOST_DRAWS = 10_000


@dataclass(frozen=True)
class Question:
    """What is asked of a table: the kind of outcome, the horizon (none for binary), columns, and thresholds of risk."""

    kind: str
    horizon: float | None = None
    compare: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    thresholds: tuple[float, ...] = ()
    draws: int = 0  # of a bootstrap of every metric

    def __post_init__(self) -> None:
        if self.kind not in COLUMNS:
            raise UsageError(f"no such kind: {self.kind!r}", expected=f"--kind {' or '.join(COLUMNS)}")
        if self.kind == "binary" and self.horizon is not None:
            raise UsageError(
                "a binary outcome has no horizon", next_step="leave out --horizon, or ask for --kind survival"
            )
        if self.kind != "binary" and self.horizon is None:
            expected = "--horizon T, in the unit of the column `time`"
            raise UsageError(f"--kind {self.kind} needs a horizon: risks are by a stated time", expected=expected)
        if self.horizon is not None and not 0 < self.horizon < math.inf:
            raise UsageError("the horizon cannot be used", expected="a time > 0", found=f"{self.horizon:g}")
        if not 0 <= self.draws <= MOST_DRAWS:
            expected = f"from 0 to {MOST_DRAWS:,} draws"
            raise UsageError("the bootstrap cannot be made", expected=expected, found=str(self.draws))
        wrong = [value for value in self.thresholds if not 0 <= value < 1]
        if wrong:
            raise UsageError("a threshold cannot be used", expected="a risk in [0, 1)", found=f"{wrong[0]:g}")


@dataclass(frozen=True, eq=False)
class PredictionsTable:
    """A checked table of n cases."""

    target: Target
    risk: FloatArray  # (n,) in [0, 1]
    compared: Mapping[str, FloatArray]  # (n,) each; any scale, higher is riskier
    groups: Mapping[str, npt.NDArray[np.object_]]  # (n,) each
    names_cases: bool = False  # whether there is a case_id, so that repeated cases were refused
    identical_rows: int = 0  # rows that repeat an earlier one in every column
    patients: npt.NDArray[np.object_] | None = None  # (n,), where the table names them


def read_predictions(path: Path, question: Question) -> PredictionsTable:
    """The table, or DataRefusal for whatever cannot be measured: see the checks below, in their order."""
    frame = _read(path)
    _refuse_missing_columns(frame, question, path.name)
    _refuse_repeated_cases(frame, path.name)
    risk = numbers(frame, "risk")
    _refuse_no_risks(risk)
    target = _target(frame, question)
    _refuse_one_class(target, question)
    compared = {name: numbers(frame, name) for name in question.compare}
    groups = {name: frame[name].to_numpy(dtype=object) for name in question.groups}
    repeated = int(frame.duplicated().sum())
    return PredictionsTable(target, risk, compared, groups, CASE_ID in frame.columns, repeated, _patients(frame))


def _patients(frame: pd.DataFrame) -> npt.NDArray[np.object_] | None:
    """Each row's patient; a row without one is a patient of its own."""
    if PATIENT_ID not in frame.columns:
        return None
    named = frame[PATIENT_ID].astype("string")
    alone = pd.Series([f"row {number}" for number in range(len(frame))], index=frame.index, dtype="string")
    return named.where(named.notna() & (named != ""), alone).to_numpy(dtype=object)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataRefusal("the table does not exist", expected="a CSV or Parquet file", found=f"nothing at {path}")
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise DataRefusal(f"{path.name} cannot be read", expected="a file named .csv or .parquet", found=path.suffix)
    try:
        separator = _separator(path) if form == "csv" else ","
        return READERS[form](path, TableSource(format=form, path=path.name, separator=separator))
    except Refusal:
        raise
    except Exception as error:  # the readers raise what they like on a damaged file
        found = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        next_step = "write the table again as CSV in UTF-8, or as Parquet"
        raise DataRefusal(f"{path.name} cannot be read as {form}", found=found, next_step=next_step) from error


def _separator(path: Path) -> str:
    """The one of comma, semicolon and tab that stands most often in the header."""
    with path.open(encoding="utf-8-sig") as file:
        header = file.readline()
    return max(",;\t", key=header.count)


def _refuse_missing_columns(frame: pd.DataFrame, question: Question, where: str) -> None:
    wanted = (*COLUMNS[question.kind], *question.compare, *question.groups)
    lacking = [name for name in dict.fromkeys(wanted) if name not in frame.columns]
    if lacking:
        hint = nearest(lacking[0], list(frame.columns))
        raise DataRefusal(
            f"{where} lacks {', '.join(repr(name) for name in lacking)}",
            expected=f"columns {', '.join(COLUMNS[question.kind])} for --kind {question.kind}",
            found=", ".join(str(name) for name in frame.columns[:20]),
            next_step="rename the columns" + (f": for {lacking[0]!r} {hint}" if hint.startswith("did") else ""),
        )


def _refuse_repeated_cases(frame: pd.DataFrame, where: str) -> None:
    if CASE_ID not in frame.columns:
        return
    ids = frame[CASE_ID]
    repeated = ids[ids.notna() & ids.duplicated(keep=False)]
    if len(repeated):
        named = sorted(set(repeated))
        raise DataRefusal(
            f"{where} holds {len(named)} case(s) more than once",
            expected=f"each {CASE_ID} once",
            found=f"{len(repeated)} rows of {', '.join(named[:5])}{', …' if len(named) > 5 else ''}",
            next_step="keep one row a case: repeats make every interval too narrow",
        )


def _refuse_no_risks(risk: FloatArray) -> None:
    wrong = (risk < 0) | (risk > 1)
    if not wrong.any():
        return
    percent = risk.min() >= 0 and risk.max() <= 100 and np.median(risk) > 1
    next_step = (
        "if these are per cent, divide by 100"
        if percent
        else "if these are logits or linear predictors, turn them into probabilities first: 1 / (1 + exp(-x)) for "
        "logits; the baseline risk is needed for the linear predictor of a Cox model"
    )
    found = f"{wrong.sum()} of {wrong.size} rows outside ({rows_named(wrong)})"
    raise DataRefusal("risks are no probabilities", expected="risks in [0, 1]", found=found, next_step=next_step)


def _target(frame: pd.DataFrame, question: Question) -> Target:
    if question.kind == "binary":
        return Target.binary("outcome", _coded(frame, "outcome", "outcome"))
    time, event = parsed(frame, "time"), _coded(frame, "event", question.kind)
    negative = time < 0
    if negative.any():
        found = f"{negative.sum()} of {negative.size} rows ({rows_named(negative)})"
        next_step = "count time from prediction; take out who had the event before it"
        raise DataRefusal("column 'time' has negative times", expected="times ≥ 0", found=found, next_step=next_step)
    return Target.survival("event", time, event)


def _coded(frame: pd.DataFrame, name: str, code: str) -> FloatArray:
    values = parsed(frame, name, coded=True)
    allowed, meaning = CODES[code]
    wrong = ~np.isnan(values) & ~np.isin(values, allowed)
    if wrong.any():
        found = f"another number in {wrong.sum()} of {wrong.size} rows ({rows_named(wrong)})"
        raise DataRefusal(f"column {name!r} is coded otherwise", expected=meaning, found=found, next_step="recode it")
    return values


def _refuse_one_class(target: Target, question: Question) -> None:
    known = target.take(target.known)
    n, n_events = len(known), int(known.n_events or 0)
    if question.kind == "binary" and not 0 < n_events < n:
        found = f"{n_events} events among {n} cases with a known outcome"
        next_step = "nothing can be ranked or calibrated against a class that is absent: evaluate a larger table"
        raise DataRefusal(
            "only one class", expected="cases with the event and without", found=found, next_step=next_step
        )
    if question.kind == "binary":
        return
    if not n_events:
        others = int(np.sum(known.event == 2))
        found = f"{n - others} censored and {others} competing events among {n} cases"
        next_step = "check the coding of `event`, or wait for longer follow-up"
        raise DataRefusal("no case has the event", expected="event 1 in some rows", found=found, next_step=next_step)
    horizon, longest = question.horizon or 0.0, float(known.time_days.max())
    # Without a single censoring every status is known for ever; with some, nothing is known after the longest time.
    if longest < horizon and np.any(known.event == 0):
        raise DataRefusal(
            "the horizon lies beyond follow-up",
            expected=f"somebody followed to {horizon:g}, in the unit of `time`",
            found=f"follow-up ends at {longest:g}",
            next_step="ask for an earlier --horizon; check that it is in the unit of `time`",
        )
