"""The ladder follows the blocks and the input set."""

from __future__ import annotations

import json

import pytest

from outcome.features.columns import FeatureColumn
from outcome.training.rungs import Rung, default_ladder
from outcome.training.settings import TrainingSettings
from outcome.types import EndpointKind, InputSet

AGE = FeatureColumn("clinical:age", "clinical", "numeric", "preoperative")
OPEN = FeatureColumn("plan:open", "plan", "boolean", "planned")
SIZE = FeatureColumn("radiomics:tumor.morph_volume", "radiomics", "numeric", "preoperative")
ALL = (AGE, OPEN, SIZE)
SETTINGS = TrainingSettings()


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
    for rung in default_ladder(ALL, EndpointKind.BINARY, InputSet.WITH_PLAN, SETTINGS, SIZE.name):
        assert Rung.from_json(json.loads(json.dumps(rung.to_json()))) == rung
    assert TrainingSettings.from_json(json.loads(json.dumps(SETTINGS.to_json()))) == SETTINGS


@pytest.mark.parametrize(
    "wrong",
    [{"grid": ()}, {"blocks": ()}, {"columns": ("clinical:age",)}, {"name": "chosen"}],
)
def test_a_senseless_rung_cannot_be_built(wrong: dict[str, object]) -> None:
    fields = {"name": "a", "algorithm": "logistic", "grid": ({"penalty": 1.0},), "complexity": 1, "blocks": ("x",)}
    with pytest.raises(ValueError, match="rung"):
        Rung(**{**fields, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"outer_folds": 1}, {"bootstraps": -1}, {"families": ("magic",)}, {"families": ()}])
def test_senseless_settings_cannot_be_built(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="found"):
        TrainingSettings(**wrong)  # type: ignore[arg-type]
