"""Which files belong to which case, and which to nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from outcome.cohort.inputs import case_inputs, input_findings
from outcome.config import Study
from outcome.errors import DataRefusal
from outcome.types import Level

Make = Callable[..., Study]
IMAGES = {"ct": "images/{case_id}/ct.nii.gz"}
MASK = {"pattern": "masks/{case_id}[1].nii.gz", "on": "ct", "regions": {"tumor": 1}}


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_files_that_exist_are_found_and_the_others_left_out(make_study: Make, tmp_path: Path) -> None:
    touch(tmp_path, "images/a/ct.nii.gz", "masks/a[1].nii.gz", "masks/b[1].nii.gz")
    inputs = case_inputs(make_study(images=IMAGES, mask=MASK), ["a", "b", "c"])
    assert inputs["a"].images == {"ct": tmp_path / "images/a/ct.nii.gz"}
    assert inputs["b"].images == {}
    assert inputs["b"].mask == tmp_path / "masks/b[1].nii.gz"
    assert inputs["c"].mask is None


def test_an_image_may_be_a_folder_that_holds_something_and_a_mask_may_not(make_study: Make, tmp_path: Path) -> None:
    touch(tmp_path, "dicom/a/001.dcm", "masks/a[1].nii.gz/001.dcm")
    (tmp_path / "dicom" / "b").mkdir()
    study = make_study(images={"ct": "dicom/{case_id}"}, mask=MASK)
    inputs = case_inputs(study, ["a", "b"])
    assert inputs["a"].images == {"ct": tmp_path / "dicom/a"}
    assert inputs["a"].mask is None
    assert inputs["b"].images == {}
    assert ("file_without_row", ("b",)) in {(f.code, f.case_ids) for f in input_findings(study, inputs, ["a"])}


def test_rows_without_files_and_files_without_rows_are_named(make_study: Make, tmp_path: Path) -> None:
    touch(
        tmp_path,
        "images/a/ct.nii.gz",
        "masks/a[1].nii.gz",
        "masks/x[1].nii.gz",
        "masks/out[1].nii.gz",
        "masks/y1.nii.gz",
    )
    study = make_study(images=IMAGES, mask=MASK)
    findings = input_findings(study, case_inputs(study, ["a", "b"]), ["a", "b", "out"])
    assert {(f.code, f.level, f.case_ids) for f in findings} == {
        ("file_without_row", Level.REVIEW, ("x",)),
        ("missing_mask", Level.REVIEW, ("b",)),
        ("missing_image", Level.REVIEW, ("b",)),
    }


def test_a_study_without_any_image_hears_of_it_once(make_study: Make, tmp_path: Path) -> None:
    touch(tmp_path, "masks/a[1].nii.gz", "masks/b[1].nii.gz")
    study = make_study(images=IMAGES, mask=MASK)
    findings = input_findings(study, case_inputs(study, ["a", "b"]), ["a", "b"])
    assert [(f.code, f.level, f.case_ids) for f in findings] == [("missing_image", Level.NOTE, ())]


def test_a_study_of_tables_only_has_no_files(make_study: Make) -> None:
    study = make_study()
    assert input_findings(study, case_inputs(study, ["a"]), ["a"]) == []


@pytest.mark.parametrize("case_id", ["../secret", "a/b", "..", "a\\b"])
def test_a_case_id_never_leads_out_of_the_root(make_study: Make, case_id: str) -> None:
    with pytest.raises(DataRefusal, match="part of a file name"):
        case_inputs(make_study(images=IMAGES), [case_id])


def test_masks_drawn_on_other_images_are_found_and_missed_by_name(make_study: Make, tmp_path: Path) -> None:
    touch(tmp_path, "a/ct.nii.gz", "b/ct.nii.gz", "a/mr.nii.gz", "b/mr.nii.gz", "a/ct_mask.nii.gz", "b/ct_mask.nii.gz")
    touch(tmp_path, "a/mr_mask.nii.gz", "z/mr_mask.nii.gz")
    mask = {"pattern": "{case_id}/ct_mask.nii.gz", "on": "ct", "regions": {"tumor": 1},
            "others": {"mr": "{case_id}/mr_mask.nii.gz"}}  # fmt: skip
    study = make_study(images={"ct": "{case_id}/ct.nii.gz", "mr": "{case_id}/mr.nii.gz"}, mask=mask)
    inputs = case_inputs(study, ["a", "b"])
    assert inputs["a"].masks == {"mr": tmp_path / "a/mr_mask.nii.gz"}
    assert inputs["b"].masks == {}
    findings = input_findings(study, inputs, ["a", "b"])
    assert {(f.code, f.case_ids) for f in findings} == {("missing_mask", ("b",)), ("file_without_row", ("z",))}


def test_a_sequence_for_networks_that_no_case_has_is_rejected_with_its_pattern(
    make_study: Make, tmp_path: Path
) -> None:
    touch(tmp_path, "masks/a[1].nii.gz")
    blocks = {"sequences": {"ct": "hu"}, "region": "tumor"}
    study = make_study(images=IMAGES, mask=MASK, image_blocks=blocks)
    (finding,) = input_findings(study, case_inputs(study, ["a"]), ["a"])
    assert (finding.code, finding.level) == ("missing_image", Level.REJECT)
    assert "images/{case_id}/ct.nii.gz" in finding.message
