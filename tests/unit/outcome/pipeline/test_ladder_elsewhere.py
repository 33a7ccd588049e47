"""On another site's cases the whole ladder stands beside the chosen model: every rung of the frozen bundle."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

from app.records import joined_predictions
from outcome.bundle import READABLE, read_bundle
from outcome.errors import BundleRefusal
from outcome.pipeline.train import training_settings
from outcome.serving import RiskModel
from outcome.store import read_parquet
from outcome.training.rungs import CHOSEN
from tests.unit.outcome.pipeline.conftest import Place

Ladders = dict[tuple[str, str], list[str]]


@pytest.fixture(scope="module")
def validated(trained_place: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    copy = Place(tmp_path_factory.mktemp("ladder") / "place")
    shutil.copytree(trained_place.folder, copy.folder)
    copy.validate()
    return copy


def predictions(place: Place) -> pd.DataFrame:
    return read_parquet(next(place.site_b.folder.glob("predict/*/predictions.parquet")))


def ladders(place: Place) -> Ladders:
    """The rungs of each unit that has a model, simplest first."""
    units = RiskModel.load(place.site_a.bundle).units.values()
    return {(u.endpoint, u.inputs.value): [fit.rung.name for fit in u.rungs] for u in units if not u.skipped}


def test_every_rung_of_the_bundle_predicts_the_other_site(validated: Place) -> None:
    found = predictions(validated)
    rungs = {key: list(dict.fromkeys(g["rung"])) for key, g in found.groupby(["endpoint", "inputs"], sort=False)}
    assert rungs == {key: [CHOSEN, *names] for key, names in ladders(validated).items()}
    assert any(len(names) > 2 for names in rungs.values())
    assert found.loc[found["rung"] != CHOSEN, ["low", "high"]].isna().all(axis=None)
    assert found.loc[found["rung"] == CHOSEN, ["low", "high"]].notna().all(axis=None)


def test_the_ladder_of_another_site_is_measured_and_the_frozen_rung_is_not_compared_with_itself(
    validated: Place,
) -> None:
    metrics = json.loads(next(validated.site_b.folder.glob("evaluate/*/metrics.json")).read_text())
    expected = ladders(validated)
    endpoints = metrics["partitions"]["site_b"]["endpoints"]
    for (endpoint, inputs), names in expected.items():
        model = endpoints[endpoint]["models"][inputs]
        assert [row["rung"] for row in model["ladder"]] == names
        assert [row["rung"] for row in model["ladder"] if row["difference"] is None] == [model["rung"]]
        assert [row["below"] for row in model["ladder"]] == [None, *names[:-1]]
        assert [bool(row["over_below"]) for row in model["ladder"]] == [False, *[True] * (len(names) - 1)]


def test_whoever_wants_one_answer_a_case_gets_the_chosen_one(validated: Place) -> None:
    found = predictions(validated)
    shown = joined_predictions(found.iloc[:0], found)
    assert set(shown["rung"]) == {CHOSEN}
    assert not shown.duplicated(["case_id", "endpoint", "inputs", "horizon_days"]).any()
    frame = read_parquet(validated.site_b.stage("features") / "features.parquet").set_index("case_id")
    alone = RiskModel.load(validated.site_a.bundle).predict_frame(frame)
    assert set(alone["rung"]) == {CHOSEN}


def test_a_bundle_of_a_version_that_held_the_choice_alone_is_refused_with_a_way_out(validated: Place) -> None:
    path = validated.site_a.bundle / "manifest.json"
    whole = path.read_bytes()
    path.write_text(json.dumps({**json.loads(whole), "version": READABLE[0] - 1}))
    try:
        with pytest.raises(BundleRefusal, match="version") as refusal:
            read_bundle(path.parent)
    finally:
        path.write_bytes(whole)
    assert "train it again" in str(refusal.value)


def test_what_a_study_states_of_networks_reaches_training_and_the_device_is_written_nowhere(place: Place) -> None:
    stated = ("training.network.epochs=3", "training.network.endpoints=[length_of_stay]", "training.network.refits=7")
    settings = training_settings(place.study("A", *stated), "cuda")
    assert (settings.network.epochs, settings.network.endpoints) == (3, ("length_of_stay",))
    assert (settings.network.refits, settings.device) == (7, "cuda")
    assert "cuda" not in json.dumps(settings.to_json())
