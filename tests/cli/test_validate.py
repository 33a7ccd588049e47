"""`outcome validate`: every setting from the bundle, nothing fitted, patients independent."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from outcome.bundle import read_bundle
from outcome.recipe import CaseInput
from outcome.serving import RiskModel, case_view
from outcome.store import read_json, read_parquet
from tests.cli.conftest import PATIENTS, Call


@pytest.fixture
def bundle(made: Path) -> Path:
    return made / "store" / "site_a" / "bundle"


def test_another_hospital_gets_a_report_from_the_frozen_model(bundle: Path, studies: Path, call: Call) -> None:
    answer = call("validate", bundle, studies / "B" / "study.yaml", "--out", studies / "v", "--json")
    assert answer.code == 0
    assert answer.json["bundle_id"] == read_bundle(bundle).id
    metrics = json.loads(Path(answer.json["metrics"]).read_text(encoding="utf-8"))
    part = metrics["partitions"]["site_b"]
    assert (part["relation"], part["source"], part["n"]) == ("external", "bundle", PATIENTS)
    threshold = part["endpoints"]["any_complication"]["models"]["preoperative"]["threshold"]
    ours = RiskModel.load(bundle).units["any_complication.preoperative"].procedure
    assert ours is not None
    assert threshold == ours.threshold.to_json()
    assert Path(answer.json["report"]).exists()
    assert not (studies / "v" / "site_b" / "train").exists()


def test_validation_reads_nothing_to_be_learned_from_the_new_outcomes(bundle: Path, studies: Path, call: Call) -> None:
    """Other outcomes and other patients beside them change no case's risk."""
    study = studies / "B" / "study.yaml"
    assert call("predict", bundle, study, "--out", studies / "v1", "--quiet").code == 0
    table = pd.read_csv(studies / "B" / "table.csv", dtype=str, keep_default_na=False)
    table["clavien_grade"] = table["clavien_grade"].map(lambda grade: "0" if grade != "0" else "2")
    table.iloc[30:].to_csv(studies / "B" / "table.csv", index=False)
    assert call("predict", bundle, study, "--out", studies / "v2", "--quiet").code == 0
    first, second = (next((studies / v).glob("site_b/predict/*/predictions.parquet")) for v in ("v1", "v2"))
    left, right = read_parquet(first), read_parquet(second)
    left = left[left["case_id"].isin(right["case_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(left, right)


def test_patients_the_model_was_learned_from_are_refused(bundle: Path, studies: Path, call: Call) -> None:
    study = studies / "A" / "study.yaml"
    study.write_text(study.read_text().replace("relation: development", "relation: external"))
    answer = call("validate", bundle, study, "--out", studies / "v")
    assert answer.code == 3
    assert "patients the model was learned from" in answer.err


def test_cases_whose_relation_is_not_stated_are_never_called_external(bundle: Path, studies: Path, call: Call) -> None:
    study = studies / "B" / "study.yaml"
    study.write_text(study.read_text().replace("relation: external", "relation: development"))
    answer = call("validate", bundle, study, "--out", studies / "v")
    assert answer.code == 3
    assert "relation" in answer.err


def test_a_bundle_with_one_changed_byte_is_refused_before_anything_is_written(
    bundle: Path, studies: Path, call: Call
) -> None:
    copy = studies / "bundle"
    shutil.copytree(bundle, copy)
    path = next(copy.glob("estimators/*/procedure.json"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    answer = call("validate", copy, studies / "B" / "study.yaml", "--out", studies / "v")
    assert answer.code == 3
    assert "changed after it was written" in answer.err
    assert not (studies / "v").exists()


def test_a_bundle_for_another_procedure_is_refused(bundle: Path, studies: Path, call: Call) -> None:
    study = studies / "B" / "study.yaml"
    study.write_text(study.read_text().replace("procedure: nephrectomy (synthetic)", "procedure: hip replacement"))
    answer = call("validate", bundle, study, "--out", studies / "v")
    assert answer.code == 3
    assert "hip replacement" in answer.err


def test_a_study_without_the_bundle_s_regions_is_refused(bundle: Path, studies: Path, call: Call) -> None:
    study = studies / "B" / "study.yaml"
    study.write_text(study.read_text().replace("regions: {kidney: 1, tumor: 2}", "regions: {kidney: 1, mass: 2}"))
    answer = call("validate", bundle, study, "--out", studies / "v")
    assert answer.code == 3
    assert "tumor" in answer.err


def test_other_units_are_refused(bundle: Path, studies: Path, call: Call) -> None:
    dictionary = studies / "B" / "dictionary.csv"
    dictionary.write_text(dictionary.read_text().replace("@UNIT='g/dL'", "@UNIT='mmol/L'"))
    answer = call("validate", bundle, studies / "B" / "study.yaml", "--out", studies / "v")
    assert answer.code == 3
    assert "haemoglobin_g_dl" in answer.err
    assert "mmol/L" in answer.err


def test_predict_needs_no_outcomes(bundle: Path, studies: Path, call: Call) -> None:
    table = pd.read_csv(studies / "B" / "table.csv", dtype=str)
    outcomes = ["clavien_grade", "stay_days", "readmission_30d", "follow_up_days", "vital_status"]
    table.drop(columns=outcomes).to_csv(studies / "B" / "table.csv", index=False)
    answer = call("predict", bundle, studies / "B" / "study.yaml", "--out", studies / "p", "--json")
    assert answer.code == 0, answer.err
    predictions = read_parquet(Path(answer.json["predictions"]))
    risks = predictions[(predictions["endpoint"] == "any_complication") & (predictions["rung"] == "chosen")]
    assert len(risks) == 2 * PATIENTS
    assert risks["risk"].between(0, 1).all()
    assert ((risks["low"] <= risks["risk"]) & (risks["risk"] <= risks["high"])).all()


def test_one_case_served_alone_has_the_cohort_s_risk(bundle: Path, studies: Path, call: Call) -> None:
    """The same path serves one patient and a study: record and mask in, the same bits out."""
    assert call("validate", bundle, studies / "B" / "study.yaml", "--out", studies / "v", "--quiet").code == 0
    place = studies / "v" / "site_b"
    variables = read_parquet(place / "cohort" / "variables.parquet").set_index("case_id")
    together = read_parquet(next(place.glob("predict/*/predictions.parquet")))
    model = RiskModel.load(bundle)
    folder = studies / "B" / "images" / "B00007"
    case = CaseInput("B00007", {"ct": folder / "ct.nii.gz"}, folder / "mask.nii.gz")
    record = {name: value for name, value in variables.loc["B00007"].items() if pd.notna(value)}
    alone = model.predict(case, record).set_index(["endpoint", "inputs"])
    chosen = together[together["rung"] == "chosen"]
    cohort = chosen[chosen["case_id"] == "B00007"].set_index(["endpoint", "inputs"])
    assert alone["risk"].to_dict() == cohort["risk"].to_dict()


def test_planes_come_from_the_store_with_and_without_the_image(made: Path, studies: Path, call: Call) -> None:
    assert call("cohort", studies / "A" / "study.yaml", "--store", studies / "s", "--quiet").code == 0
    assert call("segment", studies / "A" / "study.yaml", "--store", studies / "s", "--quiet").code == 0
    shown = case_view(studies / "s", "site_a", "A00001", "tumor").planes()
    assert [plane.name for plane in shown] == ["axial", "coronal", "sagittal"]
    assert all(plane.image is not None for plane in shown)
    assert {shown[0].letters[side] for side in ("left", "right")} == {"R", "L"}
    (studies / "A" / "images" / "A00001" / "ct.nii.gz").unlink()
    assert all(plane.image is None for plane in case_view(studies / "s", "site_a", "A00001", "tumor").planes())


def test_the_bundle_holds_no_patient(bundle: Path) -> None:
    read = read_bundle(bundle)
    text = b"".join(read.files.values())
    assert b"A00001" not in text
    assert read_json(bundle / "reference.json")["suppression_limit"] == 5
