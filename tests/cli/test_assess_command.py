"""`outcome assess`: one case's folder of DICOM gives the risks that a study of it would, and objects beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

import highdicom as hd
import numpy as np
import pandas as pd
import pytest

from outcome.store import read_parquet
from segmentation.images.reading import read_mask
from tests.cli.conftest import Call
from tests.cli.test_export_command import FILES, REGIONS, as_dicom, case_ids


@pytest.fixture
def bundle(made: Path) -> Path:
    return made / "store" / "site_a" / "bundle"


@pytest.fixture
def patient(studies: Path) -> Path:
    """A folder as a ward would hand it over: a DICOM series, a mask, and a row of the record beside it."""
    case = case_ids(studies)[0]
    as_dicom(studies / "B", case)
    folder = studies / "patient"
    shutil.copytree(studies / "B" / "dicom" / case, folder / "ct")
    shutil.copy(studies / "B" / "images" / case / "mask.nii.gz", folder / "mask.nii.gz")
    table = pd.read_csv(studies / "B" / "table.csv", dtype=str, keep_default_na=False)
    table[(table == case).any(axis=1)].assign(seen_by="somebody").to_csv(studies / "record.csv", index=False)
    return folder


def test_a_folder_becomes_risks_and_objects(bundle: Path, studies: Path, patient: Path, call: Call) -> None:
    case, out = case_ids(studies)[0], studies / "out"
    words = ("--record", studies / "record.csv", "--dictionary", next((studies / "B").glob("dictionary*.csv")))
    answer = call("assess", bundle, patient, *words, "--out", out, "--json")
    assert answer.code == 0, answer.err
    assert set(answer.json["objects"]["patient"]) | {"export.json"} == FILES
    assert answer.json["record_not_read"] == ["seen_by"]
    mask = read_mask(patient / "mask.nii.gz", REGIONS)
    drawn = hd.seg.segread(out / "objects" / "patient" / "segmentation.dcm").get_volume(combine_segments=True)
    assert {n: int((drawn.array == n).sum()) for n in (1, 2)} == {n: int((mask.labels == n).sum()) for n in (1, 2)}

    study = studies / "B" / "study.yaml"
    study.write_text(study.read_text().replace("ct: images/{case_id}/ct.nii.gz", "ct: dicom/{case_id}"))
    assert call("predict", bundle, study, "--out", studies / "whole", "--quiet").code in (0, 4)
    places = (studies / "whole", out / "store")
    whole, alone = (read_parquet(next(place.glob("*/predict/*/predictions.parquet"))) for place in places)
    keys = ["endpoint", "inputs", "rung", "horizon_days"]
    whole = whole[whole["case_id"] == case].sort_values(keys)["risk"].to_numpy(float)
    np.testing.assert_allclose(alone.sort_values(keys)["risk"].to_numpy(float), whole, rtol=1e-9)
    told = {round(one["probabilityDecimal"], 3) for one in answer.json["risks"] if "probabilityDecimal" in one}
    assert told <= {round(100 * risk, 3) for risk in whole}


def test_without_a_record_nobody_knows_whether_the_case_is_one_of_the_model_s(
    bundle: Path, patient: Path, call: Call
) -> None:
    answer = call("assess", bundle, patient, "--out", patient.parent / "out")
    assert answer.code == 3
    assert "inclusion criteria" in answer.err


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda patient: shutil.rmtree(patient / "ct"), "holds no image that the bundle reads"),
        (lambda patient: (patient.parent / "record.csv").write_text("a,b\n"), "0 rows"),
        (lambda patient: (patient.parent / "record.csv").unlink(), "cannot be read as CSV"),
    ],
)
def test_a_bad_folder_or_record_is_refused_and_leaves_nothing(
    spoil, words: str, bundle: Path, patient: Path, call: Call
) -> None:
    spoil(patient)
    out, record = patient.parent / "out", patient.parent / "record.csv"
    answer = call("assess", bundle, patient, "--record", record, "--out", out)
    assert answer.code == 3
    assert words in answer.err
    assert not out.exists()


def test_a_patient_of_the_training_cases_is_refused(bundle: Path, studies: Path, patient: Path, call: Call) -> None:
    table = pd.read_csv(studies / "A" / "table.csv", dtype=str, keep_default_na=False)
    known = next(str(value) for value in table.iloc[0] if str(value).startswith("A0"))
    patient.rename(patient.with_name(known))
    words = ("--record", studies / "record.csv", "--out", studies / "out")
    answer = call("assess", bundle, patient.with_name(known), *words)
    assert answer.code == 3
    assert "patients the model was learned from" in answer.err
    assert not (studies / "out").exists()
