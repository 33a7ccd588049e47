"""No network that draws masks knows a later case: other images and masks there change no byte of any network."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcome.config import Study
from outcome.pipeline.masks import learned as learned_masks
from outcome.store import folder_digests
from tests.learned_study import DEVELOPMENT, LEARNING, PATIENTS, Hospitals, write_case, write_study

LATER = [f"A{number:03d}" for number in range(DEVELOPMENT, PATIENTS)]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Hospitals, Hospitals]:
    """The same development cases beside later ones with other images and masks, outcomes, and one mask less."""
    folder = tmp_path_factory.mktemp("mask_leakage")
    original, changed = Hospitals(folder / "original"), Hospitals(folder / "changed")
    write_study(original.folder / "A")
    shutil.copytree(original.folder, changed.folder)
    rng = np.random.default_rng(99)
    for case_id in LATER:
        write_case(changed.folder / "A" / case_id, rng, orientation="LPS")
    (changed.folder / "A" / LATER[0] / "mask.nii.gz").unlink()
    table = pd.read_csv(changed.folder / "A" / "table.csv")
    late = table["case_id"].isin(LATER)
    table.loc[late, "age"] = 99
    table["complication"] = 1 - table["complication"]  # outcomes, even of development cases, move no patient
    table.to_csv(changed.folder / "A" / "table.csv", index=False)
    return original, changed


def networks(place: Hospitals) -> dict[str, str]:
    place.run(place.study(), LEARNING)
    return folder_digests(place.store().stage("segment") / "networks")


def assert_blind(original: Hospitals, changed: Hospitals) -> None:
    before, after = networks(original), networks(changed)
    assert len(before) == 6  # weights and description of two folds and the final network
    assert before == after, "a network knows the later cases"


def test_later_cases_change_no_byte_of_any_network(places: tuple[Hospitals, Hospitals], tmp_path: Path) -> None:
    assert_blind(*(place.copied(tmp_path / place.folder.name) for place in places))


def test_the_check_catches_learning_from_every_partition(
    places: tuple[Hospitals, Hospitals], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everybody(study: Study, cases: pd.DataFrame) -> dict[str, str]:
        return dict(zip(cases["case_id"], cases["patient_id"], strict=True))

    monkeypatch.setattr(learned_masks, "development_patients", everybody)
    with pytest.raises(AssertionError, match="knows the later cases"):
        assert_blind(*(place.copied(tmp_path / place.folder.name) for place in places))
