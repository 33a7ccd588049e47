"""The few typed objects that cross layers. Frozen; a wrong one cannot be built.

Frames that cross layers, all indexed or keyed by `case_id` (string):

    variables      one row a case, one column a dictionary variable; numbers float64, categories str, missing NaN/None
    features       one row a case, one column a feature named `<block>:<name>`, e.g. `clinical:age`,
                   `radiomics:tumor.morph_volume`; row-wise only: nothing in it was learned from other rows
    endpoints      long: case_id, endpoint, value, time_days, event   (see `Target`)
    predictions    long: see `PREDICTION_COLUMNS`
    details        long: see `DETAIL_COLUMNS`; of the chosen rung, what it says beyond one risk
    information    long: see `INFORMATION_COLUMNS`; how much of what the chosen rung reads is known of a case
    folds          long: see `FOLD_COLUMNS`; which outer fold held a development case
    repeats        long: see `REPEAT_COLUMNS`; out-of-fold predictions of further partitions into outer folds
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


PREDICTION_COLUMNS = (
    "case_id",
    "partition",
    "endpoint",
    "inputs",  # an InputSet value
    "rung",  # the rung of the ladder that made it, or "chosen"
    "source",  # "out_of_fold" | "bundle"
    "horizon_days",  # NaN where the endpoint has none
    "risk",  # probability in [0, 1] for binary and time-to-event; the predicted value otherwise
    "low",
    "high",  # interval of `risk` (NaN where none)
    "score",  # the ranking score (linear predictor, logit or predicted value); higher is riskier or larger
)
DETAIL_COLUMNS = (
    "case_id",
    "partition",
    "endpoint",
    "inputs",  # an InputSet value
    "source",  # "out_of_fold" | "bundle"
    "what",  # a Detail value
    "at",  # the grade's rank, the quantile's level, or days
    "value",  # a probability, or of a quantile the endpoint's own unit
)
INFORMATION_COLUMNS = (
    "case_id",
    "partition",
    "endpoint",
    "inputs",  # an InputSet value
    "source",  # "out_of_fold" | "bundle"
    "known_share",  # of what the chosen rung reads, weighed by block, in [0, 1]
    "blocks_missing",  # blocks of the chosen rung of which nothing is known, joined by ", "; "" where none
)
FOLD_COLUMNS = (
    "case_id",
    "endpoint",
    "inputs",  # an InputSet value
    "repeat",  # which partition into outer folds, from 1; 1 is the one behind out_of_fold.parquet
    "fold",  # the outer fold in which the case was held out, from 1
)
REPEAT_COLUMNS = (*PREDICTION_COLUMNS, "repeat", "fold")


class EndpointKind(StrEnum):
    """How an endpoint is measured."""

    BINARY = "binary"
    TIME_TO_EVENT = "time_to_event"
    DURATION = "duration"
    ORDINAL = "ordinal"
    CONTINUOUS = "continuous"


class Detail(StrEnum):
    """What a row of the details says."""

    GRADE_AT_LEAST = "grade_at_least"  # the chance of this grade or a higher one
    QUANTILE = "quantile"  # the value that the outcome exceeds with probability 1 - level
    INCIDENCE = "incidence"  # the cumulative incidence of the event by this day
    COMPETING_INCIDENCE = "competing_incidence"  # that of the competing event


class InputSet(StrEnum):
    """Which availabilities a model may read."""

    PREOPERATIVE = "preoperative"
    WITH_PLAN = "with_plan"


class Level(StrEnum):
    """How serious a finding is: `note` is for information, `review` asks a person, `reject` takes the case out."""

    NOTE = "note"
    REVIEW = "review"
    REJECT = "reject"


@dataclass(frozen=True)
class Finding:
    """A named check's result.

    `code` is a stable snake_case name; `message` says expected, found and next step; `case_ids` names the cases.
    """

    code: str
    level: Level
    message: str
    case_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "level", Level(self.level))
        object.__setattr__(self, "case_ids", tuple(self.case_ids))

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "level": self.level.value, "message": self.message, "case_ids": list(self.case_ids)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        return cls(data["code"], Level(data["level"]), data["message"], tuple(data["case_ids"]))


@dataclass(frozen=True)
class Estimate:
    """A number for a reader: the value with its interval, how it was made, and from how many.

    `value` is None where the number is withheld; then `withheld` says why. `low` and `high` may be None where
    no interval exists (then `method` says so). `level` is the interval's coverage, e.g. 0.95.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    method: str = ""
    n: int = 0
    n_events: int | None = None
    withheld: str | None = None

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None:
                object.__setattr__(self, name, None if math.isnan(number) else float(number))
        if self.value is None and not self.withheld:
            raise ValueError("an Estimate without a value must say why it is withheld")
        if not 0 < self.level < 1:
            raise ValueError(f"level must lie in (0, 1), found {self.level}")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low} exceeds high {self.high}")

    @classmethod
    def withhold(cls, reason: str, *, n: int, n_events: int | None = None) -> Estimate:
        """An estimate that is not given, with the reason."""
        return cls(None, n=n, n_events=n_events, withheld=reason)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Estimate:
        return cls(**data)


@dataclass(frozen=True, eq=False)
class Target:
    """One endpoint for n cases, in order.

    binary: `value` 0/1. duration, continuous, ordinal (rank from 0): `value`. time_to_event: `time_days` >= 0 and
    `event` (0 censored, 1 event, 2 competing event). Unknown cases hold NaN in `value` (or in `time_days`).
    """

    endpoint: str
    kind: EndpointKind
    value: FloatArray  # (n,)
    time_days: FloatArray  # (n,), NaN unless time_to_event
    event: FloatArray  # (n,), NaN unless time_to_event

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", EndpointKind(self.kind))
        lengths = {len(self.value), len(self.time_days), len(self.event)}
        if len(lengths) != 1:
            raise ValueError(f"value, time_days and event differ in length: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.value)

    @property
    def known(self) -> BoolArray:
        """Which cases have a usable outcome, shape (n,)."""
        if self.kind is EndpointKind.TIME_TO_EVENT:
            return np.isfinite(self.time_days) & np.isfinite(self.event)
        return np.isfinite(self.value)

    @property
    def n_events(self) -> int | None:
        """Events of the kind of interest among known cases; None for durations, ordinals and continuous values."""
        if self.kind is EndpointKind.BINARY:
            return int(np.nansum(self.value))
        if self.kind is EndpointKind.TIME_TO_EVENT:
            return int(np.sum(self.event[self.known] == 1))
        return None

    def take(self, rows: npt.NDArray[Any]) -> Target:
        """The same endpoint for some rows (indices or a boolean mask)."""
        return Target(self.endpoint, self.kind, self.value[rows], self.time_days[rows], self.event[rows])

    @classmethod
    def binary(cls, endpoint: str, value: Sequence[float] | FloatArray) -> Target:
        y = np.asarray(value, dtype=float)
        empty = np.full(len(y), np.nan)
        return cls(endpoint, EndpointKind.BINARY, y, empty, empty.copy())

    @classmethod
    def survival(
        cls, endpoint: str, time_days: Sequence[float] | FloatArray, event: Sequence[float] | FloatArray
    ) -> Target:
        t, e = np.asarray(time_days, dtype=float), np.asarray(event, dtype=float)
        return cls(endpoint, EndpointKind.TIME_TO_EVENT, np.full(len(t), np.nan), t, e)
