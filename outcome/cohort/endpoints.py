"""What happened to each case, by the study's endpoint definitions: a long frame, and one endpoint as a `Target`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from outcome.cohort.criteria import all_of, any_of, comparable, part_truth, truth
from outcome.cohort.types import ENDPOINT_COLUMNS
from outcome.config import BinaryEndpoint, Study, TimeToEventEndpoint
from outcome.config.endpoints import DAYS_PER_UNIT
from outcome.dictionary import DataDictionary
from outcome.errors import DataRefusal
from outcome.types import EndpointKind, FloatArray, Target

Outcome = tuple[FloatArray, FloatArray, FloatArray]  # value, time_days, event, each (n,)


def endpoints_long(study: Study, dictionary: DataDictionary, variables: pd.DataFrame) -> pd.DataFrame:
    """Every endpoint of every case, columns ENDPOINT_COLUMNS; `variables` is the coded frame with its case_id."""
    blocks = []
    for name, endpoint in study.endpoints.items():
        value, time_days, event = MEASURES[endpoint.kind](endpoint, variables, dictionary)
        block = {
            "case_id": variables["case_id"],
            "endpoint": name,
            "value": value,
            "time_days": time_days,
            "event": event,
        }
        blocks.append(pd.DataFrame(block, columns=list(ENDPOINT_COLUMNS)))
    return pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame(columns=list(ENDPOINT_COLUMNS))


def composite_parts(endpoint: BinaryEndpoint, dictionary: DataDictionary, variables: pd.DataFrame) -> pd.DataFrame:
    """For each case whether each part of a composite holds (1, 0, NaN): one column a part, in the study's order."""
    answers = {part.title: part_truth(part, variables, dictionary) for part in endpoint.parts}
    return pd.DataFrame(answers, index=pd.Index(variables["case_id"], name="case_id"))


def endpoint_target(endpoints: pd.DataFrame, name: str, kind: EndpointKind, case_ids: Sequence[str]) -> Target:
    """One endpoint of the long frame for these cases, in their order. Raises DataRefusal for a case without a row."""
    rows = endpoints[endpoints["endpoint"] == name].set_index("case_id")
    absent = [case for case in case_ids if case not in rows.index]
    if absent:
        raise DataRefusal(
            f"endpoint {name!r} has no row for some cases",
            found=f"{len(absent)} absent, the first: {', '.join(absent[:5])}",
            next_step="outcome cohort STUDY.yaml",
        )
    rows = rows.loc[list(case_ids)]
    columns = [rows[column].to_numpy(dtype=float, copy=True) for column in ("value", "time_days", "event")]
    return Target(name, EndpointKind(kind), *columns)


def _binary(endpoint: BinaryEndpoint, variables: pd.DataFrame, dictionary: DataDictionary) -> Outcome:
    if endpoint.event is not None:
        return _valued(truth(endpoint.event, variables, dictionary))
    answers = [part_truth(part, variables, dictionary) for part in endpoint.parts]
    return _valued(all_of(answers) if endpoint.all_of else any_of(answers))


def _time_to_event(endpoint: TimeToEventEndpoint, variables: pd.DataFrame, dictionary: DataDictionary) -> Outcome:
    """Event 1 wins over the competing event 2; a case is censored only where both are known not to have happened."""
    event = truth(endpoint.event, variables, dictionary)
    if endpoint.competing is not None:
        rival = truth(endpoint.competing, variables, dictionary)
        event = np.where(event == 1, 1.0, np.where(rival == 1, 2.0, event + rival))
    time_days = variables[endpoint.time].to_numpy(dtype=float) * DAYS_PER_UNIT[endpoint.time_unit]
    return np.full(len(variables), np.nan), time_days, event


def _measured(endpoint: Any, variables: pd.DataFrame, dictionary: DataDictionary) -> Outcome:
    return _valued(variables[endpoint.variable].to_numpy(dtype=float, copy=True))


def _graded(endpoint: Any, variables: pd.DataFrame, dictionary: DataDictionary) -> Outcome:
    column = variables[endpoint.variable]
    known = column.notna().to_numpy(dtype=bool)
    value = np.full(len(column), np.nan)
    value[known] = comparable(dictionary[endpoint.variable], column[known])
    return _valued(value)


def _valued(value: FloatArray) -> Outcome:
    return value, np.full(len(value), np.nan), np.full(len(value), np.nan)


MEASURES: Mapping[str, Callable[[Any, pd.DataFrame, DataDictionary], Outcome]] = {
    "binary": _binary,
    "time_to_event": _time_to_event,
    "duration": _measured,
    "ordinal": _graded,
    "continuous": _measured,
}
