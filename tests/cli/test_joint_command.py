"""`outcome synth`, `train` and `predict` where a network learns several endpoints at once, by the commands alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from outcome.cli.main import run
from outcome.store import read_json

SETTINGS = (
    "training.outer_folds=2",
    "training.inner_folds=2",
    "training.min_events=5",
    "training.families=[fusion]",
    "training.network.epochs=1",
    "training.network.refits=0",
    "training.network.endpoints=[length_of_stay]",
    "training.network.joint=[clavien, recurrence]",
    "training.network.duration_head=gaussian",
    "training.network.ordinal_head=cumulative",
    "training.network.memory=20",
    "image_blocks.size=[8, 8, 8]",
    "radiomics.profiles={}",
)
STAGES = ("cohort", "segment", "radiomics", "features", "train")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Site A, its store trained, and a smaller site B predicted with the bundle of A."""
    folder = tmp_path_factory.mktemp("joint")
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    for site, patients in (("A", "30"), ("B", "4")):
        assert run(["synth", "--out", str(folder / site), "--patients", patients, "--site", site, "--quiet"]) == 0
    store = ["--store", str(folder / "store"), "--quiet"]
    for stage in STAGES:
        assert run([stage, str(folder / "A" / "study.yaml"), *store, *settings]) == 0
    bundle, study = folder / "store" / "site_a" / "bundle", folder / "B" / "study.yaml"
    assert run(["predict", str(bundle), str(study), "--out", str(folder / "predicted"), "--quiet"]) == 0
    return folder


def test_the_ladder_tells_what_the_network_learned_beside_its_endpoint(folder: Path) -> None:
    ladder = read_json(folder / "store" / "site_a" / "train" / "ladder.json")
    unit = ladder["length_of_stay.preoperative"]
    (record,) = unit["network_fits"]["fusion network"]
    learned = [*record["weights"], *record["left_out"]]
    assert sorted(learned) == ["clavien", "length_of_stay", "recurrence"]
    assert all(name in unit["rungs"][-1]["note"] for name in learned)
    assert unit["settings"]["network"]["joint"] == ["clavien", "recurrence"]


def test_another_hospital_is_predicted_by_the_network_for_its_own_endpoint_alone(folder: Path) -> None:
    (file,) = folder.joinpath("predicted").rglob("predictions.parquet")
    table = pd.read_parquet(file)
    by_network = table[table["rung"] == "fusion network"]
    assert set(by_network["endpoint"]) == {"length_of_stay"}
    assert by_network["case_id"].nunique() == 4
    assert by_network["risk"].ge(0).all()
