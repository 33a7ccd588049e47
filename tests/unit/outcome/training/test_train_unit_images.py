"""A unit with a network rung: every rung travels, the same seed gives the same bytes, failures are told."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import save_file
from scipy.stats import spearmanr

from outcome.errors import BundleRefusal, ConfigRefusal, DataRefusal
from outcome.executor import Workers, map_cases
from outcome.training.data import TrainingData
from outcome.training.procedure import RungFit, fit_procedure
from outcome.training.rungs import CHOSEN, FUSION, IMAGE_ALONE
from outcome.training.settings import NetworkSettings, TrainingSettings
from outcome.training.unit import TrainedUnit, train_unit
from outcome.types import EndpointKind, InputSet
from tests.image_cases import NETWORK_RUNG, SETTINGS, SIZE, TINY, image_cases

RUNGS = ["clinical", "clinical + shape", FUSION]


def train(settings: TrainingSettings = SETTINGS, kind: EndpointKind = EndpointKind.BINARY, n: int = 48) -> TrainedUnit:
    data = image_cases(kind, n)
    horizons = (100.0,) if kind is EndpointKind.TIME_TO_EVENT else ()
    return train_unit(
        data.frame, data.columns, data.target, data.patients.tolist(), settings,
        inputs=InputSet.PREOPERATIVE, seed=1, horizons=horizons, crops=data.crops,
    )  # fmt: skip


def trained_files(_: int) -> dict[str, bytes]:
    return train().files()


def risks(fit: RungFit, data: TrainingData) -> list[float]:
    return [float(risk) for risk in fit.predict(data.frame, (), data.crops).risk[:, 0]]


@pytest.fixture(scope="module")
def unit() -> TrainedUnit:
    return train()


@pytest.fixture(scope="module")
def network_alone() -> TrainedUnit:
    return train(replace(SETTINGS, families=("fusion",)))


def test_every_rung_stands_in_the_out_of_fold_table(unit: TrainedUnit) -> None:
    assert list(dict.fromkeys(unit.out_of_fold["rung"])) == [CHOSEN, *RUNGS]
    assert [row["rung"] for row in unit.ladder["rungs"]] == RUNGS
    assert unit.out_of_fold[["risk", "score"]].notna().all(axis=None)


def test_few_events_for_a_network_are_told_beside_it(unit: TrainedUnit) -> None:
    notes = {row["rung"]: row["note"] for row in unit.ladder["rungs"]}
    assert "at least 200 are advised" in notes[FUSION]
    assert "cases with" in notes["clinical"]
    assert unit.ladder["warnings"]
    assert "not_offered" not in unit.ladder


def test_below_the_named_least_the_other_rungs_stay_as_they_are(unit: TrainedUnit) -> None:
    without = train(replace(SETTINGS, network=replace(SETTINGS.network, min_events=1000)))
    assert [row["rung"] for row in without.ladder["rungs"]] == RUNGS[:2]
    assert "min_events asks for at least 1000" in without.ladder["not_offered"]
    assert without.ladder["warnings"] == [without.ladder["not_offered"]]
    for name in RUNGS[:2]:
        made, before = (u.out_of_fold[u.out_of_fold["rung"] == name].reset_index(drop=True) for u in (without, unit))
        pd.testing.assert_frame_equal(made, before, check_exact=True)
    alone = train(replace(SETTINGS, families=("fusion",), network=replace(SETTINGS.network, min_events=1000)))
    assert "min_events" in (alone.skipped or "")


def test_every_rung_travels_once_and_predicts_the_same_bits(unit: TrainedUnit) -> None:
    files = unit.files()
    states = sorted(name for name in files if name.endswith(".npz"))
    others = [f"rung_{i}.npz" for i, name in enumerate(RUNGS) if name != unit.ladder["chosen"]]
    assert states == sorted(["ensemble.npz", "procedure.npz", *others])
    again = TrainedUnit.from_files(files)
    assert [fit.rung.name for fit in again.rungs] == RUNGS
    new = image_cases(seed=5)
    made, remade = (u.predict(new.frame, new.crops, every_rung=True) for u in (unit, again))
    pd.testing.assert_frame_equal(made, remade, check_exact=True)
    assert again.files() == files


def test_rungs_stand_beside_the_choice_without_an_interval(unit: TrainedUnit) -> None:
    new = image_cases(seed=5)
    table = unit.predict(new.frame, new.crops, every_rung=True)
    assert list(dict.fromkeys(table["rung"])) == [CHOSEN, *RUNGS]
    pd.testing.assert_frame_equal(table[table["rung"] == CHOSEN], unit.predict(new.frame, new.crops))
    assert table.loc[table["rung"] != CHOSEN, ["low", "high"]].isna().all(axis=None)
    by_rung = {name: group["risk"].tolist() for name, group in table.groupby("rung")}
    assert by_rung[CHOSEN] == by_rung[unit.ladder["chosen"]]
    assert by_rung == {CHOSEN: by_rung[CHOSEN], **{fit.rung.name: risks(fit, new) for fit in unit.rungs}}


def test_a_rung_is_found_by_name(unit: TrainedUnit) -> None:
    found = unit.rung_named(FUSION)
    assert found is not None
    assert found.model.algorithm == "network"
    assert unit.rung_named("another") is None


def test_a_rung_that_is_missing_from_the_files_is_refused(unit: TrainedUnit) -> None:
    files = unit.files()
    lost = next(name.removesuffix(".npz") for name in files if name.startswith("rung_") and name.endswith(".npz"))
    files = {name: data for name, data in files.items() if not name.startswith(lost)}
    with pytest.raises(BundleRefusal, match="another form"):
        TrainedUnit.from_files(files)


def test_the_same_seed_gives_the_same_bytes_with_one_worker_and_with_two(unit: TrainedUnit) -> None:
    for done in map_cases(Workers(2), trained_files, [0]):
        assert done.error is None
        assert done.value == unit.files()


@pytest.mark.parametrize("fusion", ["gated", "low_rank", "film"])
def test_the_full_ladder_has_the_images_alone_which_read_no_table(fusion: str) -> None:
    settings = replace(SETTINGS, ladder="full", network=replace(TINY, fusion=fusion))
    unit = train(settings)
    rungs = ["clinical", "clinical + shape", "clinical + radiomics", IMAGE_ALONE, FUSION]
    assert [row["rung"] for row in unit.ladder["rungs"]] == rungs
    again, new = TrainedUnit.from_files(unit.files()), image_cases(seed=5)
    alone = again.rung_named(IMAGE_ALONE)
    assert alone is not None
    other = replace(new, frame=new.frame.assign(**{name: 9.0 for name in new.frame.columns[:3]}))
    assert risks(alone, new) == risks(alone, other)
    assert len(set(risks(alone, new))) > 1


def test_a_chosen_network_has_its_own_number_of_refits_and_their_interval(network_alone: TrainedUnit) -> None:
    assert network_alone.ladder["chosen"] == FUSION
    assert network_alone.ensemble is not None
    assert len(network_alone.ensemble.members) == TINY.refits
    new = image_cases(seed=5)
    table = network_alone.predict(new.frame, new.crops)
    assert np.all((table["low"] <= table["risk"]) & (table["risk"] <= table["high"]))
    again = TrainedUnit.from_files(network_alone.files())
    pd.testing.assert_frame_equal(again.predict(new.frame, new.crops), table, check_exact=True)


def test_case_by_case_gives_the_bits_of_all_at_once(network_alone: TrainedUnit) -> None:
    new = image_cases(seed=5)
    whole = network_alone.predict(new.frame, new.crops)
    single = pd.concat([network_alone.predict(new.frame.iloc[[i]], new.crops) for i in range(6)], ignore_index=True)
    pd.testing.assert_frame_equal(single, whole.iloc[:6], check_exact=True)


def test_a_case_without_its_crop_is_predicted_and_a_lost_crop_is_refused(network_alone: TrainedUnit) -> None:
    new = image_cases(seed=5)
    without = new.frame.assign(**{"image:ct:crop": np.nan})
    assert network_alone.predict(without)["risk"].notna().all()
    with pytest.raises(DataRefusal, match="crop"):
        network_alone.predict(new.frame)


def test_a_time_to_event_has_the_network_too() -> None:
    unit = train(replace(SETTINGS, families=("fusion",)), EndpointKind.TIME_TO_EVENT)
    assert unit.ladder["chosen"] == FUSION
    assert unit.out_of_fold["risk"].between(0, 1).all()


HEADED = replace(TINY, refits=1, ordinal_head="cumulative", duration_head="quantiles", continuous_head="gaussian")


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [(EndpointKind.ORDINAL, 0, 4), (EndpointKind.DURATION, 0, 1000), (EndpointKind.CONTINUOUS, 0, 120)],
)
def test_amounts_have_the_network_where_a_head_is_named(kind: EndpointKind, least: float, most: float) -> None:
    """The fold's own cases aside, the table and the region's brightness tell high from low, on the outcome's scale."""
    settings = replace(SETTINGS, families=("fusion",), network=HEADED)
    unit, data = train(settings, kind, 80), image_cases(kind, 80)
    assert unit.ladder["chosen"] == FUSION
    told = unit.out_of_fold[unit.out_of_fold["rung"] == FUSION].set_index("case_id").loc[data.frame.index]
    assert told["risk"].between(least, most).all()
    assert spearmanr(told["score"], data.target.value).statistic > 0.5
    assert abs(told["risk"].median() - np.median(data.target.value)) < np.std(data.target.value)
    again = TrainedUnit.from_files(unit.files())
    new = image_cases(kind, seed=5)
    pd.testing.assert_frame_equal(again.predict(new.frame, new.crops), unit.predict(new.frame, new.crops))


@pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.ORDINAL, EndpointKind.DURATION])
def test_too_few_cases_are_refused_before_any_network_is_fitted(kind: EndpointKind) -> None:
    settings = replace(SETTINGS, families=("fusion",), network=HEADED, min_events=25)
    unit = train(settings, kind)
    assert unit.rungs == ()
    assert unit.skipped is not None
    assert "at least" in unit.skipped


def test_a_network_that_cannot_be_fitted_is_told_and_not_left_out() -> None:
    wrong = replace(SETTINGS, network=NetworkSettings(encoder="no_such_encoder"))
    with pytest.raises(ConfigRefusal, match="no_such_encoder"):
        train(wrong)


def test_the_weights_of_the_settings_reach_the_network_and_their_place_stays_here(tmp_path: Path) -> None:
    from outcome.models.network.encoders import build_encoder  # torch

    file = tmp_path / "w.safetensors"
    save_file(build_encoder("resnet_3d", 2, SIZE).state_dict(), file)
    named = replace(TINY, weights=file.name, tuning="frozen")
    settings = replace(SETTINGS, network=named, encoder_weights=file)
    rung = replace(NETWORK_RUNG, grid=(named.params(),))
    states = fit_procedure(image_cases(), (rung,), settings, 1).to_states().values()
    told = json.dumps([dict(state.numbers) for state in states])
    assert "began with weights of w.safetensors" in told
    assert str(tmp_path) not in told


def test_a_study_without_networks_never_loads_torch() -> None:
    code = (
        "import sys, outcome.pipeline.run, outcome.serving\n"
        "from tests.image_cases import SETTINGS, image_cases\n"
        "from outcome.training.unit import TrainedUnit, train_unit\n"
        "from outcome.types import InputSet\n"
        "data = image_cases()\n"
        "unit = train_unit(data.frame, data.columns[:3], data.target, data.patients.tolist(), SETTINGS,"
        " inputs=InputSet.PREOPERATIVE, seed=1)\n"
        "TrainedUnit.from_files(unit.files()).predict(data.frame, every_rung=True)\n"
        "sys.exit('torch was loaded' if 'torch' in sys.modules else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
