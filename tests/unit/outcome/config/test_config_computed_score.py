"""A score that the program computes, as a study file writes it: a slip is refused with its place and what was meant."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from outcome.config import CodeList, ComputedScore, Condition, PublishedScore, Study

RCRI = {
    "score": "rcri",
    "inputs": {
        "high_risk_surgery": {"variable": "site", "one_of": ["abdomen", "thorax"]},
        "ischaemic_heart_disease": "coronary",
        "heart_failure": "failure",
        "cerebrovascular_disease": "stroke",
        "creatinine_above_2": {"variable": "creatinine", "above": 2.0},
    },
    "without": ["insulin"],
    "endpoint": "bleeding",
}
CODED = {"score": "charlson_age", "inputs": {"age": "age"}, "codes": {"variable": "icd"}, "endpoint": "bleeding"}
STUDY: dict[str, Any] = {
    "schema_version": 1,
    "name": "small",
    "title": "Small",
    "dictionary": "dictionary.csv",
    "table": {"format": "csv", "path": "table.csv"},
    "case_id": "case",
    "endpoints": {
        "bleeding": {"kind": "binary", "event": {"variable": "bled", "equals": True}},
        "well": {"kind": "binary", "favourable": True, "event": {"variable": "bled", "equals": False}},
        "stay": {"kind": "duration", "variable": "stay_days"},
    },
}


def study(*scores: Any) -> Study:
    return Study.model_validate({**STUDY, "scores": list(scores)})


def test_a_study_names_the_inputs_of_its_scores() -> None:
    recorded = {"variable": "points", "source": "Somebody 2020", "scale": "points", "endpoint": "bleeding"}
    made = study(RCRI, CODED, recorded)
    assert [type(score) for score in made.scores] == [ComputedScore, ComputedScore, PublishedScore]
    first, second = made.scores[0], made.scores[1]
    assert isinstance(first, ComputedScore)
    assert isinstance(second, ComputedScore)
    assert isinstance(first.inputs["creatinine_above_2"], Condition)
    assert second.codes == CodeList(variable="icd")
    used = made.variables_used()
    assert ("scores[0].inputs.creatinine_above_2", "creatinine") in used
    assert {("scores[1].inputs.age", "age"), ("scores[1].codes", "icd"), ("scores[2]", "points")} <= set(used)
    assert "10.1016/0895-4356(94)90129-5; codes: Quan" in second.source
    assert Study.model_validate({**made.resolved(), "dictionary": "dictionary.csv"}).scores == made.scores


def without(key: str) -> dict[str, Any]:
    return {**RCRI, "inputs": {name: source for name, source in RCRI["inputs"].items() if name != key}}


@pytest.mark.parametrize(
    ("score", "words"),
    [
        ({**RCRI, "score": "rcr"}, "no score is called 'rcr', did you mean 'rcri'"),
        ({**RCRI, "inputs": {**RCRI["inputs"], "gout": "gout"}}, "no input is called gout"),
        (without("heart_failure"), "nothing is said of heart_failure"),
        ({**RCRI, "without": ["insulin", "heart_failure"]}, "heart_failure cannot be both"),
        ({**RCRI, "codes": {"variable": "icd"}}, "cannot be read from ICD-10 codes"),
        ({**RCRI, "missing": "of_known"}, "of_known is not offered; no_score, absent are"),
        ({**RCRI, "missing": "guess"}, "missing"),
        ({**RCRI, "variable": "points"}, "unknown key 'variable'"),
        ({**RCRI, "higher_is": "safer"}, "unknown key 'higher_is'"),
        ({**RCRI, "scale": "risk", "endpoint": "stay"}, "stay is duration: write scale: points"),
        ({**RCRI, "scale": "risk", "endpoint": "well"}, "states the risk of a harm, and well is a success"),
        ({**CODED, "scale": "risk"}, "no event rates were published"),
        ({**CODED, "inputs": {}}, "nothing is said of age"),
        ({**CODED, "inputs": {}, "without": ["age"]}, "no score without age"),
        ({**CODED, "inputs": {"age": {"variable": "age", "above": 70}}}, "age needs a variable, not a condition"),
        ({**CODED, "inputs": {"age": "age", "dementia": "dementia"}}, "codes tells dementia already"),
        ({**CODED, "codes": {"variable": "icd", "separators": ""}}, "separators"),
        ({**CODED, "codes": {"variable": "icd", "seperators": ";"}}, "did you mean 'separators'"),
        ({**CODED, "endpoint": "bleding"}, "names 'bleding', which is no endpoint"),
        ({"score": "asa", "inputs": {"asa": {"variable": "asa", "above": 2}}, "endpoint": "bleeding"}, "a condition"),
    ],
)
def test_what_cannot_be_meant_is_refused(score: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        study(score)


def test_an_event_rate_is_taken_where_one_was_published() -> None:
    assert study({**RCRI, "scale": "risk"}).scores[0].scale == "risk"
    assert study(RCRI).scores[0].scale == "points"


def test_a_measure_of_a_region_is_a_rival_of_its_own() -> None:
    size = {"feature": "radiomics:tumor.morph_diam", "source": "Somebody 2020", "endpoint": "bleeding"}
    made = study(size)
    assert made.scores[0].scale == "points"
    assert Study.model_validate({**made.resolved(), "dictionary": "dictionary.csv"}).scores == made.scores
    for wrong in ({"feature": "clinical:age"}, {"source": ""}, {"scale": "risk"}, {"score": "rcri"}):
        with pytest.raises(ValidationError):
            study({**size, **wrong})
