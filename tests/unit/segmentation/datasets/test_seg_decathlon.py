"""The Decathlon's layout, and the plan made from what stands in it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segmentation.datasets.decathlon import decathlon_cases, image_files, is_ct, label_names
from segmentation.errors import ImageRefusal
from segmentation.learning.training_case import TrainingCase
from segmentation.planning.rules import Survey, default_plan, survey
from tests.segmenter_studies import write_cases


def test_images_meet_masks_by_name_and_hidden_files_are_left_out(tmp_path: Path) -> None:
    write_cases(tmp_path, range(3))
    (tmp_path / "labelsTr" / "case_01.nii.gz").unlink()
    (tmp_path / "imagesTr" / "._case_02.nii.gz").write_bytes(b"x")
    assert [case.case_id for case in decathlon_cases(tmp_path)] == ["case_00", "case_02"]
    assert len(image_files(tmp_path / "imagesTr")) == 3


def test_another_layout_is_refused(tmp_path: Path) -> None:
    for make in (lambda: None, lambda: [(tmp_path / name).mkdir() for name in ("imagesTr", "labelsTr")]):
        make()
        with pytest.raises(ImageRefusal) as refused:
            decathlon_cases(tmp_path)
        assert refused.value.code == "no_layout"


def test_names_and_modality_come_from_the_description(tmp_path: Path) -> None:
    assert (label_names(tmp_path), is_ct(tmp_path)) == ({}, None)
    about = {"modality": {"0": "CT"}, "labels": {"0": "background", "1": "Liver", "2": "liver tumour (HCC)"}}
    (tmp_path / "dataset.json").write_text(json.dumps(about))
    assert label_names(tmp_path) == {"liver": 1, "liver_tumour_hcc": 2}
    assert is_ct(tmp_path) is True
    for broken in ("{", "[]", '{"labels": []}'):
        (tmp_path / "dataset.json").write_text(broken)
        with pytest.raises(ImageRefusal) as refused:
            label_names(tmp_path)
        assert refused.value.code == "bad_dataset_json"


def test_a_survey_says_what_stands_in_the_files(tmp_path: Path) -> None:
    one = survey(write_cases(tmp_path, range(1))[0])
    assert one.shape == (24, 24, 16)
    assert one.labels == {1, 2}
    assert one.lowest < -900


def _survey(shape: tuple[int, int, int], spacing: tuple[float, float, float], lowest: float = 0.0) -> Survey:
    nowhere = TrainingCase("a", (Path("a"),), Path("a"))
    return Survey(nowhere, shape, spacing, frozenset({1, 2}), lowest)


def test_the_plan_takes_the_median_image() -> None:
    found = [_survey((35, 51, 35), (1, 1, 1)), _survey((33, 50, 38), (1, 1, 1)), _survey((36, 52, 36), (1, 1, 1))]
    plan = default_plan(found)
    assert plan.voxel == (1, 1, 1)
    assert plan.patch == (40, 56, 40)
    assert plan.intensity == "z_score"
    assert plan.regions == {"1": 1, "2": 2}
    assert default_plan(found[::-1]) == plan


def test_a_large_ct_is_seen_in_coarser_voxels() -> None:
    plan = default_plan([_survey((512, 512, 200), (0.75, 0.75, 1.5), -1024)])
    assert plan.voxel == (3.0, 3.0, round(300 / 128, 4))
    assert plan.patch == (64, 64, 64)
    assert plan.intensity == "hu"
    flat = default_plan([_survey((256, 256, 20), (1, 1, 5))], network="unet_2d")
    assert flat.patch == (128, 128, 1)
    assert flat.voxel == (2, 2, 5)


def test_empty_masks_make_no_plan() -> None:
    with pytest.raises(ImageRefusal, match="empty"):
        default_plan([replace(_survey((9, 9, 9), (1, 1, 1)), labels=frozenset())])
    assert np.isfinite(default_plan([_survey((9, 9, 9), (1, 1, 1))]).learning_rate)
