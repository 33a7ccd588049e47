"""The line under a risk about other outlines: only where it was computed, only for the frozen model's own answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from example_metrics import BUNDLE_ID
from example_store import QUESTIONS, STUDY
from page_reading import OpenPage, texts

from app.patient import risk_rows
from app.readers import load_study
from app.records import StudyRecords
from outcome.explain.outlines import CHANGED, NETWORK

FROZEN, DEVELOPMENT = "E070", "E003"


def _row(case_id: str, endpoint: str, low: float, high: float, reason: str = "") -> dict[str, object]:
    days = QUESTIONS[endpoint][0]
    return {"case_id": case_id, "endpoint": endpoint, "inputs": "preoperative", "horizon_days": days, "risk": 0.14,
            "low": low, "high": high, "n_outlines": 0 if reason else 20, "reason": reason,
            "moved_most": "" if reason else "tumor.morph_volume 0.31 SD"}  # fmt: skip


@pytest.fixture
def records(store: Path) -> StudyRecords:
    rows = [
        _row(FROZEN, "any_complication", 0.12, 0.17),
        _row(DEVELOPMENT, "any_complication", 0.12, 0.17),
        _row(FROZEN, "length_of_stay", 4.2, 5.0),
        _row(FROZEN, "overall_survival", np.nan, np.nan, "no mask"),
    ]
    return replace(load_study(store, STUDY), outlines=pd.DataFrame(rows))


def test_the_range_stands_under_its_own_risk(records: StudyRecords) -> None:
    rows, _ = risk_rows(records, FROZEN, "preoperative")
    assert rows[0].outlines == (
        "If the outline were drawn differently: 12 to 17 of 100 (20 outlines; moved most: tumor.morph_volume 0.31 SD)."
    )
    assert "4.2–5.0 days" in rows[1].outlines
    assert rows[2].outlines == "If the outline were drawn differently: not known. no mask."
    assert rows[3].outlines == ""  # another horizon, which nobody asked about


def test_the_network_s_own_outlines_are_called_so(records: StudyRecords) -> None:
    row = {**_row(FROZEN, "any_complication", 0.12, 0.17), "kind": NETWORK}
    rows, _ = risk_rows(replace(records, outlines=pd.DataFrame([row])), FROZEN, "preoperative")
    assert rows[0].outlines.startswith("If the network outlined more cautiously or more generously: 12 to 17 of 100")
    changed = replace(records, outlines=pd.DataFrame([{**row, "kind": CHANGED}]))
    assert risk_rows(changed, FROZEN, "preoperative")[0][0].outlines.startswith("If the outline were drawn differently")


def test_a_development_case_whose_risk_is_another_models_has_none(records: StudyRecords) -> None:
    assert not any(row.outlines for row in risk_rows(records, DEVELOPMENT, "preoperative")[0])


def test_nothing_is_said_where_nothing_was_computed(store: Path) -> None:
    assert not any(row.outlines for row in risk_rows(load_study(store, STUDY), FROZEN, "preoperative")[0])


def test_the_table_is_read_from_the_store(store: Path, tmp_path: Path) -> None:
    folder = tmp_path / STUDY / "predict" / BUNDLE_ID
    (tmp_path / STUDY / "cohort").mkdir(parents=True)
    folder.mkdir(parents=True)
    source = store / STUDY
    for name in ("cohort/cases.parquet", f"predict/{BUNDLE_ID}/predictions.parquet"):
        (tmp_path / STUDY / name).write_bytes((source / name).read_bytes())
    pd.DataFrame([_row(FROZEN, "any_complication", 0.12, 0.17)]).to_parquet(folder / "outlines.parquet")
    rows, _ = risk_rows(load_study(tmp_path, STUDY), FROZEN, "preoperative")
    assert sum("12 to 17" in row.outlines for row in rows) == 1


def test_the_patient_page_shows_the_line_and_no_markup_of_the_table(store: Path, open_page: OpenPage) -> None:
    folder = store / STUDY / "predict" / BUNDLE_ID
    row = {**_row(FROZEN, "any_complication", 0.12, 0.17), "moved_most": "<b>tumor</b> 0.31 SD"}
    pd.DataFrame([row]).to_parquet(folder / "outlines.parquet")
    page = open_page(store, case=FROZEN)
    assert not page.exception
    shown = texts(page)
    assert "If the outline were drawn differently: 12 to 17 of 100" in shown
    assert "<b>tumor</b>" not in shown
