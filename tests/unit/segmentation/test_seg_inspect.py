"""`segmentation inspect`: one answer for any path, in JSON or in words, that names no patient."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from segmentation.cli import app
from segmentation.images.writing import write_image, write_mask
from segmentation.types import Mask, Volume
from tests.dicom_series import ORIGIN, planes, save, slice_of, write_series

HOSTILE = ("../../etc/passwd", "=HYPERLINK(1)", "<b>Smith</b>^John")


def asked(path: Path, *options: str) -> tuple[int, dict]:
    done = CliRunner().invoke(app, ["inspect", str(path), "--json", *options])
    return done.exit_code, json.loads(done.stdout)


def nifti(path: Path, shape: tuple[int, int, int] = (6, 5, 4)) -> Path:
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    write_image(Volume(array, np.diag([1.0, 1, 2, 1])), path)
    return path


def test_a_series_is_answered_with_its_size_and_place(tmp_path: Path) -> None:
    code, answer = asked(write_series(tmp_path / "s", planes()))
    assert code == 0
    assert {name: answer[name] for name in ("status", "code", "shape", "orientation", "modality")} == {
        "status": "ok", "code": "ok", "shape": [4, 5, 6], "orientation": "LPS", "modality": "CT",
    }  # fmt: skip
    assert answer["spacing_mm"] == pytest.approx([0.5, 0.75, 2.0])
    assert "4 slices or more" in answer["rule"]
    assert "acquired" not in answer


def test_the_date_is_told_only_where_one_is_asked_for(tmp_path: Path) -> None:
    folder = write_series(tmp_path / "s", planes())
    assert asked(folder, "--before", "2024-01-11")[1]["acquired"] == "20240110"
    code, answer = asked(folder, "--before", "2024-01-10")
    assert (code, answer["code"]) == (3, "after_surgery")
    assert "20240110" not in json.dumps(answer)
    assert asked(nifti(tmp_path / "ct.nii.gz"), "--before", "2024-01-10")[1]["code"] == "no_date"


def test_a_refusal_says_what_was_expected_and_found_and_what_to_do(tmp_path: Path) -> None:
    code, answer = asked(write_series(tmp_path / "s", planes(2)))
    assert code == 3
    assert {name: answer[name] for name in ("status", "code", "shape", "spacing_mm", "orientation", "modality")} == {
        "status": "refused", "code": "too_few_slices", "shape": None, "spacing_mm": None, "orientation": None,
        "modality": None,
    }  # fmt: skip
    assert (answer["expected"], answer["found"]) == ("4 or more", "2")
    assert answer["next_step"]


def test_words_say_the_same(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["inspect", str(write_series(tmp_path / "s", planes()))])
    assert (done.exit_code, done.stdout) == (0, "ok: 4 x 5 x 6 voxels of 0.5 x 0.75 x 2 mm, axes LPS, CT\n")
    refused = CliRunner().invoke(app, ["inspect", str(tmp_path / "nowhere")])
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert refused.stderr.startswith("missing_file: nowhere")


def test_no_patient_is_named_whatever_stands_in_the_header(tmp_path: Path) -> None:
    data = slice_of(planes(1)[0], ORIGIN)
    data.PatientID, data.InstitutionName, data.PatientName = HOSTILE
    data.SeriesDescription = "Smith"
    path = save(data, tmp_path / "one.dcm")
    code, answer = asked(path)
    assert code == 0
    data.PatientID = "Other"
    save(data, tmp_path / "two.dcm")
    several, refused = asked(tmp_path)
    assert (several, refused["code"]) == (3, "mixed_patients")
    for text in (json.dumps(answer), json.dumps(refused)):
        assert not any(word in text for word in ("Smith", "passwd", "HYPERLINK", "19500101"))


def test_one_slice_is_said_to_be_no_volume_and_an_unknown_thickness_is_not_made_up(tmp_path: Path) -> None:
    data = slice_of(planes(1)[0], ORIGIN)
    del data.SliceThickness
    _, answer = asked(save(data, tmp_path / "one.dcm"))
    assert (answer["shape"], answer["spacing_mm"]) == ([4, 5, 1], [0.5, 0.75, None])
    assert answer["notes"] == ["the thickness is not known", "one slice is a picture, not a volume"]


def test_a_planar_picture_has_no_orientation_and_a_stack_of_them_is_no_volume(tmp_path: Path) -> None:
    for number in range(5):
        data = slice_of(planes(1, seed=number)[0], ORIGIN, modality="NM")
        del data.ImagePositionPatient, data.ImageOrientationPatient
        path = save(data, tmp_path / f"{number}.dcm")
    code, answer = asked(path)
    assert (code, answer["orientation"], answer["modality"]) == (0, None, "NM")
    assert asked(tmp_path)[1]["code"] == "not_a_volume"


def test_nifti_is_read_whole_and_masks_must_be_whole_numbers(tmp_path: Path) -> None:
    code, answer = asked(nifti(tmp_path / "ct.nii.gz"))
    assert (code, answer["shape"], answer["orientation"], answer["modality"]) == (0, [6, 5, 4], "RAS", None)
    assert asked(tmp_path / "ct.nii.gz", "--mask")[1]["code"] == "bad_label"  # it has values below 0
    assert asked(nifti(tmp_path / "my_mask.nii.gz"))[1]["code"] == "bad_label"
    write_mask(Mask(np.ones((5, 5, 5), dtype=np.uint8), np.eye(4), {"one": 1}), tmp_path / "seg.nii.gz")
    assert asked(tmp_path / "seg.nii.gz")[1]["notes"] == ["looked at as a mask: its labels are whole numbers"]
    assert asked(nifti(tmp_path / "thin.nii.gz", (9, 9, 3)))[1]["code"] == "too_few_slices"


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert asked(tmp_path / "empty")[1]["code"] == "no_image"
    nifti(tmp_path / "ct.nii.gz")
    answer = asked(tmp_path)[1]
    assert (answer["code"], answer["found"]) == ("no_image", "1 files of images")
    (tmp_path / "text.dcm").write_text("hello")
    assert asked(tmp_path / "text.dcm")[1]["code"] == "not_part10"
    os.mkfifo(tmp_path / "pipe")
    assert asked(tmp_path / "pipe")[1]["code"] == "not_a_file"  # and nothing waits for a writer
    (tmp_path / "nothing").write_bytes(b"")
    assert asked(tmp_path / "nothing")[0] == 3


def test_an_error_of_a_library_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a patient's name")

    monkeypatch.setattr("segmentation.cli.inspect.inspect_image", broken)
    code, answer = asked(tmp_path)
    assert (code, answer["code"], answer["found"]) == (3, "unreadable", "ZeroDivisionError")


def test_the_command_starts_without_what_it_does_not_need(tmp_path: Path) -> None:
    """Its answer is wanted for every file of an archive: starting must not cost more than looking."""
    path = save(slice_of(planes(1)[0], ORIGIN), tmp_path / "one.dcm")
    program = (
        "import sys; from segmentation.cli import main; sys.argv = ['segmentation', 'inspect', sys.argv[1]]\n"
        "try: main()\nfinally: print(sorted({'torch', 'numba', 'SimpleITK', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True)
    assert done.stdout.splitlines()[0].startswith("ok: 4 x 5 x 1 voxels")
    assert done.stdout.splitlines()[-1] == "[]"
