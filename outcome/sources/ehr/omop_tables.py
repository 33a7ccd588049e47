"""The tables of the OMOP common data model that feed variables (CDM v5.4, https://ohdsi.github.io/CommonDataModel)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Which columns of a table say what; "" where it has none. Dates come as a date and, where known, a time too."""

    id: str
    concept: str
    start: tuple[str, str]
    end: tuple[str, str] = ("", "")
    number: str = ""
    code: str = ""
    text: str = ""
    unit: tuple[str, str] = ("", "")  # UCUM's concept, and as the source wrote it
    operator: str = ""

    def value(self, reads: str) -> str:
        """The column behind `value`; "" where none is needed or there is none."""
        return {"number": self.number, "code": self.code, "text": self.text}.get(reads, "")


def _span(stem: str, *, timed: bool = True) -> tuple[tuple[str, str], tuple[str, str]]:
    """The columns of start and end."""
    time = "datetime" if timed else ""
    return (
        (f"{stem}_start_date", time and f"{stem}_start_{time}"),
        (f"{stem}_end_date", time and f"{stem}_end_{time}"),
    )


_UNIT = ("unit_concept_id", "unit_source_value")

SHAPES: Mapping[str, Shape] = {
    "death": Shape("", "", ("death_date", "death_datetime"), code="cause_concept_id"),
    "visit_occurrence": Shape(
        "visit_occurrence_id", "visit_concept_id", *_span("visit"), code="visit_concept_id", text="visit_source_value"
    ),
    "procedure_occurrence": Shape(
        "procedure_occurrence_id", "procedure_concept_id", ("procedure_date", "procedure_datetime"),
        ("procedure_end_date", "procedure_end_datetime"),
        number="quantity", code="procedure_concept_id", text="procedure_source_value",
    ),
    "condition_occurrence": Shape(
        "condition_occurrence_id", "condition_concept_id", *_span("condition"), code="condition_concept_id",
        text="condition_source_value",
    ),
    "measurement": Shape(
        "measurement_id", "measurement_concept_id", ("measurement_date", "measurement_datetime"),
        number="value_as_number", code="value_as_concept_id", text="value_source_value", unit=_UNIT,
        operator="operator_concept_id",
    ),
    "observation": Shape(
        "observation_id", "observation_concept_id", ("observation_date", "observation_datetime"),
        number="value_as_number", code="value_as_concept_id", text="value_as_string", unit=_UNIT,
    ),
    "drug_exposure": Shape(
        "drug_exposure_id", "drug_concept_id", *_span("drug_exposure"), number="quantity", code="drug_concept_id",
        text="drug_source_value",
    ),
    "device_exposure": Shape(
        "device_exposure_id", "device_concept_id", *_span("device_exposure"), number="quantity",
        code="device_concept_id", text="device_source_value", unit=_UNIT,
    ),
    "observation_period": Shape("observation_period_id", "", *_span("observation_period", timed=False)),
}  # fmt: skip
EQUALS = 4172703  # the operator "="; any other one makes the number a limit
