"""The same made-up patients as CSV, as an OMOP database and as FHIR files: what each reader must find is planned first.

Every case has the values of its row, and decoys around them: older values, values at and after the index time, records
of other patients, of other concepts and of other units.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

ZONE = "Europe/Berlin"
NEPHRECTOMY, PARTIAL, APPENDIX = 4012001, 4012002, 4099999  # the first stands above the second in concept_ancestor
CREATININE, HAEMOGLOBIN, SYSTOLIC = 3016723, 3000963, 3004249
DIABETES, DIABETES_2, DRUG = 201820, 201826, 1308216
UNITS = {8840: "mg/dL", 8749: "umol/L", 8713: "g/dL", 8876: "mm[Hg]"}
UNIT_IDS = {code: concept for concept, code in UNITS.items()}
TOKENS = {
    NEPHRECTOMY: "http://snomed.info/sct|175905003", PARTIAL: "http://snomed.info/sct|81516001",
    APPENDIX: "http://snomed.info/sct|80146002", CREATININE: "http://loinc.org|2160-0",
    HAEMOGLOBIN: "http://loinc.org|718-7", SYSTOLIC: "http://loinc.org|8480-6",
    DIABETES: "http://snomed.info/sct|73211009", DIABETES_2: "http://snomed.info/sct|44054006",
    DRUG: "http://www.nlm.nih.gov/research/umls/rxnorm|29046",
}  # fmt: skip
COLUMNS = (
    "case_id", "patient_id", "site", "index_time", "age", "sex", "creatinine", "lowest_haemoglobin", "systolic",
    "diabetes", "ace_inhibitor", "earlier_operations", "peak_creatinine", "stay_days", "died",
)  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """One record: where it stands, its concept, when it was, and what it says."""

    table: str
    patient: int
    concept: int
    when: dt.datetime | dt.date
    value: float | None = None
    unit: str = ""
    end: dt.datetime | None = None
    known: dt.datetime | None = None
    site: int = 0


@dataclass
class Hospital:
    """Everything on record, and the row that each case must become."""

    births: dict[int, dt.date] = field(default_factory=dict)
    sexes: dict[int, str] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, *facts: Fact) -> None:
        self.facts.extend(facts)

    def number(self, table: str) -> int:
        return sum(fact.table == table for fact in self.facts)


def hospital(patients: int = 8, seed: int = 0) -> Hospital:
    """A hospital of so many patients, of whom the second of every four is operated on twice."""
    rng, made = np.random.default_rng(seed), Hospital()
    for patient in range(1, patients + 1):
        made.births[patient] = dt.date(1940 + int(rng.integers(0, 40)), 1 + patient % 12, 1 + patient % 28)
        made.sexes[patient] = "male" if rng.random() < 0.5 else "female"
        first = dt.datetime(2020, 1, 6, 8, 30) + dt.timedelta(days=int(rng.integers(0, 300)))
        starts = [first, first + dt.timedelta(days=400)] if patient % 4 == 2 else [first]
        for earlier, start in enumerate(starts):
            _operate(made, patient, start, earlier, rng)
    made.births[900], made.sexes[900] = dt.date(1950, 5, 5), "male"
    made.add(Fact("procedure", 900, APPENDIX, dt.datetime(2020, 3, 3, 10)))
    made.add(Fact("lab", 900, CREATININE, dt.datetime(2020, 3, 1, 10), 9.9, "mg/dL"))
    return made


def _operate(made: Hospital, patient: int, start: dt.datetime, earlier: int, rng: np.random.Generator) -> None:
    day, hour = dt.timedelta(days=1), dt.timedelta(hours=1)
    creatinine, lowest = round(float(rng.uniform(0.6, 2)), 2), round(float(rng.uniform(9, 13)), 1)
    peak, systolic = round(creatinine + 9, 2), int(rng.integers(100, 180))
    diabetic, treated, stay = bool(rng.random() < 0.5), bool(rng.random() < 0.5), int(rng.integers(2, 20))
    dies = patient % 5 == 0 and patient % 4 != 2
    site = 1 + patient % 2
    made.add(
        Fact("visit", patient, 9201, start - 2 * day, end=start + stay * day, site=site),
        Fact("procedure", patient, PARTIAL if patient % 3 else NEPHRECTOMY, start),
        Fact("lab", patient, CREATININE, start - 20 * day, 5.5, "mg/dL"),
        Fact("lab", patient, CREATININE, start - hour, creatinine * 1000 / 11.312, "umol/L"),
        Fact("lab", patient, CREATININE, start, 7.7, "mg/dL"),
        Fact("lab", patient, CREATININE, (start + hour).date(), 8.8, "mg/dL"),  # the index day, no time
        Fact("lab", patient, CREATININE, start + day, peak, "mg/dL"),
        Fact("lab", patient, CREATININE, start + 3 * day, 19.0, "mg/dL"),  # beyond the window of the peak
        Fact("lab", patient, HAEMOGLOBIN, start - 40 * day, 5.0, "g/dL"),  # before the window
        Fact("lab", patient, HAEMOGLOBIN, (start - 9 * day).date(), lowest, "g/dL"),
        Fact("lab", patient, HAEMOGLOBIN, start - 5 * day, lowest + 1, "g/dL"),
        Fact("lab", patient, HAEMOGLOBIN, start + hour, 4.0, "g/dL"),
        Fact("pressure", patient, SYSTOLIC, start - 2 * hour, float(systolic), "mm[Hg]"),
        Fact("diagnosis", patient, DIABETES_2, start - 300 * day if diabetic else start + day),
        Fact("drug", patient, DRUG, start - 3 * day if treated else start + 2 * hour),
    )
    if dies:
        made.add(Fact("death", patient, 0, start + 50 * day))
    made.rows.append({
        "case_id": str(made.number("procedure")), "patient_id": str(patient), "site": ("north", "south")[site - 1],
        "index_time": start.isoformat(sep=" "), "age": _age(made.births[patient], start.date()),
        "sex": made.sexes[patient], "creatinine": creatinine, "lowest_haemoglobin": lowest, "systolic": systolic,
        "diabetes": int(diabetic or earlier), "ace_inhibitor": int(treated or earlier),
        "earlier_operations": earlier, "peak_creatinine": peak, "stay_days": stay, "died": int(dies),
    })  # fmt: skip


def _age(birth: dt.date, day: dt.date) -> int:
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def write_csv(made: Hospital, path: Path) -> None:
    """The planned rows, as a hospital's own table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(made.rows)


_KIND = {int: sa.Integer, float: sa.Float, str: sa.Text, dt.date: sa.Date, dt.datetime: sa.DateTime}
_OMOP: dict[str, dict[str, type]] = {
    "person": {"person_id": int, "gender_concept_id": int, "year_of_birth": int, "month_of_birth": int,
               "day_of_birth": int, "birth_datetime": dt.datetime, "care_site_id": int},
    "death": {"person_id": int, "death_date": dt.date, "death_datetime": dt.datetime, "cause_concept_id": int},
    "visit_occurrence": {"visit_occurrence_id": int, "person_id": int, "visit_concept_id": int,
                         "visit_start_date": dt.date, "visit_start_datetime": dt.datetime, "visit_end_date": dt.date,
                         "visit_end_datetime": dt.datetime, "care_site_id": int},
    "procedure_occurrence": {"procedure_occurrence_id": int, "person_id": int, "procedure_concept_id": int,
                             "procedure_date": dt.date, "procedure_datetime": dt.datetime, "visit_occurrence_id": int},
    "condition_occurrence": {"condition_occurrence_id": int, "person_id": int, "condition_concept_id": int,
                             "condition_start_date": dt.date, "condition_start_datetime": dt.datetime},
    "measurement": {"measurement_id": int, "person_id": int, "measurement_concept_id": int, "measurement_date": dt.date,
                    "measurement_datetime": dt.datetime, "operator_concept_id": int, "value_as_number": float,
                    "value_as_concept_id": int, "unit_concept_id": int, "unit_source_value": str},
    "drug_exposure": {"drug_exposure_id": int, "person_id": int, "drug_concept_id": int,
                      "drug_exposure_start_date": dt.date, "drug_exposure_start_datetime": dt.datetime},
    "concept": {"concept_id": int, "concept_code": str, "vocabulary_id": str},
    "concept_ancestor": {"ancestor_concept_id": int, "descendant_concept_id": int},
}  # fmt: skip


def write_omop(made: Hospital, engine: sa.Engine) -> None:
    """The hospital's record as tables of the OMOP CDM v5.4 (the columns that the reader knows)."""
    metadata = sa.MetaData()
    tables = {
        name: sa.Table(name, metadata, *(sa.Column(column, _KIND[kind]) for column, kind in columns.items()))
        for name, columns in _OMOP.items()
    }
    metadata.create_all(engine)
    with engine.begin() as connection:
        for name, rows in _omop_rows(made).items():
            if rows:
                columns = tables[name].columns.keys()
                connection.execute(sa.insert(tables[name]), [{c: row.get(c) for c in columns} for row in rows])


def _omop_rows(made: Hospital) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _OMOP}
    for person, birth in made.births.items():
        rows["person"].append({
            "person_id": person, "gender_concept_id": 8507 if made.sexes[person] == "male" else 8532,
            "year_of_birth": birth.year, "month_of_birth": birth.month, "day_of_birth": birth.day,
        })  # fmt: skip
    rows["concept"] = [{"concept_id": i, "concept_code": code, "vocabulary_id": "UCUM"} for i, code in UNITS.items()]
    rows["concept_ancestor"] = [
        {"ancestor_concept_id": above, "descendant_concept_id": below}
        for above, below in ((NEPHRECTOMY, NEPHRECTOMY), (NEPHRECTOMY, PARTIAL), (DIABETES, DIABETES_2))
    ]
    visit = 0
    for fact in made.facts:
        visit += fact.table == "visit"
        name, stem, concept, time = _OMOP_PLACE[fact.table]
        day, moment = _both(fact.when)
        row = {"person_id": fact.patient, f"{time}_date": day, f"{time}_datetime": moment, concept: fact.concept}
        row |= {f"{stem}_id": len(rows[name]) + 1, "value_as_number": fact.value}
        row |= {"unit_concept_id": UNIT_IDS.get(fact.unit), "unit_source_value": fact.unit or None}
        row |= {
            "visit_end_date": fact.end and fact.end.date(),
            "visit_end_datetime": fact.end,
            "care_site_id": fact.site,
        }
        row |= {"visit_occurrence_id": visit} if name in ("visit_occurrence", "procedure_occurrence") else {}
        rows[name].append(row)
    return rows


_OMOP_PLACE = {
    "visit": ("visit_occurrence", "visit_occurrence", "visit_concept_id", "visit_start"),
    "procedure": ("procedure_occurrence", "procedure_occurrence", "procedure_concept_id", "procedure"),
    "lab": ("measurement", "measurement", "measurement_concept_id", "measurement"),
    "pressure": ("measurement", "measurement", "measurement_concept_id", "measurement"),
    "diagnosis": ("condition_occurrence", "condition_occurrence", "condition_concept_id", "condition_start"),
    "drug": ("drug_exposure", "drug_exposure", "drug_concept_id", "drug_exposure_start"),
    "death": ("death", "death", "cause_concept_id", "death"),
}


def _both(when: dt.datetime | dt.date) -> tuple[dt.date, dt.datetime | None]:
    return (when.date(), when) if isinstance(when, dt.datetime) else (when, None)


def write_fhir(made: Hospital, folder: Path) -> None:
    """The hospital's record as files of a FHIR bulk export."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, resources in fhir_resources(made).items():
        write_ndjson(folder / f"{kind}.ndjson", resources)


def write_ndjson(path: Path, resources: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(resource) + "\n" for resource in resources), encoding="utf-8")


def fhir_resources(made: Hospital) -> dict[str, list[dict[str, Any]]]:
    deaths = {fact.patient: fact.when for fact in made.facts if fact.table == "death"}
    found: dict[str, list[dict[str, Any]]] = {"Patient": []}
    for patient, birth in made.births.items():
        resource = {"resourceType": "Patient", "id": str(patient), "gender": made.sexes[patient]}
        found["Patient"].append(resource | {"birthDate": birth.isoformat()})
        if patient in deaths:
            resource |= {"deceasedDateTime": written(deaths[patient])}
            found["Patient"][-1] |= resource
    visit = 0
    for fact in made.facts:
        visit += fact.table == "visit"
        if fact.table != "death":
            kind, content = _FHIR[fact.table](fact, visit)
            number = len(found.setdefault(kind, [])) + 1
            subject = {"reference": f"Patient/{fact.patient}"}
            found[kind].append({"resourceType": kind, "id": str(number), "subject": subject, **content})
    return found


def written(when: dt.datetime | dt.date) -> str:
    """A FHIR dateTime: local time with Berlin's offset, or a date."""
    from zoneinfo import ZoneInfo

    return when.replace(tzinfo=ZoneInfo(ZONE)).isoformat() if isinstance(when, dt.datetime) else when.isoformat()


def concept(token: str) -> dict[str, Any]:
    system, code = token.split("|")
    return {"coding": [{"system": system, "code": code}]}


def _quantity(fact: Fact) -> dict[str, Any]:
    unit = {"unit": fact.unit, "system": "http://unitsofmeasure.org", "code": fact.unit}
    return {"valueQuantity": {"value": fact.value, **unit}}


def _lab(fact: Fact, visit: int) -> tuple[str, dict[str, Any]]:
    issued = {} if fact.known is None else {"issued": written(fact.known)}
    content = {"status": "final", "effectiveDateTime": written(fact.when), "code": concept(TOKENS[fact.concept])}
    return "Observation", content | _quantity(fact) | issued


def _pressure(fact: Fact, visit: int) -> tuple[str, dict[str, Any]]:
    part = {"code": concept(TOKENS[fact.concept]), **_quantity(fact)}
    code = concept("http://loinc.org|85354-9")
    content = {"status": "final", "effectiveDateTime": written(fact.when), "code": code, "component": [part]}
    return "Observation", content


def _diagnosis(fact: Fact, visit: int) -> tuple[str, dict[str, Any]]:
    recorded = {} if fact.known is None else {"recordedDate": written(fact.known)}
    return "Condition", {"onsetDateTime": written(fact.when), "code": concept(TOKENS[fact.concept]), **recorded}


def _drug(fact: Fact, visit: int) -> tuple[str, dict[str, Any]]:
    code = concept(TOKENS[fact.concept])
    return "MedicationRequest", {
        "status": "active",
        "authoredOn": written(fact.when),
        "medicationCodeableConcept": code,
    }


def _visit(fact: Fact, visit: int) -> tuple[str, dict[str, Any]]:
    assert fact.end is not None
    period = {"start": written(fact.when), "end": written(fact.end)}
    provider = {"reference": f"Organization/{fact.site}"}
    return "Encounter", {"status": "finished", "period": period, "serviceProvider": provider}


def _procedure(fact: Fact, visit: int) -> tuple[str, dict[str, Any]]:
    content = {"status": "completed", "performedPeriod": {"start": written(fact.when)}}
    return "Procedure", content | {
        "code": concept(TOKENS[fact.concept]),
        "encounter": {"reference": f"Encounter/{visit}"},
    }


_FHIR = {
    "lab": _lab,
    "pressure": _pressure,
    "diagnosis": _diagnosis,
    "drug": _drug,
    "visit": _visit,
    "procedure": _procedure,
}
