"""Studies of the made-up hospital: one dictionary, and a study file for each form of its record."""

from __future__ import annotations

import shutil
from pathlib import Path

import sqlalchemy as sa
import yaml

import outcome
from outcome.config import FhirMapping, OmopMapping, Study, load_mapping, load_study
from outcome.dictionary import Availability, Choice, DataDictionary, Role, Variable, VariableKind
from outcome.sources import Reading, read_record
from tests.health_records import Hospital, write_csv, write_fhir, write_omop

CONFIGS = Path(outcome.__file__).parent.parent / "configs"
PRE, POST = Availability.PREOPERATIVE, Availability.POSTOPERATIVE
_PREDICTS, _ENDS = frozenset({Role.PREDICTOR}), frozenset({Role.ENDPOINT})


def _number(name: str, unit: str = "", known: Availability = PRE) -> Variable:
    roles = _PREDICTS if known is PRE else _ENDS
    return Variable(name, VariableKind.NUMERIC, name, unit, availability=known, roles=roles)


def _yes_no(name: str, known: Availability = PRE) -> Variable:
    roles = _PREDICTS if known is PRE else _ENDS
    return Variable(name, VariableKind.BOOLEAN, name, availability=known, roles=roles)


def _text(name: str, role: Role) -> Variable:
    return Variable(name, VariableKind.TEXT, name, availability=PRE, roles=frozenset({role}))


DICTIONARY = DataDictionary((
    _text("case_id", Role.IDENTIFIER),
    _text("patient_id", Role.IDENTIFIER),
    _text("site", Role.SITE),
    Variable("surgery", VariableKind.DATE, "Start of surgery", availability=PRE, source="index_time"),
    _number("age", "years"),
    Variable("sex", VariableKind.CATEGORICAL, "Sex", choices=(Choice("male", "male"), Choice("female", "female")),
             availability=PRE, roles=_PREDICTS),
    _number("creatinine", "mg/dL"),
    _number("lowest_haemoglobin", "g/dL"),
    _number("systolic", "mmHg"),
    _yes_no("diabetes"),
    _yes_no("ace_inhibitor"),
    _number("earlier_operations"),
    _number("peak_creatinine", "mg/dL", POST),
    _number("stay_days", "days", POST),
    _yes_no("died", POST),
))  # fmt: skip
PREDICTORS = [variable.name for variable in DICTIONARY if Role.PREDICTOR in variable.roles]
_STUDY = {
    "schema_version": 1, "name": "ours", "title": "Ours", "dictionary": "dictionary.csv", "case_id": "case_id",
    "patient_id": "patient_id", "site": "site", "index_time": "surgery",
    "endpoints": {
        "death": {"kind": "binary", "event": {"variable": "died", "equals": True}, "horizon_days": 90},
        "stay": {"kind": "duration", "variable": "stay_days", "unit": "days"},
    },
}  # fmt: skip


def csv_study(made: Hospital, folder: Path) -> Study:
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(made, folder / "table.csv")
    return study_of({"format": "csv", "path": "table.csv"}, folder)


def omop_study(made: Hospital, folder: Path, engine: sa.Engine | None = None, url: str = "sqlite:///cdm.db") -> Study:
    """The hospital in an OMOP database, SQLite unless an engine and its URL are given."""
    folder.mkdir(parents=True, exist_ok=True)
    own = engine or sa.create_engine(f"sqlite:///{folder / 'cdm.db'}")
    write_omop(made, own)
    own.dispose()
    shutil.copy(CONFIGS / "omop.example.yaml", folder / "omop.yaml")
    return study_of({"format": "omop", "url": url, "mapping": "omop.yaml"}, folder)


def fhir_study(made: Hospital, folder: Path) -> Study:
    write_fhir(made, folder / "export")
    shutil.copy(CONFIGS / "fhir.example.yaml", folder / "fhir.yaml")
    return study_of({"format": "fhir", "path": "export", "mapping": "fhir.yaml"}, folder)


def study_of(table: dict[str, str], folder: Path) -> Study:
    DICTIONARY.save(folder / "dictionary.csv")
    (folder / "study.yaml").write_text(yaml.safe_dump({**_STUDY, "table": table}), encoding="utf-8")
    return load_study(folder / "study.yaml")


def read(study: Study, dictionary: DataDictionary = DICTIONARY) -> Reading:
    return read_record(study.table, study.root, dictionary)


def mapping_of(study: Study) -> OmopMapping | FhirMapping:
    assert study.table.mapping is not None
    return load_mapping(study.table.mapping, study.table.format)
