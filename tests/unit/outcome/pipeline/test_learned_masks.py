"""Masks that networks draw: learned once, found again by key, never from the case itself, and never from given ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from outcome.errors import ConfigRefusal, DataRefusal, StoreRefusal
from outcome.executor import Workers
from outcome.pipeline.check import check_study
from outcome.pipeline.masks import learned as learned_masks
from outcome.pipeline.recipe import SEGMENTER
from outcome.store import folder_digests, read_json, read_parquet
from tests.learned_study import DEVELOPMENT, LEARNING, MEASURING, PATIENTS, Hospitals, relabelled, write_study

FIRST, LATER = "A000", "A027"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Hospitals:
    hospitals = Hospitals(tmp_path_factory.mktemp("learned"))
    write_study(hospitals.folder / "A")
    hospitals.run(hospitals.study(), MEASURING)
    return hospitals


@pytest.fixture
def hospitals(measured: Hospitals, tmp_path: Path) -> Hospitals:
    return measured.copied(tmp_path / "hospitals")


def report(hospitals: Hospitals, case_id: str) -> dict:
    segment = hospitals.store().stage("segment")
    return read_json(segment / "cases" / f"{read_json(segment / 'index.json')[case_id]}.json")


def networks(hospitals: Hospitals) -> dict[str, tuple[str, int]]:
    """Every weights' file with its hash and the time it was written."""
    folder = hospitals.store().stage("segment") / "networks"
    return {name: (sha, (folder / name).stat().st_mtime_ns) for name, sha in folder_digests(folder).items()}


def no_training(*_: object, **__: object) -> None:
    raise AssertionError("a network was trained again")


def test_development_cases_are_drawn_by_the_other_fold_and_later_ones_by_the_final_network(measured: Hospitals) -> None:
    table = read_parquet(measured.store().stage("segment") / "agreement.parquet")
    early = table["case_id"] < f"A{DEVELOPMENT:03d}"
    assert set(table.loc[early, "network"]) == {"fold 1", "fold 2"}
    assert set(table.loc[~early, "network"]) == {"final"}
    assert table["case_id"].nunique() == PATIENTS
    described = read_json(measured.store().stage("segment") / SEGMENTER)
    assert described["networks"]["final"]["cases"] == DEVELOPMENT
    assert len({network["name"] for network in described["networks"].values()}) == 3
    shelf = measured.store().stage("segment") / "networks"
    taught = {name: set(read_json(shelf / Path(n["file"]).with_suffix(".json").name)["cases"])
              for name, n in described["networks"].items()}  # fmt: skip
    drawn = table[early].groupby("network")["case_id"].agg(set)
    assert all(not (drawn[name] & taught[name]) for name in drawn.index)
    assert taught["fold 1"] | taught["fold 2"] == taught["final"]


def test_the_learned_volume_in_the_agreement_is_the_stored_one(measured: Hospitals) -> None:
    segment = measured.store().stage("segment")
    table = read_parquet(segment / "agreement.parquet").set_index(["case_id", "region"])
    stored = read_parquet(segment / "regions.parquet").set_index(["case_id", "region"])
    both = table.join(stored)
    assert (both["voxels_learned"] == both["voxels"]).all()
    assert both["volume_learned_ml"].tolist() == both["volume_ml"].tolist()
    assert (both["volume_given_ml"] > 0).all()
    assert both["dice"].between(0, 1).all()
    assert both["dice"].max() > 0.2  # a mask laid on a wrong grid would hardly meet the given one


def test_a_repeat_trains_and_draws_nothing(hospitals: Hospitals, monkeypatch: pytest.MonkeyPatch) -> None:
    before = networks(hospitals)
    assert {result.status for result in hospitals.run(hospitals.study(), MEASURING)} == {"current"}
    (hospitals.store().stage("segment") / "manifest.json").unlink()  # as a kill before the end leaves it
    monkeypatch.setattr(learned_masks, "_train", no_training)
    monkeypatch.setattr("outcome.pipeline.masks.drawing._draw_one", no_training)
    hospitals.run(hospitals.study(), LEARNING)
    assert networks(hospitals) == before


def test_a_run_killed_between_networks_keeps_the_finished_ones(
    hospitals: Hospitals, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = hospitals.store().stage("segment")
    whole = networks(hospitals)
    final = Path(read_json(segment / SEGMENTER)["networks"]["final"]["file"]).stem
    for path in (segment / "networks").glob(f"{final}*"):
        path.unlink()
    (segment / "manifest.json").unlink()
    trained = []
    real = learned_masks._train

    def counted(task: learned_masks._Training, **kwargs: object) -> None:
        trained.append(task.work.case_id)
        real(task)

    monkeypatch.setattr(learned_masks, "_train", counted)
    hospitals.run(hospitals.study(), LEARNING)
    assert trained == ["final"]
    again = networks(hospitals)
    assert {name: sha for name, (sha, _) in again.items()} == {name: sha for name, (sha, _) in whole.items()}


def test_given_masks_of_later_cases_are_compared_and_never_measured(hospitals: Hospitals) -> None:
    store = hospitals.store()
    before = [read_parquet(store.stage("features") / "features.parquet"), networks(hospitals)]
    agreement = read_parquet(store.stage("segment") / "agreement.parquet").set_index(["case_id", "region"])
    other = hospitals.folder / "A" / "A001" / "mask.nii.gz"  # same orientation, another patient
    shutil.copy(other, hospitals.folder / "A" / LATER / "mask.nii.gz")
    hospitals.run(hospitals.study(), MEASURING)
    pd.testing.assert_frame_equal(read_parquet(store.stage("features") / "features.parquet"), before[0])
    assert networks(hospitals) == before[1]
    now = read_parquet(store.stage("segment") / "agreement.parquet").set_index(["case_id", "region"])
    assert now.loc[(LATER, "kidney"), "voxels_given"] == now.loc[("A001", "kidney"), "voxels_given"]
    assert now.loc[(LATER, "kidney"), "voxels_given"] != agreement.loc[(LATER, "kidney"), "voxels_given"]


def test_a_region_that_the_network_does_not_find_is_a_finding_and_the_case_goes_on(measured: Hospitals) -> None:
    """The tiny network finds hardly any tumour."""
    regions = read_parquet(measured.store().stage("segment") / "regions.parquet").set_index(["case_id", "region"])
    bare = [case for case, region in regions.index[regions["voxels"] == 0] if region == "tumor"]
    assert bare
    findings = {f["code"]: f["level"] for f in report(measured, bare[0])["findings"]}
    assert findings["region_not_found"] == "review"
    assert "empty_mask" not in findings
    features = read_parquet(measured.store().stage("features") / "features.parquet").set_index("case_id")
    row = features.loc[bare[0]]
    tumour = row[[name for name in features.columns if name.startswith("radiomics:tumor.")]]
    assert tumour.isna().all()
    assert row[[name for name in features.columns if name.startswith("radiomics:kidney.morph")]].notna().any()


def test_two_workers_give_the_bytes_of_one(measured: Hospitals, tmp_path: Path) -> None:
    other = Hospitals(tmp_path)
    shutil.copytree(measured.folder / "A", tmp_path / "A")
    other.run(other.study(), LEARNING, workers=2)
    folders = [place.store().stage("segment") for place in (measured, other)]
    assert folder_digests(folders[0]) == folder_digests(folders[1])


def test_a_case_without_the_image_has_no_mask_and_a_damaged_one_fails_alone(hospitals: Hospitals) -> None:
    folder = hospitals.folder / "A"
    (folder / LATER / "ct.nii.gz").unlink()
    damaged = folder / "A026" / "ct.nii.gz"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    _, segment = hospitals.run(hospitals.study(), LEARNING)
    assert list(segment.failed) == ["A026"]
    assert segment.exit_code == 4
    index = read_json(hospitals.store().stage("segment") / "index.json")
    assert LATER not in index
    assert FIRST in index


def test_a_volume_larger_than_memory_fails_with_the_reason_and_the_run_goes_on(
    hospitals: Hospitals, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = hospitals.store().stage("segment")
    (segment / "manifest.json").unlink()
    for path in (segment / "cases").glob(f"{read_json(segment / 'index.json')[LATER]}*"):
        path.unlink()
    monkeypatch.setattr("segmentation.device.available_bytes", lambda: 10_000)
    (result,) = hospitals.run(hospitals.study(), ("segment",))
    assert list(result.failed) == [LATER]
    assert "would not fit into memory" in result.failed[LATER]


def test_nothing_is_learned_from_a_refused_mask_and_the_final_network_draws_that_case(hospitals: Hospitals) -> None:
    given = hospitals.folder / "A" / FIRST / "mask.nii.gz"
    given.write_bytes(given.read_bytes()[:-30])
    hospitals.run(hospitals.study(), LEARNING)
    segment = hospitals.store().stage("segment")
    assert report(hospitals, FIRST)["drawn_by"] == "final"
    assert report(hospitals, FIRST)["given"] is None
    findings = {f["code"]: f["case_ids"] for f in read_json(segment / "findings.json")}
    assert findings["not_learned_from"] == [FIRST]
    assert findings["given_mask_not_compared"] == [FIRST]
    final = read_json(segment / SEGMENTER)["networks"]["final"]
    assert final["cases"] == DEVELOPMENT - 1
    checked = {f.code: f for f in check_study(hospitals.study(), Workers()).findings}
    faulty = [f for code, f in checked.items() if code.startswith("given_")]
    assert [(f.level.value, f.case_ids) for f in faulty] == [("review", (FIRST,))]
    assert "too_few_masks_to_learn_from" not in checked


def test_at_most_so_many_cases_teach_a_network(hospitals: Hospitals) -> None:
    hospitals.run(hospitals.study("A", "segmenter.cases_at_most=6"), LEARNING)
    described = read_json(hospitals.store().stage("segment") / SEGMENTER)
    assert {network["cases"] for network in described["networks"].values()} == {6}


def test_without_masks_to_learn_from_the_study_is_refused(hospitals: Hospitals) -> None:
    for number in range(DEVELOPMENT):
        (hospitals.folder / "A" / f"A{number:03d}" / "mask.nii.gz").unlink()
    with pytest.raises(ConfigRefusal, match="no development case has a given mask"):
        hospitals.run(hospitals.study(), LEARNING)
    codes = {f.code for f in check_study(hospitals.study(), Workers()).findings}
    assert "too_few_masks_to_learn_from" in codes


def test_fewer_than_two_cases_a_fold_are_refused(hospitals: Hospitals) -> None:
    with pytest.raises(ConfigRefusal, match="too few") as refusal:
        hospitals.run(hospitals.study("A", "segmenter.folds=12"), LEARNING)
    assert "at least 24 cases" in str(refusal.value)


def test_a_network_that_cannot_be_built_is_refused(hospitals: Hospitals) -> None:
    with pytest.raises(ConfigRefusal, match="segmenter"):
        hospitals.run(hospitals.study("A", "segmenter.patch=[16, 16, 9]"), LEARNING)


def test_a_failed_training_ends_the_stage_with_its_reason(
    hospitals: Hospitals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(learned_masks, "_train", failing)
    with pytest.raises(DataRefusal, match="not enough memory"):
        hospitals.run(hospitals.study("A", "segmenter.steps=3"), LEARNING)


def test_radiomics_wait_for_the_networks(hospitals: Hospitals) -> None:
    (hospitals.store().stage("segment") / SEGMENTER).unlink()
    with pytest.raises(StoreRefusal, match="not trained"):
        hospitals.run(hospitals.study(), ("radiomics",))


def test_going_back_to_given_masks_forgets_the_networks(hospitals: Hospitals) -> None:
    study = hospitals.study("A", "segmenter=null")
    hospitals.run(study, LEARNING)
    segment = hospitals.store().stage("segment")
    left = {path.split("/")[0] for path in folder_digests(segment)}
    assert left == {"cases", "index.json", "regions.parquet", "findings.json"}
    table = read_parquet(segment / "regions.parquet")
    assert (table["voxels"] > 0).all()


def test_other_label_numbers_in_the_given_masks_change_no_dice(tmp_path: Path) -> None:
    """The network's labels follow the study's; what is compared is the region, not its number."""
    found = []
    for numbers in ((1, 2), (7, 3)):
        hospitals = Hospitals(tmp_path / str(numbers[0]))
        write_study(hospitals.folder / "A", patients=DEVELOPMENT)
        if numbers != (1, 2):
            relabelled(hospitals.folder / "A", *numbers)
        hospitals.run(hospitals.study("A", "segmenter.steps=2"), LEARNING)
        found.append(read_parquet(hospitals.store().stage("segment") / "agreement.parquet"))
    assert found[0]["voxels_given"].tolist() == found[1]["voxels_given"].tolist()
