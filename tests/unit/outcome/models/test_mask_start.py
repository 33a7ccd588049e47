"""Encoders that begin with what masks teach: each 3-D encoder learns to outline, and only its weights change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from outcome.features.crops import Crops
from outcome.models.inputs import Inputs
from outcome.models.network import mask_start
from outcome.models.network.data import CaseStack, image_shapes, stack_cases
from outcome.models.network.encoder_options import EncoderOptions
from outcome.models.network.encoders import build_encoder
from outcome.models.network.learning import fit_network
from outcome.models.network.mask_start import Outliner, begin_with_masks, dice_of, learn_outlines, outlining_loss
from outcome.models.network.model import NetworkScorer
from outcome.models.network.tuning import body_weights
from outcome.models.network.volume_encoders import VOLUME_ENCODERS
from outcome.models.state import same_state
from outcome.types import Target

SIZE = (12, 11, 10)
CT, N = "image:ct", 16
TOLD = {"epochs": 1, "batch": 8, "mask": "attention", "weights": "masks"}


def balls(n: int = N, seed: int = 0) -> Tensor:
    """(n, 3, *SIZE): a bright ball somewhere in noise, outlined; the second region is its upper half."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(*(np.arange(length) for length in SIZE), indexing="ij"))
    crops = np.zeros((n, 3, *SIZE), dtype=np.float32)
    for crop in crops:
        middle = np.array([rng.integers(3, length - 3) for length in SIZE])
        crop[1] = ((places - middle[:, None, None, None]) ** 2).sum(axis=0) <= 8
        crop[2] = crop[1] * (places[2] >= middle[2])
        crop[0] = 0.3 * rng.normal(size=SIZE) + 1.5 * crop[1]
    return torch.from_numpy(crops).half()


def inputs(crops: Tensor, *, absent: int = 0) -> Inputs:
    """A case a crop; the first `absent` cases lack theirs."""
    n = len(crops)
    held = {str(i): {"ct": crop.numpy()} for i, crop in enumerate(crops) if i >= absent}
    there = {CT: np.arange(n) >= absent}
    table = np.random.default_rng(1).normal(size=(n, 1))
    return Inputs(table, ("clinical",), there, tuple(map(str, range(n))), Crops(held=held))


def stack_of(given: Inputs) -> CaseStack:
    return stack_cases(given, ("clinical",), image_shapes(given))


def encoder(name: str = "resnet_3d", mask: str = "attention", channels: int = 3) -> Any:
    torch.manual_seed(5)
    return build_encoder(name, channels, SIZE, EncoderOptions(mask))


def begun(one: Any, crops: Tensor, aside: np.ndarray | None = None) -> str:
    quarter = np.arange(len(crops)) % 4 == 0
    judging = quarter if aside is None else aside
    torch.manual_seed(0)
    return begin_with_masks({CT: one}, stack_of(inputs(crops)), judging, np.random.default_rng(2), "cpu")


def fitted(crops: Tensor, **told: Any) -> NetworkScorer:
    target = Target.binary("e", (np.arange(len(crops)) % 2).astype(float))
    return fit_network(inputs(crops, absent=2), target, {**TOLD, **told}, 7)


@pytest.fixture
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_start, "EPOCHS", 1)


@pytest.mark.parametrize("name", VOLUME_ENCODERS)
def test_outlining_teaches_every_weight_before_the_pooling(name: str) -> None:
    outliner = Outliner(encoder(name), 2)
    crops = balls(3).float()
    drawn = outliner(crops[:, :1])
    assert drawn.shape == (3, 2, *SIZE)
    outlining_loss(drawn, crops[:, 1:]).backward()
    body = {id(weight) for weight in body_weights(outliner.encoder)}
    for part, weight in outliner.named_parameters():
        slope = weight.grad is not None and bool(weight.grad.abs().max() > 0)
        assert slope == (not part.startswith("encoder.pooling.")), part
        assert (id(weight) in body) == part.startswith("encoder.") or not slope


@pytest.mark.usefixtures("briefly")
@pytest.mark.parametrize("name", VOLUME_ENCODERS)
def test_an_encoder_is_the_same_network_with_other_weights(name: str) -> None:
    one, as_it_was = encoder(name), encoder(name)
    words = begun(one, balls())
    assert words.startswith(
        "Image encoders began with what regions of the training cases taught them (image:ct: 12 cases, Dice"
    )
    assert "on 4 cases left aside" in words
    before, after = as_it_was.state_dict(), one.state_dict()
    assert before.keys() == after.keys()
    assert {key: x.shape for key, x in before.items()} == {key: x.shape for key, x in after.items()}
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed == {key for key in before if not key.startswith("pooling.")}


@pytest.mark.parametrize("name", VOLUME_ENCODERS)
def test_balls_that_were_never_seen_are_outlined(name: str) -> None:
    new, outliner = balls(8, seed=9), Outliner(encoder(name), 2)
    untrained = dice_of(outliner, new)
    losses = learn_outlines(outliner, balls(16), np.random.default_rng(2), "cpu")
    assert np.mean(losses[-4:]) < 0.5 * np.mean(losses[:4])
    assert dice_of(outliner, new) > untrained + 0.3


class Drawn(nn.Module):
    """Says of every voxel what the image says."""

    def forward(self, image: Tensor) -> Tensor:
        return image.expand(-1, 2, -1, -1, -1)


def test_dice_of_outlines_counted_on_paper() -> None:
    """Six voxels are drawn. The first region has four, two of them drawn: 2 * 2 / (6 + 4); nobody has the second."""
    crops = torch.zeros(2, 3, 10, 1, 1)
    crops[:, 0] = -1.0
    crops[0, 0, :6] = 1.0
    crops[0, 1, 4:8] = 1.0
    assert dice_of(Drawn(), crops) == pytest.approx(0.4)  # type: ignore[arg-type]
    assert math.isnan(dice_of(Drawn(), crops[1:]))  # type: ignore[arg-type]


def test_the_loss_of_outlines_counted_on_paper() -> None:
    """All chances one half: ln 2 a voxel; a Dice of (2 * 2 * 0.5 + 1) / (4 * 0.5 + 2 + 1), a voxel added to both."""
    masks = torch.tensor([1.0, 1.0, 0.0, 0.0]).reshape(1, 1, 4, 1, 1)
    assert float(outlining_loss(torch.zeros_like(masks), masks)) == pytest.approx(math.log(2) + 1 - 3 / 5)
    sure = 50 * (2 * masks - 1)
    assert float(outlining_loss(sure, masks)) == pytest.approx(0.0, abs=1e-6)


def test_without_a_voxel_of_a_region_nothing_is_learned() -> None:
    crops = balls() * torch.tensor([1.0, 0.0, 0.0])[:, None, None, None]
    one, as_it_was = encoder(), encoder()
    assert "random weights" in begun(one, crops)
    assert all(torch.equal(x, as_it_was.state_dict()[key]) for key, x in one.state_dict().items())


@pytest.mark.usefixtures("briefly")
def test_crops_that_nobody_outlined_teach_nothing_and_are_not_counted() -> None:
    crops, more = balls(), balls(N + 4)
    more[:N], more[N:, 1:] = crops, 0
    one, two = encoder(), encoder()
    aside = np.arange(N + 4) % 4 == 0
    assert begun(one, crops, aside[:N]) == begun(two, more, aside)
    assert all(torch.equal(x, two.state_dict()[key]) for key, x in one.state_dict().items())


@pytest.mark.usefixtures("briefly")
def test_where_every_case_learns_no_dice_is_told() -> None:
    assert "16 cases, none left aside to judge" in begun(encoder(), balls(), np.zeros(N, dtype=bool))


def test_a_crop_counts_once_however_often_its_case_was_drawn() -> None:
    crops = balls(4)
    held = {str(i): {"ct": crop.numpy()} for i, crop in enumerate(crops)}
    there = {CT: np.array([True, True, False, True, True])}
    stack = stack_of(Inputs(np.zeros((5, 1)), ("clinical",), there, ("2", "0", "1", "2", "3"), Crops(held=held)))
    rows = torch.tensor([True, False, True, True, True])
    assert torch.equal(stack.crops[CT][stack.places(CT, rows)], crops[[2, 3]])


@pytest.mark.parametrize(
    ("name", "mask"), [("resnet_3d", "channel"), ("unet_3d", "crop"), ("timm:test_resnet", "attention")]
)
def test_who_reads_masks_or_slices_learns_nothing_from_masks(name: str, mask: str) -> None:
    with pytest.raises(ValueError, match="a 3-D encoder of the image alone"):
        begun(encoder(name, mask), balls(8))


@pytest.mark.usefixtures("briefly")
def test_a_fit_begins_with_masks_says_so_and_has_the_tensors_of_any_other() -> None:
    crops = balls()
    one, two, plain = fitted(crops), fitted(crops), fitted(crops, weights=None)
    assert same_state(one.to_state(), two.to_state())
    assert any("regions of the training cases" in note for note in one.notes)
    assert not any("began" in note for note in plain.notes)
    assert one.design == plain.design
    shapes = [{key: array.shape for key, array in each.to_state().arrays.items()} for each in (one, plain)]
    assert shapes[0] == shapes[1]
    for linear in ("coefficients", "intercept"):  # the linear path knows nothing of encoders
        assert torch.equal(getattr(one.module, linear), getattr(plain.module, linear))


@pytest.mark.usefixtures("briefly")
def test_a_frozen_encoder_keeps_what_masks_taught_and_is_read_in_its_units() -> None:
    """The units of what an encoder sees are those of the encoder that goes on, not of the random one before it."""
    crops = balls()
    frozen, random = fitted(crops, tuning="frozen"), fitted(crops, weights=None, tuning="frozen")
    (token,), (other,) = frozen.module.image_tokens(), random.module.image_tokens()
    state, before = token.encoder.state_dict(), other.encoder.state_dict()
    body = [key for key in before if not key.startswith("pooling.")]
    assert not any(torch.equal(state[key], before[key]) for key in body)
    assert torch.equal(token.centre[: token.measured], other.centre[: token.measured])
    assert not torch.allclose(token.centre[token.measured :], other.centre[token.measured :])


def test_masks_are_named_and_no_file_is_handed_over(tmp_path: Any) -> None:
    target = Target.binary("e", (np.arange(8) % 2).astype(float))
    with pytest.raises(ValueError, match="name the weights"):
        fit_network(inputs(balls(8)), target, TOLD, 7, weights=tmp_path / "masks")


def test_a_fit_without_images_has_nothing_to_begin_with() -> None:
    target = Target.binary("e", (np.arange(16) % 2).astype(float))
    bare = Inputs(np.random.default_rng(1).normal(size=(16, 1)), ("clinical",))
    assert not any("began" in note for note in fit_network(bare, target, TOLD, 7).notes)
