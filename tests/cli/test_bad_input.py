"""Bad input ends with a clear message and the documented exit code: no traceback, nothing half written."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from outcome.pipeline import cohort
from outcome.store import StudyStore
from tests.cli.conftest import PATIENTS, Call, with_settings


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def edit_table(folder: Path, row: int, column: str, value: str) -> None:
    table = pd.read_csv(folder / "table.csv", dtype=str, keep_default_na=False)
    table.loc[row, column] = value
    table.to_csv(folder / "table.csv", index=False)


def test_an_unknown_key_names_the_nearest(studies: Path, call: Call) -> None:
    change(studies / "A" / "study.yaml", "inclusion:", "inclusoin:")
    answer = call("run", studies / "A" / "study.yaml", "--store", studies / "s")
    assert answer.code == 3
    assert "inclusoin" in answer.err
    assert "'inclusion'" in answer.err
    assert not (studies / "s").exists()


def test_a_postoperative_predictor_is_named_with_its_availability(studies: Path, call: Call) -> None:
    dictionary = studies / "A" / "dictionary.csv"
    row = next(line for line in dictionary.read_text().splitlines() if line.startswith("stay_days"))
    change(dictionary, row, row.replace("@ROLE='endpoint'", "@ROLE='predictor'"))
    answer = call("check", studies / "A" / "study.yaml")
    assert answer.code == 3
    assert "stay_days" in answer.err
    assert "postoperative" in answer.err


def test_a_time_in_another_unit_than_the_dictionary_says_is_refused(studies: Path, call: Call) -> None:
    study = studies / "A" / "study.yaml"
    change(study, "    time: follow_up_days\n", "    time: follow_up_days\n    time_unit: months\n")
    answer = call("check", study)
    assert answer.code == 3
    assert "follow_up_days is taken in months, the dictionary says days" in answer.err


def test_an_impossible_value_leaves_one_case_out_and_names_it(studies: Path, call: Call) -> None:
    edit_table(studies / "A", 4, "age_years", "999")
    checked = call("check", studies / "A" / "study.yaml")
    assert checked.code == 3
    assert "A00005" in checked.out
    assert "999" not in checked.out
    answer = call("cohort", studies / "A" / "study.yaml", "--store", studies / "s", "--json")
    assert answer.code == 4
    assert list(answer.json["stages"][0]["failed"]) == ["A00005"]
    assert answer.json["stages"][0]["counts"]["cases"] == PATIENTS - 1


def test_a_column_of_impossible_values_refuses_the_whole(studies: Path, call: Call) -> None:
    table = pd.read_csv(studies / "A" / "table.csv", dtype=str, keep_default_na=False)
    table["age_years"] = "999"
    table.to_csv(studies / "A" / "table.csv", index=False)
    answer = call("cohort", studies / "A" / "study.yaml", "--store", studies / "s")
    assert answer.code == 3
    assert "age_years" in answer.err


def test_a_duplicate_case_is_left_out(studies: Path, call: Call) -> None:
    edit_table(studies / "A", 1, "case_id", "A00001")
    answer = call("cohort", studies / "A" / "study.yaml", "--store", studies / "s", "--json")
    assert answer.code == 4
    assert "duplicate_case" in answer.json["stages"][0]["failed"]["A00001"]


def test_a_mask_on_another_grid_is_measured_in_mm(studies: Path, call: Call) -> None:
    path = studies / "A" / "images" / "A00001" / "mask.nii.gz"
    image = nibabel.load(path)
    affine = image.affine.copy()
    affine[0, 3] += 7.0
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), affine), path)
    answer = call("check", studies / "A" / "study.yaml")
    assert answer.code == 3
    assert "7" in answer.out
    assert "mm" in answer.out


def test_a_nan_image_is_refused_for_that_case_only(studies: Path, call: Call) -> None:
    path = studies / "A" / "images" / "A00002" / "ct.nii.gz"
    image = nibabel.load(path)
    data = np.asarray(image.dataobj, dtype=np.float32)
    data[tuple(n // 2 for n in data.shape)] = np.nan
    mask = np.asarray(nibabel.load(path.with_name("mask.nii.gz")).dataobj)
    data[mask > 0] = np.nan
    nibabel.save(nibabel.Nifti1Image(data, image.affine), path)
    for stage, code in (("cohort", 0), ("segment", 0), ("radiomics", 4)):
        answer = call(stage, studies / "A" / "study.yaml", "--store", studies / "s", "--json")
        assert answer.code == code
    assert list(answer.json["stages"][0]["failed"]) == ["A00002"]


def test_an_all_missing_predictor_is_refused_where_models_are_learned(studies: Path, call: Call) -> None:
    table = pd.read_csv(studies / "A" / "table.csv", dtype=str, keep_default_na=False)
    table["bmi"] = ""
    table.to_csv(studies / "A" / "table.csv", index=False)
    answer = call("check", studies / "A" / "study.yaml")
    assert answer.code == 3
    assert "bmi" in answer.out


def test_a_one_class_endpoint_is_withheld_and_the_run_ends_with_0(studies: Path, call: Call) -> None:
    table = pd.read_csv(studies / "A" / "table.csv", dtype=str, keep_default_na=False)
    table["clavien_grade"] = "0"
    table.to_csv(studies / "A" / "table.csv", index=False)
    answer = call(*with_settings(["run", studies / "A" / "study.yaml", "--store", studies / "s", "--json"]))
    assert answer.code == 0
    trained = next(stage for stage in answer.json["stages"] if stage["stage"] == "train")
    assert "any_complication.preoperative" in trained["counts"]["skipped"]


@pytest.mark.parametrize("damage", ["missing", "empty", "not text"])
def test_an_unreadable_table_is_named(studies: Path, call: Call, damage: str) -> None:
    table = studies / "A" / "table.csv"
    if damage == "missing":
        table.unlink()
    else:
        table.write_bytes(b"" if damage == "empty" else b"\xff\xfe\x00\x81")
    answer = call("check", studies / "A" / "study.yaml")
    assert answer.code == 3
    assert "table" in answer.err


def test_a_truncated_mask_is_a_failed_case(studies: Path, call: Call) -> None:
    path = studies / "A" / "images" / "A00001" / "mask.nii.gz"
    whole = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(whole[: len(whole) // 2]))
    call("cohort", studies / "A" / "study.yaml", "--store", studies / "s")
    answer = call("segment", studies / "A" / "study.yaml", "--store", studies / "s", "--json")
    assert answer.code == 4
    assert list(answer.json["stages"][0]["failed"]) == ["A00001"]


def test_a_second_process_on_a_store_is_refused(studies: Path) -> None:
    words = ["cohort", str(studies / "A" / "study.yaml"), "--store", str(studies / "s"), "--json"]
    with StudyStore(studies / "s", "site_a").lock():
        other = subprocess.run([sys.executable, "-m", "outcome.cli", *words], capture_output=True, text=True)
    assert other.returncode == 3
    assert "in use" in other.stdout
    assert "Traceback" not in other.stderr


def test_a_full_disk_is_refused_and_finished_work_is_kept(
    studies: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, store = studies / "A" / "study.yaml", studies / "s"
    assert call("cohort", study, "--store", store).code == 0
    code = (
        "import resource, signal, sys; from outcome.cli.main import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (800, 800))\n"
        "main(sys.argv[1:])"
    )
    words = ["segment", str(study), "--store", str(store), "--quiet"]
    full = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert full.returncode == 3, full.stderr
    assert "larger than this disk" in full.stderr or "disk" in full.stderr
    assert "Traceback" not in full.stderr
    assert not list(store.rglob(".tmp-*"))
    assert call("segment", study, "--store", store).code == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run"], 2),
        (["fly"], 2),
        (["run", "absent.yaml"], 3),
        (["demo", "--patients", "3"], 2),
        (["synth", "--out", "x", "--site", "Z"], 2),
        (["bundle", "verify", "absent"], 3),
        (["status", "absent"], 3),
        (["dashboard", "--store", "absent"], 3),
    ],
)
def test_impossible_command_lines(
    words: list[str], code: int, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = call(*words)
    assert answer.code == code
    assert answer.err.strip()
    assert list(tmp_path.iterdir()) == []


def test_a_gpu_asked_for_and_absent_is_refused_before_anything_is_written(
    studies: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    answer = call("cohort", studies / "A" / "study.yaml", "--store", studies / "s", "--device", "cuda")
    assert answer.code == 3
    assert "--device cpu" in answer.err
    assert not (studies / "s").exists()


def test_an_unknown_device_is_a_misuse(studies: Path, call: Call) -> None:
    answer = call("cohort", studies / "A" / "study.yaml", "--store", studies / "s", "--device", "tpu")
    assert answer.code == 2
    assert "auto, cpu, cuda" in answer.err


@pytest.mark.parametrize("words", [("0",), ("2", "--scheduler", "tcp://127.0.0.1:1")])
def test_processes_that_cannot_share_are_a_misuse(studies: Path, call: Call, words: tuple[str, ...]) -> None:
    answer = call("train", studies / "A" / "study.yaml", "--store", studies / "s", "--processes", *words)
    assert answer.code == 2
    assert "--processes" in answer.err
    assert not (studies / "s").exists()


def test_more_processes_than_gpus_are_refused(studies: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    asked = ("--device", "cuda", "--processes", "2")
    answer = call("run", studies / "A" / "study.yaml", "--store", studies / "s", *asked)
    assert answer.code == 3
    assert "2 GPUs" in answer.err


def test_a_refusal_is_one_json_document_too(studies: Path, call: Call) -> None:
    answer = call("train", studies / "A" / "study.yaml", "--store", studies / "s", "--json")
    assert answer.json["exit_code"] == answer.code == 3
    assert "outcome cohort" in answer.json["message"]


def test_a_draft_never_overwrites(studies: Path, call: Call) -> None:
    shutil.copy(studies / "A" / "table.csv", studies / "own.csv")
    assert call("draft", studies / "own.csv", "--out", studies / "mine").code == 0
    before = (studies / "mine" / "study.yaml").read_text()
    assert call("draft", studies / "own.csv", "--out", studies / "mine").code == 2
    assert (studies / "mine" / "study.yaml").read_text() == before


def test_a_run_interrupted_by_its_user_ends_with_130_which_the_journal_keeps(
    studies: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cohort, "read_record", interrupted)
    answer = call("cohort", studies / "A" / "study.yaml", "--store", studies / "s")
    assert answer.code == 130
    assert "a repeat goes on from there" in answer.err
    (journal,) = (studies / "s").rglob("*.sqlite")
    with sqlite3.connect(journal) as kept:
        assert kept.execute("SELECT exit_code FROM runs").fetchall() == [(130,)]
