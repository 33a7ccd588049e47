"""The features stage cuts blocks of tissue: resumed, swept, named where a file fails, absent where not asked for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from outcome.cases import process_case
from outcome.config import load_study
from outcome.errors import DataRefusal
from outcome.executor import Workers
from outcome.features.crops import Crops, open_crops
from outcome.pipeline.check import check_study
from outcome.pipeline.inputs import read_inputs
from outcome.pipeline.recipe import recipe_in
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.stage import StageResult
from outcome.store import StudyStore, folder_digests, read_json, read_parquet
from outcome.types import Level
from segmentation.images.writing import write_image, write_mask
from segmentation.phantoms import PhantomSpec, phantom
from tests.small_studies import DICTIONARY

STAGES = ("cohort", "segment", "radiomics", "features")
STUDY = """schema_version: 1
name: small
title: A small study
dictionary: dictionary.csv
table: {format: csv, path: table.csv}
case_id: case_id
images: {ct: "images/{case_id}_ct.nii.gz", mr: "images/{case_id}_mr.nii.gz"}
mask:
  pattern: "images/{case_id}_ct_mask.nii.gz"
  on: ct
  regions: {kidney: 1, tumor: 2}
  others: {mr: "images/{case_id}_mr_mask.nii.gz"}
image_blocks: {sequences: {ct: hu, mr: z_score}, region: tumor, size: [10, 10, 8], extent: [60, 60, 48]}
endpoints: {death: {kind: binary, event: {variable: died, equals: true}}}
"""
CASES = ("a", "b", "c", "d")
Do = Callable[..., list[StageResult]]


def write_case(folder: Path, case: str, seed: int, name: str, spec: PhantomSpec) -> None:
    volume, mask, _ = phantom(np.random.default_rng(seed), spec)
    write_image(volume, folder / f"{case}_{name}.nii.gz")
    write_mask(mask, folder / f"{case}_{name}_mask.nii.gz")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four cases with CT, two of them with an MR on its own grid."""
    folder = tmp_path_factory.mktemp("crops")
    (folder / "images").mkdir()
    for seed, case in enumerate(CASES):
        write_case(folder / "images", case, seed, "ct", PhantomSpec(shape=(32, 30, 26), orientation="LPS"))
        if case in "ab":
            write_case(folder / "images", case, seed, "mr", PhantomSpec(shape=(26, 36, 30), orientation="ARI"))
    (folder / "dictionary.csv").write_text(DICTIONARY.to_csv())
    (folder / "study.yaml").write_text(STUDY)
    table = pd.DataFrame({"case_id": CASES, "age": [50, 60, 70, 80], "died": [0, 1, 0, 1]})
    table.to_csv(folder / "table.csv", index=False)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "small")
    return tmp_path / "small"


def do(folder: Path, *stages: str, settings: tuple[str, ...] = (), workers: int = 1) -> list[StageResult]:
    study = load_study(folder / "study.yaml", settings)
    with open_run(study, folder / "store", command="test", workers=Workers(workers)) as run:
        return run_stages(run, [STAGE_RUNNERS[stage] for stage in stages or STAGES])


def stage(folder: Path) -> Path:
    return StudyStore(folder / "store", "small").stage("features")


def crops_of(folder: Path) -> Crops:
    return open_crops(stage(folder))


def test_stored_crops_are_those_of_memory(folder: Path) -> None:
    result = do(folder)[-1]
    assert result.counts["crops"] == {"ct": 4, "mr": 2}
    assert (result.counts["failed"], result.exit_code) == (0, 0)
    with open_run(load_study(folder / "study.yaml"), folder / "store", command="test") as run:
        cases, recipe = read_inputs(run), recipe_in(run)
    assert recipe is not None
    stored = crops_of(folder)
    for case_id, case in cases.items():
        expected = process_case(case, recipe).crops
        for sequence in ("ct", "mr"):
            found = stored.get(case_id, sequence)
            assert (found is None) == (sequence not in expected)
            assert found is None or np.array_equal(found, expected[sequence])
    frame = read_parquet(stage(folder) / "features.parquet").set_index("case_id")
    assert frame["image:mr:crop"].notna().tolist() == [True, True, False, False]
    kinds = {c["block"]: c["kind"] for c in read_json(stage(folder) / "columns.json")}
    assert kinds["image:ct"] == kinds["image:mr"] == "image"
    report = read_json(stage(folder) / "crops" / f"{read_json(stage(folder) / 'index.json')['c']}.json")
    assert report == {"case_id": "c", "missing": {"mr": "missing_image: the case has no image 'mr'"}, "present": ["ct"]}


def test_two_workers_write_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "twin")
    do(folder)
    do(tmp_path / "twin", workers=2)
    assert folder_digests(stage(folder)) == folder_digests(stage(tmp_path / "twin"))


def test_a_repeat_is_current_and_a_changed_mask_on_another_image_cuts_that_case_again(folder: Path) -> None:
    do(folder)
    before = read_json(stage(folder) / "index.json")
    assert [result.status for result in do(folder)] == ["current"] * 4
    spec = PhantomSpec(shape=(26, 36, 30), orientation="ARI", tumour_ml=30)
    write_mask(phantom(np.random.default_rng(1), spec)[1], folder / "images" / "b_mr_mask.nii.gz")
    assert do(folder)[-1].status == "done"
    after = read_json(stage(folder) / "index.json")
    assert [case for case in CASES if before[case] != after[case]] == ["b"]
    kept = {path.name.split(".")[0] for path in (stage(folder) / "crops").iterdir()}
    assert kept == set(after.values())


def test_a_damaged_crop_is_made_again(folder: Path) -> None:
    do(folder)
    good = folder_digests(stage(folder))
    next((stage(folder) / "crops").glob("*.npz")).write_bytes(b"PK")
    assert do(folder, "features")[0].status == "done"
    assert folder_digests(stage(folder)) == good


def test_a_damaged_image_names_its_case_and_the_others_go_on(folder: Path) -> None:
    image = folder / "images" / "a_mr.nii.gz"
    image.write_bytes(image.read_bytes()[:-40])
    result = do(folder)[-1]
    assert list(result.failed) == ["a"]
    assert "a_mr.nii.gz" in result.failed["a"]
    assert result.exit_code == 4
    assert result.counts["crops"] == {"ct": 4, "mr": 1}
    assert crops_of(folder).get("a", "ct") is not None
    repeated = do(folder, "features")[0]
    assert (repeated.status, list(repeated.failed)) == ("done", ["a"])


def test_a_study_without_image_blocks_has_no_crops_and_forgets_old_ones(folder: Path) -> None:
    do(folder)
    study = folder / "study.yaml"
    study.write_text("\n".join(line for line in STUDY.splitlines() if not line.startswith("image_blocks")))
    result = do(folder)[-1]
    assert set(result.counts) == {"cases", "features", "with_radiomics"}
    written = {path.name for path in stage(folder).iterdir()}
    assert written == {"features.parquet", "columns.json", "manifest.json", "run.log.json"}
    assert "image" not in {c["kind"] for c in read_json(stage(folder) / "columns.json")}


def test_another_block_size_reads_and_measures_no_mask_again(folder: Path) -> None:
    do(folder)
    place = StudyStore(folder / "store", "small")
    before = [read_json(place.stage(name) / "index.json") for name in ("segment", "radiomics", "features")]
    do(folder, settings=("image_blocks.size=[8, 8, 8]",))
    after = [read_json(place.stage(name) / "index.json") for name in ("segment", "radiomics", "features")]
    assert before[:2] == after[:2]
    assert set(before[2].values()).isdisjoint(after[2].values())
    crop = crops_of(folder).get("a", "ct")
    assert crop is not None
    assert crop.shape == (3, 8, 8, 8)


def _refuse_reading(folder: Path, change: Callable[[str], str]) -> DataRefusal:
    (folder / "study.yaml").write_text(change(STUDY))
    with pytest.raises(DataRefusal) as caught:
        do(folder, "cohort")
    return caught.value


def test_a_sequence_that_no_case_has_is_a_mistake_in_the_study_file(folder: Path) -> None:
    refusal = _refuse_reading(folder, lambda text: text.replace('{case_id}_mr.nii.gz"}', '{case_id}_flair.nii.gz"}'))
    assert "images/{case_id}_flair.nii.gz" in str(refusal)
    assert refusal.exit_code == 3
    checked: Any = check_study(load_study(folder / "study.yaml"), Workers(1))
    assert [(f.code, f.level) for f in checked.findings if f.level is Level.REJECT] == [("missing_image", Level.REJECT)]
