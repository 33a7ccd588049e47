"""A study coded otherwise than the bundle is refused by name; one that merely spells otherwise is read as it means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from outcome.cohort.synthetic_study import VARIABLES
from outcome.dictionary import Availability, Choice, DataDictionary, Role, VariableKind
from outcome.dictionary.variable import Range
from outcome.errors import DataRefusal
from outcome.pipeline.agreement import bundle_on_study, plain_unit, refuse_other_coding

BUNDLE = DataDictionary(VARIABLES)
USED = [variable.name for variable in VARIABLES if variable.name not in ("case_id", "site")]


def study(name: str, **changes: Any) -> DataDictionary:
    """The bundle's dictionary with one variable described otherwise."""
    return DataDictionary(tuple(replace(v, **changes) if v.name == name else v for v in VARIABLES))


def without(*names: str) -> DataDictionary:
    return DataDictionary(tuple(v for v in VARIABLES if v.name not in names))


def choices(*pairs: tuple[str, str]) -> tuple[Choice, ...]:
    return tuple(Choice(code, label) for code, label in pairs)


OTHERWISE: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "unit": ("haemoglobin_g_dl", {"unit": "mmol/L"}, "g/dL", "mmol/L"),
    "no unit": ("creatinine_mg_dl", {"unit": ""}, "mg/dL", "none"),
    "a prefix": ("creatinine_mg_dl", {"unit": "µg/dL"}, "mg/dL", "µg/dL"),
    "kind": ("asa_class", {"kind": VariableKind.NUMERIC, "choices": ()}, "categorical", "numeric"),
    "order": (
        "smoking",
        {"choices": choices(("current", "current"), ("former", "former"), ("never", "never"))},
        "never, former, current",
        "current, former, never",
    ),
    "a code too many": (
        "sex",
        {"choices": choices(("male", "male"), ("female", "female"), ("x", "other"))},
        "male, female",
        "male, female, x",
    ),
    "grades without a and b": (
        "clavien_grade",
        {"choices": choices(*((str(i), f"grade {i}") for i in range(6)))},
        "0, 1, 2, 3a",
        "0, 1, 2, 3, 4, 5",
    ),
    "codes given out anew": (
        "asa_class",
        {"choices": choices(("1", "class 2"), ("2", "Class 1 "), ("3", "class 3"), ("4", "class 4"))},
        "'class 2' under code 2",
        "found it under 1",
    ),
    "known later": (
        "planned_access",
        {"availability": Availability.POSTOPERATIVE, "roles": frozenset()},
        "planned",
        "postoperative",
    ),
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_another_coding_is_refused_with_variable_expected_and_found(what: str) -> None:
    name, changes, expected, found = OTHERWISE[what]
    with pytest.raises(DataRefusal) as refusal:
        refuse_other_coding(BUNDLE, study(name, **changes), USED)
    text = str(refusal.value)
    assert f"{name}: " in text
    assert expected in text
    assert found in text


def test_every_contradiction_is_told_at_once() -> None:
    both = DataDictionary(tuple(replace(v, unit="kg") if v.unit in ("years", "days") else v for v in VARIABLES))
    with pytest.raises(DataRefusal) as refusal:
        refuse_other_coding(BUNDLE, both, USED)
    assert all(name in str(refusal.value) for name in ("age_years", "stay_days", "follow_up_days"))


def test_a_variable_the_bundle_does_not_use_may_be_coded_at_will() -> None:
    refuse_other_coding(BUNDLE, study("haemoglobin_g_dl", unit="mmol/L"), [n for n in USED if n != "haemoglobin_g_dl"])


def test_spelling_and_translation_are_no_contradiction() -> None:
    refuse_other_coding(BUNDLE, study("bmi", unit="KG / m^2"), USED)
    german = choices(("never", "nie"), ("former", "früher"), ("current", "jetzt"))
    refuse_other_coding(BUNDLE, study("smoking", choices=german), USED)
    assert plain_unit("µmol/L") == plain_unit("μmol/l")  # micro sign and Greek mu
    assert plain_unit("mg/dL") != plain_unit("g/dL")


def test_a_predictor_may_be_absent_and_an_outcome_may_not() -> None:
    refuse_other_coding(BUNDLE, without("haemoglobin_g_dl"), USED)
    with pytest.raises(DataRefusal, match="stay_days"):
        refuse_other_coding(BUNDLE, without("stay_days"), USED)


def test_the_study_keeps_its_columns_and_gets_the_bundle_s_roles_and_ranges() -> None:
    own = study("age_years", source="Alter", missing_codes=("999",), roles=frozenset(), hard_range=Range(40, 50))
    meant = bundle_on_study(BUNDLE, own, USED)["age_years"]
    assert (meant.column, meant.missing_codes) == ("Alter", ("999",))
    assert Role.PREDICTOR in meant.roles
    assert meant.hard_range == BUNDLE["age_years"].hard_range


def test_a_predictor_not_described_gets_no_column_of_the_table() -> None:
    """The table may hold a column of that name in who knows which unit."""
    merged = bundle_on_study(BUNDLE, without("haemoglobin_g_dl"), USED)
    assert merged["haemoglobin_g_dl"].column not in {variable.column for variable in VARIABLES}
    text = merged.to_csv()
    assert "haemoglobin_g_dl" in text


def test_a_predictor_the_bundle_does_not_know_is_read_by_no_model() -> None:
    extra = replace(BUNDLE["bmi"], name="lactate", label="Lactate")
    merged = bundle_on_study(BUNDLE, DataDictionary((*VARIABLES, extra)), USED)
    assert Role.PREDICTOR not in merged["lactate"].roles
    assert Role.PREDICTOR in merged["bmi"].roles


def test_the_bundle_says_which_block_a_variable_belongs_to() -> None:
    """A hospital that does not name the block still fills the column that the model reads."""
    here = study("expr_03", block="")
    assert bundle_on_study(BUNDLE, here, USED)["expr_03"].block == "genomics"


def test_whether_choices_are_steps_is_the_bundle_s_to_say() -> None:
    steps = study("asa_class", ordered=True)
    assert bundle_on_study(steps, BUNDLE, USED)["asa_class"].ordered
    assert not bundle_on_study(BUNDLE, steps, USED)["asa_class"].ordered
    refuse_other_coding(steps, BUNDLE, USED)
