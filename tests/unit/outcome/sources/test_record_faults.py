"""Damaged health records: everything that is left out is told, and what nobody can know is refused by name."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from outcome.config import Study, load_mapping, load_study, mapping_schema
from outcome.errors import ConfigRefusal, DataRefusal
from outcome.pipeline.cohort import run_cohort
from outcome.pipeline.session import open_run
from outcome.sources import Reading
from outcome.sources.ehr import omop
from outcome.sources.ehr.fhir_resources import code_of
from tests.health_records import CREATININE, NEPHRECTOMY, Fact, Hospital, fhir_resources, hospital, write_ndjson
from tests.health_studies import CONFIGS, DICTIONARY, fhir_study, mapping_of, omop_study, read

Make = Callable[[Hospital, Path], Study]
FORMS = pytest.mark.parametrize("make", [omop_study, fhir_study], ids=["omop", "fhir"])


def remapped(study: Study, change: Callable[[dict[str, Any]], object]) -> Study:
    assert study.table.mapping is not None
    document = yaml.safe_load(study.table.mapping.read_text())
    change(document)
    study.table.mapping.write_text(yaml.safe_dump(document))
    return study


def database(study: Study, *statements: str) -> Study:
    with sqlite3.connect(study.root / "cdm.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
    return study


def exported(study: Study, kind: str, change: Callable[[list[dict[str, Any]]], object], made: Hospital) -> Study:
    resources = fhir_resources(made)[kind]
    change(resources)
    write_ndjson(study.root / "export" / f"{kind}.ndjson", resources)
    return study


def told(reading: Reading) -> dict[str, str]:
    return {finding.code: finding.message for finding in reading.findings}


def of(reading: Reading, column: str) -> dict[str, str | None]:
    return dict(zip(reading.table["case_id"], reading.table[column], strict=True))


# units


@FORMS
def test_units_that_cannot_be_used_are_refused_by_name_with_their_count(make: Make, tmp_path: Path) -> None:
    made = hospital(2)
    index = dt.datetime.fromisoformat(made.rows[0]["index_time"])
    hour = dt.timedelta(hours=1)
    made.add(*(Fact("lab", 1, CREATININE, index - n * hour, 1.0, "blobs") for n in (2, 3)))
    made.add(
        Fact("lab", 1, CREATININE, index - 4 * hour, 1.0, "mm[Hg]"), Fact("lab", 1, CREATININE, index - 5 * hour, 1.0)
    )
    study = make(made, tmp_path)
    with pytest.raises(DataRefusal) as caught:
        read(study)
    words = str(caught.value)
    assert "creatinine: 2 value(s) in 'blobs': 'blobs' is no unit of UCUM" in words
    assert "creatinine: 1 value(s) in 'mm[Hg]': mm[Hg] is no mg/dL" in words
    assert "creatinine: 1 value(s) in no unit: no unit is stated" in words
    left_out = remapped(
        study, lambda d: d["variables"]["creatinine"].update(leave_out_units=["mm[Hg]", "blobs"], unit="g/L")
    )
    again = read(left_out)
    assert [finding.message for finding in again.findings if finding.code == "unit_left_out"] == [
        "creatinine: 2 value(s) in 'blobs' are left out, as the mapping says",
        "creatinine: 1 value(s) in 'mm[Hg]' are left out, as the mapping says",
    ]
    meant = remapped(study, lambda d: d["variables"]["creatinine"].update(units={"blobs": "mg/dL"}, take="max"))
    assert of(read(meant), "creatinine")["1"] == "100"  # 1 g/L where no unit stands


def test_a_limit_is_taken_as_the_value_and_told(tmp_path: Path) -> None:
    study = omop_study(hospital(1), tmp_path / "omop")
    database(study, "update measurement set operator_concept_id = 4171756 where measurement_id = 2")
    assert told(read(study))["limit_taken_as_value"].startswith("1 value(s) are a limit such as '<0.2'")


# the mapping


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda d: d["variables"]["creatinine"].update(concept_column="measurement_source_id"),
            "no column 'measurement_source_id'",
        ),
        (
            lambda d: d["variables"]["creatinine"].update(value_column="value"),
            "value_column: table measurement has no column",
        ),
        (lambda d: d["index"].update(concept_column="procedure_concept"), "did you mean 'procedure_concept_id'"),
        (lambda d: d["variables"].update(creatinin={"table": "death", "take": "any"}), "did you mean 'creatinine'"),
        (
            lambda d: d["variables"]["creatinine"].update(target_unit="umol/L"),
            "target_unit is umol/L, the dictionary says",
        ),
        (lambda d: d["variables"]["creatinine"].update(concept=[1]), "unknown key 'concept', did you mean 'concepts'"),
        (lambda d: d["variables"]["creatinine"].update(take="latest"), "take"),
        (lambda d: d["variables"]["creatinine"].update(window={"start": "-90"}), "expected days or hours"),
        (lambda d: d["variables"]["creatinine"].update(window={"start": "1 d"}), "must end after it starts"),
        (lambda d: d["variables"]["diabetes"].update(concepts=[]), "table condition_occurrence needs concepts"),
        (lambda d: d["variables"]["diabetes"].update(unit="mg"), "has no unit"),
        (lambda d: d["variables"]["sex"].update(table="death"), "read from table person"),
        (lambda d: d["index"].update(concepts=[]), "must name the procedures"),
        (lambda d: d["variables"].update(patient_id={"table": "death", "take": "any"}), "leave it out of the mapping"),
        (lambda d: d.update(time_zone="Europe/Brelin"), "expected a time zone"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(change: Any, words: str, tmp_path: Path) -> None:
    study = remapped(omop_study(hospital(1), tmp_path), change)
    with pytest.raises(ConfigRefusal) as caught:
        read(study)
    assert words in str(caught.value)


@pytest.mark.parametrize("form", ["omop", "fhir"])
def test_the_shipped_examples_fit_their_fresh_schemas(form: str) -> None:
    assert load_mapping(CONFIGS / f"{form}.example.yaml", form).variables
    written = json.loads((CONFIGS / f"{form}_mapping.schema.json").read_text())
    assert written == mapping_schema(form), "python -c 'from outcome.config import write_schema; …'"


def test_the_mapping_is_part_of_what_the_cohort_is_made_of(tmp_path: Path) -> None:
    study = omop_study(hospital(4), tmp_path)

    def cohort() -> str:
        with open_run(load_study(tmp_path / "study.yaml"), tmp_path / "store", command="test") as opened:
            return run_cohort(opened).status

    assert cohort() == "done"
    assert cohort() == "current"
    remapped(study, lambda d: d["variables"]["creatinine"].update(window={"start": "-1000 d"}))
    assert cohort() == "done"
    stored = json.loads(next((tmp_path / "store").rglob("cohort/study.json")).read_text())
    assert stored["table"]["mapping"] == "omop.yaml"  # no path of this machine


# tables and columns


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("drop table measurement", "no table 'measurement'"),
        ("drop table concept_ancestor", "no table 'concept_ancestor'"),
        ("alter table measurement drop column measurement_date", "lacks column(s) of the OMOP CDM"),
        ("delete from procedure_occurrence", "holds no case"),
    ],
)
def test_a_database_that_is_not_whole_is_refused(statement: str, words: str, tmp_path: Path) -> None:
    study = database(omop_study(hospital(1), tmp_path), statement)
    with pytest.raises(DataRefusal) as caught:
        read(study)
    assert words in str(caught.value)


def test_persons_are_asked_for_in_parts_and_no_table_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, asked = omop_study(hospital(7), tmp_path), []
    whole = read(study).table
    monkeypatch.setattr(omop, "AT_ONCE", 2)

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if "FROM" in statement and "sqlite" not in statement and "PRAGMA" not in statement:
            asked.append(" ".join(statement.split()))

    try:
        parts = read(study).table
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert parts.equals(whole)
    assert sum("FROM drug_exposure" in statement for statement in asked) == 4  # seven persons, two at a time
    clinical = [
        s for s in asked if "FROM concept" not in s.split(" WHERE ")[0] and "FROM procedure_occurrence LEFT" not in s
    ]
    assert clinical
    assert all("person_id IN" in statement for statement in clinical)


# dates and patients


@FORMS
def test_an_index_date_that_cannot_be_read_is_a_case_with_an_impossible_date(make: Make, tmp_path: Path) -> None:
    made = hospital(6)
    study = make(made, tmp_path)
    if study.table.format == "omop":
        bad = "update procedure_occurrence set procedure_date = '2020-13-45', procedure_datetime = null"
        database(study, f"{bad} where procedure_occurrence_id = 1")
    else:
        exported(study, "Procedure", lambda r: r[0].update(performedPeriod={"start": "2020-13-45"}), made)
    reading = read(study)
    assert of(reading, "index_time")["1"] == "2020-13-45"
    assert of(reading, "creatinine")["1"] is None
    assert of(reading, "diabetes")["1"] is None  # nothing can be said to lie before an unknown time
    with open_run(study, tmp_path / "store", command="test") as opened:
        assert list(run_cohort(opened).failed) == ["1"]


@FORMS
def test_a_record_whose_date_cannot_be_read_is_left_out_and_told(make: Make, tmp_path: Path) -> None:
    made = hospital(1)
    study = make(made, tmp_path)
    if study.table.format == "omop":
        bad = "update measurement set measurement_date = 'soon', measurement_datetime = null where measurement_id = 2"
        database(study, bad)
    else:
        exported(study, "Observation", lambda r: r[1].update(effectiveDateTime="soon"), made)
    reading = read(study)
    assert reading.table["creatinine"].tolist() == ["5.5"]
    words = "record(s) without a date that can be read are left out, of variable creatinine: 2"
    assert [f.message for f in reading.findings if f.message.endswith(words)] == [f"1 {words}"]


@FORMS
def test_a_patient_without_a_birth_date_has_no_age_and_is_told(make: Make, tmp_path: Path) -> None:
    made = hospital(2)
    study = make(made, tmp_path)
    if study.table.format == "omop":
        database(study, "update person set year_of_birth = null where person_id = 1")
    else:
        exported(study, "Patient", lambda r: r[0].pop("birthDate"), made)
    reading = read(study)
    assert of(reading, "age")["1"] is None
    assert of(reading, "age")["2"] is not None
    assert told(reading) == {"patient_without_birth_date": "1 case(s) belong to a patient without a birth date: 1"}


@FORMS
def test_a_case_of_an_unknown_patient_is_named(make: Make, tmp_path: Path) -> None:
    made = hospital(2)
    made.add(Fact("procedure", 77, NEPHRECTOMY, dt.datetime(2020, 5, 5, 9)))
    reading = read(make(made, tmp_path))
    lonely = str(made.number("procedure"))
    assert of(reading, "patient_id")[lonely] is None
    assert told(reading)["case_of_unknown_patient"].endswith(f": {lonely}")


def test_procedures_of_one_patient_at_one_time_are_one_case(tmp_path: Path) -> None:
    made = hospital(1)
    start = dt.datetime.fromisoformat(made.rows[0]["index_time"])
    made.add(Fact("procedure", 1, NEPHRECTOMY, start), Fact("procedure", 1, NEPHRECTOMY, start.date()))
    reading = read(omop_study(made, tmp_path))
    assert reading.table["case_id"].tolist() == ["1"]
    assert told(reading)["procedures_at_one_time"].startswith("2 procedure(s)")


# FHIR files


def test_a_truncated_line_is_named_with_file_and_line(tmp_path: Path) -> None:
    study = fhir_study(hospital(1), tmp_path)
    file = study.root / "export" / "Observation.ndjson"
    file.write_text(file.read_text()[:-40])
    lines = len(file.read_text().splitlines())
    with pytest.raises(DataRefusal, match=rf"Observation\.ndjson line {lines} is no whole JSON object"):
        read(study)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"resourceType": "Patient"}\n', "Observation.ndjson line 1 is no FHIR resource"),
        ("[1]\n", "is no FHIR resource"),
        ('{"resourceType": "Patient", "id": "9"}\n', "no file holds Observation"),
        (
            '{"resourceType": "Observation", "id": "1"}\n{"resourceType": "Patient", "id": "9"}\n',
            "line 2 holds another type",
        ),
        ('{"resourceType": "Observation", "id": "\xff"}\n', "no text in UTF-8"),
    ],
)
def test_a_file_that_is_no_export_is_refused(text: str, words: str, tmp_path: Path) -> None:
    study = fhir_study(hospital(1), tmp_path)
    (study.root / "export" / "Observation.ndjson").write_bytes(text.encode("latin-1"))
    with pytest.raises(DataRefusal) as caught:
        read(study)
    assert words in str(caught.value)


def test_resources_of_unknown_patients_are_counted_and_named(tmp_path: Path) -> None:
    made = hospital(1)
    study = exported(
        fhir_study(made, tmp_path), "Condition", lambda r: r[0].update(subject={"reference": "Patient/nobody"}), made
    )
    assert told(read(study)) == {
        "unknown_patient": "1 resource(s) refer to a patient whom no Patient file holds and are left out: Condition/1"
    }


def test_a_resource_that_stands_twice_counts_once(tmp_path: Path) -> None:
    made = hospital(1)
    clean = read(fhir_study(made, tmp_path / "clean")).table
    twice = exported(fhir_study(made, tmp_path / "twice"), "Procedure", lambda r: r.append(dict(r[0])), made)
    exported(twice, "Condition", lambda r: r.append(dict(r[0])), made)
    reading = read(twice)
    assert reading.table.equals(clean)
    assert told(reading)["resource_twice"].endswith(": Procedure/1, Condition/1")
    assert told(reading)["resource_twice"].startswith("2 ")


def test_of_two_versions_the_later_one_holds_wherever_it_stands(tmp_path: Path) -> None:
    made = hospital(1)
    stamps = ("2020-01-01T10:00:00Z", "2021-01-01T10:00:00Z")

    def versions(resources: list[dict[str, Any]], order: tuple[int, int]) -> None:
        drawn = resources[1]
        both = [{**drawn, "meta": {"lastUpdated": stamps[0]}}, {**drawn, "meta": {"lastUpdated": stamps[1]}}]
        both[1]["valueQuantity"] = {**drawn["valueQuantity"], "value": 1.25, "code": "mg/dL"}
        resources[1:2] = [both[order[0]], both[order[1]]]

    for order in ((0, 1), (1, 0)):
        study = exported(
            fhir_study(made, tmp_path / str(order)), "Observation", lambda r, o=order: versions(r, o), made
        )
        assert read(study).table["creatinine"].tolist() == ["1.25"]
    same = fhir_study(made, tmp_path / "same")
    exported(same, "Observation", lambda r: r.insert(0, {**r[1], "status": "amended"}), made)
    with pytest.raises(DataRefusal, match="line 3 says otherwise than an earlier line of the same id"):
        read(same)


@pytest.mark.parametrize(
    ("kind", "change", "column", "value"),
    [
        ("Observation", {"status": "entered-in-error"}, "creatinine", "5.5"),
        ("Condition", {"verificationStatus": {"coding": [{"code": "refuted"}]}}, "diabetes", "0"),
        ("MedicationRequest", {"status": "cancelled"}, "ace_inhibitor", "0"),
        ("Patient", {"deceasedDateTime": "2020-01-01"}, "died", "0"),  # before the operation: no death after it
    ],
)
def test_what_did_not_happen_does_not_count(
    kind: str, change: dict[str, Any], column: str, value: str, tmp_path: Path
) -> None:
    made = hospital(1)
    early = dt.datetime(2019, 1, 1, 9)
    facts = [replace(f, when=early) if f.table in ("diagnosis", "drug") else f for f in made.facts]
    made = replace(made, facts=facts)
    number = 1 if kind == "Observation" else 0
    study = remapped(fhir_study(made, tmp_path), lambda d: d["variables"]["ace_inhibitor"].pop("window"))
    assert read(study).table[column].tolist() != [value] or column == "died"
    assert read(exported(study, kind, lambda r: r[number].update(change), made)).table[column].tolist() == [value]


def test_references_codes_and_values_in_their_other_spellings(tmp_path: Path) -> None:
    made = hospital(1)
    study = fhir_study(made, tmp_path)
    clean = read(study).table
    url = {"reference": "https://fhir.example/r4/Patient/1/_history/3"}
    exported(
        study,
        "Observation",
        lambda r: [one.update(subject=url) for one in r if one["subject"]["reference"] == "Patient/1"],
        made,
    )
    drug = {
        "resourceType": "Medication",
        "id": "m1",
        "code": fhir_resources(made)["MedicationRequest"][0]["medicationCodeableConcept"],
    }
    write_ndjson(study.root / "export" / "Medication.ndjson", [drug])

    def by_reference(resources: list[dict[str, Any]]) -> None:
        del resources[0]["medicationCodeableConcept"]
        resources[0]["medicationReference"] = {"reference": "Medication/m1"}

    exported(study, "MedicationRequest", by_reference, made)
    assert read(study).table.equals(clean)


def coded(value: str) -> dict[str, Any]:
    return {"code": {"coding": [{"code": "own"}]}, "valueCodeableConcept": {"coding": [{"code": value}]}}


def test_a_code_is_the_value_of_an_observation_and_the_own_one_elsewhere() -> None:
    smoker = {"resourceType": "Observation", **coded("current")}
    assert code_of(smoker, {}) == "current"
    assert code_of({"resourceType": "Observation", "code": smoker["code"]}, {}) is None
    assert code_of({"resourceType": "Condition", "code": smoker["code"]}, {}) == "own"
    two = {"resourceType": "Condition", "code": {"coding": [{"code": "x"}, {"system": "s", "code": "y"}]}}
    assert code_of(two, {"s|y": "meant"}) == "s|y"


def test_an_open_stay_is_no_fault(tmp_path: Path) -> None:
    open_ended = "update visit_occurrence set visit_end_date = null, visit_end_datetime = null"
    reading = read(database(omop_study(hospital(1), tmp_path), open_ended))
    assert reading.table["stay_days"].tolist() == [None]
    assert reading.findings == ()


@pytest.mark.parametrize(
    ("table", "column"), [("procedure_occurrence", "visit_occurrence_id"), ("visit_occurrence", "care_site_id")]
)
def test_a_site_that_the_database_does_not_tell_is_refused(table: str, column: str, tmp_path: Path) -> None:
    study = database(omop_study(hospital(1), tmp_path), f"alter table {table} drop column {column}")
    with pytest.raises(ConfigRefusal, match=f"site: visit: table {table} has no column"):
        read(study)


def test_the_dictionary_of_the_tests_and_the_mappings_name_the_same_variables(tmp_path: Path) -> None:
    named = {
        name
        for name in DICTIONARY.names
        if DICTIONARY[name].column not in ("case_id", "patient_id", "site", "index_time")
    }
    assert set(mapping_of(omop_study(hospital(1), tmp_path / "o")).variables) == named
    assert set(mapping_of(fhir_study(hospital(1), tmp_path / "f")).variables) == named
