"""Nothing in the bundle knows the later partition: other features, outcomes and masks there change no byte of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcome.bundle import read_bundle
from outcome.config import Study, load_study
from outcome.pipeline import train
from outcome.pipeline.run import STAGE_RUNNERS, run_stages
from outcome.pipeline.session import open_run
from outcome.pipeline.synth import write_synthetic_study
from outcome.store import StudyStore
from tests.small_studies import keep_endpoints

LAST = "A00045"  # the last development case
PATIENTS = 60
ENDPOINTS = ("any_complication", "length_of_stay", "recurrence")  # yes/no, amount, competing times
SETTINGS = (
    "training.outer_folds=2",
    "training.inner_folds=2",
    "training.bootstraps=3",
    "training.min_events=5",
    "training.families=[ridge, elastic_net, boosting]",
    "image_blocks=null",  # the later cases alone have images, for their intensities
)
PARTITIONS = f"""partitions:
  early:
    relation: development
    where: [{{variable: case_id, at_most: {LAST}}}]
  late:
    relation: temporal
    where: [{{variable: case_id, above: {LAST}}}]
"""


def later(folder: Path) -> list[Path]:
    return [path for path in sorted((folder / "images").iterdir()) if path.name > LAST]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two partitions; only the later cases have a CT, so that they alone have intensities."""
    folder = tmp_path_factory.mktemp("leakage") / "original"
    path = keep_endpoints(write_synthetic_study(folder, PATIENTS, 5, "A"), *ENDPOINTS)
    text = path.read_text()
    start, end = text.index("partitions:"), text.index("subgroups:")
    path.write_text(text[:start] + PARTITIONS + text[end:])
    for case in sorted((folder / "images").iterdir()):
        if case.name <= LAST:
            (case / "ct.nii.gz").unlink()
    return folder


@pytest.fixture(scope="module")
def changed(original: Path) -> Path:
    """The same development cases beside later ones with other records, outcomes, masks and no CT."""
    folder = original.parent / "changed"
    shutil.copytree(original, folder)
    table = pd.read_csv(folder / "table.csv", dtype=str, keep_default_na=False)
    late = table["case_id"] > LAST
    rng = np.random.default_rng(0)
    table.loc[late, "age_years"] = rng.integers(80, 100, late.sum()).astype(str)
    table.loc[late, "smoking"] = ""
    table.loc[late, "creatinine_mg_dl"] = "19"
    table.loc[late, "clavien_grade"] = [("0" if grade != "0" else "4") for grade in table.loc[late, "clavien_grade"]]
    table.loc[late, "stay_days"] = "200"
    table.loc[late, "vital_status"] = "dead"
    table.to_csv(folder / "table.csv", index=False)
    cases = later(folder)
    for case, other in zip(cases, later(original)[1:], strict=False):
        shutil.copy(other / "mask.nii.gz", case / "mask.nii.gz")
    for case in cases:
        (case / "ct.nii.gz").unlink()
    (cases[0] / "mask.nii.gz").unlink()
    return folder


@pytest.fixture(scope="module")
def stores(original: Path, changed: Path) -> tuple[Path, Path]:
    """One store each, run up to the features."""
    for folder in (original, changed):
        run(folder, folder.parent / f"{folder.name}_store", ("cohort", "segment", "radiomics", "features"))
    return original.parent / "original_store", original.parent / "changed_store"


def study_in(folder: Path) -> Study:
    return load_study(folder / "study.yaml", SETTINGS)


def run(folder: Path, store: Path, stages: tuple[str, ...]) -> StudyStore:
    study = study_in(folder)
    with open_run(study, store, command="test") as opened:
        run_stages(opened, [STAGE_RUNNERS[stage] for stage in stages])
    return StudyStore(store, study.name)


def trained(folder: Path, store: Path, into: Path) -> StudyStore:
    shutil.copytree(store, into)
    return run(folder, into, ("train",))


def assert_blind(folders: tuple[Path, Path], stores: tuple[Path, Path], tmp_path: Path) -> None:
    """Both trainings gave the same bundle, byte for byte, and the same out-of-fold tables."""
    places = [trained(folder, store, tmp_path / folder.name) for folder, store in zip(folders, stores, strict=True)]
    before, after = (read_bundle(place.bundle) for place in places)
    other = sorted(name for name in {*before.files, *after.files} if before.files.get(name) != after.files.get(name))
    assert not other, f"the bundle knows the later partition: {other}"
    assert before.id == after.id
    for name in ("out_of_fold.parquet", "details.parquet"):
        tables = [(place.stage("train") / name).read_bytes() for place in places]
        assert tables[0] == tables[1], f"{name} knows the later partition"


def test_later_cases_change_no_byte_of_the_bundle(
    original: Path, changed: Path, stores: tuple[Path, Path], tmp_path: Path
) -> None:
    assert_blind((original, changed), stores, tmp_path)
    bundle = read_bundle(StudyStore(tmp_path / "original", "site_a").bundle)
    models = [name for name in bundle.files if name.endswith("procedure.json")]
    assert len(models) >= 4  # a bundle without models would be blind for nothing


def test_the_check_catches_training_on_every_partition(
    original: Path, changed: Path, stores: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "development_cases", lambda study, cases: sorted(cases["case_id"]))
    with pytest.raises(AssertionError, match="knows the later partition"):
        assert_blind((original, changed), stores, tmp_path)


def test_the_check_catches_naming_what_only_later_cases_have(
    original: Path, changed: Path, stores: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A measurement that no development case has once entered the bundle's columns."""
    for module in ("train", "bundle_parts"):
        monkeypatch.setattr(f"outcome.pipeline.{module}.development_columns", lambda columns, frame: tuple(columns))
    with pytest.raises(AssertionError, match=r"columns\.json"):
        assert_blind((original, changed), stores, tmp_path)
