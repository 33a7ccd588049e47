"""A statement as FHIR RiskAssessment: by the schema, in percent, and never a number that is withheld."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

import outcome
from outcome.exports.fhir import COUNTED_FROM, INPUT_SET, INTERVAL, PREDICTED_VALUE, risk_assessment
from outcome.exports.statement import Statement
from outcome.exports.subject import Subject, subject_of_case

SCHEMA = json.loads(
    (Path(outcome.__file__).parent.parent / "configs" / "fhir_risk_assessment.schema.json").read_text(encoding="utf-8")
)
Json = dict[str, Any]


@pytest.fixture
def resource(statement: Statement, alone: Subject) -> Json:
    made = json.loads(json.dumps(risk_assessment(statement, alone)))
    jsonschema.validate(made, SCHEMA)
    return dict(made)


def extension(prediction: Json, url: str) -> Json:
    (found,) = (one for one in prediction["extension"] if one["url"] == url)
    return dict(found)


def test_probabilities_and_their_intervals_are_in_percent(resource: Json) -> None:
    prediction = resource["prediction"][0]
    assert prediction["probabilityDecimal"] == 12.3457
    ends = extension(prediction, INTERVAL)["valueRange"]
    assert [(ends[end]["value"], ends[end]["code"]) for end in ("low", "high")] == [(5.0, "%"), (30.0, "%")]
    assert [prediction["whenRange"][end]["value"] for end in ("low", "high")] == [0, 90]
    assert extension(prediction, COUNTED_FROM)["valueString"] == "surgery"
    assert extension(resource["prediction"][1], INPUT_SET)["valueCode"] == "with_plan"
    assert "extension" in resource["prediction"][1]
    assert all(one["url"] != INTERVAL for one in resource["prediction"][1]["extension"])


def test_an_amount_is_no_probability(resource: Json) -> None:
    stay, function = resource["prediction"][2:4]
    assert extension(stay, PREDICTED_VALUE)["valueQuantity"] == {
        "value": 4.5, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d",
    }  # fmt: skip
    assert extension(stay, INTERVAL)["valueRange"]["high"]["value"] == 9.25
    assert extension(function, PREDICTED_VALUE)["valueQuantity"] == {"value": 61.0, "unit": "mL/min/1.73 m²"}
    assert not any(name.endswith("probabilityDecimal") for name in (*stay, *function))


def test_a_number_that_is_withheld_is_absent_with_its_reason(resource: Json) -> None:
    risk, grade = resource["prediction"][4:6]
    assert "probabilityDecimal" not in risk
    assert risk["_probabilityDecimal"]["extension"][0]["valueCode"] == "unknown"
    assert risk["rationale"] == "No number: 12 % is known."
    assert "value" not in extension(grade, PREDICTED_VALUE)["valueQuantity"]
    assert grade["rationale"] == "The bundle has no model."


def test_the_words_for_people_are_sound_xhtml(resource: Json) -> None:
    text = "".join(ElementTree.fromstring(resource["text"]["div"]).itertext())
    assert "Research use only" in text
    assert "Death <any cause>, within 2 years (preoperative + plan inputs): 50 of 100 (no interval)" in text


def test_patient_study_and_date_are_those_of_the_series(statement: Statement, scanned: Subject) -> None:
    made = risk_assessment(statement, scanned)
    jsonschema.validate(made, SCHEMA)
    assert made["subject"]["identifier"] == {"value": "P1"}
    assert made["basis"][0]["identifier"] == {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3"}
    assert made["occurrenceDateTime"] == "2024-01-10"
    assert "Müller" not in json.dumps(made, ensure_ascii=False)


def test_without_series_or_date_the_case_is_the_patient_and_no_date_is_made_up(statement: Statement) -> None:
    made = risk_assessment(statement, subject_of_case("case_1", statement.bundle_id))
    jsonschema.validate(made, SCHEMA)
    assert made["subject"]["identifier"] == {"value": "case_1"}
    assert not {"occurrenceDateTime", "basis"} & set(made)


def _fraction_above(resource: Json) -> None:
    resource["prediction"][0]["probabilityDecimal"] = 100.5


def _number_of_the_withheld(resource: Json) -> None:
    resource["prediction"][4]["probabilityDecimal"] = 3.0


def _interval_without_percent(resource: Json) -> None:
    extension(resource["prediction"][0], INTERVAL)["valueRange"]["low"]["code"] = "1"


def _no_reason(resource: Json) -> None:
    del resource["prediction"][4]["rationale"]


def _unknown_part(resource: Json) -> None:
    resource["birthDate"] = "1950-01-01"


@pytest.mark.parametrize(
    "spoil", [_fraction_above, _number_of_the_withheld, _interval_without_percent, _no_reason, _unknown_part]
)
def test_the_schema_refuses_what_must_not_leave(resource: Json, spoil: Callable[[Json], None]) -> None:
    spoilt = copy.deepcopy(resource)
    spoil(spoilt)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spoilt, SCHEMA)
