"""What would the model say had a variable that may change before surgery another value?

The answer is the model's response, not a promised effect: it learned from who had which value, not from changing it.
Only variables that the dictionary calls modifiable and the asked model reads are offered, and only within the range
where it learned: between the 5 % and the 95 % quantile of the development cases, or the choices that some of them had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.dictionary import DataDictionary
from outcome.errors import DataRefusal
from outcome.features.columns import FeatureColumn
from outcome.features.crops import NO_CROPS, Crops
from outcome.serving.model import RiskModel
from outcome.serving.stored import as_entered, stored_case
from outcome.store import StudyStore

RANGE = ("0.05", "0.95")
Value = float | str


@dataclass(frozen=True)
class Changeable:
    """A variable that may be changed: this case's value (None where unknown), and what may be asked for."""

    name: str  # of the feature column
    label: str
    unit: str
    kind: str  # numeric, boolean or categorical
    value: Value | None
    low: float | None = None  # numeric: the range
    high: float | None = None
    choices: tuple[tuple[str, str], ...] = ()  # categorical: code and label


@dataclass(frozen=True, eq=False)
class WhatIf:
    """What may be changed of a case, and what the model says of it as it is and as changed (UNIT_COLUMNS)."""

    offered: tuple[Changeable, ...]
    as_it_is: pd.DataFrame
    changed: pd.DataFrame


def what_may_change(model: RiskModel, features: pd.DataFrame, endpoint: str, inputs: str) -> list[Changeable]:
    """What `what_if` may change for the one case of `features` (index case_id), with its values and ranges.

    Raises DataRefusal where the bundle has no model for this endpoint and input set.
    """
    procedure = model.asked_unit(endpoint, inputs).procedure
    columns = procedure.chosen.preprocessor.columns if procedure else ()
    return changeable(columns, model.dictionary, model.reference["features"], features.iloc[0])


def what_if(
    model: RiskModel,
    features: pd.DataFrame,
    changes: Mapping[str, Value],
    endpoint: str,
    inputs: str,
    crops: Crops = NO_CROPS,
) -> pd.DataFrame:
    """What the chosen rung says of the one case with other values of changeable variables (by feature column).

    UNIT_COLUMNS, one row a horizon. Raises DataRefusal for variables that may not be changed, for values outside the
    range in which the model learned, and where the bundle has no model for this endpoint and input set.
    """
    row = changed_row(features, changes, what_may_change(model, features, endpoint, inputs))
    known = row.reindex(columns=[column.name for column in model.columns])
    return model.asked_unit(endpoint, inputs).predict(known, crops)


def case_what_if(
    model: RiskModel, store: Path, study: str, case_id: str, changes: Mapping[str, Value], endpoint: str, inputs: str
) -> WhatIf:
    """The same for a case in a store. Raises DataRefusal too where the case has no features."""
    place = StudyStore(store, study)
    row, crops = stored_case(place, case_id)
    model = as_entered(model, place)
    offered = tuple(what_may_change(model, row, endpoint, inputs))
    as_it_is = what_if(model, row, {}, endpoint, inputs, crops)
    return WhatIf(offered, as_it_is, what_if(model, row, changes, endpoint, inputs, crops) if changes else as_it_is)


def changeable(
    columns: Iterable[FeatureColumn],
    dictionary: DataDictionary,
    features: Mapping[str, Mapping[str, Any]],
    row: pd.Series,
) -> list[Changeable]:
    """What may be changed among the columns that a model reads, in their order.

    `features` is what the bundle tells of its development cases by column; a variable of which it tells no range or no
    choice (few cases) is left out. `row` is the case in feature form.
    """
    modifiable = {variable.name for variable in dictionary.variables if variable.modifiable}
    wanted = [column for column in columns if column.name.partition(":")[2] in modifiable]
    found = (_changeable(column, features.get(column.name, {}), row.get(column.name)) for column in wanted)
    return [each for each in found if each is not None]


def _changeable(column: FeatureColumn, told: Mapping[str, Any], given: object) -> Changeable | None:
    known = None if given is None or given != given else given
    if column.kind == "categorical":
        counts = told.get("counts") or {}
        choices = tuple(
            (code, label)
            for code, label in zip(column.choices, column.choice_labels, strict=True)
            if counts.get(code) or code == known
        )
        code = None if known is None else str(known)
        return Changeable(column.name, column.label, "", column.kind, code, choices=choices) if choices else None
    value = None if known is None else float(str(known))
    if column.kind == "boolean":
        return Changeable(column.name, column.label, "", column.kind, value) if told.get("mean") is not None else None
    low, high = ((told.get("quantiles") or {}).get(share) for share in RANGE)
    if low is None or high is None or not low < high:
        return None
    return Changeable(column.name, column.label, column.unit, column.kind, value, float(low), float(high))


def changed_row(row: pd.DataFrame, changes: Mapping[str, Value], offered: Sequence[Changeable]) -> pd.DataFrame:
    """The one case of a features frame with other values. Raises DataRefusal for what may not be asked."""
    by_name = {each.name: each for each in offered}
    frame = row.copy()
    for name, value in changes.items():
        if name not in by_name:
            raise DataRefusal(
                f"{name} cannot be changed here",
                expected=", ".join(by_name) or "no variable of this model",
                next_step="mark it @MODIFIABLE in the dictionary that the model is trained with",
            )
        frame[name] = [_allowed(by_name[name], value)]
    return frame


def _allowed(what: Changeable, value: Value) -> Value:
    """The value; one outside the range is only allowed where the case itself has it."""
    if value == what.value:
        return value
    if what.kind == "categorical":
        inside, expected = value in dict(what.choices), " or ".join(label for _, label in what.choices)
    elif what.kind == "boolean":
        inside, expected = value in (0, 1), "0 or 1"
    else:
        low, high = what.low or 0.0, what.high or 0.0
        inside = not isinstance(value, str) and low <= value <= high
        expected = f"{low:g} to {high:g} {what.unit}".rstrip()
    if not inside:
        raise DataRefusal(
            f"{what.label}: {value} lies outside what the model learned from", expected=expected,
            next_step="ask within the range: beyond it an answer would be a guess",
        )  # fmt: skip
    return value
