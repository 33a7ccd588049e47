"""The ladder follows the blocks and the input set."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from outcome.config.training import Network, Training
from outcome.features.columns import IMAGE, FeatureColumn
from outcome.models.network.head_choice import HEADS_OF
from outcome.training.rungs import FUSION, IMAGE_ALONE, Rung, default_ladder
from outcome.training.settings import NETWORK, NO_NETWORK_UNLESS_NAMED, NetworkSettings, TrainingSettings
from outcome.training.steps import is_shape, ladder_steps
from outcome.types import EndpointKind, InputSet
from segmentation.radiomics.catalogue import CATALOGUE
from segmentation.radiomics.placement.catalogue import PLACEMENT_FEATURES

AGE = FeatureColumn("clinical:age", "clinical", "numeric", "preoperative")
OPEN = FeatureColumn("plan:open", "plan", "boolean", "planned")
SIZE = FeatureColumn("radiomics:tumor.morph_volume", "radiomics", "numeric", "preoperative")
MEAN = FeatureColumn("radiomics:tumor.stat_mean", "radiomics", "numeric", "preoperative")
GENE = FeatureColumn("genomics:idh", "genomics", "boolean", "preoperative")
CT = FeatureColumn("image:ct:crop", "image:ct", IMAGE, "preoperative")
ALL = (AGE, OPEN, SIZE)
WITH_IMAGES = (*ALL, MEAN, CT)
SETTINGS = TrainingSettings()
FULL = TrainingSettings(ladder="full")


def names(rungs: tuple[Rung, ...]) -> list[str]:
    return [rung.name for rung in rungs]


def test_the_full_ladder_simplest_first() -> None:
    rungs = default_ladder(ALL, EndpointKind.BINARY, InputSet.PREOPERATIVE, SETTINGS, SIZE.name)
    everything = "clinical + radiomics, elastic net"
    assert names(rungs) == ["one number", "clinical", everything, "random forest", "boosted trees"]
    assert [rung.complexity for rung in rungs] == sorted(rung.complexity for rung in rungs)
    assert rungs[0].pick(ALL) == (SIZE,)
    assert rungs[1].pick(ALL) == (AGE,)
    assert OPEN not in rungs[2].pick(ALL)


def test_shape_alone_stands_between_the_record_and_all_blocks() -> None:
    rungs = default_ladder((*ALL, MEAN), EndpointKind.BINARY, InputSet.PREOPERATIVE, SETTINGS)
    assert names(rungs)[:3] == ["clinical", "clinical + shape", "clinical + radiomics, elastic net"]
    assert rungs[1].pick((*ALL, MEAN)) == (AGE, SIZE)
    assert len({rung.complexity for rung in rungs}) == len(rungs)
    planned = default_ladder((*ALL, MEAN), EndpointKind.BINARY, InputSet.WITH_PLAN, SETTINGS)
    assert names(planned)[1] == "clinical + plan + shape"


def test_shape_is_no_rung_of_its_own_where_nothing_else_was_measured_or_there_is_no_record() -> None:
    for columns in (ALL, (SIZE, MEAN)):
        rungs = default_ladder(columns, EndpointKind.BINARY, InputSet.WITH_PLAN, SETTINGS)
        assert not any("shape" in name for name in names(rungs))


def test_shape_is_what_the_catalogue_measures_of_a_mask_alone() -> None:
    for feature in (*CATALOGUE, *PLACEMENT_FEATURES):
        column = FeatureColumn(f"radiomics:tumor.{feature.tag}", "radiomics", "numeric", "preoperative")
        assert is_shape(column) == (feature.family in ("shape", "placement")), feature.tag
    assert not is_shape(FeatureColumn("clinical:x.morph_volume", "clinical", "numeric", "preoperative"))


def test_blocks_are_named_record_first_whatever_their_order() -> None:
    columns = (SIZE, GENE, AGE)
    rungs = default_ladder(columns, EndpointKind.BINARY, InputSet.PREOPERATIVE, SETTINGS)
    assert names(rungs)[:3] == ["clinical", "clinical + shape", "clinical + genomics + radiomics, elastic net"]


@pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT])
def test_the_network_comes_last_and_reads_everything(kind: EndpointKind) -> None:
    rungs = default_ladder(WITH_IMAGES, kind, InputSet.PREOPERATIVE, SETTINGS)
    assert (rungs[-1].name, rungs[-1].algorithm) == (FUSION, NETWORK)
    assert rungs[-1].pick(WITH_IMAGES) == (AGE, SIZE, MEAN, CT)
    assert rungs[-1].grid == (SETTINGS.network.params(),)
    assert rungs[-1].complexity > max(rung.complexity for rung in rungs[:-1])


def test_tables_never_see_an_image_block() -> None:
    rungs = default_ladder(WITH_IMAGES, EndpointKind.BINARY, InputSet.PREOPERATIVE, SETTINGS)
    assert all(CT not in rung.pick(WITH_IMAGES) and "image" not in rung.name for rung in rungs[:-1])
    without = default_ladder((*ALL, MEAN), EndpointKind.BINARY, InputSet.PREOPERATIVE, SETTINGS)
    assert rungs[:-1] == without


def test_where_the_network_is_not_offered() -> None:
    def offered(kind: EndpointKind = EndpointKind.BINARY, settings: TrainingSettings = SETTINGS, **more: str) -> bool:
        return FUSION in names(default_ladder(WITH_IMAGES, kind, InputSet.PREOPERATIVE, settings, **more))

    some = replace(SETTINGS, network=NetworkSettings(endpoints=("death",)))
    assert not any(offered(kind) for kind in (EndpointKind.DURATION, EndpointKind.ORDINAL, EndpointKind.CONTINUOUS))
    assert not offered(settings=TrainingSettings(families=("ridge",)))
    assert not offered(settings=some, endpoint="stay")
    assert offered(settings=some, endpoint="death")
    assert FUSION not in names(default_ladder(ALL, EndpointKind.BINARY, InputSet.PREOPERATIVE, SETTINGS))


def test_the_network_settings_are_those_of_a_study_file() -> None:
    assert list(Network.model_fields) == [part.name for part in fields(NetworkSettings)]
    assert Network().model_dump() == NetworkSettings().to_json()
    told = {"fusion": "daft", "ordinal_head": "cumulative", "duration_head": "quantiles"}
    assert NetworkSettings(**Network(**told).model_dump()) == NetworkSettings(**told)


def test_what_is_not_asked_for_is_not_written() -> None:
    """Files of studies that never heard of them keep their bytes, and with them their keys."""
    unasked = {"weights", "tuning", "mask", "slices", "ordinal_head", "duration_head", "continuous_head"}
    unasked |= {"imbalance", "min_events", "tables"}
    plain, asked = NetworkSettings(), NetworkSettings(continuous_head="gaussian", mask="crop")
    assert not unasked & (plain.to_json().keys() | plain.params().keys() | Network().model_dump().keys())
    assert asked.params()["continuous_head"] == asked.to_json()["continuous_head"] == "gaussian"
    assert asked.params()["mask"] == asked.to_json()["mask"] == Network(mask="crop").model_dump()["mask"] == "crop"
    rare = NetworkSettings(imbalance="focal", min_events=30)
    assert (rare.to_json()["imbalance"], rare.to_json()["min_events"]) == ("focal", 30)
    assert rare.params()["imbalance"] == "focal"
    assert "min_events" not in rare.params()  # it says whether a network is fitted, not how


def test_a_network_for_amounts_is_offered_where_its_head_is_named() -> None:
    settings = replace(SETTINGS, network=NetworkSettings(duration_head="quantiles"))
    made = {
        kind: names(default_ladder(WITH_IMAGES, kind, InputSet.PREOPERATIVE, settings))[-1] == FUSION
        for kind in EndpointKind
    }
    assert {kind for kind, offered in made.items() if not offered} == {EndpointKind.ORDINAL, EndpointKind.CONTINUOUS}


def test_the_names_of_a_study_file_are_those_of_the_registries() -> None:
    from outcome.models.network.embedded_table import TABLES  # torch
    from outcome.models.network.encoder_options import MASKS, SLICE_POOLINGS
    from outcome.models.network.fusion import FUSIONS
    from outcome.models.network.tuning import TUNINGS

    shape = Network.model_json_schema()["properties"]
    assert set(shape["fusion"]["enum"]) == set(FUSIONS)
    assert tuple(shape["tuning"]["enum"]) == TUNINGS
    assert tuple(shape["mask"]["enum"]) == tuple(MASKS)
    assert tuple(shape["slices"]["enum"]) == SLICE_POOLINGS
    assert tuple(shape["tables"]["enum"]) == tuple(TABLES)
    assert set(shape["survival_head"]["enum"]) == set(HEADS_OF[EndpointKind.TIME_TO_EVENT])
    assert set(shape["imbalance"]["anyOf"][0]["enum"]) == {"none", *HEADS_OF[EndpointKind.BINARY]} - {"binary"}
    for kind, name in NO_NETWORK_UNLESS_NAMED.items():
        told = shape[name]["anyOf"][0]
        assert set(told.get("enum", [told.get("const")])) == set(HEADS_OF[kind])


def test_the_device_is_no_part_of_what_is_written() -> None:
    on_gpu = TrainingSettings(device="cuda")
    assert on_gpu.to_json() == SETTINGS.to_json()
    assert on_gpu == SETTINGS


def test_how_many_processes_train_together_is_no_part_of_what_is_written() -> None:
    several = TrainingSettings(processes=2)
    assert several.to_json() == SETTINGS.to_json()
    assert several == SETTINGS
    with pytest.raises(ValueError, match="processes"):
        TrainingSettings(processes=0)


def test_refits_of_a_network_are_counted_apart() -> None:
    settings = TrainingSettings(bootstraps=50, network=NetworkSettings(refits=3))
    assert (settings.refits("logistic"), settings.refits(NETWORK)) == (50, 3)


def test_the_plan_joins_with_the_plan() -> None:
    rungs = default_ladder(ALL, EndpointKind.BINARY, InputSet.WITH_PLAN, SETTINGS)
    assert names(rungs)[0] == "clinical + plan"
    assert rungs[0].pick(ALL) == (AGE, OPEN)
    assert all(rung.pick(ALL) == ALL for rung in rungs[1:])


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [(EndpointKind.BINARY, "logistic"), (EndpointKind.TIME_TO_EVENT, "cox"), (EndpointKind.ORDINAL, "linear")],
)
def test_the_linear_algorithm_goes_by_kind(kind: EndpointKind, algorithm: str) -> None:
    assert default_ladder((AGE,), kind, InputSet.PREOPERATIVE, SETTINGS)[0].algorithm == algorithm


def test_families_and_a_planned_number_can_be_left_out() -> None:
    settings = TrainingSettings(families=("ridge",))
    assert names(default_ladder(ALL, EndpointKind.BINARY, InputSet.PREOPERATIVE, settings, OPEN.name)) == ["clinical"]
    assert default_ladder((), EndpointKind.BINARY, InputSet.PREOPERATIVE, SETTINGS) == ()


def test_rungs_and_settings_survive_json() -> None:
    for rung in default_ladder(WITH_IMAGES, EndpointKind.BINARY, InputSet.WITH_PLAN, SETTINGS, SIZE.name):
        assert Rung.from_json(json.loads(json.dumps(rung.to_json()))) == rung
    named = replace(SETTINGS, network=NetworkSettings(epochs=3, endpoints=("death",)))
    for settings in (SETTINGS, named):
        assert TrainingSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


@pytest.mark.parametrize(
    "wrong",
    [{"grid": ()}, {"blocks": ()}, {"columns": ("clinical:age",)}, {"name": "chosen"}],
)
def test_a_senseless_rung_cannot_be_built(wrong: dict[str, object]) -> None:
    fields = {"name": "a", "algorithm": "logistic", "grid": ({"penalty": 1.0},), "complexity": 1, "blocks": ("x",)}
    with pytest.raises(ValueError, match="rung"):
        Rung(**{**fields, **wrong})  # type: ignore[arg-type]


def test_the_full_ladder_adds_one_kind_of_columns_at_a_time() -> None:
    columns = (SIZE, GENE, MEAN, OPEN, AGE, CT)
    rungs = default_ladder(columns, EndpointKind.BINARY, InputSet.WITH_PLAN, FULL, SIZE.name)
    record = ["clinical", "clinical + plan", "clinical + plan + shape", "clinical + plan + radiomics"]
    whole = "clinical + plan + radiomics + genomics"
    above = ["clinical + plan + genomics + radiomics, elastic net", "random forest", "boosted trees"]
    assert names(rungs) == ["one number", *record, whole, *above, IMAGE_ALONE, FUSION]
    assert [rung.complexity for rung in rungs] == sorted({rung.complexity for rung in rungs})
    read = [set(rung.pick(columns)) for rung in rungs[1:6]]
    assert read == [{AGE}, {AGE, OPEN}, {AGE, OPEN, SIZE}, {AGE, OPEN, SIZE, MEAN}, set(columns) - {CT}]
    assert all((rung.algorithm, rung.grid) == (rungs[1].algorithm, rungs[1].grid) for rung in rungs[1:6])
    assert rungs[-2].pick(columns) == (CT,)
    assert (rungs[-2].algorithm, rungs[-2].grid) == (rungs[-1].algorithm, rungs[-1].grid)


def test_steps_without_columns_are_left_out_and_unknown_blocks_come_last() -> None:
    other = FeatureColumn("wearable:steps", "wearable", "numeric", "preoperative")
    assert list(ladder_steps((other, GENE, SIZE))) == ["shape", "shape + genomics", "shape + genomics + wearable"]
    assert list(ladder_steps((MEAN, AGE))) == ["clinical", "clinical + radiomics"]
    assert ladder_steps(()) == {}


def test_the_full_ladder_goes_by_families_and_networks_by_images() -> None:
    trees = replace(FULL, families=("forest", "fusion"))
    assert names(default_ladder(WITH_IMAGES, EndpointKind.BINARY, InputSet.PREOPERATIVE, trees)) == [
        "random forest", IMAGE_ALONE, FUSION]  # fmt: skip
    assert names(default_ladder((CT,), EndpointKind.BINARY, InputSet.PREOPERATIVE, FULL)) == [FUSION]
    found = default_ladder(WITH_IMAGES, EndpointKind.DURATION, InputSet.PREOPERATIVE, FULL)
    assert not {IMAGE_ALONE, FUSION} & set(names(found))


def test_the_compact_ladder_is_the_default_and_is_written_nowhere() -> None:
    """Files of studies that never heard of ladders keep their bytes, and with them their keys."""
    assert SETTINGS.ladder == Training().ladder == "compact"
    assert "ladder" not in SETTINGS.to_json().keys() | Training().model_dump().keys()
    assert FULL.to_json()["ladder"] == Training(ladder="full").model_dump()["ladder"] == "full"
    assert TrainingSettings.from_json(json.loads(json.dumps(FULL.to_json()))) == FULL


@pytest.mark.parametrize(
    "wrong", [{"ladder": "long"}, {"outer_folds": 1}, {"bootstraps": -1}, {"families": ("magic",)}, {"families": ()}]
)
def test_senseless_settings_cannot_be_built(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="found"):
        TrainingSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch": 1}, {"refits": -1}])
def test_senseless_network_settings_cannot_be_built(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="found"):
        NetworkSettings(**wrong)  # type: ignore[arg-type]


def test_slices_cannot_be_weighed_by_an_encoder_that_reads_none() -> None:
    assert Network(encoder="timm:resnet10t", slices="attention").slices == "attention"
    with pytest.raises(ValueError, match="slices are read by timm:NAME alone"):
        Network(slices="attention")
