"""What an image encoder begins with and how it is tuned lets nothing of other cases in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from outcome.errors import ConfigRefusal
from outcome.features.crops import Crops
from outcome.models.inputs import Inputs
from outcome.models.network.encoder_options import EncoderOptions
from outcome.models.network.encoders import build_encoder
from outcome.models.network.learning import fit_network
from outcome.models.state import State, same_state
from outcome.pipeline.encoder_weights import weights_input
from outcome.pipeline.stage import Run
from outcome.recipe import CaseInput
from outcome.store import file_digest
from outcome.types import Target
from segmentation.learning.training_facts import TrainingFacts
from segmentation.networks import NETWORKS
from segmentation.outlining.weights import pack
from tests.image_cases import CT, SIZE, image_cases, with_other_crops
from tests.segmenter_studies import BLOCKS

TRAINED = 24  # the first so many cases; the others are held out


def fitted(crops: Crops, weights: Path, tuning: str, mask: str) -> State:
    """The network of the first cases, within reach of the crops of all."""
    data = image_cases()
    rows, target = slice(0, TRAINED), Target.binary("e", data.target.value[:TRAINED])
    there = data.frame[CT.name].notna().to_numpy()[rows]
    matrix = data.frame.iloc[rows, :3].to_numpy()
    inputs = Inputs(matrix, ("clinical",) * 3, {"image:ct": there}, tuple(data.frame.index[rows]), crops)
    told = {"epochs": 1, "batch": 8, "encoder": "timm:test_resnet", "mask": mask, "slices": "attention"}
    return fit_network(
        inputs, target, {**told, "tuning": tuning, "weights": weights.name}, 3, weights=weights
    ).to_state()


@pytest.mark.parametrize(("tuning", "mask"), [("full", "crop"), ("last_stage", "attention"), ("frozen", "channel")])
def test_crops_of_held_out_cases_change_nothing_that_is_fitted(tuning: str, mask: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = build_encoder("timm:test_resnet", 2, SIZE, EncoderOptions(mask, "attention"))
    file = tmp_path / "w.safetensors"
    save_file(encoder.state_dict(), file)
    data = image_cases()
    held_out = np.arange(len(data)) >= TRAINED
    before = fitted(data.crops, file, tuning, mask)
    assert same_state(before, fitted(with_other_crops(data, held_out).crops, file, tuning, mask))
    assert not same_state(before, fitted(with_other_crops(data, ~held_out).crops, file, tuning, mask)), "crops matter"


def run_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A study of one case, with its image, whose encoder begins with model.safetensors."""
    image = folder / "image.nii.gz"
    image.write_bytes(b"an image")
    case = CaseInput("case_1", {"ct": image})
    monkeypatch.setattr("outcome.pipeline.encoder_weights.read_inputs", lambda _: {"case_1": case})
    network = SimpleNamespace(weights=folder / "model.safetensors", encoder="unet_3d")
    training = SimpleNamespace(network=network, families=("fusion",))
    study = SimpleNamespace(training=training, image_blocks=object())
    return cast(Run, SimpleNamespace(study=study, ledger=SimpleNamespace(sha256=file_digest)))


def write_model(place: Path, images: tuple[str, ...] | None) -> None:
    facts = None if images is None else TrainingFacts((1.0, 1.0, 1.0), (2.0, 2.0, 2.0), 1, images)
    place.write_bytes(pack(BLOCKS, NETWORKS["unet_3d"].build(BLOCKS), facts))


def test_a_segmentation_model_of_this_study_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(tmp_path, monkeypatch)
    write_model(tmp_path / "model.safetensors", (file_digest(tmp_path / "image.nii.gz"),))
    with pytest.raises(ConfigRefusal, match="may know images of this study") as refused:
        weights_input(run)
    assert "1 case(s), such as case_1" in refused.value.found


def test_a_segmentation_model_that_does_not_say_what_it_saw_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(tmp_path, monkeypatch)
    write_model(tmp_path / "model.safetensors", None)
    with pytest.raises(ConfigRefusal, match="does not say"):
        weights_input(run)


def test_a_segmentation_model_of_other_patients_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(tmp_path, monkeypatch)
    write_model(tmp_path / "model.safetensors", ("0" * 64,))
    assert weights_input(run) == {"encoder_weights": file_digest(tmp_path / "model.safetensors")}
