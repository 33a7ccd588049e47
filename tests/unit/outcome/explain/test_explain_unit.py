"""A case of a trained unit explained: contributions that add up, whose heat is shown, and from a store on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from outcome.bundle import Bundle
from outcome.errors import DataRefusal
from outcome.explain import gradcam
from outcome.explain.map_check import MapCheck
from outcome.explain.map_checks import KEY, check_unit_maps, told_checks
from outcome.explain.players import Population
from outcome.explain.unit import FAILED, NO_FILTERS, NOT_CHOSEN, UNCHECKED, Explanation, explain_unit
from outcome.features.columns import FeatureColumn, columns_to_json
from outcome.features.crops import Crops, crop_bytes
from outcome.models.inputs import Inputs
from outcome.models.network import learning
from outcome.models.network.model import NetworkScorer
from outcome.recipe import CropSpec, Recipe
from outcome.serving import RiskModel, case_explanation
from outcome.store import canonical_json
from outcome.training.data import TrainingData
from outcome.training.settings import NetworkSettings, TrainingSettings
from outcome.training.unit import TrainedUnit, train_unit
from outcome.types import FloatArray, InputSet, Target
from segmentation.images.writing import write_mask
from segmentation.types import Mask

N, SIDE = 40, 8
COLUMNS = (
    FeatureColumn("clinical:age", "clinical", "numeric", "preoperative", label="Age", unit="years"),
    FeatureColumn("clinical:frail", "clinical", "boolean", "preoperative", label="Frail"),
    FeatureColumn("image:ct:crop", "image:ct", "image", "preoperative"),
)
SETTINGS = TrainingSettings(
    outer_folds=2,
    inner_folds=2,
    bootstraps=0,
    min_events=5,
    families=("ridge", "fusion"),
    network=NetworkSettings(epochs=2, batch=10, learning_rate=1e-2, refits=0),
)
PLACE = np.diag([4.0, 4.0, 4.0, 1.0])


def events() -> np.ndarray:
    return (np.arange(N) % 2).astype(float)


def people() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "clinical:age": 60 + 8 * events() + rng.normal(0, 6, N),
            "clinical:frail": (rng.random(N) < 0.4).astype(float),
            "image:ct:crop": np.where(np.arange(N) == 7, np.nan, 1.0),
        },
        index=pd.Index([f"c{i:02d}" for i in range(N)], name="case_id"),
    )


def crops() -> Crops:
    rng, y = np.random.default_rng(2), events()
    held = {}
    for i, case_id in enumerate(people().index):
        crop = rng.normal(0, 0.3, (2, SIDE, SIDE, SIDE)).astype(np.float32)
        crop[1] = 1.0
        crop[0, 4:, 4:, 4:] += 2.0 * y[i]
        held[str(case_id)] = {"ct": crop}
    del held["c07"]
    return Crops(held=held)


@pytest.fixture(scope="module")
def unit() -> Iterator[TrainedUnit]:
    """A unit whose network keeps all it learned: on so few cases nothing would be earned, and there is no heat."""
    patients = [f"p{i}" for i in range(N)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning, "earned_strength", lambda *_: 1.0)
        trained = train_unit(
            people(), COLUMNS, Target.binary("leak", events()), patients, SETTINGS,
            inputs=InputSet.PREOPERATIVE, seed=3, crops=crops(),
        )  # fmt: skip
        data = TrainingData(people(), COLUMNS, Target.binary("leak", events()), np.array(patients), crops())
        yield check_unit_maps(trained, data, SETTINGS, 5, ("tumor",))


def chosen(unit: TrainedUnit, name: str) -> TrainedUnit:
    """The same unit, had this rung been chosen."""
    fit = unit.rung_named(name)
    assert unit.procedure is not None
    assert fit is not None
    return replace(unit, procedure=replace(unit.procedure, chosen=fit))


def explained(unit: TrainedUnit, case_id: str, *, placed: bool = True) -> Explanation:
    places = {"ct": PLACE} if placed else None
    return explain_unit(unit, people().loc[[case_id]], Population(), crops=crops(), places=places)


def test_a_simple_model_is_explained_exactly_and_the_networks_heat_is_named_as_such(unit: TrainedUnit) -> None:
    simple = chosen(unit, "clinical")
    found = explained(simple, "c09")
    assert simple.procedure is not None
    fit, ends = simple.procedure.chosen, found.contributions
    predicted = fit.predict(people().loc[["c09"]])
    assert ends.reference_score + sum(r.contribution for r in ends.rows) == pytest.approx(ends.score)
    assert ends.score == pytest.approx(float(predicted.score[0])), "on the scale of the predictions' score"
    assert found.own == pytest.approx(predicted.risk[0].tolist())
    assert {row.name for row in ends.rows} == {"clinical:age", "clinical:frail"}
    assert found.model_name == "clinical"
    if found.heat:
        assert found.note == NOT_CHOSEN


def test_a_chosen_network_is_explained_with_its_image_as_one_input(unit: TrainedUnit) -> None:
    looked = [explained(chosen(unit, "fusion network"), f"c{i:02d}") for i in range(9, 25, 2)]
    for found in looked:
        ends = found.contributions
        assert {row.name for row in ends.rows} == {"clinical:age", "clinical:frail", "image:ct"}
        assert ends.reference_score + sum(r.contribution for r in ends.rows) == pytest.approx(ends.score)
        assert found.note == ""
    heats = [found.heat["ct"] for found in looked if found.heat]
    assert heats, "the planted block is somewhere seen"
    for heat in heats:
        assert heat.values.shape == (SIDE,) * 3
        assert heat.values.max() == 1.0
        assert heat.affine.tolist() == PLACE.tolist()


def with_checks(unit: TrainedUnit, **sequences: MapCheck) -> TrainedUnit:
    told = {name: check.to_json() for name, check in sequences.items()}
    return replace(unit, ladder={**unit.ladder, KEY: {"rung": "fusion network", "sequences": told}})


def test_training_checks_the_maps_and_tells_where_heat_lies(unit: TrainedUnit) -> None:
    found = told_checks(unit.ladder)["ct"]
    assert unit.ladder[KEY]["rung"] == "fusion network"
    assert found.passed, "a planted corner is no edge of the image"
    assert found.cases > 0
    assert found.inside == {"tumor": pytest.approx(1.0)}, "the region fills the crop"
    assert found.labels is not None, "the network was fitted to shuffled outcomes too"
    assert found.deletion_gain is not None
    assert found.deletion_gain > 0.1


def test_a_map_that_failed_is_not_shown_and_one_never_checked_is_shown_with_that_word(unit: TrainedUnit) -> None:
    network = chosen(unit, "fusion network")
    shown = next(f"c{i:02d}" for i in range(9, 25, 2) if explained(network, f"c{i:02d}").heat)
    failed = explained(with_checks(network, ct=MapCheck(8, 0.9, 0.1)), shown)
    assert failed.heat == {}
    assert failed.note == FAILED.format(images="ct")
    unasked = replace(network, ladder={name: told for name, told in network.ladder.items() if name != KEY})
    assert explained(unasked, shown).heat
    assert explained(unasked, shown).note == UNCHECKED


def test_a_check_that_was_tampered_with_is_refused(unit: TrainedUnit) -> None:
    network = chosen(unit, "fusion network")
    forged = {"rung": "fusion network", "sequences": {"ct": {**MapCheck(8, 0.9, 0.1).to_json(), "passed": True}}}
    with pytest.raises(DataRefusal, match="cannot be read"):
        explained(replace(network, ladder={**network.ladder, KEY: forged}), "c09")


def test_a_network_that_uses_no_filters_says_why_there_is_no_heat(unit: TrainedUnit) -> None:
    network = chosen(unit, "fusion network")
    assert network.procedure is not None
    fit = network.procedure.chosen
    silent = NetworkScorer.from_state(fit.model.scorer.to_state())
    for layer in silent.module.last_layers():
        torch.nn.init.zeros_(layer.weight)
    blind = replace(fit, model=replace(fit.model, scorer=silent))
    found = explained(replace(network, procedure=replace(network.procedure, chosen=blind)), "c09")
    assert found.heat == {}
    assert found.note == NO_FILTERS


def test_without_image_or_place_there_is_no_heat(unit: TrainedUnit) -> None:
    network = chosen(unit, "fusion network")
    gone = explained(network, "c07")
    assert gone.heat == {}
    assert next(r for r in gone.contributions.rows if r.name == "image:ct").contribution == 0.0
    assert explained(network, "c09", placed=False).heat == {}


def test_the_same_case_is_explained_the_same(unit: TrainedUnit) -> None:
    network = chosen(unit, "fusion network")
    assert explained(network, "c09").contributions == explained(network, "c09").contributions


def test_one_case_at_a_time_and_only_where_there_is_a_model(unit: TrainedUnit) -> None:
    with pytest.raises(DataRefusal, match="one case"):
        explain_unit(unit, people().iloc[:2], Population())
    with pytest.raises(DataRefusal, match="no model"):
        explain_unit(replace(unit, procedure=None, skipped="too few events"), people().iloc[:1], Population())


@pytest.fixture
def model(unit: TrainedUnit) -> RiskModel:
    recipe = Recipe({"tumor": 1}, "ct", crop=CropSpec({"ct": "hu"}, "tumor", (SIDE,) * 3, (32.0,) * 3))
    told = {"n": N, "features": {"clinical:frail": {"n": N, "missing": 0, "mean": 0.4}}}
    documents = {
        "columns.json": columns_to_json(COLUMNS), "recipe.json": recipe.to_json(), "reference.json": told,
    }  # fmt: skip
    files = {name: canonical_json(value) for name, value in documents.items()}
    files |= {f"estimators/leak.preoperative/{name}": data for name, data in unit.files().items()}
    return RiskModel(Bundle("b" * 12, files, {}))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    for part in ("features/crops", "segment/cases", "cohort"):
        (folder / part).mkdir(parents=True)
    people().reset_index().to_parquet(folder / "features/features.parquet", index=False)
    (folder / "features/index.json").write_text(json.dumps({"c09": "k"}))
    (folder / "features/crops/k.npz").write_bytes(crop_bytes(crops().held["c09"]))
    (folder / "segment/index.json").write_text(json.dumps({"c09": "k"}))
    labels = np.zeros((12, 12, 12), dtype=np.uint8)
    labels[4:8, 4:8, 4:8] = 1
    write_mask(Mask(labels, np.diag([2.0, 2.0, 2.0, 1.0]), {"tumor": 1}), folder / "segment/cases/k.nii.gz")
    (folder / "cohort/run.log.json").write_text(json.dumps({"study_root": str(tmp_path)}))
    (folder / "cohort/inputs.json").write_text(json.dumps({"c09": {"images": {"ct": None}, "mask": None}}))
    return tmp_path


def test_a_case_of_a_store_is_explained_from_what_lies_there(
    model: RiskModel, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crop_as_heat(_: object, inputs: Inputs, sequence: str) -> FloatArray:
        crop = inputs.crops.get(inputs.case_ids[0], sequence)
        assert crop is not None
        return crop[1].astype(float)

    monkeypatch.setattr(gradcam, "heat_map", crop_as_heat)
    found = case_explanation(model, store, "study", "c09", "leak", "preoperative")
    frail = next(r for r in found.contributions.rows if r.name == "clinical:frail")
    assert frail.reference == "yes in 40 %"
    assert found.heat["ct"].inside == {"tumor": 1.0}, "the region fills the crop"
    assert found.heat["ct"].values.tolist() == crops().held["c09"]["ct"][1].tolist()
    # the tumour's box spans 8 to 14 mm, so its middle lies at 11; eight voxels of 4 mm around it start at 11 - 14
    assert found.heat["ct"].affine[:3, 3].tolist() == [-3.0, -3.0, -3.0]
    assert np.diag(found.heat["ct"].affine).tolist() == [4.0, 4.0, 4.0, 1.0]


def test_what_cannot_be_explained_is_refused_in_words(model: RiskModel, store: Path) -> None:
    with pytest.raises(DataRefusal, match="no features"):
        case_explanation(model, store, "study", "nobody", "leak", "preoperative")
    with pytest.raises(DataRefusal, match="no model for stay"):
        case_explanation(model, store, "study", "c09", "stay", "preoperative")
