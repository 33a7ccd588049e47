"""One variable: its type, unit, ranges, choices, when it becomes known and what it may be used for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from outcome.types import InputSet


class VariableKind(StrEnum):
    """How a variable is coded: numbers and booleans as float64, categories, text and dates as str."""

    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    CATEGORICAL = "categorical"
    TEXT = "text"
    DATE = "date"


class Availability(StrEnum):
    """When a variable becomes known, seen from the start of surgery."""

    PREOPERATIVE = "preoperative"
    PLANNED = "planned"
    INTRAOPERATIVE = "intraoperative"
    POSTOPERATIVE = "postoperative"


class Role(StrEnum):
    """What a variable may be used for."""

    PREDICTOR = "predictor"
    ENDPOINT = "endpoint"
    IDENTIFIER = "identifier"
    SITE = "site"
    SUBGROUP = "subgroup"
    CLINICIAN_ESTIMATE = "clinician_estimate"
    COMPARATOR_SCORE = "comparator_score"


AVAILABLE_TO: Mapping[InputSet, tuple[Availability, ...]] = {
    InputSet.PREOPERATIVE: (Availability.PREOPERATIVE,),
    InputSet.WITH_PLAN: (Availability.PREOPERATIVE, Availability.PLANNED),
}
MEASURED_BLOCKS = ("radiomics", "image")  # made from images by the program, never by a dictionary
LEAST_STEPS = 2  # choices of a variable that has an order
_BLOCK = re.compile(r"[a-z][a-z0-9_]*")
PREDICTOR_KINDS = (VariableKind.NUMERIC, VariableKind.BOOLEAN, VariableKind.CATEGORICAL)


class Choice(NamedTuple):
    """One code of a categorical variable. The order of choices in the dictionary is their ordinal order."""

    code: str
    label: str


@dataclass(frozen=True)
class Range:
    """A closed interval in the variable's unit; None leaves an end open."""

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low:g} exceeds high {self.high:g}")

    def __bool__(self) -> bool:
        return self.low is not None or self.high is not None


@dataclass(frozen=True)
class Variable:
    """One row of the data dictionary.

    `hard_range`: outside it a value is impossible. `plausible_range`: outside it a person should look.
    `source`: the raw table's column (or dotted path) when it is not called `name`. `missing_codes`: raw spellings
    that mean "not recorded". `ordered`: a model reads the choices as steps of one scale. `block`: the modality block
    that a predictor belongs to, such as "genomics"; empty for the record itself, whose blocks follow from the
    availability. `other` keeps the REDCap columns and `other_annotation` the foreign annotation text that we do not
    interpret, so that a dictionary survives being read and written.
    """

    name: str
    kind: VariableKind
    label: str = ""
    unit: str = ""
    choices: tuple[Choice, ...] = ()
    hard_range: Range = Range()
    plausible_range: Range = Range()
    availability: Availability = Availability.POSTOPERATIVE
    roles: frozenset[Role] = frozenset()
    modifiable: bool = False
    ordered: bool = False
    source: str = ""
    missing_codes: tuple[str, ...] = ()
    note: str = ""
    block: str = ""
    field_type: str = ""
    validation: str = ""
    other: Mapping[str, str] = field(default_factory=dict)
    other_annotation: str = ""

    def __post_init__(self) -> None:
        if (self.kind is VariableKind.CATEGORICAL) != bool(self.choices):
            raise ValueError(f"{self.name}: choices belong to categorical variables, and each of those needs them")
        if self.block and (not _BLOCK.fullmatch(self.block) or self.block in MEASURED_BLOCKS):
            raise ValueError(
                f"{self.name}: a block is named by lower-case letters, digits and underscores and is none of "
                f"{', '.join(MEASURED_BLOCKS)}, found {self.block!r}"
            )
        if self.ordered and len(self.choices) < LEAST_STEPS:
            raise ValueError(
                f"{self.name}: @ORDERED says that choices are steps of one scale: it belongs to a categorical "
                f"variable of {LEAST_STEPS} choices or more, found {self.kind} (choices: {len(self.choices)})"
            )
        codes = self.codes
        if len(set(codes)) != len(codes):
            raise ValueError(f"{self.name}: a choice code appears twice among {', '.join(codes)}")

    @property
    def column(self) -> str:
        """The raw table's column."""
        return self.source or self.name

    @property
    def codes(self) -> tuple[str, ...]:
        """The choice codes in ordinal order."""
        return tuple(choice.code for choice in self.choices)

    @property
    def is_identifier(self) -> bool:
        """Whether the variable may name a patient, and so stays out of every artefact but the case list."""
        return Role.IDENTIFIER in self.roles

    def is_predictor(self, inputs: InputSet) -> bool:
        """Whether a model of this input set may read the variable."""
        return Role.PREDICTOR in self.roles and self.availability in AVAILABLE_TO[InputSet(inputs)]
