"""Auxiliary endpoints in a study file: refused by name where they cannot be, and no key where nobody asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from outcome.config import load_study
from outcome.config.training import HEAD_NAMED_BY
from outcome.errors import ConfigRefusal
from outcome.models.network.head_choice import HEAD_PARAMS, USUAL
from outcome.training.settings import NetworkSettings

ENDPOINTS = {
    "death": {"kind": "binary", "event": {"variable": "dead", "equals": "yes"}},
    "readmission": {"kind": "binary", "event": {"variable": "back", "equals": "yes"}},
    "stay": {"kind": "duration", "variable": "stay_days"},
}


def study_file(folder: Path, **network: Any) -> Path:
    path = folder / "study.yaml"
    table = {"format": "csv", "path": "table.csv"}
    document = {"schema_version": 1, "name": "ours", "title": "Ours", "dictionary": "d.csv", "table": table}
    path.write_text(
        yaml.safe_dump({**document, "case_id": "case", "endpoints": ENDPOINTS, "training": {"network": network}})
    )
    return path


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({"joint": ["deaht"]}, "joint names deaht, which is no endpoint (death, readmission, stay)"),
        ({"joint": ["death", "death"]}, "joint names death more than once"),
        ({"joint": ["stay"]}, "joint names stay (duration), which has no head: name training.network.duration_head"),
        ({"joint": ["death"], "endpoints": ["death"]}, "joint names death, the only endpoint with a network"),
        ({"joint": []}, "training.network.joint"),
        ({"memory": 0}, "training.network.memory"),
        ({"memory": 9, "survival_head": "discrete_time"}, "memory serves survival_head: cox, not discrete_time"),
    ],
)
def test_what_cannot_be_learned_jointly_is_refused_by_name(tmp_path: Path, network: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigRefusal) as caught:
        load_study(study_file(tmp_path, **network))
    assert words in str(caught.value)


def test_an_endpoint_is_never_auxiliary_to_itself(tmp_path: Path) -> None:
    study = load_study(study_file(tmp_path, joint=["death", "stay"], duration_head="gaussian"))
    settings = NetworkSettings(**study.training.network.model_dump())
    assert settings.auxiliary_to("death") == ("stay",)
    assert settings.auxiliary_to("readmission") == ("death", "stay")
    assert settings.to_json()["joint"] == ["death", "stay"]


def test_studies_that_do_not_ask_keep_their_keys(tmp_path: Path) -> None:
    network = load_study(study_file(tmp_path)).training.network
    assert not {"joint", "memory"} & set(network.model_dump())
    assert not {"joint", "memory"} & set(NetworkSettings().to_json())
    assert "joint" not in NetworkSettings(joint=("death",)).params()
    assert NetworkSettings(memory=9).params()["memory"] == 9


def test_the_settings_that_name_heads_are_those_of_the_network() -> None:
    assert {HEAD_PARAMS[kind] for kind in HEAD_PARAMS if kind not in USUAL} == set(HEAD_NAMED_BY.values())
    assert all(HEAD_PARAMS[kind] == HEAD_NAMED_BY[kind.value] for kind in HEAD_PARAMS if kind not in USUAL)
