"""Patience of the network in a study file: what is refused, and no key where nobody asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from outcome.config import load_study
from outcome.errors import ConfigRefusal
from outcome.training.settings import NetworkSettings


def study_file(folder: Path, **network: Any) -> Path:
    path = folder / "study.yaml"
    table = {"format": "csv", "path": "table.csv"}
    endpoints = {"death": {"kind": "binary", "event": {"variable": "dead", "equals": "yes"}}}
    document = {"schema_version": 1, "name": "ours", "title": "Ours", "dictionary": "d.csv", "table": table}
    path.write_text(
        yaml.safe_dump({**document, "case_id": "case", "endpoints": endpoints, "training": {"network": network}})
    )
    return path


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({"patience": 0}, "training.network.patience"),
        ({"patience": 12}, "patience 12 never ends epochs 12 early"),
        ({"patience": 5, "epochs": 4}, "patience 5 never ends epochs 4 early"),
    ],
)
def test_a_patience_that_ends_nothing_is_refused(tmp_path: Path, network: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigRefusal) as caught:
        load_study(study_file(tmp_path, **network))
    assert words in str(caught.value)


def test_patience_reaches_the_params_of_the_fit(tmp_path: Path) -> None:
    network = load_study(study_file(tmp_path, patience=3, epochs=40)).training.network
    settings = NetworkSettings(**network.model_dump())
    assert settings.params()["patience"] == 3
    assert settings.to_json()["patience"] == 3


def test_studies_that_do_not_ask_keep_their_keys(tmp_path: Path) -> None:
    one_epoch = load_study(study_file(tmp_path, epochs=1)).training.network
    assert "patience" not in one_epoch.model_dump()
    assert "patience" not in NetworkSettings(**one_epoch.model_dump()).to_json()
    assert NetworkSettings(patience=None).params() == NetworkSettings().params()


@pytest.mark.parametrize("patience", [0, 12])
def test_settings_refuse_what_ends_nothing(patience: int) -> None:
    with pytest.raises(ValueError, match="1 <= patience < epochs"):
        NetworkSettings(patience=patience)
