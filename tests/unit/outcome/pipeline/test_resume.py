"""What a kill, a damaged file or another study file leaves behind is never believed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from outcome.bundle import read_bundle, write_bundle
from outcome.errors import ConfigRefusal, StoreRefusal
from outcome.pipeline import train
from outcome.store import MANIFEST, file_digest
from tests.unit.outcome.pipeline.conftest import THROUGH_TRAINING, Place


def outputs(folder: Path) -> dict[str, str]:
    names = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "run.log.json"]
    return {str(p.relative_to(folder)): file_digest(p) for p in names}


def test_a_kill_between_training_and_bundle_never_leaves_the_old_bundle(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = read_bundle(place.site_a.bundle).id

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    other = place.study("A", "training.seed=99")
    with monkeypatch.context() as patch:
        patch.setattr(train, "write_bundle", killed)
        with pytest.raises(KeyboardInterrupt):
            place.run(other, *THROUGH_TRAINING)
    assert not (place.site_a.bundle / MANIFEST).exists()
    place.run(other, *THROUGH_TRAINING)
    assert read_bundle(place.site_a.bundle).id != old
    assert read_bundle(place.site_a.bundle).facts["seed"] == 99


def test_a_foreign_bundle_in_the_store_of_a_trained_study_is_replaced(place: Place) -> None:
    ours = read_bundle(place.site_a.bundle)
    write_bundle(place.site_a.bundle, {**ours.files, "MODEL_CARD.md": b"another"}, ours.facts)
    assert {result.status for result in place.run(place.study(), *THROUGH_TRAINING)} == {"current"}
    assert read_bundle(place.site_a.bundle).id == ours.id


def test_a_damaged_bundle_is_written_again_by_whoever_trained_it(place: Place) -> None:
    ours = read_bundle(place.site_a.bundle).id
    (place.site_a.bundle / "columns.json").write_text("[]")
    place.run(place.study(), *THROUGH_TRAINING)
    assert read_bundle(place.site_a.bundle).id == ours


@pytest.mark.parametrize(
    ("stage", "pattern"),
    [
        ("radiomics", "cases/*.json"),
        ("segment", "cases/*.nii.gz"),
        ("train", "units/*/procedure.json"),
        ("train", "units/*.parquet"),
    ],
)
@pytest.mark.parametrize("gone", [False, True], ids=["changed", "gone"])
def test_a_damaged_case_is_done_again_and_not_blessed(place: Place, stage: str, pattern: str, gone: bool) -> None:
    folder = place.site_a.stage(stage)
    before = outputs(folder)
    victim = sorted(folder.glob(pattern))[0]
    if gone:
        victim.unlink()
    else:
        victim.write_bytes(victim.read_bytes().replace(b"1", b"2", 1) + b" ")
    place.run(place.study(), *THROUGH_TRAINING)
    assert outputs(folder) == before


def test_one_stage_alone_refuses_a_cohort_made_by_another_study_file(place: Place) -> None:
    study = place.folder / "A" / "study.yaml"
    study.write_text(study.read_text().replace("at_least: 3a", 'at_least: "2"'))
    with pytest.raises(StoreRefusal, match="endpoints") as refusal:
        place.run(place.study(), "train")
    assert "outcome cohort" in str(refusal.value)


def test_a_study_without_development_cases_trains_nothing(place: Place) -> None:
    with pytest.raises(ConfigRefusal, match="relation: development"):
        place.run(place.study("B"), *THROUGH_TRAINING)
    assert not place.site_b.bundle.exists()


def test_other_training_code_makes_every_model_anew(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Units made by older code must not pass for the new code's under `outcome train` alone."""
    before = {path.name for path in (place.site_a.stage("train") / "units").glob("*.json")}
    for module in ("stage", "train"):
        monkeypatch.setattr(f"outcome.pipeline.{module}.code_digest", lambda: "newer")
    place.run(place.study(), "train")
    after = {path.name for path in (place.site_a.stage("train") / "units").glob("*.json")}
    assert not before & after


def test_a_frozen_model_does_not_move_into_a_trained_study_s_place(place: Place, tmp_path: Path) -> None:
    foreign = tmp_path / "bundle"
    shutil.copytree(place.site_a.bundle, foreign)
    with pytest.raises(StoreRefusal, match="trained there"):
        place.run(place.study(), "cohort", bundle=foreign)
