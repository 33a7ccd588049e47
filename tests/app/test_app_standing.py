"""Where a patient stands among the others, what is wide, and who is unlike the training cases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from example_store import STUDY
from page_reading import OpenPage, texts

from app.outlines import is_wide
from app.readers import load_study
from app.records import questions
from app.standing import FEWEST, standing_words
from app.worklist import hidden_columns, ordered, worklist


def predicted(values: list[float]) -> pd.Series:
    return pd.Series(values, index=[f"c{i}" for i in range(len(values))])


def test_a_place_among_the_others_by_hand_with_ties_by_half() -> None:
    others = [0.1] * 12 + [0.2] * 4 + [0.3] * 4  # 12 lower, 4 alike: (12 + 2) / 20
    table = predicted([0.2, *others, np.nan])
    assert standing_words(table, "c0", is_risk=True) == ("A higher risk than 70 of 100 other patients here (20).")
    assert standing_words(table, "c0", is_risk=False).startswith("More than 70 of 100")


@pytest.mark.parametrize("case_id", ["c20", "nobody"])
def test_without_a_prediction_or_enough_others_nothing_is_said(case_id: str) -> None:
    table = predicted([0.1] * 20 + [np.nan])
    assert standing_words(table, case_id, is_risk=True) == ""
    assert standing_words(predicted([0.1] * FEWEST), "c0", is_risk=True) == "", "itself is none of the others"


def test_the_patient_page_tells_the_place_of_each_answer(store: Path, open_page: OpenPage) -> None:
    assert "other patients here (89)" in texts(open_page(store, case="E003"))


def test_a_yes_no_outcome_is_told_within_the_days_that_the_study_states(store: Path) -> None:
    """Predictions of a yes/no endpoint name no horizon; the study file does."""
    records = load_study(store, STUDY)
    table = records.predictions[records.predictions["endpoint"] == "any_complication"].assign(horizon_days=np.nan)
    study = {**records.study, "endpoints": {"any_complication": {"kind": "binary", "horizon_days": 30.0}}}
    metrics: dict[str, object] = {}
    (question,) = questions(replace(records, predictions=table, study=study, metrics=metrics))
    assert question.horizon == "within 30 days"
    assert question.name.endswith(", within 30 days")
    study["endpoints"] = {"any_complication": {"kind": "binary"}}
    (open_end,) = questions(replace(records, predictions=table, study=study, metrics=metrics))
    assert open_end.horizon == "no fixed horizon"


def test_a_wide_range_of_outlines_asks_for_a_review() -> None:
    assert is_wide(0.1, 0.21, is_risk=True)
    assert not is_wide(0.1, 0.19, is_risk=True)
    assert is_wide(3.0, 5.1, is_risk=False)
    assert not is_wide(3.0, 4.0, is_risk=False)


def test_the_worklist_counts_what_is_unlike_training_and_hides_a_column_of_noughts(store: Path) -> None:
    records = load_study(store, STUDY)
    question = questions(records)[0]
    assert "Unlike training" in hidden_columns(worklist(records, question, "preoperative"), question)
    rows = pd.DataFrame({"case_id": ["E070", "E070", "E071"], "message": ["a", "b", "c"]})
    table = worklist(replace(records, warnings=rows), question, "preoperative")
    assert "Unlike training" not in hidden_columns(table, question)
    assert ordered(table, "Unlike training, most first")["Case"].tolist()[:2] == ["E070", "E071"]
    assert table.loc["E070", "Unlike training"] == 2
