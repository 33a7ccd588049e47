"""docs/own_study.md as a new user walks it: a table of one's own, drafted, edited by hand, checked and run."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcome.dictionary import Choice, DataDictionary, VariableKind
from outcome.dictionary.variable import Range
from outcome.serving import RiskModel
from tests.cli.conftest import Call, with_settings

AFTER_SURGERY = ("complication_grade", "stay_days", "follow_up_days", "died", "blood_loss_ml")
ENDPOINTS = """endpoints:
  major_complication:
    label: Major complication
    kind: binary
    event: {variable: complication_grade, at_least: 3a}
    horizon_days: 90
  length_of_stay: {kind: duration, variable: stay_days}
comparator: {variable: tumour_cm, label: Tumour size alone}
"""
STAY = "  length_of_stay: {kind: duration, variable: stay_days}\n"


def resections(n: int, seed: int = 5) -> pd.DataFrame:
    """A made-up table as a hospital in central Europe would export it; large tumours are followed by complications."""
    draw = np.random.default_rng(seed)
    size = draw.uniform(1, 9, n).round(1)
    grade = np.where(draw.uniform(size=n) < size / 12, draw.choice(["3a", "3b", "4"], n), draw.choice(["0", "1"], n))
    return pd.DataFrame(
        {
            "PatientID": [f"P{number:03d}" for number in range(n)],
            "Age (years)": draw.integers(35, 88, n),
            "ASA status": draw.integers(1, 4, n),
            "bilirubin_mg_dl": draw.uniform(0.3, 3, n).round(1),
            "tumour_cm": size,
            "blood_loss_ml": draw.integers(50, 900, n),
            "complication_grade": grade,
            "stay_days": draw.integers(3, 12, n) + (4 * (size > 5)).astype(int),
            "follow_up_days": draw.integers(30, 900, n),
            "died": draw.choice(["yes", "no"], n),
        }
    )


def edit(folder: Path, after_surgery: tuple[str, ...], endpoints: str) -> Path:
    """What a person does with a draft: when each variable becomes known, what is predicted; returns the study file."""
    dictionary = folder / "dictionary.csv"
    with dictionary.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    for row in rows:
        late = row[0] in after_surgery
        row[-1] = row[-1].replace("'TODO'", "'postoperative'" if late else "'preoperative'")
        row[-1] = row[-1].replace("@ROLE='predictor'", "") if late else row[-1]
    with dictionary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    study = folder / "study.yaml"
    study.write_text(study.read_text(encoding="utf-8").replace("endpoints: TODO\n", endpoints), encoding="utf-8")
    return study


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "resections.csv"
    resections(90).to_csv(path, index=False, sep=";", decimal=",")
    return path


def drafted(table: Path, call: Call) -> Path:
    answer = call("draft", table, "--out", table.parent / "my_study")
    assert answer.code == 0, answer.err
    return table.parent / "my_study"


def test_a_draft_that_nobody_edited_is_refused_with_what_is_open(table: Path, call: Call) -> None:
    answer = call("check", drafted(table, call) / "study.yaml")
    assert answer.code == 3
    assert "endpoints" in answer.err
    edited = edit(table.parent / "my_study", (), ENDPOINTS)
    text = edited.with_name("dictionary.csv").read_text(encoding="utf-8")
    edited.with_name("dictionary.csv").write_text(text.replace("'preoperative'", "'TODO'", 1), encoding="utf-8")
    assert "1 variable(s) still wait for a person" in call("check", edited).err


def test_the_walk_from_a_table_to_a_report(table: Path, call: Call) -> None:
    """Semicolons, decimal commas, a bracketed unit, ordered grades: read off, and the model beats a coin."""
    before = table.read_bytes()
    study = edit(drafted(table, call), AFTER_SURGERY, ENDPOINTS)
    checked = call("check", study, "--json")
    assert checked.code == 0, checked.out
    store = table.parent / "store"
    words = ["run", str(study), "--store", str(store), "--json"]
    ran = call(*with_settings(words))
    assert ran.code == 0, ran.err
    report = Path(ran.json["report"]).read_text(encoding="utf-8")
    for text in ("Major complication", "Tumour size alone", "90 cases", "Research use only"):
        assert text in report
    assert {entry["state"] for entry in call("status", store, "--json").json["studies"][0]["stages"]} == {"done"}
    again = call(*with_settings(words))
    assert {stage["status"] for stage in again.json["stages"]} == {"current"}
    assert table.read_bytes() == before


def test_what_became_known_during_surgery_never_reaches_the_model(table: Path, call: Call) -> None:
    study = edit(drafted(table, call), AFTER_SURGERY, ENDPOINTS)
    store = table.parent / "store"
    assert call("cohort", study, "--store", store, "--quiet").code == 0
    for stage in ("segment", "radiomics", "features"):
        assert call(stage, study, "--store", store, "--quiet").code == 0
    columns = set(pd.read_parquet(store / "resections" / "features" / "features.parquet").columns) - {"case_id"}
    assert columns == {f"clinical:{name}" for name in ("age", "asa_status", "bilirubin_mg_dl", "tumour_cm")}


def test_a_graded_predictor_walks_from_its_tag_to_a_prediction(tmp_path: Path, call: Call) -> None:
    """ASA class, missing in every ninth case, tagged by hand: at least 2 and at least 3 in place of 1, 2 and 3."""
    frame = resections(90)
    frame["ASA status"] = frame["ASA status"].astype("Int64").where(np.arange(90) % 9 > 0)
    frame.to_csv(tmp_path / "resections.csv", index=False)
    study = edit(drafted(tmp_path / "resections.csv", call), AFTER_SURGERY, ENDPOINTS.replace(STAY, ""))
    dictionary = DataDictionary.load(study.with_name("dictionary.csv"))
    grades = tuple(Choice(code, f"class {code}") for code in "1234")
    asa = replace(dictionary["asa_status"], kind=VariableKind.CATEGORICAL, field_type="", validation="",
                  hard_range=Range(), choices=grades, ordered=True)  # fmt: skip
    DataDictionary(tuple(asa if v.name == asa.name else v for v in dictionary)).save(study.with_name("dictionary.csv"))
    store = tmp_path / "store"
    for stage in ("cohort", "segment", "radiomics", "features", "train"):
        answer = call(*with_settings([stage, str(study), "--store", str(store), "--quiet"]))
        assert answer.code == 0, answer.err
    columns = json.loads((store / "resections" / "features" / "columns.json").read_text(encoding="utf-8"))
    assert [column["name"] for column in columns if column.get("ordered")] == ["clinical:asa_status"]
    model = RiskModel.load(store / "resections" / "bundle")
    fit = model.units["major_complication.preoperative"].rungs[-1]
    read = [name for name in fit.preprocessor.output_names if "asa" in name]
    assert read == [f"clinical:asa_status{step}" for step in (">=2", ">=3", "=missing")]
    row = pd.read_parquet(store / "resections" / "features" / "features.parquet").set_index("case_id").iloc[[1]]
    cases = pd.concat([row.assign(**{"clinical:asa_status": grade}) for grade in ("3", "4", None, "2", "9")])
    table = model.predict_frame(cases.set_axis([f"c{i}" for i in range(5)]), every_rung=True)
    mine = table[(table["rung"] == fit.rung.name) & (table["endpoint"] == "major_complication")]
    risk = mine.set_index("case_id")["risk"]
    assert risk["c0"] == risk["c1"], "nobody had a 4, which counts as a 3 at least"
    assert risk["c3"] == risk["c4"] != risk["c0"], "a 9 is no grade: the median one"
    assert risk["c2"] != risk["c3"], "a missing one says that it is missing"
    told = model.explain(row, "major_complication", "preoperative").contributions.rows
    chosen = model.units["major_complication.preoperative"].procedure.chosen.preprocessor
    assert sorted(part.name for part in told) == sorted({output.source for output in chosen.outputs})


def test_a_predictor_from_after_the_operation_is_refused_by_name(table: Path, call: Call) -> None:
    study = edit(drafted(table, call), AFTER_SURGERY, ENDPOINTS)
    dictionary = study.with_name("dictionary.csv")
    text = dictionary.read_text(encoding="utf-8")
    lines = [
        line.replace("'postoperative'", "'postoperative' @ROLE='predictor'") if line.startswith("blood_loss") else line
        for line in text.splitlines()
    ]
    dictionary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    answer = call("check", study)
    assert answer.code == 3
    assert "blood_loss_ml" in answer.err


@pytest.mark.parametrize("ending", ["xlsx", "parquet"])
def test_excel_and_parquet_give_the_draft_of_the_csv(tmp_path: Path, call: Call, ending: str) -> None:
    frame = resections(40)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    for name in ("csv", ending):
        assert call("draft", tmp_path / f"t.{name}", "--out", tmp_path / name).code == 0
    drafts = [(tmp_path / name / "dictionary.csv").read_text(encoding="utf-8") for name in ("csv", ending)]
    assert drafts[0] == drafts[1]


def test_a_bundle_from_one_table_is_validated_on_another_of_the_same_columns(tmp_path: Path, call: Call) -> None:
    frame = resections(180)
    for half, rows in (("a", frame.iloc[:90]), ("b", frame.iloc[90:])):
        (tmp_path / half).mkdir()
        rows.to_csv(tmp_path / half / f"half_{half}.csv", index=False)
        assert call("draft", tmp_path / half / f"half_{half}.csv", "--out", tmp_path / half / "study").code == 0
    first, second = (edit(tmp_path / half / "study", AFTER_SURGERY, ENDPOINTS) for half in "ab")
    shutil.copy(first.with_name("dictionary.csv"), second.with_name("dictionary.csv"))
    assert call(*with_settings(["run", str(first), "--store", str(tmp_path / "store"), "--quiet"])).code == 0
    bundle = tmp_path / "store" / "half_a" / "bundle"
    unstated = call("validate", bundle, second, "--out", tmp_path / "validation")
    assert unstated.code == 3
    assert "relation" in unstated.err
    second.write_text(second.read_text() + "\npartitions:\n  all: {relation: external, label: The other half}\n")
    answer = call("validate", bundle, second, "--out", tmp_path / "validation", "--json")
    assert answer.code == 0, answer.err
    assert "90 cases" in Path(answer.json["report"]).read_text(encoding="utf-8")


GBSG2 = """endpoints:
  recurrence_or_death:
    kind: time_to_event
    time: time
    event: {variable: cens, equals: true}
    horizons_days: [730, 1825]
comparator: {variable: pnodes, label: Positive nodes alone}
"""


@pytest.mark.real
def test_the_walk_on_a_published_table(real_data: Path, tmp_path: Path, call: Call) -> None:
    """GBSG2 (686 patients, 299 events: doi:10.1200/JCO.1994.12.10.2086) with quick settings."""
    table = tmp_path / "GBSG2.csv"
    shutil.copy(real_data / "statistics" / "tables" / "GBSG2.csv", table)
    study = edit(drafted(table, call), ("time", "cens"), GBSG2)
    assert call("check", study).code == 0
    ran = call(*with_settings(["run", str(study), "--store", str(tmp_path / "store"), "--json"]))
    assert ran.code == 0, ran.err
    report = Path(ran.json["report"]).read_text(encoding="utf-8")
    assert "299 of 686" in report
    assert "within 2 years and 5 years" in report
