"""A small hospital: its dictionary, study file and table, each easy to spoil."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from outcome.cohort.build import build_cohort
from outcome.cohort.types import Cohort
from outcome.config import Study, study_from_resolved
from outcome.dictionary import Availability, Choice, DataDictionary, Role, Variable, VariableKind
from outcome.dictionary.variable import Range

PRE, AFTER = Availability.PREOPERATIVE, Availability.POSTOPERATIVE
PREDICTS, IS_ENDPOINT = frozenset({Role.PREDICTOR}), frozenset({Role.ENDPOINT})
GRADES = tuple(Choice(code, f"grade {code}") for code in ("0", "1", "2", "3a", "3b", "4", "5"))
ACCESS = (Choice("open", "open"), Choice("robotic", "robot-assisted"))

VARIABLES = (
    Variable("case", VariableKind.TEXT, "Case", availability=PRE, roles=frozenset({Role.IDENTIFIER})),
    Variable("patient", VariableKind.TEXT, "Patient", availability=PRE, roles=frozenset({Role.IDENTIFIER})),
    Variable("hospital", VariableKind.TEXT, "Hospital", availability=PRE, roles=frozenset({Role.SITE})),
    Variable("surgery", VariableKind.DATE, "Day of surgery", availability=PRE),
    Variable("age", VariableKind.NUMERIC, "Age", "years", hard_range=Range(0, 120), plausible_range=Range(18, 95),
             availability=PRE, roles=PREDICTS),
    Variable("diabetes", VariableKind.BOOLEAN, "Diabetes", availability=PRE, roles=PREDICTS),
    Variable("access", VariableKind.CATEGORICAL, "Access", choices=ACCESS, availability=Availability.PLANNED,
             roles=PREDICTS, source="op.access"),
    Variable("grade", VariableKind.CATEGORICAL, "Worst grade", choices=GRADES, availability=AFTER, roles=IS_ENDPOINT),
    Variable("stay", VariableKind.NUMERIC, "Stay", "days", hard_range=Range(0, 365), availability=AFTER,
             roles=IS_ENDPOINT),
    Variable("days", VariableKind.NUMERIC, "Follow-up", "days", availability=AFTER, roles=IS_ENDPOINT),
    Variable("died", VariableKind.BOOLEAN, "Died", availability=AFTER, roles=IS_ENDPOINT),
    Variable("discharge", VariableKind.DATE, "Discharge", availability=AFTER),
)  # fmt: skip

STUDY: dict[str, Any] = {
    "schema_version": 1,
    "name": "small",
    "title": "A small hospital",
    "dictionary": "dictionary.csv",
    "table": {"format": "csv", "path": "table.csv"},
    "case_id": "case",
    "patient_id": "patient",
    "site": "hospital",
    "index_time": "surgery",
    "inclusion": [{"variable": "age", "at_least": 18, "reason": "adults"}],
    "endpoints": {
        "complication": {"kind": "binary", "event": {"variable": "grade", "at_least": 1}},
        "stay": {"kind": "duration", "variable": "stay"},
        "survival": {
            "kind": "time_to_event", "time": "days", "horizons_days": [365],
            "event": {"variable": "died", "equals": True},
        },
    },
    "training": {"min_events": 2},
}  # fmt: skip


def small_table() -> pd.DataFrame:
    """Eight cases of eight patients, the last under age; raw text as a source gives it."""
    return pd.DataFrame(
        {
            "case": list("abcdefgh"),
            "patient": [f"p{i}" for i in range(8)],
            "hospital": ["north"] * 4 + ["south"] * 4,
            "surgery": [f"2024-01-0{i}" for i in range(1, 9)],
            "age": ["50", "61", "72", "44", "39", None, "80", "12"],
            "diabetes": ["yes", "no", "1", "0", "True", "FALSE", None, "n"],
            "op.access": ["open", "robotic", "robot-assisted", None, "open", "open", "NA", "open"],
            "grade": ["0", "1", "3a", "5", "0", "0", None, "0"],
            "stay": ["1", "2.5", "4", "10", "3", "2", "2", "1"],
            "days": ["100", "200", "300", "12", "500", "600", "700", "800"],
            "died": ["no", "no", "no", "yes", "no", "no", "yes", "no"],
            "discharge": [f"2024-01-{i:02d}" for i in range(11, 19)],
        },
        dtype=object,
    )


@pytest.fixture
def dictionary() -> DataDictionary:
    return DataDictionary(VARIABLES)


@pytest.fixture
def table() -> pd.DataFrame:
    return small_table()


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., Study]:
    def make(**changes: Any) -> Study:
        document = {key: value for key, value in {**STUDY, **changes}.items() if value is not None}
        return study_from_resolved(document, tmp_path)

    return make


@pytest.fixture
def build(dictionary: DataDictionary, make_study: Callable[..., Study]) -> Callable[..., Cohort]:
    """Build the cohort of a table, with changes to the study."""

    def made(raw: pd.DataFrame, **changes: Any) -> Cohort:
        reread = DataDictionary.read(io.StringIO(dictionary.to_csv()))
        return build_cohort(make_study(**changes), reread, raw)

    return made
