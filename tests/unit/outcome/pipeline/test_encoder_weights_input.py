"""The weights that encoders begin with, from the study file to the key of training."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from outcome.config import Study, load_study
from outcome.config.study_yaml import StudyLoader
from outcome.config.training import MASKS, Network
from outcome.errors import ConfigRefusal
from outcome.models.network.mask_start import FROM_MASKS
from outcome.models.network.volume_encoders import VOLUME_ENCODERS
from outcome.pipeline.encoder_weights import weights_file, weights_input
from outcome.pipeline.stage import Run
from outcome.pipeline.train import training_settings
from outcome.store import file_digest
from outcome.training.settings import NetworkSettings

CONFIGS = Path(__file__).parents[4] / "configs"


def study(folder: Path, *settings: str) -> Study:
    """The template with an image block, standing in this folder."""
    document = yaml.load((CONFIGS / "template.yaml").read_text(encoding="utf-8"), Loader=StudyLoader)
    document |= {"dictionary": str(CONFIGS / document["dictionary"]), "root": str(folder)}
    document["image_blocks"] = {"sequences": {"ct": "hu"}, "region": "tumor"}
    folder.mkdir(exist_ok=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return load_study(folder / "study.yaml", settings)


def run_of(found: Study) -> Run:
    return cast(Run, SimpleNamespace(study=found, ledger=SimpleNamespace(sha256=file_digest)))


def weights(place: Path, value: float) -> None:
    save_file({"stem.0.weight": np.full(3, value, dtype=np.float32)}, place)


def test_other_weights_are_another_key_and_another_place_is_not(tmp_path: Path) -> None:
    settings = "training.network.weights=w.safetensors"
    one, two, three = (study(tmp_path / name, settings) for name in "abc")
    for name, value in (("a", 1.0), ("b", 1.0), ("c", 2.0)):
        weights(tmp_path / name / "w.safetensors", value)
    keys = [weights_input(run_of(found)) for found in (one, two, three)]
    assert keys[0] == keys[1] != keys[2]
    assert keys[0].keys() == {"encoder_weights"}
    assert weights_file(one) == (tmp_path / "a" / "w.safetensors").resolve()


def test_no_place_of_a_machine_is_written(tmp_path: Path) -> None:
    found = study(tmp_path / "a", "training.network.weights=w.safetensors", "training.network.tuning=frozen")
    network = found.resolved()["training"]["network"]
    assert (network["weights"], network["tuning"]) == ("w.safetensors", "frozen")
    settings = training_settings(found)
    assert settings.network.weights == settings.network.params()["weights"] == "w.safetensors"
    assert str(tmp_path) not in str(settings.to_json())


def test_a_study_without_weights_keeps_its_inputs_and_settings(tmp_path: Path) -> None:
    found = study(tmp_path / "a")
    assert weights_input(run_of(found)) == {}
    assert not {"weights", "tuning"} & found.resolved()["training"]["network"].keys()
    assert not {"weights", "tuning"} & (NetworkSettings().params().keys() | NetworkSettings().to_json().keys())


def test_weights_that_no_network_reads_are_not_looked_for(tmp_path: Path) -> None:
    found = study(tmp_path / "a", "training.network.weights=absent.safetensors", "training.families=[ridge]")
    assert weights_file(found) is None
    assert weights_input(run_of(found)) == {}


@pytest.mark.parametrize("content", [None, b"", b"not a tensor in sight"])
def test_what_is_no_safetensors_file_is_refused_before_training(content: bytes | None, tmp_path: Path) -> None:
    found = study(tmp_path / "a", "training.network.weights=w.safetensors")
    if content is not None:
        (tmp_path / "a" / "w.safetensors").write_bytes(content)
    with pytest.raises(ConfigRefusal, match="encoder's weights cannot be read") as refused:
        weights_input(run_of(found))
    assert str(tmp_path) not in refused.value.render()


def test_the_hub_gives_the_file_of_the_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights(tmp_path / "model.safetensors", 1.0)
    asked: list[str] = []

    def fetched(backbone: str) -> Path:
        asked.append(backbone)
        return tmp_path / "model.safetensors"

    monkeypatch.setattr("outcome.models.network.encoder_weights.hub_file", fetched)
    found = study(tmp_path / "a", "training.network.weights=hub", "training.network.encoder=timm:resnet10t")
    assert weights_input(run_of(found)) == {"encoder_weights": file_digest(tmp_path / "model.safetensors")}
    assert asked == ["resnet10t"]
    assert found.resolved()["training"]["network"]["weights"] == "hub"


def test_masks_that_teach_the_encoder_are_no_file(tmp_path: Path) -> None:
    told = [f"training.network.{word}" for word in ("weights=masks", "mask=attention", "tuning=last_stage")]
    found = study(tmp_path / "a", *told)
    assert weights_file(found) is None
    assert weights_input(run_of(found)) == {}
    assert found.resolved()["training"]["network"]["weights"] == "masks"
    settings = training_settings(found)
    assert settings.encoder_weights is None
    assert settings.network.params()["weights"] == FROM_MASKS
    assert NetworkSettings(**settings.network.to_json()) == settings.network
    for encoder in VOLUME_ENCODERS:
        assert Network(weights="masks", mask="attention", encoder=encoder).weights == MASKS


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"weights": "hub"}, "hub has weights of timm:NAME alone"),
        ({"tuning": "frozen"}, "keeps weights"),
        ({"weights": "masks"}, "with mask: channel the encoder reads the regions"),
        ({"weights": "masks", "mask": "crop"}, "with mask: crop the encoder reads the regions"),
        ({"weights": "masks", "mask": "attention", "encoder": "timm:resnet10t"}, "masks teach 3-D encoders alone"),
        ({"weights": Path("weights/masks"), "mask": "attention"}, "give the file of weights another name"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Network(**wrong)
