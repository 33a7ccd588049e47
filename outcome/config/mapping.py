"""How a health record becomes one row a case: which procedures are cases, and where each variable comes from."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, field_validator, model_validator

from outcome.config.model import Model

_OFFSET = re.compile(r"([+-]?\d+(?:\.\d+)?) ?(d|h)")
_ZERO = timedelta(0)
NUMERIC_TAKES = ("max", "min", "mean")
PRESENCE_TAKES = ("any", "count")
CASE_COLUMNS = ("case_id", "patient_id", "site", "index_time")

Offset = Annotated[str, Field(description="such as -90 d or 6 h, seen from the index time")]
Token = Annotated[str, Field(pattern=r"^[^|\s]+\|[^|\s]+$", description="system|code, as in http://loinc.org|2160-0")]
VariableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", description="a variable of the dictionary")]


class Part(Model):
    """A part of a mapping; numbers may stand where codes are asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Window(Part):
    """When a record must lie to count. Default: any time before the index time."""

    start: Offset | None = Field(default=None, description="included; left out: from the beginning of the record")
    end: Offset | None = Field(default="0 d", description="0 or less: before it alone; null: to the record's end")

    @field_validator("start", "end")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        if text is not None:
            _delta(text)
        return text

    @model_validator(mode="after")
    def _forward(self) -> Window:
        if self.start is not None and self.end is not None and _delta(self.start) >= _delta(self.end):
            raise ValueError(f"a window must end after it starts, found {self.start} to {self.end}")
        return self

    @property
    def from_index(self) -> timedelta | None:
        """Where it starts, seen from the index time; None: at the beginning of the record."""
        return None if self.start is None else _delta(self.start)

    @property
    def to_index(self) -> timedelta | None:
        """Where it ends, seen from the index time; None: at the end of the record."""
        return None if self.end is None else _delta(self.end)

    @property
    def reaches_index(self) -> bool:
        """Whether a record of the index time or later can lie in it."""
        end = self.to_index
        return end is None or end > _ZERO


class MappedVariable(Part):
    """What every variable says, whatever the record's form."""

    window: Window = Window()
    take: Literal["last", "first", "max", "min", "mean", "any", "count"] = Field(
        default="last", description="which of several records in the window"
    )
    value: Literal["number", "code", "text", "present", "time", "days", "end_days", "age", "sex"] | None = Field(
        default=None, description="what is read of a record; default: present for any and count, else number"
    )
    values: dict[str, str] = Field(default_factory=dict, description="what the record writes: what the dictionary says")
    unit: str = Field(default="", description="UCUM; the unit of records that state none")
    target_unit: str = Field(default="", description="UCUM; default: @UNIT of the dictionary")
    substance: str = Field(default="", description="for mass and amount of substance, such as creatinine")
    units: dict[str, str] = Field(
        default_factory=dict, description="a unit as the record writes it: the UCUM unit that it means"
    )
    leave_out_units: tuple[str, ...] = Field(
        default=(), description="units as the record writes them whose records are left out, counted; '' is no unit"
    )
    absent: Literal["no", "missing"] = Field(default="no", description="any and count without a record: 0, or missing")

    @property
    def reads(self) -> str:
        """What is read of a record."""
        return self.value or ("present" if self.take in PRESENCE_TAKES else "number")

    @property
    def is_demographic(self) -> bool:
        """Whether it belongs to the patient, without a time."""
        return self.value in ("age", "sex")

    @property
    def is_late(self) -> bool:
        """Whether something of the index time or later may feed it."""
        return not self.is_demographic and self.window.reaches_index

    @model_validator(mode="after")
    def _take_fits_value(self) -> MappedVariable:
        if self.take in NUMERIC_TAKES and self.reads not in ("number", "days", "end_days"):
            raise ValueError(f"take: {self.take} needs numbers, not value: {self.reads}")
        if self.take in PRESENCE_TAKES and self.reads != "present":
            raise ValueError(f"take: {self.take} asks whether there is a record: leave value out")
        stated = (self.unit, self.target_unit, self.substance, self.units, self.leave_out_units)
        if self.reads != "number" and any(stated):
            raise ValueError(f"value: {self.reads} has no unit")
        return self


OmopTable = Literal[
    "person", "death", "visit_occurrence", "procedure_occurrence", "condition_occurrence", "measurement", "observation",
    "drug_exposure", "device_exposure", "observation_period",
]  # fmt: skip
WITHOUT_CONCEPTS = ("person", "death", "observation_period")
ANY_CONCEPT = (*WITHOUT_CONCEPTS, "visit_occurrence")


class Concepts(Part):
    """A set of OMOP concepts."""

    concepts: tuple[int, ...] = Field(default=(), description="concept ids")
    descendants: bool = Field(default=False, description="with everything below them in concept_ancestor")
    concept_column: str = Field(default="", description="default: the table's standard concept")


class OmopIndex(Concepts):
    """Which procedures make a case."""

    @model_validator(mode="after")
    def _named(self) -> OmopIndex:
        if not self.concepts:
            raise ValueError("index.concepts must name the procedures that make a case")
        return self


class OmopVariable(MappedVariable, Concepts):
    """Where a variable stands in an OMOP database."""

    table: OmopTable
    value_column: str = Field(default="", description="default: the table's column for what `value` says")

    @model_validator(mode="after")
    def _fits_the_table(self) -> OmopVariable:
        if self.is_demographic != (self.table == "person"):
            raise ValueError("age and sex are read from table person, and nothing else is")
        if self.table in WITHOUT_CONCEPTS and (self.concepts or self.concept_column):
            raise ValueError(f"table {self.table} has no concepts to choose by")
        if self.table not in ANY_CONCEPT and not self.concepts:
            raise ValueError(f"table {self.table} needs concepts")
        return self


class OmopMapping(Part):
    """`table.mapping` of format omop (CDM v5.4)."""

    cdm_schema: str = Field(default="", description="of the clinical tables; default: the user's own")
    vocabulary_schema: str = Field(default="", description="of concept and concept_ancestor; default: cdm_schema")
    time_zone: str = Field(default="", description="such as Europe/Berlin; needed where the database keeps zones")
    index: OmopIndex
    site: Literal["", "visit", "person"] = Field(default="", description="whose care_site_id names the site")
    sites: dict[str, str] = Field(default_factory=dict, description="care_site_id: name")
    variables: dict[VariableName, OmopVariable] = Field(min_length=1)

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, name: str) -> str:
        return _known_zone(name) if name else name


FhirResource = Literal[
    "Patient", "Encounter", "Procedure", "Condition", "Observation", "MedicationRequest", "MedicationAdministration",
    "MedicationStatement",
]  # fmt: skip


class FhirIndex(Part):
    """Which procedures make a case."""

    codes: tuple[Token, ...] = Field(min_length=1)


class FhirVariable(MappedVariable):
    """Where a variable stands in a FHIR export. Of Patient: age, sex, or the death (any other value)."""

    resource: FhirResource
    codes: tuple[Token, ...] = ()
    component: Token | None = Field(default=None, description="the part of an Observation that holds the value")

    @model_validator(mode="after")
    def _fits_the_resource(self) -> FhirVariable:
        if self.is_demographic and self.resource != "Patient":
            raise ValueError("age and sex are read from Patient")
        if self.resource == "Patient" and self.codes:
            raise ValueError("Patient has no codes to choose by")
        if self.resource not in ("Patient", "Encounter") and not self.codes:
            raise ValueError(f"{self.resource} needs codes")
        if self.component and self.resource != "Observation":
            raise ValueError("only an Observation has components")
        return self


class FhirMapping(Part):
    """`table.mapping` of format fhir (R4, newline-delimited JSON as from a bulk export)."""

    time_zone: str = Field(description="of the hospital, such as Europe/Berlin: whose days a date without time means")
    index: FhirIndex
    site: Literal["", "encounter", "patient"] = Field(
        default="", description="Encounter.serviceProvider or Patient.managingOrganization names the site"
    )
    sites: dict[str, str] = Field(default_factory=dict, description="organisation id: name")
    variables: dict[VariableName, FhirVariable] = Field(min_length=1)

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, name: str) -> str:
        return _known_zone(name)


RecordMapping = OmopMapping | FhirMapping
MAPPINGS: dict[str, type[OmopMapping] | type[FhirMapping]] = {"omop": OmopMapping, "fhir": FhirMapping}


def _delta(text: str) -> timedelta:
    match = _OFFSET.fullmatch(text.strip()) or (re.fullmatch(r"(0)()", text.strip()))
    if match is None:
        raise ValueError(f"expected days or hours such as -90 d or 6 h, found {text!r}")
    return timedelta(hours=float(match[1])) if match[2] == "h" else timedelta(days=float(match[1]))


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"expected a time zone such as Europe/Berlin, found {name!r}") from None
    return name
