"""What a study compares its model with: readers, scores and crossed subgroups, refused where they do not fit."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from outcome.config import Study

READER = {"variable": "guess", "label": "Dr A", "endpoint": "bleeding", "scale": "percent"}
SCORE = {"variable": "points", "source": "Somebody 2020, doi:10.1000/x", "scale": "points"}
STUDY: dict[str, Any] = {
    "schema_version": 1,
    "name": "small",
    "title": "Small",
    "dictionary": "dictionary.csv",
    "table": {"format": "csv", "path": "table.csv"},
    "case_id": "case",
    "endpoints": {
        "bleeding": {"kind": "binary", "event": {"variable": "bled", "equals": True}},
        "stay": {"kind": "duration", "variable": "stay_days"},
    },
    "subgroups": [
        {"variable": "sex"},
        {"variable": "age", "cut": [65]},
        {"variable": "age", "cut": [75], "label": "old"},
    ],
}


def study(**changes: Any) -> Study:
    return Study.model_validate({**STUDY, **changes})


def test_what_is_compared_is_named_with_its_place() -> None:
    made = study(readers=[READER], scores=[{**SCORE, "endpoints": ["bleeding", "stay"]}], crossed=[])
    assert ("readers[0]", "guess") in made.variables_used()
    assert ("scores[0]", "points") in made.variables_used()
    assert made.scores[0].judged_on == ("bleeding", "stay")
    assert made.readers_are == "random"
    assert Study.model_validate({**made.resolved(), "dictionary": "dictionary.csv"}).readers == made.readers


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"readers": [{**READER, "endpoint": "bleding"}]}, "readers.0. names 'bleding', which is no endpoint"),
        ({"readers": [{**READER, "endpoint": "stay"}]}, "readers.0. states a risk, and stay is duration"),
        ({"scores": [{**SCORE, "endpoint": "none"}]}, "scores.0. names 'none'"),
        ({"scores": [SCORE]}, "exactly one of endpoint and endpoints"),
        ({"scores": [{**SCORE, "endpoint": "stay", "endpoints": ["stay"]}]}, "exactly one of endpoint and endpoints"),
        ({"scores": [{**SCORE, "endpoint": "stay", "scale": "risk"}]}, "stay is duration"),
        ({"scores": [{**SCORE, "endpoint": "bleeding", "scale": "risk", "higher_is": "safer"}]}, "higher_is: safer"),
        ({"scores": [{**SCORE, "endpoint": "bleeding", "source": ""}]}, "source"),
        ({"crossed": [["sex", "sex"]]}, "two variables"),
        ({"crossed": [["sex", "bmi"]]}, "two variables that stand once in subgroups"),
        ({"crossed": [["sex", "age"]]}, "two variables that stand once in subgroups"),
        ({"readers_are": "many"}, "readers_are"),
    ],
)
def test_what_does_not_fit_the_study_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        study(**changes)


def test_two_subgroups_can_be_crossed() -> None:
    assert study(subgroups=[{"variable": "sex"}, {"variable": "age"}], crossed=[["sex", "age"]]).crossed == (
        ("sex", "age"),
    )
