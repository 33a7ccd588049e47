"""One column of numbers that a model reads, and how it is made from one feature.

Roles: `number` (filled, perhaps log1p, winsorised, standardised), `boolean` (filled, 0/1), `level` (one choice of
a categorical, 0/1), `step` (0/1, whether a case reaches one choice of an ordered categorical), `missing` (1 where the
feature is missing). 0/1 columns are not scaled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from outcome.types import BoolArray, FloatArray

MISSING_LEVEL = "missing"
LEVEL = "level"  # the role of a column that holds one choice of a categorical
IMPUTED = ("number", "boolean")  # roles that may be imputed several times over


@dataclass(frozen=True)
class Output:
    """One model column. `fill` and `fill_level` say what a missing value is taken as."""

    name: str
    source: str
    role: str
    fill: float = 0.0  # number: the training median (its unit); boolean: the mode; step: 1 where the median reaches it
    log1p: bool = False
    low: float = 0.0  # number: winsorising bounds, after log1p
    high: float = 0.0
    mean: float = 0.0  # number: after log1p and winsorising
    sd: float = 1.0
    level: str = ""  # level: the choice that is 1; step: the lowest choice that is 1
    fill_level: str = ""
    order: tuple[str, ...] = ()  # step: all choices, the lowest first

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(f"role must be one of {tuple(ROLES)}, found {self.role!r} for {self.name}")
        if not self.sd > 0:
            raise ValueError(f"sd must be positive, found {self.sd} for {self.name}")
        object.__setattr__(self, "order", tuple(self.order))
        if (self.role == "step") != bool(self.order) or (self.order and self.level not in self.order):
            raise ValueError(f"a step is one of its order, and no other role has one: found {self.order} ({self.name})")

    def apply(self, values: pd.Series) -> FloatArray:
        """The model column for these cases, shape (n,), never NaN."""
        return ROLES[self.role](self, values)

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and greatest value that an imputed one may take: a number's winsorising bounds, standardised."""
        if self.role != "number":
            return -math.inf, math.inf
        return (self.low - self.mean) / self.sd, (self.high - self.mean) / self.sd

    def to_json(self) -> dict[str, Any]:
        """Only what differs from the defaults, to keep many refits small."""
        # compared as written, since -0.0 equals 0.0 and yet has other bits
        return {key: value for key, value in asdict(self).items() if repr(value) != _DEFAULTS.get(key)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Output:
        return cls(**data)


def numbers(values: pd.Series) -> FloatArray:
    """The feature as float64 with NaN for missing; an infinite value counts as missing. A copy, shape (n,)."""
    x = np.array(values.to_numpy(dtype=float, na_value=np.nan), dtype=float)
    x[~np.isfinite(x)] = np.nan
    return x


def levels(values: pd.Series) -> tuple[npt.NDArray[Any], BoolArray]:
    """The feature as objects, and which are missing. Shapes (n,)."""
    return values.to_numpy(dtype=object), values.isna().to_numpy(dtype=bool)


def ranks(values: pd.Series, order: Sequence[str]) -> npt.NDArray[np.int64]:
    """Where each case's choice stands in the order, from 0; -1 where it is missing or none of these. Shape (n,)."""
    place = {choice: rank for rank, choice in enumerate(order)}
    x, absent = levels(values)
    return np.array([-1 if gone else place.get(str(value), -1) for value, gone in zip(x, absent, strict=True)], int)


def absent_values(values: pd.Series) -> BoolArray:
    """Which cases lack the feature, (n,): an infinite number counts as missing, a category nobody knows does not."""
    return np.isnan(numbers(values)) if pd.api.types.is_numeric_dtype(values) else levels(values)[1]


def missing_values(outputs: Sequence[Output], frame: pd.DataFrame) -> BoolArray:
    """Which values of the model matrix may be imputed since the feature is missing, (n, p)."""
    found = np.zeros((len(frame), len(outputs)), dtype=bool)
    for j, output in enumerate(outputs):
        if output.role in IMPUTED:
            found[:, j] = np.isnan(numbers(frame[output.source]))
    return found


def squeeze(x: FloatArray, log1p: bool) -> FloatArray:
    """The log1p of a non-negative quantity (negative values count as 0), or the quantity itself."""
    return np.log1p(np.maximum(x, 0.0)) if log1p else x


def _number(output: Output, values: pd.Series) -> FloatArray:
    x = numbers(values)
    x[np.isnan(x)] = output.fill
    return (np.clip(squeeze(x, output.log1p), output.low, output.high) - output.mean) / output.sd


def _boolean(output: Output, values: pd.Series) -> FloatArray:
    x = numbers(values)
    x[np.isnan(x)] = output.fill
    return x


def _missing(output: Output, values: pd.Series) -> FloatArray:
    return absent_values(values).astype(float)


def _level(output: Output, values: pd.Series) -> FloatArray:
    x, absent = levels(values)
    if output.fill_level == output.level:
        return (absent | (x == output.level)).astype(float)
    return (~absent & (x == output.level)).astype(float)


def _step(output: Output, values: pd.Series) -> FloatArray:
    rank = ranks(values, output.order)
    return np.where(rank < 0, output.fill, (rank >= output.order.index(output.level)).astype(float))


ROLES: dict[str, Callable[[Output, pd.Series], FloatArray]] = {
    "number": _number,
    "boolean": _boolean,
    "missing": _missing,
    LEVEL: _level,
    "step": _step,
}
_REQUIRED = ("name", "source", "role")
_DEFAULTS = {field.name: repr(field.default) for field in fields(Output) if field.name not in _REQUIRED}
