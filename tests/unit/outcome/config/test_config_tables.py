"""Embedded categories from a study file to the network that is fitted, and no key where nobody asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from outcome.config import load_study
from outcome.errors import ConfigRefusal
from outcome.features.columns import FeatureColumn
from outcome.models.network.model import NetworkScorer
from outcome.training.learning import learn
from outcome.training.settings import NetworkSettings
from tests.image_cases import COLUMNS, NETWORK_RUNG, SETTINGS, image_cases

STAGE = FeatureColumn("clinical:stage", "clinical", "categorical", "preoperative", choices=("A", "B", "C"))


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
    ("asked", "embeds"), [({"tables": "embedded"}, True), ({"tables": "linear"}, False), ({}, False)]
)
def test_a_study_file_says_whether_categories_are_embedded(tmp_path: Path, asked: dict[str, str], embeds: bool) -> None:
    study = load_study(study_file(tmp_path, epochs=1, **asked))
    settings = NetworkSettings(**study.training.network.model_dump())
    data, stage = image_cases(), np.resize(np.array(["A", "B", "C"], dtype=object), 48)
    data = replace(data, frame=data.frame.assign(**{STAGE.name: stage}), columns=(*COLUMNS, STAGE))
    _, model = learn(data, NETWORK_RUNG, data.columns, settings.params(), SETTINGS, 1)
    assert isinstance(model.scorer, NetworkScorer)
    found = model.scorer.design.categories
    assert found == ({"clinical": ((3, 4, 5),), "radiomics": ()} if embeds else None)
    assert ("tables" in study.training.network.model_dump()) == ("tables" in settings.to_json()) == embeds


def test_another_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefusal, match=r"training\.network\.tables"):
        load_study(study_file(tmp_path, tables="onehot"))
