"""Eight patients whose answers can be counted on paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from outcome.cohort.criteria import alive_at, all_of, any_of, truth
from outcome.cohort.endpoints import composite_parts, endpoints_long
from outcome.config import Condition, study_from_resolved
from outcome.config.endpoints import BinaryEndpoint
from outcome.dictionary import Availability, Choice, DataDictionary, Variable, VariableKind

NAN = np.nan
GRADES = tuple(Choice(code, code) for code in ("0", "1", "2", "3a", "3b", "4", "5"))
DICTIONARY = DataDictionary(
    (
        Variable("grade", VariableKind.CATEGORICAL, choices=GRADES),
        Variable("stay", VariableKind.NUMERIC),
        Variable("margin", VariableKind.BOOLEAN),
        Variable("days", VariableKind.NUMERIC),
        Variable("status", VariableKind.CATEGORICAL, choices=tuple(Choice(c, c) for c in ("alive", "cancer", "other"))),
        Variable("site", VariableKind.TEXT, availability=Availability.PREOPERATIVE),
    )
)
PATIENTS = pd.DataFrame(
    {
        "case_id": list("ABCDEFGH"),
        "grade": ["0", "1", "2", "3a", "3b", "5", None, "0"],
        "stay": [1.0, 4.0, 5.0, 3.0, NAN, 0.0, 2.0, 4.0],
        "margin": [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, NAN],
        "days": [400.0, 90.0, 89.0, 90.0, 30.0, 2.0, 200.0, 95.0],
        "status": ["alive", "alive", "alive", "cancer", "other", "other", None, "cancer"],
        "site": ["b", "a", "c", "a", None, "b", "b", "c"],
    }
)


@pytest.mark.parametrize(
    ("condition", "answers"),
    [
        ({"variable": "grade", "at_least": "3a"}, [0, 0, 0, 1, 1, 1, NAN, 0]),
        ({"variable": "grade", "below": "2"}, [1, 1, 0, 0, 0, 0, NAN, 1]),
        ({"variable": "grade", "between": [1, "3a"]}, [0, 1, 1, 1, 0, 0, NAN, 0]),
        ({"variable": "grade", "one_of": [0, 5]}, [1, 0, 0, 0, 0, 1, NAN, 1]),
        ({"variable": "stay", "above": 3}, [0, 1, 1, 0, NAN, 0, 0, 1]),
        ({"variable": "stay", "at_most": 3}, [1, 0, 0, 1, NAN, 1, 1, 0]),
        ({"variable": "margin", "equals": False}, [1, 1, 1, 0, 1, 1, 1, NAN]),
        ({"variable": "margin", "not_equals": "no"}, [0, 0, 0, 1, 0, 0, 0, NAN]),
        ({"variable": "stay", "missing": True}, [0, 0, 0, 0, 1, 0, 0, 0]),
        ({"variable": "stay", "missing": False}, [1, 1, 1, 1, 0, 1, 1, 1]),
        ({"variable": "site", "at_least": "b"}, [1, 0, 1, 0, NAN, 1, 1, 1]),
    ],
)
def test_a_condition_answers_yes_no_or_unknown(condition: dict, answers: list[float]) -> None:
    np.testing.assert_array_equal(truth(Condition.model_validate(condition), PATIENTS, DICTIONARY), answers)


def test_alive_at_day_90_by_last_contact_and_death() -> None:
    # alive at 400; last seen alive on day 90; lost on day 89; died on day 90; died on days 30 and 2; status unknown
    # at 200; died on day 95
    died = np.array([0, 0, 0, 1, 1, 1, NAN, 1])
    np.testing.assert_array_equal(alive_at(90, PATIENTS["days"].to_numpy(), died), [1, 1, NAN, 0, 0, 0, 1, 1])
    np.testing.assert_array_equal(alive_at(90, np.array([NAN, 50.0]), np.array([1.0, NAN])), [NAN, NAN])


def test_kleene_tables() -> None:
    a = np.array([1, 1, 1, 0, 0, 0, NAN, NAN, NAN])
    b = np.array([1, 0, NAN, 1, 0, NAN, 1, 0, NAN])
    np.testing.assert_array_equal(all_of([a, b]), [1, 0, NAN, 0, 0, 0, NAN, 0, NAN])
    np.testing.assert_array_equal(any_of([a, b]), [1, 1, 1, 1, 0, NAN, 1, NAN, NAN])


TEXTBOOK = {
    "kind": "binary",
    "all_of": [
        {"label": "no major", "variable": "grade", "below": "3a"},
        {"label": "margin free", "variable": "margin", "equals": False},
        {"label": "short stay", "variable": "stay", "at_most": 4},
        {
            "label": "alive at 90", "alive_at_days": 90, "time": "days",
            "event": {"variable": "status", "one_of": ["cancer", "other"]},
        },
    ],
}  # fmt: skip
SURVIVAL = {
    "kind": "time_to_event",
    "time": "days",
    "event": {"variable": "status", "equals": "cancer"},
    "competing": {"variable": "status", "equals": "other"},
    "horizons_days": [90],
}
WORST = {"kind": "ordinal", "variable": "grade"}
STUDY = study_from_resolved(
    {
        "schema_version": 1, "name": "paper", "title": "paper", "dictionary": "d.csv", "case_id": "@row",
        "table": {"format": "csv", "path": "t.csv"},
        "endpoints": {"textbook": TEXTBOOK, "cancer_death": SURVIVAL, "worst": WORST},
    }
)  # fmt: skip


def test_a_composite_and_its_parts() -> None:
    parts = composite_parts(BinaryEndpoint.model_validate(TEXTBOOK), DICTIONARY, PATIENTS)
    assert list(parts.columns) == ["no major", "margin free", "short stay", "alive at 90"]
    np.testing.assert_array_equal(parts["alive at 90"], [1, 1, NAN, 0, 0, 0, 1, 1])
    rows = endpoints_long(STUDY, DICTIONARY, PATIENTS)
    # C failed by its stay although lost to follow-up; E failed by grade although the stay is unknown;
    # G: grade unknown, all else good; H: margin unknown, all else good
    expected = [1, 1, 0, 0, 0, 0, NAN, NAN]
    np.testing.assert_array_equal(rows.loc[rows["endpoint"] == "textbook", "value"], expected)


def test_a_competing_death_is_event_2_and_an_unknown_status_stays_unknown() -> None:
    rows = endpoints_long(STUDY, DICTIONARY, PATIENTS)
    survival = rows[rows["endpoint"] == "cancer_death"]
    np.testing.assert_array_equal(survival["event"], [0, 0, 0, 1, 2, 2, NAN, 1])
    np.testing.assert_array_equal(survival["time_days"], PATIENTS["days"])


def test_a_case_is_censored_only_where_the_competing_event_is_known_not_to_have_happened() -> None:
    split = {**SURVIVAL, "competing": {"variable": "margin", "equals": True}}
    study = study_from_resolved({**STUDY.resolved(), "endpoints": {"split": split}})
    # D has both events: the event of interest wins; H has the event, margin unknown; G has no known status
    np.testing.assert_array_equal(endpoints_long(study, DICTIONARY, PATIENTS)["event"], [0, 0, 0, 1, 0, 0, NAN, 1])
    censored = PATIENTS.assign(status="alive")
    expected = [0, 0, 0, 2, 0, 0, 0, NAN]  # H: no event, and nobody knows about the competing one
    np.testing.assert_array_equal(endpoints_long(study, DICTIONARY, censored)["event"], expected)


def test_an_ordinal_endpoint_is_the_rank_of_the_choice() -> None:
    rows = endpoints_long(STUDY, DICTIONARY, PATIENTS)
    np.testing.assert_array_equal(rows.loc[rows["endpoint"] == "worst", "value"], [0, 1, 2, 3, 4, 6, NAN, 0])
