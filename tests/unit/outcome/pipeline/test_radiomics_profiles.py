"""Profiles in a study file: what they depend on makes measurements stale, and one that cannot be is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcome.config import load_study
from outcome.errors import ConfigRefusal
from outcome.pipeline.inputs import recipe_of
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.store import StudyStore, read_json, read_parquet
from segmentation.images.writing import write_image, write_mask
from segmentation.phantoms import PhantomSpec, phantom
from tests.small_studies import DICTIONARY

STAGES = ("cohort", "segment", "radiomics")
STUDY = """schema_version: 1
name: small
title: A small study
dictionary: dictionary.csv
table: {format: csv, path: table.csv}
case_id: case_id
images: {ct: "{case_id}_ct.nii.gz", mr: "{case_id}_mr.nii.gz"}
mask:
  pattern: "{case_id}_ct_mask.nii.gz"
  on: ct
  regions: {kidney: 1, tumor: 2}
  others: {mr: "{case_id}_mr_mask.nii.gz"}
radiomics:
  families: [shape]
  profiles:
    t1: {image: mr, settings: {discretisation: {method: fixed_bin_number, value: 8}, families: [histogram]}}
endpoints: {death: {kind: binary, event: {variable: died, equals: true}}}
"""
BINS = "radiomics.profiles.t1.settings.discretisation.value=16"


def _write(folder: Path, case: str, seed: int, name: str, spec: PhantomSpec) -> None:
    volume, mask, _ = phantom(np.random.default_rng(seed), spec)
    write_image(volume, folder / f"{case}_{name}.nii.gz")
    write_mask(mask, folder / f"{case}_{name}_mask.nii.gz")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three cases with CT; one lacks the MR."""
    for seed, case in enumerate("abc"):
        _write(tmp_path, case, seed, "ct", PhantomSpec(shape=(24, 22, 20)))
        if case != "c":
            _write(tmp_path, case, seed, "mr", PhantomSpec(shape=(20, 26, 22), orientation="ARI", modality="MR"))
    (tmp_path / "dictionary.csv").write_text(DICTIONARY.to_csv())
    (tmp_path / "study.yaml").write_text(STUDY)
    pd.DataFrame({"case_id": list("abc"), "age": [50, 60, 70], "died": [0, 1, 0]}).to_csv(
        tmp_path / "table.csv", index=False
    )
    return tmp_path


def _do(folder: Path, *settings: str) -> dict[str, str]:
    """Which status each stage ended with."""
    study = load_study(folder / "study.yaml", settings)
    with open_run(study, folder / "store", command="test") as run:
        return {made.stage: made.status for made in run_stages(run, [STAGE_RUNNERS[stage] for stage in STAGES])}


def _index(folder: Path, stage: str) -> dict[str, str]:
    return dict(read_json(StudyStore(folder / "store", "small").stage(stage) / "index.json"))


def test_the_table_holds_every_profile_and_the_reasons_for_gaps(folder: Path) -> None:
    _do(folder)
    stage = StudyStore(folder / "store", "small").stage("radiomics")
    table = read_parquet(stage / "radiomics.parquet").set_index("case_id")
    assert table["tumor.t1.ih_max"].notna().tolist() == [True, True, False]
    assert table["tumor.t1.ih_max"].dropna().eq(8).all()
    missing = read_parquet(stage / "missing.parquet")
    assert set(missing["case_id"]) == {"c"}
    assert set(missing["reason"]) == {"the case has no image 'mr'"}
    assert len(missing) == 2 * 23


def test_other_settings_measure_again_and_keep_every_mask(folder: Path) -> None:
    _do(folder)
    masks, measured = _index(folder, "segment"), _index(folder, "radiomics")
    status = _do(folder, BINS)
    assert (status["segment"], status["radiomics"]) == ("current", "done")
    assert _index(folder, "segment") == masks
    assert not set(_index(folder, "radiomics").values()) & set(measured.values())


def test_a_changed_mask_on_the_other_image_measures_that_case_again(folder: Path) -> None:
    _do(folder)
    before = _index(folder, "radiomics")
    other = PhantomSpec(shape=(20, 26, 22), orientation="ARI", modality="MR", tumour_ml=40)
    write_mask(phantom(np.random.default_rng(1), other)[1], folder / "b_mr_mask.nii.gz")
    assert _do(folder)["radiomics"] == "done"
    after = _index(folder, "radiomics")
    assert [case for case in "abc" if before[case] != after[case]] == ["b"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("radiomics.profiles.t1.image=pet", "pet"),
        ("radiomics.profiles.t1.settings.binning=3", "radiomics.profiles.t1"),
        ("radiomics.profiles.t1.settings.discretisation.value=-3", "discretisation.value"),
    ],
)
def test_a_profile_that_cannot_be_is_refused_with_its_name(folder: Path, setting: str, words: str) -> None:
    with pytest.raises(ConfigRefusal, match=words):
        recipe_of(load_study(folder / "study.yaml", (setting,)))


def test_millimetres_without_published_spacing_are_refused(folder: Path) -> None:
    settings = ("mask.units_mm=false", "radiomics.profiles.t1.settings.grid.spacing_mm=[2,2,2]")
    with pytest.raises(ConfigRefusal, match="no spacing is known"):
        recipe_of(load_study(folder / "study.yaml", settings))


def test_a_score_of_a_feature_that_was_not_measured_is_refused_before_training(folder: Path) -> None:
    score = 'scores: [{feature: "radiomics:tumor.NAME", source: Somebody 2020, endpoint: death}]\n'
    stages = [STAGE_RUNNERS[stage] for stage in (*STAGES, "features")]
    for name, fits in (("morph_diam", True), ("morph_dia", False)):
        (folder / "study.yaml").write_text(STUDY + score.replace("NAME", name))
        with open_run(load_study(folder / "study.yaml"), folder / "store", command="test") as run:
            if fits:
                assert run_stages(run, stages)[-1].stage == "features"
                continue
            with pytest.raises(ConfigRefusal, match="morph_diam"):
                run_stages(run, stages)
