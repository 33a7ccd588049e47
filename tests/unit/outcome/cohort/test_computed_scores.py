"""Scores computed from a coded record: what each variable counts as, and what is refused before anything is trained."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from outcome.cohort.build import build_cohort
from outcome.cohort.computed_scores import computed_score
from outcome.config import ComputedScore, Study
from outcome.dictionary import Availability, Choice, DataDictionary, Variable, VariableKind
from outcome.errors import ConfigRefusal
from outcome.types import Level

PRE, AFTER = Availability.PREOPERATIVE, Availability.POSTOPERATIVE
CHOICES = tuple(Choice(code, code) for code in ("I", "II", "III"))
VARIABLES = (
    Variable("age", VariableKind.NUMERIC, unit="years", availability=PRE),
    Variable("diabetes", VariableKind.BOOLEAN, availability=PRE),
    Variable("creatinine", VariableKind.NUMERIC, unit="mg/dL", availability=PRE),
    Variable("icd", VariableKind.TEXT, availability=PRE),
    Variable("asa", VariableKind.CATEGORICAL, choices=CHOICES, availability=PRE),
)
DICTIONARY = DataDictionary(VARIABLES)
RECORD = pd.DataFrame(
    {
        "age": [71.0, 45.0, np.nan, 60.0],
        "diabetes": [1.0, 0.0, 1.0, np.nan],
        "creatinine": [2.5, 2.0, np.nan, 1.0],
        "icd": ["I50.0;E11.9", "C64", "Z00.0", None],
        "asa": ["I", "III", "II", None],
    },
    index=list("abcd"),
)
OTHERS = ["dependent", "chronic_pulmonary_disease", "heart_failure", "hypertension"]


def value(**score: Any) -> list[float]:
    made = ComputedScore.model_validate({"endpoint": "dead", **score})
    return computed_score(made, RECORD, DICTIONARY).value.tolist()


def same(found: list[float], expected: list[float]) -> bool:
    return np.array_equal(np.array(found), np.array(expected), equal_nan=True)


def test_variables_conditions_and_codes_become_points() -> None:
    nan = np.nan
    assert same(value(score="asa", inputs={"asa": "asa"}), [1, 3, 2, nan])
    assert same(value(score="mfi5", inputs={"diabetes": "diabetes"}, without=OTHERS), [1, 0, 1, nan])
    coded = {"score": "charlson_age", "inputs": {"age": "age"}, "codes": {"variable": "icd", "separators": ";"}}
    assert same(value(**coded), [5, 2, nan, nan])
    assert same(value(**coded, missing="absent"), [5, 2, nan, 2])
    told = {**coded, "codes": {"variable": "icd", "empty": "no_codes"}}
    assert same(value(**told), [5, 2, nan, 2])
    kidneys = {"creatinine_above_2": {"variable": "creatinine", "above": 2.0}}
    rest = ["high_risk_surgery", "ischaemic_heart_disease", "heart_failure", "cerebrovascular_disease", "insulin"]
    assert same(value(score="rcri", inputs=kidneys, without=rest), [1, 0, nan, 0])


def test_a_case_is_scored_without_looking_at_the_others() -> None:
    score = ComputedScore.model_validate(
        {"score": "charlson_age", "inputs": {"age": "age"}, "codes": {"variable": "icd"}, "endpoint": "dead"}
    )
    before = RECORD.copy(deep=True)
    whole = computed_score(score, RECORD, DICTIONARY).value
    others_changed = RECORD.assign(age=[71.0, 99.0, 20.0, 33.0], icd=["I50.0;E11.9", "B20", "C78.0", "I21"])
    assert computed_score(score, others_changed, DICTIONARY).value[0] == whole[0] == 5
    pd.testing.assert_frame_equal(RECORD, before)


CHARLSON = {"score": "charlson_age", "inputs": {"age": "age"}, "codes": {"variable": "icd"}, "endpoint": "complication"}


def spoiled(dictionary: DataDictionary, name: str, **changes: Any) -> DataDictionary:
    return DataDictionary(tuple(replace(v, **changes) if v.name == name else v for v in dictionary))


@pytest.fixture
def with_codes(dictionary: DataDictionary) -> DataDictionary:
    more = (
        Variable("icd", VariableKind.TEXT, "Diagnoses", availability=PRE),
        Variable("discharge_icd", VariableKind.TEXT, "Diagnoses at discharge", availability=AFTER),
    )
    return DataDictionary((*dictionary, *more))


def refused(study: Study, dictionary: DataDictionary, table: pd.DataFrame, words: str) -> None:
    with pytest.raises(ConfigRefusal, match=re.escape(words)):
        build_cohort(study, dictionary, table)


def test_codes_known_after_surgery_are_refused(
    make_study: Callable[..., Study], with_codes: DataDictionary, table: pd.DataFrame
) -> None:
    late = {**CHARLSON, "codes": {"variable": "discharge_icd"}}
    table["discharge_icd"] = "I50.0"
    refused(make_study(scores=[late]), with_codes, table, "scores[0].codes: discharge_icd is postoperative")
    outcome = {"score": "mfi5", "without": OTHERS, "inputs": {"diabetes": {"variable": "grade", "at_least": "3a"}}}
    late_input = make_study(scores=[{**outcome, "endpoint": "complication"}])
    refused(late_input, with_codes, table, "scores[0].inputs.diabetes: grade is postoperative")


def test_variables_that_cannot_be_the_input_are_refused(
    make_study: Callable[..., Study], with_codes: DataDictionary, table: pd.DataFrame
) -> None:
    table["icd"] = "I50.0"
    study = make_study(scores=[CHARLSON])
    refused(study, spoiled(with_codes, "age", unit="months"), table, "age must be in years, the dictionary says months")
    unknown = make_study(scores=[{**CHARLSON, "codes": {"variable": "icds"}}])
    refused(unknown, with_codes, table, "scores[0].codes: no variable 'icds', did you mean 'icd'?")
    numbers = make_study(scores=[{**CHARLSON, "codes": {"variable": "age"}}])
    refused(numbers, with_codes, table, "scores[0].codes: age must be text")
    frail = {"score": "mfi5", "without": OTHERS, "endpoint": "complication"}
    choice = make_study(scores=[{**frail, "inputs": {"diabetes": "access"}}])
    refused(
        choice, with_codes, table, "access must be boolean, the dictionary says categorical, or write what means yes"
    )
    no_choice = make_study(scores=[{**frail, "inputs": {"diabetes": {"variable": "access", "equals": "roboti"}}}])
    refused(no_choice, with_codes, table, "scores[0].inputs.diabetes: access has no choice 'roboti'")


def test_entries_that_are_no_codes_are_found_before_anything_is_trained(
    make_study: Callable[..., Study], with_codes: DataDictionary, table: pd.DataFrame
) -> None:
    study = make_study(scores=[CHARLSON])
    assert build_cohort(study, with_codes, table.assign(icd="I50.0; E11.9")).rejects == ()
    cohort = build_cohort(study, with_codes, table.assign(icd="I50.0; diabetes"))
    finding = next(f for f in cohort.findings if f.code == "unreadable_score_input")
    assert finding.level is Level.REJECT
    assert "6 of 6 cases" in finding.message
    assert "diabetes" not in finding.message
