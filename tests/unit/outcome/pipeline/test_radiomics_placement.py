"""A lesion's place in a study file: measured of every case, made anew when asked for, refused where it cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcome.cases import measure_case, read_case_mask
from outcome.config import load_study
from outcome.errors import ConfigRefusal
from outcome.features.blocks import radiomics_column
from outcome.pipeline.inputs import recipe_of
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.recipe import CaseInput, Recipe
from outcome.store import StudyStore, read_parquet
from outcome.training.steps import is_shape
from segmentation.images.writing import write_mask
from segmentation.phantoms import PhantomSpec, phantom
from segmentation.radiomics.placement.catalogue import PLACEMENT_TAGS
from segmentation.radiomics.placement.measuring import placement_features
from segmentation.radiomics.placement.scene import Placement
from tests.small_studies import DICTIONARY

STAGES = ("cohort", "segment", "radiomics")
STUDY = """schema_version: 1
name: small
title: A small study
dictionary: dictionary.csv
table: {format: csv, path: table.csv}
case_id: case_id
mask: {pattern: "{case_id}_mask.nii.gz", regions: {kidney: 1, tumor: 2}}
radiomics:
  families: [shape]
  placement: {lesion: tumor, organ: kidney}
endpoints: {death: {kind: binary, event: {variable: died, equals: true}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, case in enumerate("abc"):
        spec = PhantomSpec(shape=(48, 40, 42), pole=("lower", "middle", "upper")[seed])
        write_mask(phantom(np.random.default_rng(seed), spec)[1], tmp_path / f"{case}_mask.nii.gz")
    (tmp_path / "dictionary.csv").write_text(DICTIONARY.to_csv())
    (tmp_path / "study.yaml").write_text(STUDY)
    pd.DataFrame({"case_id": list("abc"), "age": [50, 60, 70], "died": [0, 1, 0]}).to_csv(
        tmp_path / "table.csv", index=False
    )
    return tmp_path


def _do(folder: Path, *settings: str) -> tuple[dict[str, str], pd.DataFrame]:
    """Which status each stage ended with, and the features."""
    study = load_study(folder / "study.yaml", settings)
    with open_run(study, folder / "store", command="test") as run:
        made = {result.stage: result.status for result in run_stages(run, [STAGE_RUNNERS[stage] for stage in STAGES])}
    table = read_parquet(StudyStore(folder / "store", "small").stage("radiomics") / "radiomics.parquet")
    return made, table.set_index("case_id")


def test_every_case_s_lesion_is_placed_and_asking_for_it_draws_no_mask_again(folder: Path) -> None:
    _, without = _do(folder, "radiomics.placement=null")
    assert not [name for name in without.columns if "place_" in name]
    made, table = _do(folder)
    assert (made["segment"], made["radiomics"]) == ("current", "done")
    assert table["tumor.place_along"].is_monotonic_increasing
    columns = [name for name in table.columns if name not in without.columns]
    assert {name.removeprefix("tumor.") for name in columns} < set(PLACEMENT_TAGS)
    assert all(is_shape(radiomics_column(f"radiomics:{name}")) for name in columns)


def test_a_case_is_measured_as_its_mask_alone_is(folder: Path) -> None:
    recipe = recipe_of(load_study(folder / "study.yaml"))
    assert recipe is not None
    assert Recipe.from_json(recipe.to_json()) == recipe
    mask = read_case_mask(folder / "b_mask.nii.gz", recipe)
    features, missing = measure_case(CaseInput("b", {}, folder / "b_mask.nii.gz"), mask, recipe)
    values, reasons = placement_features(mask, Placement("tumor", "kidney"))
    assert {tag: features[f"tumor.{tag}"] for tag in values} == values
    assert {tag: missing[f"tumor.{tag}"] for tag in reasons} == reasons


def test_a_recipe_without_it_is_written_as_it_always_was(folder: Path) -> None:
    study = load_study(folder / "study.yaml", ["radiomics.placement=null"])
    recipe = recipe_of(study)
    assert recipe is not None
    assert "placement" not in recipe.to_json()
    assert "placement" not in study.resolved()["radiomics"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("radiomics.placement={lesion: tumor, organ: liver}", "liver, which is no region of mask (kidney, tumor)"),
        ("radiomics.placement={lesion: tumor, organ: tumor}", "different regions"),
    ],
)
def test_regions_that_are_not_there_are_refused(folder: Path, setting: str, words: str) -> None:
    with pytest.raises(ConfigRefusal) as refused:
        load_study(folder / "study.yaml", [setting])
    assert words in str(refused.value)
