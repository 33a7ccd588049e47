"""What the pages know of a study: which prediction counts, what is missing, what must be warned of."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import example_metrics
import numpy as np
import pandas as pd
import pytest
from example_store import STUDY, WITHOUT_MASK

from app.patient import NEVER, WHY_NO_INTERVAL, risk_rows, source_words
from app.patient_inputs import input_blocks
from app.readers import latest_part, list_studies, load_study
from app.records import (
    StudyRecords,
    answers,
    joined_predictions,
    missing_counts,
    not_predicted,
    questions,
    readable_columns,
)
from app.warnings_for_case import cautions
from app.worklist import ALL, ORDERS, filtered, hidden_columns, ordered, worklist
from outcome.errors import StoreRefusal

PREOPERATIVE, WITH_PLAN = "preoperative", "with_plan"


def row(case: str, source: str, risk: float, rung: str = "chosen") -> dict[str, object]:
    return {"case_id": case, "partition": "p", "endpoint": "e", "inputs": PREOPERATIVE, "rung": rung, "source": source,
            "horizon_days": np.nan, "risk": risk, "low": np.nan, "high": np.nan, "score": risk}  # fmt: skip


def test_a_development_case_shows_its_out_of_fold_risk_and_never_the_one_that_saw_it() -> None:
    folds = pd.DataFrame([row("A", "out_of_fold", 0.3), row("A", "out_of_fold", 0.9, rung="one_number")])
    bundle = pd.DataFrame([row("A", "bundle", 0.01), row("B", "bundle", 0.2)])
    joined = joined_predictions(folds, bundle).set_index("case_id")
    assert joined["risk"].to_dict() == {"A": 0.3, "B": 0.2}
    assert joined["source"].to_dict() == {"A": "out_of_fold", "B": "bundle"}


def test_without_predictions_there_is_nothing_to_ask() -> None:
    assert len(joined_predictions(pd.DataFrame(), pd.DataFrame())) == 0


def test_a_file_that_a_run_replaces_while_the_pages_look_is_no_error(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, looks = Path.stat, Counter[Path]()

    def gone_at_the_second_look(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        looks[path] += 1
        if path.name == "flow.json" and looks[path] > 1:
            raise FileNotFoundError(path)
        return real(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", gone_at_the_second_look)
    load_study(store, STUDY)
    assert any(path.name == "flow.json" for path in looks)


def test_questions_follow_the_study_and_have_one_entry_a_horizon(store: Path) -> None:
    records = load_study(store, STUDY)
    names = [q.name for q in questions(records)]
    assert names == [
        "Any complication, within 30 days",
        "Length of stay",
        "Death from any cause, within 3 years",
        "Death from any cause, within 5 years",
    ]


def test_answers_are_those_of_the_horizon_and_input_set(store: Path) -> None:
    records = load_study(store, STUDY)
    for question in questions(records):
        found = answers(records, question, PREOPERATIVE)
        assert len(found) == len(records.cases)
        assert found.index.is_unique
    assert len(answers(records, questions(records)[1], WITH_PLAN)) == 0


def test_risks_are_sentences_with_horizon_and_amounts_carry_their_unit(store: Path) -> None:
    rows, source = risk_rows(load_study(store, STUDY), "E003", PREOPERATIVE)
    assert (rows[0].value, rows[0].interval, rows[0].horizon) == ("12 of 100", "(8–17)", "within 30 days")
    assert (rows[0].percent, rows[0].low_percent) == (12.3, 8.0)
    assert rows[1].value.endswith(" days")
    assert rows[1].percent is None
    assert "fitted without this patient" in source


def test_the_source_is_said_in_words() -> None:
    assert "abc, which never saw this patient" in source_words({"bundle"}, "abc")
    assert source_words(set(), "abc") == NEVER


def test_missing_inputs_count_variables_one_by_one_and_an_empty_block_once(store: Path) -> None:
    records = load_study(store, STUDY)
    table = records.features
    before = missing_counts(records, PREOPERATIVE)
    expected = table[["clinical:age", "clinical:albumin", "clinical:diabetes", "clinical:remark"]].isna().sum(axis=1)
    expected += table["radiomics:tumor.morph_volume"].isna()
    assert before.to_dict() == expected.astype(int).to_dict()
    with_plan = missing_counts(records, WITH_PLAN)
    assert (with_plan - before).loc["E010"] == 1  # the tenth case has no planned approach


def test_the_plan_is_not_among_the_inputs_of_a_preoperative_model(store: Path) -> None:
    records = load_study(store, STUDY)
    assert "plan:approach" not in [c["name"] for c in readable_columns(records, PREOPERATIVE)]
    assert "Planned procedure" in [b.name for b in input_blocks(records, "E003", WITH_PLAN)]
    assert "Planned procedure" not in [b.name for b in input_blocks(records, "E003", PREOPERATIVE)]


def test_inputs_are_shown_with_value_and_unit_and_the_missing_named(store: Path) -> None:
    records = load_study(store, STUDY)
    case = records.features.index[records.features["clinical:albumin"].isna()][0]
    clinical = input_blocks(records, case, PREOPERATIVE)[0]
    assert clinical.missing == ["Serum albumin"]
    age = next(r for r in clinical.used if r.label == "Age")
    assert (age.value, age.unit) == (f"{records.features.loc[case, 'clinical:age']:.0f}", "years")
    diabetes = next(r for r in clinical.used if r.label == "Diabetes")
    assert diabetes.value in ("yes", "no")


def heads(store: Path, case: str) -> list[str]:
    return [c.head for c in cautions(load_study(store, STUDY), case, PREOPERATIVE)]


def test_a_finding_that_names_the_case_is_a_warning(store: Path) -> None:
    assert "To review" in heads(store, "E003")
    assert "To review" not in heads(store, "E001")


def test_a_missing_mask_is_a_warning(store: Path) -> None:
    assert "No mask" in heads(store, WITHOUT_MASK)
    assert "No mask" not in heads(store, "E003")


def test_missing_inputs_are_a_warning_that_names_them(store: Path) -> None:
    records = load_study(store, STUDY)
    case = records.features.index[records.features["clinical:albumin"].isna()][0]
    text = next(c.text for c in cautions(records, case, PREOPERATIVE) if c.head == "Missing")
    assert text.startswith("1 of 4 inputs: Serum albumin.")


def test_a_value_beyond_the_development_cases_is_a_warning_only_for_new_cases(store: Path) -> None:
    records = load_study(store, STUDY)
    oldest = records.features.loc[records.cases["partition"] == "development", "clinical:age"].idxmax()
    assert "Outside experience" in heads(store, "E061")
    assert "Outside experience" not in heads(store, str(oldest))
    text = next(c.text for c in cautions(records, "E061", PREOPERATIVE) if c.head == "Outside experience")
    assert text.startswith("Age 97 years; the development cases span")


def test_an_endpoint_without_model_is_named_with_its_reason(store: Path) -> None:
    records = load_study(store, STUDY)
    assert not_predicted(records, PREOPERATIVE) == [("Major complication", "no model")]


@pytest.mark.parametrize("order", list(ORDERS))
def test_every_order_sorts_all_rows(store: Path, order: str) -> None:
    records = load_study(store, STUDY)
    table = ordered(worklist(records, questions(records)[0], PREOPERATIVE), order)
    column, ascending = ORDERS[order]
    assert len(table) == len(records.cases)
    assert table[column].is_monotonic_increasing if ascending else table[column].is_monotonic_decreasing


def test_search_and_filter_combine_and_take_no_patterns(store: Path) -> None:
    records = load_study(store, STUDY)
    table = worklist(records, questions(records)[0], PREOPERATIVE)
    assert filtered(table, "p003", ALL)["Case"].tolist() == ["E003"]
    assert filtered(table, "E061", "development").empty
    assert filtered(table, ".*", ALL).empty
    assert len(filtered(table, "", "later_batch")) == 30


def test_a_study_is_read_again_when_a_file_changes(store: Path) -> None:
    before = load_study(store, STUDY)
    assert load_study(store, STUDY) is before
    path = store / STUDY / "cohort/cases.parquet"
    pd.read_parquet(path).head(5).to_parquet(path, index=False)
    os.utime(path, ns=(1, 1))
    assert len(load_study(store, STUDY).cases) == 5


def test_a_damaged_file_is_refused_by_name(store: Path) -> None:
    (store / STUDY / "cohort/cases.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(StoreRefusal, match=r"cohort/cases\.parquet"):
        load_study(store, STUDY)


def test_a_damaged_document_is_refused_by_name(store: Path) -> None:
    (store / STUDY / "evaluate" / example_metrics.BUNDLE_ID / "metrics.json").write_text("{")
    with pytest.raises(StoreRefusal, match=r"metrics\.json"):
        load_study(store, STUDY)


def test_an_absent_store_has_no_studies(tmp_path: Path) -> None:
    assert list_studies(tmp_path / "nowhere") == []
    assert latest_part(tmp_path / "nowhere") is None


def without_intervals(store: Path) -> StudyRecords:
    records = load_study(store, STUDY)
    return replace(records, predictions=records.predictions.assign(low=np.nan, high=np.nan))


def test_a_risk_without_interval_says_why_and_one_with_an_interval_does_not(store: Path) -> None:
    assert WHY_NO_INTERVAL in risk_rows(without_intervals(store), "E003", PREOPERATIVE)[1]
    assert WHY_NO_INTERVAL not in risk_rows(load_study(store, STUDY), "E003", PREOPERATIVE)[1]


def test_interval_columns_that_no_case_fills_are_not_shown(store: Path) -> None:
    records = without_intervals(store)
    question = questions(records)[0]
    assert {"Low", "High"} <= hidden_columns(worklist(records, question, PREOPERATIVE), question)
    filled = worklist(load_study(store, STUDY), question, PREOPERATIVE)
    assert not {"Low", "High"} & hidden_columns(filled, question)


def test_outlines_follow_the_masks_in_the_store_and_say_who_drew_them() -> None:
    """A hospital under a bundle that draws: no mask section of its own, or one with other label numbers."""
    given = {"mask": {"regions": {"kidney": 5}}}
    drawn = {"recipe": {"regions": {"kidney": 1}, "segmenter": "unet_3d:0123456789ab"}}
    learned_here = {"recipe": {"regions": {"kidney": 1}}, "learning": {"network": "unet_3d"}}
    handed = {"recipe": {"regions": {"kidney": 5}, "segmenter": "given"}}
    table = pd.DataFrame()
    found = [
        StudyRecords("s", table, table, (), table, {}, {}, (), (), study, {}, frozenset(), "", {}, "", masking)
        for study, masking in ((given, drawn), ({}, drawn), (given, learned_here), (given, handed), (given, {}))
    ]
    assert [records.regions["kidney"] for records in found] == [1, 1, 1, 5, 5]
    assert [records.masks_are_learned for records in found] == [True, True, True, False, False]


def test_the_bundle_s_own_warnings_stand_with_the_case(store: Path) -> None:
    rows = pd.DataFrame({"case_id": ["E061", "E062"], "message": ["Creatinine 88 mg/dL; nearly all to 4.1", "other"]})
    records = replace(load_study(store, STUDY), warnings=rows)
    told = [c.text for c in cautions(records, "E061", PREOPERATIVE) if c.head == "Unlike training"]
    assert told == ["Creatinine 88 mg/dL; nearly all to 4.1."]
    assert [c for c in cautions(records, "E063", PREOPERATIVE) if c.head == "Unlike training"] == []
