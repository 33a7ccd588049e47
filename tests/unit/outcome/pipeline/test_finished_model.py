"""A model that `segmentation train` wrote draws a study's masks, unless it learned from one of its images."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from outcome.config import load_study, study_from_resolved
from outcome.errors import ConfigRefusal
from outcome.executor import Workers
from outcome.pipeline.check import check_study
from outcome.pipeline.masks.several import kept_masks
from outcome.pipeline.recipe import recipe_in
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.store import StudyStore, read_json, read_parquet
from segmentation.classical.segmenter import fit_method
from segmentation.classical.settings import ClassicalSettings
from segmentation.learning.training import train_segmenter
from segmentation.learning.training_case import TrainingCase
from tests.segmenter_studies import BLOCKS, LEARNING, write_cases
from tests.small_studies import DICTIONARY

STUDY = """schema_version: 1
name: small
title: A small study
dictionary: dictionary.csv
table: {format: csv, path: table.csv}
case_id: case_id
images: {ct: "imagesTr/{case_id}.nii.gz"}
mask:
  pattern: "labelsTr/{case_id}.nii.gz"
  on: ct
  regions: {kidney: 1, tumor: 2}
segmenter: {model: model.safetensors}
endpoints: {death: {kind: binary, event: {variable: died, equals: true}}}
"""
CASES = [f"case_{number:02d}" for number in range(3)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cases of a study, and a model that learned from six others."""
    folder = tmp_path_factory.mktemp("finished")
    write_cases(folder, range(3))
    others = write_cases(folder / "elsewhere", range(10, 16))
    model = train_segmenter(others, LEARNING["unet_3d"])
    (folder / "model.safetensors").write_bytes(model.to_bytes())
    (folder / "dictionary.csv").write_text(DICTIONARY.to_csv())
    (folder / "study.yaml").write_text(STUDY)
    pd.DataFrame({"case_id": CASES, "age": [50, 60, 70], "died": [0, 1, 0]}).to_csv(folder / "table.csv", index=False)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "small")
    return tmp_path / "small"


def _segment(folder: Path, *settings: str) -> Path:
    study = load_study(folder / "study.yaml", settings)
    with open_run(study, folder / "store", command="test") as run:
        run_stages(run, [STAGE_RUNNERS[stage] for stage in ("cohort", "segment")])
    return StudyStore(folder / "store", "small").stage("segment")


def _refusal(folder: Path, *settings: str) -> str:
    with pytest.raises(ConfigRefusal) as refused:
        _segment(folder, *settings)
    return str(refused.value)


def test_its_masks_are_drawn_and_compared_with_the_given_ones(folder: Path) -> None:
    stage = _segment(folder)
    assert sorted(read_json(stage / "index.json")) == CASES
    agreement = read_parquet(stage / "agreement.parquet").query("region == 'kidney'")
    assert agreement["dice"].min() > 0.7
    with open_run(load_study(folder / "study.yaml"), folder / "store", command="test") as run:
        recipe = recipe_in(run)
    assert recipe is not None
    assert recipe.segmenter == read_json(stage / "segmenter.json")["name"]
    assert recipe.segmenter.startswith("unet_3d:")
    assert str(folder) not in (stage / "manifest.json").read_text()


def test_another_model_makes_the_stage_stale(folder: Path) -> None:
    before = read_json(_segment(folder) / "index.json")
    cases = write_cases(folder / "elsewhere", range(10, 12))
    (folder / "model.safetensors").write_bytes(train_segmenter(cases, replace(BLOCKS, steps=1)).to_bytes())
    assert set(before.values()).isdisjoint(read_json(_segment(folder) / "index.json").values())


def test_a_model_that_learned_from_an_image_of_the_study_is_refused(folder: Path) -> None:
    """Under another name and in another folder: it is the image that counts."""
    seen = folder / "elsewhere" / "anonymous.nii.gz"
    shutil.copyfile(folder / "imagesTr" / "case_01.nii.gz", seen)
    cases = [*write_cases(folder / "elsewhere", range(10, 12))]
    leak = TrainingCase("x", (seen,), folder / "labelsTr" / "case_01.nii.gz")
    leaking = train_segmenter([*cases, leak], replace(BLOCKS, steps=1))
    (folder / "model.safetensors").write_bytes(leaking.to_bytes())
    said = _refusal(folder)
    assert "learned from images of this study: 1 case(s), such as case_01" in said


def test_what_does_not_fit_is_refused_by_name(folder: Path) -> None:
    assert "draws other regions" in _refusal(folder, "mask.regions={kidney: 1}")
    assert "is no key of images" in _refusal(folder, "segmenter.images=[pet]")
    assert "takes no settings of training, found steps" in _refusal(folder, "segmenter.steps=5")
    (folder / "model.safetensors").write_bytes(b"rubbish")
    assert "segmenter.model" in _refusal(folder)
    assert "cannot be read" in _refusal(folder, "segmenter.model=nowhere.safetensors")


def test_checking_tells_of_a_model_that_cannot_be_used(folder: Path) -> None:
    study = load_study(folder / "study.yaml")
    assert "model_not_usable" not in {finding.code for finding in check_study(study, Workers(1)).findings}
    (folder / "model.safetensors").write_bytes(b"rubbish")
    assert "model_not_usable" in {finding.code for finding in check_study(study, Workers(1)).findings}


def test_several_masks_are_kept_of_a_network(folder: Path) -> None:
    stage = _segment(folder, "segmenter.masks=2")
    found = kept_masks(stage)
    assert found is not None
    assert sorted(found) == CASES
    assert all(file.exists() for kept in found.values() for file in kept.files)
    assert read_json(stage / "manifest.json")["counts"]["masks"] == 2


def test_a_method_without_probabilities_gives_one_mask_and_says_so_before_it_draws(folder: Path) -> None:
    cases = write_cases(folder / "elsewhere", range(10, 14))
    settings = ClassicalSettings(regions=BLOCKS.regions, intensity="hu", voxel=None)
    (folder / "model.safetensors").write_bytes(fit_method("threshold", cases, settings).to_bytes())
    assert "gives a mask and no probabilities" in _refusal(folder, "segmenter.masks=2")
    assert not (StudyStore(folder / "store", "small").stage("segment") / "cases").exists()


def test_a_study_that_only_keeps_masks_has_no_network_of_its_own(folder: Path) -> None:
    """It speaks of a bundle's network; such a study needs no masks to be read, but cannot be segmented alone."""
    bare = (folder / "study.yaml").read_text().replace("{model: model.safetensors}", "{masks: 2}")
    (folder / "study.yaml").write_text(bare)
    assert "no bundle that draws masks" in _refusal(folder, "mask=null")


@pytest.mark.parametrize("masks", [0, 2])
def test_the_stored_study_of_a_finished_model_can_be_read_again(folder: Path, masks: int) -> None:
    """`outcome predict` reads it out of the bundle."""
    study = load_study(folder / "study.yaml", [f"segmenter.masks={masks}"])
    again = study_from_resolved(study.resolved())
    assert again.segmenter is not None
    assert (str(again.segmenter.model), again.segmenter.masks) == ("model.safetensors", masks)
    assert str(folder) not in str(study.resolved())
    assert ("masks" in study.resolved()["segmenter"]) == bool(masks)


def test_a_model_that_does_not_say_what_it_learned_from_is_a_finding(folder: Path) -> None:
    cases = write_cases(folder / "elsewhere", range(10, 14))
    settings = ClassicalSettings(regions=BLOCKS.regions, intensity="hu", voxel=None)
    (folder / "model.safetensors").write_bytes(fit_method("threshold", cases, settings).to_bytes())
    stage = _segment(folder)
    assert "model_without_training_images" in {finding["code"] for finding in read_json(stage / "findings.json")}
    assert sorted(read_json(stage / "index.json")) == CASES
