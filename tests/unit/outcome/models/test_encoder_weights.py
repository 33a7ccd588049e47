"""Weights that encoders begin with: what fits is taken, what does not is refused, and nothing is ever unpickled."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from outcome.errors import ConfigRefusal
from outcome.features.crops import Crops
from outcome.models.inputs import Inputs
from outcome.models.network.encoder_options import EncoderOptions
from outcome.models.network.encoder_weights import begin_with, hub_file
from outcome.models.network.encoders import ENCODERS, build_encoder
from outcome.models.network.learning import fit_network
from outcome.models.state import same_state
from outcome.types import Target
from segmentation.networks import NETWORKS
from segmentation.outlining.weights import pack
from tests.segmenter_studies import BLOCKS

SIZE = (8, 8, 8)
NAMES = {name: name for name in ENCODERS} | {"timm": "timm:test_resnet"}


def encoder(name: str, seed: int, channels: int = 2) -> Any:
    torch.manual_seed(seed)
    return build_encoder(NAMES[name], channels, SIZE)


def written(place: Path, state: dict[str, Tensor]) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, place)
    return place


def inputs(n: int = 16) -> Inputs:
    rng = np.random.default_rng(0)
    held = {str(i): {"ct": (rng.random((2, *SIZE)) > 0.5).astype(np.float32)} for i in range(n)}
    return Inputs(rng.normal(size=(n, 1)), ("clinical",), {"image:ct": np.ones(n, bool)}, tuple(held), Crops(held=held))


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_takes_over_all_weights_of_its_like(name: str, tmp_path: Path) -> None:
    taught, new = encoder(name, 1), encoder(name, 2)
    file = written(tmp_path / "a.safetensors", taught.state_dict())
    words = begin_with({"image:ct": new}, file)
    state = taught.state_dict()
    assert f"image:ct: {len(state)} of {len(state)} tensors" in words
    assert "not known" in words
    assert str(tmp_path) not in words
    assert all(torch.equal(tensor, state[key]) for key, tensor in new.state_dict().items())


def test_what_has_another_shape_keeps_its_own_first_weights(tmp_path: Path) -> None:
    taught, new, as_it_was = encoder("resnet_3d", 1, 2), encoder("resnet_3d", 2, 4), encoder("resnet_3d", 2, 4)
    begin_with({"image:ct": new}, written(tmp_path / "a.safetensors", taught.state_dict()))
    given, kept = taught.state_dict(), as_it_was.state_dict()
    other = {key for key in kept if kept[key].shape != given[key].shape}
    assert other == {"stem.0.weight", "pooling.mix.0.weight"}
    for key, tensor in new.state_dict().items():
        assert torch.equal(tensor, kept[key] if key in other else given[key]), key


def test_a_timm_encoder_takes_over_weights_by_the_names_of_timm(tmp_path: Path) -> None:
    """One channel more than the sum of colours: timm fits the first layer, the others are copied."""
    new = encoder("timm", 2, channels=1)
    import timm

    torch.manual_seed(3)
    whole = timm.create_model("test_resnet", pretrained=False).state_dict()
    begin_with({"image:ct": new}, written(tmp_path / "a.safetensors", whole))
    body = new.body.state_dict()
    colours = {key for key in body if body[key].shape != whole[key].shape}
    assert colours == {"conv1.0.weight"}
    assert all(torch.equal(body[key], whole[key]) for key in body.keys() - colours)
    torch.testing.assert_close(body["conv1.0.weight"], whole["conv1.0.weight"].sum(dim=1, keepdim=True))


class Bomb:
    """A pickle that leaves a trace where it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


def test_a_pickle_is_refused_and_never_loaded(tmp_path: Path) -> None:
    for name in ("a.pt", "b.safetensors"):
        file = tmp_path / name
        file.write_bytes(pickle.dumps(Bomb(tmp_path / "trace")))
        with pytest.raises(ConfigRefusal, match="is no safetensors file"):
            begin_with({"image:ct": encoder("resnet_3d", 1)}, file)
    assert not (tmp_path / "trace").exists()


def test_files_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    new = {"image:ct": encoder("resnet_3d", 1)}
    with pytest.raises(ConfigRefusal, match="cannot be read"):
        begin_with(new, tmp_path / "absent.safetensors")
    foreign = written(tmp_path / "foreign.safetensors", {"conv.weight": torch.zeros(2, 3)})
    with pytest.raises(ConfigRefusal, match="none of the given weights fits") as refused:
        begin_with(new, foreign)
    assert "conv.weight (2, 3)" in refused.value.found
    assert "stem.0.weight" in refused.value.expected
    with pytest.raises(ConfigRefusal, match="none of the given weights fits"):
        begin_with({"image:ct": encoder("timm", 1)}, foreign)
    broken = {**encoder("resnet_3d", 1).state_dict(), "stem.0.weight": torch.full((8, 2, 3, 3, 3), torch.nan)}
    with pytest.raises(ConfigRefusal, match="not finite"):
        begin_with(new, written(tmp_path / "broken.safetensors", broken))


def test_the_hub_is_asked_for_safetensors_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def fetched(repository: str, name: str) -> str:
        asked.append((repository, name))
        return str(tmp_path / name)

    encoder("timm", 0)  # timm can be imported from here on
    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetched)
    assert hub_file("test_resnet") == tmp_path / "model.safetensors"
    assert asked == [("timm/test_resnet.r160_in1k", "model.safetensors")]
    with pytest.raises(ConfigRefusal, match="no weights of this backbone"):
        hub_file("no_such_backbone")
    assert len(asked) == 1


@pytest.mark.parametrize("error", ["OfflineModeIsEnabled", "LocalEntryNotFoundError", "EntryNotFoundError"])
def test_a_hub_that_does_not_answer_is_a_refusal(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import errors

    def unreachable(*_: str) -> str:
        raise getattr(errors, error)("no route")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", unreachable)
    with pytest.raises(ConfigRefusal, match="cannot be had from the hub") as refused:
        hub_file("test_resnet")
    assert refused.value.found == error
    assert "timm/test_resnet" in refused.value.expected


def test_training_begins_with_the_weights_and_says_so(tmp_path: Path) -> None:
    file = written(tmp_path / "a.safetensors", encoder("resnet_3d", 1).state_dict())
    target = Target.binary("e", (np.arange(16) % 2).astype(float))
    told = {"epochs": 1, "batch": 8, "weights": file.name, "tuning": "frozen"}
    one, two = (fit_network(inputs(), target, told, 7, weights=file) for _ in range(2))
    assert same_state(one.to_state(), two.to_state())
    began = encoder("resnet_3d", 1).state_dict()
    for key, tensor in one.module.image_tokens()[0].encoder.state_dict().items():
        assert torch.equal(tensor, began[key]) == (not key.startswith("pooling.")), key
    assert any("a.safetensors" in note for note in one.notes)
    assert not any("safetensors" in note for note in fit_network(inputs(), target, {"epochs": 1}, 7).notes)


@pytest.mark.parametrize(("named", "handed"), [("a.safetensors", False), (None, True)])
def test_weights_that_are_named_are_handed_over_and_no_others(named: str | None, handed: bool, tmp_path: Path) -> None:
    target = Target.binary("e", (np.arange(16) % 2).astype(float))
    with pytest.raises(ValueError, match="name the weights"):
        fit_network(inputs(), target, {"weights": named}, 7, weights=tmp_path / "a.safetensors" if handed else None)


def test_the_way_down_of_a_u_net_fits_the_file_that_segmentation_writes(tmp_path: Path) -> None:
    plan = replace(BLOCKS, network="unet_3d", channels=(16, 32, 64, 128))
    torch.manual_seed(4)
    network = NETWORKS["unet_3d"].build(plan)
    file = tmp_path / "model.safetensors"
    file.write_bytes(pack(plan, network))
    torch.manual_seed(2)
    new: Any = build_encoder("unet_3d", 2, SIZE, EncoderOptions("attention"))
    begin_with({"image:ct": new}, file)
    down = network.state_dict()
    taken = {key: tensor for key, tensor in new.state_dict().items() if key.startswith("down.")}
    assert len(taken) == 3 * 2 * 3
    assert all(torch.equal(tensor, down[key]) for key, tensor in taken.items())
    image = torch.rand(1, 1, *SIZE)
    with torch.no_grad():
        *_, deepest = new.levels(image)
        for level in list(network.down)[:3]:
            image = level(image)
    assert torch.equal(deepest, image)
