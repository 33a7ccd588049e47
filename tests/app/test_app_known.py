"""How much is known of a patient stands under each risk, told by the model that gave the risk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from example_store import STUDY
from page_reading import OpenPage, texts

from app.patient import risk_rows
from app.readers import load_study
from app.records import StudyRecords, questions
from app.worklist import worklist

FROZEN, DEVELOPMENT = "E070", "E003"


def _row(case_id: str, source: str, share: float, missing: str) -> dict[str, object]:
    return {"case_id": case_id, "partition": "p", "endpoint": "any_complication", "inputs": "preoperative",
            "source": source, "known_share": share, "blocks_missing": missing}  # fmt: skip


@pytest.fixture
def records(store: Path) -> StudyRecords:
    rows = [
        _row(FROZEN, "bundle", 0.6399, "genomics, image:ct"),
        _row(DEVELOPMENT, "bundle", 0.1, "clinical"),
        _row(DEVELOPMENT, "out_of_fold", 1.0, ""),
    ]
    return replace(load_study(store, STUDY), information=pd.DataFrame(rows))


def test_what_is_known_and_what_is_missing_stands_under_its_own_risk(records: StudyRecords) -> None:
    complication, *others = (row.known for row in risk_rows(records, FROZEN, "preoperative")[0])
    assert complication == "63 % of what this model reads is known of this patient; missing: genomics, image ct."
    assert others == [""] * len(others)


def test_a_development_case_is_told_of_by_the_model_that_never_saw_it(records: StudyRecords) -> None:
    row = risk_rows(records, DEVELOPMENT, "preoperative")[0][0]
    assert row.known == "100 % of what this model reads is known of this patient."


def test_below_the_level_the_reason_stands_in_the_place_of_the_number(records: StudyRecords) -> None:
    told = replace(records, min_information=0.64)
    row, *others = risk_rows(told, FROZEN, "preoperative")[0]
    assert (row.value, row.interval, row.percent, row.beyond, row.outlines) == ("", "", None, "", "")
    assert row.withheld
    assert row.known == (
        "No number: 63 % of what this model reads is known of this patient; missing: genomics, image ct. "
        "It speaks from 64 % on."
    )
    assert all(other.value and not other.withheld for other in others)
    assert risk_rows(told, DEVELOPMENT, "preoperative")[0][0].value
    question = questions(told)[0]
    numbers = worklist(told, question, "preoperative").loc[[FROZEN, DEVELOPMENT], "Prediction"]
    assert numbers.isna().tolist() == [True, False]
    before = worklist(records, question, "preoperative")["Prediction"].drop(FROZEN)
    assert worklist(told, question, "preoperative")["Prediction"].drop(FROZEN).equals(before)


def test_the_page_says_the_reason_and_no_number(store: Path, open_page: OpenPage) -> None:
    """The level is the bundle's, read from its study file."""
    rows = pd.DataFrame([_row(FROZEN, "bundle", 0.2, "clinical")])
    rows.to_parquet(next((store / STUDY / "predict").iterdir()) / "information.parquet")
    config = store / STUDY / "bundle" / "config.json"
    config.parent.mkdir(exist_ok=True)
    config.write_text(json.dumps({"training": {"min_information": 0.5}}))
    shown = texts(open_page(store, study=STUDY, case=FROZEN))
    assert "No number: 20 % of what this model reads is known of this patient; missing: health record." in shown


def test_a_store_without_the_table_tells_nothing(store: Path) -> None:
    assert {row.known for row in risk_rows(load_study(store, STUDY), FROZEN, "preoperative")[0]} == {""}
