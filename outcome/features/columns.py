"""What each column of the features frame is: where it comes from, when it is known, what values it may take.

The features frame is indexed by `case_id` and has one column a `FeatureColumn`, named `<block>:<name>`. Numeric and
boolean columns are float64 with NaN for missing; categorical columns and the batch hold str with None for missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from outcome.errors import DataRefusal
from outcome.types import InputSet

IMAGE = "image"  # 1 where the case's crop of this sequence is there, missing where not; the voxels are in `Crops`
BATCH = "batch"  # where or on what a case was measured (site, scanner): read by harmonisation, never by a model
BATCH_COLUMN = "case:batch"
KINDS = ("numeric", "boolean", "categorical", IMAGE, BATCH)
AVAILABILITIES = ("preoperative", "planned")


@dataclass(frozen=True)
class FeatureColumn:
    """One column of the features frame; a categorical column names its choices, in the dictionary's order.

    Raises ValueError for a name outside its block, an unknown kind, an availability after the index time, or
    choices or an order that do not go with the kind.
    """

    name: str  # "<block>:<name>"
    block: str
    kind: str
    availability: str
    choices: tuple[str, ...] = ()
    label: str = ""
    unit: str = ""
    choice_labels: tuple[str, ...] = ()  # what each choice is called, for readers
    ordered: bool = False  # the choices are steps of one scale, the lowest first

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", tuple(self.choices))
        object.__setattr__(self, "choice_labels", tuple(self.choice_labels) or self.choices)
        if len(self.choice_labels) != len(self.choices):
            raise ValueError(f"{self.name}: {len(self.choices)} choices and {len(self.choice_labels)} labels")
        if not self.name.startswith(f"{self.block}:") or self.name == f"{self.block}:":
            raise ValueError(f"a feature is named '<block>:<name>'; block {self.block!r}, found {self.name!r}")
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, found {self.kind!r} for {self.name}")
        if self.availability not in AVAILABILITIES:
            raise ValueError(f"availability must be one of {AVAILABILITIES}, found {self.availability!r} ({self.name})")
        if (self.kind == "categorical") != bool(self.choices):
            raise ValueError(f"{self.name}: choices go with kind 'categorical' only, found {self.kind!r}")
        if self.ordered and len(self.choices) < 2:
            raise ValueError(f"{self.name}: an order needs two choices or more, found {len(self.choices)}")

    def to_json(self) -> dict[str, Any]:
        """Its fields; `ordered` only where it is, so that what was written before there was an order stays as it is."""
        told = {**asdict(self), "choices": list(self.choices), "choice_labels": list(self.choice_labels)}
        return told if self.ordered else {name: value for name, value in told.items() if name != "ordered"}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FeatureColumn:
        return cls(**data)


def columns_to_json(columns: Iterable[FeatureColumn]) -> list[dict[str, Any]]:
    """The content of `columns.json`, in frame order."""
    return [column.to_json() for column in columns]


def columns_from_json(data: Iterable[Mapping[str, Any]]) -> tuple[FeatureColumn, ...]:
    """The columns that `columns.json` describes, in frame order."""
    return tuple(FeatureColumn.from_json(row) for row in data)


def allowed_columns(columns: Iterable[FeatureColumn], inputs: InputSet) -> tuple[FeatureColumn, ...]:
    """The columns that a model of this input set may read: planned ones join only under `with_plan`."""
    planned = InputSet(inputs) is InputSet.WITH_PLAN
    return tuple(column for column in columns if planned or column.availability == "preoperative")


def require_columns(frame: pd.DataFrame, columns: Sequence[FeatureColumn]) -> None:
    """Refuse a frame that lacks a column or holds text where numbers are declared."""
    absent = [column.name for column in columns if column.name not in frame.columns]
    if absent:
        raise DataRefusal(
            "the features table lacks columns that the model reads",
            expected=f"{len(columns)} columns",
            found=f"{len(absent)} absent, the first: {', '.join(absent[:5])}",
            next_step="build the features with the same dictionary and recipe as the model",
        )
    stated = [c.name for c in columns if c.kind not in ("categorical", BATCH)]
    text = [name for name in stated if not pd.api.types.is_numeric_dtype(frame[name])]
    if text:
        raise DataRefusal(
            "a column declared as a number holds something else",
            expected="float64, NaN where missing",
            found=f"{frame[text[0]].dtype} in {text[0]} ({len(text)} such columns)",
            next_step="code the table by its dictionary before building features",
        )
