"""The line under a risk with what the model says beyond it: from the same model as the risk, in plain words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from example_metrics import BUNDLE_ID
from example_store import STUDY
from page_reading import OpenPage, texts

from app.beyond import beyond_words
from app.patient import risk_rows
from app.readers import load_study
from app.records import Question, StudyRecords

FROZEN, DEVELOPMENT = "E070", "E003"
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


def _rows(case_id: str, endpoint: str, what: str, values: dict[float, float], source: str = "bundle") -> pd.DataFrame:
    return pd.DataFrame(
        {"case_id": case_id, "partition": "later_batch", "endpoint": endpoint, "inputs": "preoperative",
         "source": source, "what": what, "at": list(values), "value": list(values.values())}
    )  # fmt: skip


def _stay(case_id: str, source: str, days: float) -> pd.DataFrame:
    return _rows(
        case_id, "length_of_stay", "quantile", {level: days + place for place, level in enumerate(LEVELS)}, source
    )


@pytest.fixture
def records(store: Path) -> StudyRecords:
    death = {1095.0: 0.071, 1826.0: 0.12}
    tables = [
        _rows(FROZEN, "overall_survival", "incidence", {1095.0: 0.2, 1826.0: 0.3}),
        _rows(FROZEN, "overall_survival", "competing_incidence", death),
        _stay(FROZEN, "bundle", 3.0),
        _stay(DEVELOPMENT, "bundle", 90.0),
        _stay(DEVELOPMENT, "out_of_fold", 5.0),
    ]
    return replace(load_study(store, STUDY), details=pd.concat(tables, ignore_index=True))


def test_quantiles_and_the_competing_event_stand_under_their_own_answer(records: StudyRecords) -> None:
    complication, stay, early, late = (row.beyond for row in risk_rows(records, FROZEN, "preoperative")[0])
    assert complication == ""
    assert stay == "Of 100 such patients 50 are expected between 4.0 and 6.0 days, and 80 between 3.0 and 7.0 days."
    assert early == "Competing event within 3 years: 7 of 100."
    assert late == "Competing event within 5 years: 12 of 100."


def test_a_development_case_is_described_by_the_model_that_never_saw_it(records: StudyRecords) -> None:
    stay = risk_rows(records, DEVELOPMENT, "preoperative")[0][1]
    assert "6.0 and 8.0 days" in stay.beyond


def test_grades_have_the_names_that_the_evaluation_noted(records: StudyRecords) -> None:
    named = {"grades": [{"grade": 1.0, "label": "Minor"}]}
    models = {"preoperative": {"details": named}}
    metrics = {"partitions": {"later_batch": {"endpoints": {"clavien": {"models": models}}}}}
    table = _rows(FROZEN, "clavien", "grade_at_least", {0.0: 1.0, 1.0: 0.452, 2.0: 0.004})
    question = Question("clavien", "Grade", "ordinal", float("nan"), "", "")
    words = beyond_words(
        replace(records, details=table, metrics=metrics),
        question,
        pd.Series({"source": "bundle"}, name=FROZEN),
        "preoperative",
    )
    assert words == "Of 100 such patients: 45 with Minor or worse, <1 with grade 2 or worse."


def test_nothing_is_said_where_nothing_was_computed_or_no_competing_event_is_expected(records: StudyRecords) -> None:
    none = _rows(FROZEN, "overall_survival", "competing_incidence", {1095.0: 0.0, 1826.0: 0.0})
    for table in (none, pd.DataFrame()):
        assert not any(row.beyond for row in risk_rows(replace(records, details=table), FROZEN, "preoperative")[0])


def test_the_table_is_read_from_the_store_and_shown(store: Path, open_page: OpenPage) -> None:
    folder = store / STUDY / "predict" / BUNDLE_ID
    _stay(FROZEN, "bundle", 3.0).to_parquet(folder / "details.parquet")
    page = open_page(store, case=FROZEN)
    assert not page.exception
    assert "80 between 3.0 and 7.0 days" in texts(page)
