"""Every encoder with every way the regions enter it, slices weighed or not: batches, states, absent blocks, heat."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch

from outcome.errors import ConfigRefusal
from outcome.explain.gradcam import heat_map
from outcome.features.crops import Crops
from outcome.models.inputs import Inputs
from outcome.models.network.data import stack_cases
from outcome.models.network.encoder_options import MASKS, SLICE_POOLINGS, EncoderOptions
from outcome.models.network.encoders import ENCODERS, build_encoder
from outcome.models.network.learning import fit_network
from outcome.models.network.model import Design, FusionNetwork, NetworkScorer
from outcome.models.network.tuning import TUNINGS, begin_learning, body_weights
from outcome.models.state import State, same_state
from outcome.training.files import npz_bytes, read_npz
from outcome.types import Target

SIZE = (10, 9, 8)
NAMES = {name: name for name in ENCODERS} | {"timm": "timm:test_resnet"}
MEMBERS = [
    *itertools.product(ENCODERS, MASKS, ["mean"]),
    *itertools.product(["timm"], MASKS, ["attention"]),
]

BODY = ("stem", "stages", "down", "body")
LAST = {
    "resnet_3d": ("stages.2.",),
    "densenet_3d": ("stages.1.",),
    "swin_3d": ("stages.1.",),
    "unet_3d": ("down.2.",),
    "timm": ("body.layer3.",),
}


def scorer(encoder: str, mask: str, slices: str) -> NetworkScorer:
    """A network whose every weight is drawn, so that no path is silent."""
    design = Design(
        {"clinical": (0,)}, {"image:ct": (3, *SIZE)}, NAMES[encoder], "gated", "binary", mask=mask, slices=slices
    )
    torch.manual_seed(5)
    module = FusionNetwork(design)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return NetworkScorer(design, module.eval())


def cases(n: int = 6) -> Inputs:
    """Every third case lacks the image; regions are blocks of other places and sizes."""
    rng = np.random.default_rng(3)
    held = {}
    for i in range(n):
        crop = np.zeros((3, *SIZE), dtype=np.float32)
        crop[0] = rng.normal(size=SIZE).astype(np.float16)
        crop[1, 2:6, 3:6, 1 : 3 + i % 4] = 1
        crop[2, 6:8, 4:6, 2:4] = 1
        held[str(i)] = {"ct": crop}
    present = {"clinical": np.ones(n, dtype=bool), "image:ct": np.arange(n) % 3 != 1}
    return Inputs(rng.normal(size=(n, 1)), ("clinical",), present, tuple(map(str, range(n))), Crops(held=held))


def rows(inputs: Inputs, wanted: list[int]) -> Inputs:
    present = {block: told[wanted] for block, told in inputs.present.items()}
    ids = tuple(inputs.case_ids[i] for i in wanted)
    return Inputs(inputs.matrix[wanted], inputs.blocks, present, ids, inputs.crops)


@pytest.mark.parametrize(("encoder", "mask", "slices"), MEMBERS)
def test_features_have_one_shape_whatever_is_read(encoder: str, mask: str, slices: str) -> None:
    plain = build_encoder(NAMES[encoder], 3, SIZE)
    network = build_encoder(NAMES[encoder], 3, SIZE, EncoderOptions(mask, slices)).eval()
    assert network.features == plain.features
    assert network(torch.rand(2, 3, *SIZE)).shape == (2, network.features)


@pytest.mark.parametrize(("encoder", "mask", "slices"), MEMBERS)
def test_a_case_scores_alone_as_in_a_batch_and_without_its_image_as_if_it_had_none(
    encoder: str, mask: str, slices: str
) -> None:
    network, inputs = scorer(encoder, mask, slices), cases()
    together = network.score(inputs)
    alone = np.concatenate([network.score(rows(inputs, [i])) for i in range(len(inputs))])
    assert alone.tobytes() == together.tobytes()
    batch = stack_cases(inputs, ("clinical",), network.design.images).batch(torch.arange(len(inputs)))
    with torch.no_grad():
        np.testing.assert_allclose(network.score_batch(batch).numpy(), together, rtol=1e-3, atol=1e-4)
    without = {name: crops for name, crops in inputs.crops.held.items() if name != "1"}
    dropped = Inputs(inputs.matrix, inputs.blocks, inputs.present, inputs.case_ids, Crops(held=without))
    assert network.score(dropped).tobytes() == together.tobytes()


@pytest.mark.parametrize(("encoder", "mask", "slices"), MEMBERS)
def test_gradients_reach_every_parameter_and_a_state_survives_a_file(encoder: str, mask: str, slices: str) -> None:
    network, inputs = scorer(encoder, mask, slices), cases()
    batch = stack_cases(inputs, ("clinical",), network.design.images).batch(torch.arange(len(inputs)))
    network.score_batch(batch).square().sum().backward()
    silent = [n for n, p in network.module.named_parameters() if p.grad is None or not torch.count_nonzero(p.grad)]
    assert silent == []
    state = network.to_state()
    again = NetworkScorer.from_state(State(json.loads(json.dumps(state.numbers)), read_npz(npz_bytes(state.arrays))))
    assert same_state(again.to_state(), state)
    assert again.score(inputs).tobytes() == network.score(inputs).tobytes()


@pytest.mark.parametrize(("encoder", "mask", "slices"), MEMBERS)
def test_heat_has_the_size_of_the_crop_and_goes_with_the_score(encoder: str, mask: str, slices: str) -> None:
    network, inputs = scorer(encoder, mask, slices), rows(cases(), [0])
    heat = heat_map(network, inputs, "ct")
    if heat is None:  # nothing raises the score: then everything that speaks lowers it
        with torch.no_grad():
            for layer in network.module.last_layers():
                layer.weight.neg_()
        heat = heat_map(network, inputs, "ct")
    assert heat is not None
    assert heat.shape == SIZE
    assert heat.max() == 1.0


@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_lies_far_from_the_regions_changes_a_cut_crop_not_at_all(encoder: str) -> None:
    torch.manual_seed(0)
    crop = torch.zeros(1, 2, 14, 14, 14)
    crop[:, 0] = torch.randn(1, 14, 14, 14)
    crop[:, 1, 5:9, 5:9, 5:9] = 1
    other = crop.clone()
    other[:, 0, :, :, 12:] += 3  # the region ends at 9 and its margin at 11
    near = crop.clone()
    near[:, 0, 5:9, 5:9, 5:9] += 3
    for mask, blind in (("channel", False), ("crop", True), ("attention", False)):
        torch.manual_seed(1)
        network = build_encoder(NAMES[encoder], 2, (14, 14, 14), EncoderOptions(mask)).eval()
        with torch.no_grad():
            features, far, inside = network(crop), network(other), network(near)
        assert torch.equal(features, far) == blind, mask
        assert not torch.equal(features, inside), mask


@pytest.mark.parametrize("encoder", ENCODERS)
def test_under_attention_the_regions_reach_the_pooling_alone(encoder: str) -> None:
    """The maps know the image only; what is pooled over the whole crop does not change with a region."""
    torch.manual_seed(0)
    network = build_encoder(NAMES[encoder], 2, (12, 12, 12), EncoderOptions("attention")).eval()
    one, two = torch.rand(1, 2, 12, 12, 12), torch.rand(1, 2, 12, 12, 12)
    two[:, 0] = one[:, 0]
    with torch.no_grad():
        whole, region = ((network(x).unflatten(1, (4, 2, -1))) for x in (one, two))
    assert torch.equal(whole[:, :, 0], region[:, :, 0])
    assert not torch.allclose(whole[:, :, 1], region[:, :, 1])


def test_slices_are_weighed_by_encoders_of_slices_alone() -> None:
    with pytest.raises(ConfigRefusal, match="only an encoder of slices"):
        build_encoder("resnet_3d", 3, SIZE, EncoderOptions(slices="attention"))
    assert SLICE_POOLINGS == ("mean", "attention")


@pytest.mark.parametrize("wrong", [{"mask": "none"}, {"slices": "max"}])
def test_options_that_nobody_knows_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="must be one of"):
        EncoderOptions(**wrong)


def test_a_design_writes_only_what_it_was_asked_for() -> None:
    plain = Design({}, {"image:ct": (2, *SIZE)}, "resnet_3d", "gated", "binary")
    asked = Design({}, {"image:ct": (2, *SIZE)}, "resnet_3d", "gated", "binary", mask="crop")
    assert not {"mask", "slices"} & plain.to_json().keys()
    assert asked.to_json()["mask"] == "crop"
    assert [Design.from_json(json.loads(json.dumps(d.to_json()))) for d in (plain, asked)] == [plain, asked]
    with pytest.raises(ValueError, match="mask must be one of"):
        Design({}, {}, "resnet_3d", "gated", "binary", mask="shape")


@pytest.mark.parametrize("tuning", TUNINGS)
@pytest.mark.parametrize(("encoder", "mask", "slices"), MEMBERS)
def test_gradients_reach_what_is_tuned_and_nothing_that_is_held(
    encoder: str, mask: str, slices: str, tuning: str
) -> None:
    network, inputs = scorer(encoder, mask, slices), cases()
    (token,) = network.module.image_tokens()
    before = {name: tensor.clone() for name, tensor in token.encoder.state_dict().items()}
    begin_learning(network.module, [token.encoder], tuning)
    batch = stack_cases(inputs, ("clinical",), network.design.images).batch(torch.arange(len(inputs)))
    network.score_batch(batch).square().sum().backward()
    body = {id(weight) for weight in body_weights(token.encoder)}
    moved = {n for n, p in token.encoder.named_parameters() if p.grad is not None and torch.count_nonzero(p.grad)}
    in_body = {n for n, p in token.encoder.named_parameters() if id(p) in body}
    expected = {"full": in_body, "last_stage": {n for n in in_body if n.startswith(LAST[encoder])}, "frozen": set()}
    assert moved & in_body == expected[tuning]
    assert {name for name, _ in token.encoder.named_parameters()} - in_body <= moved, "the pooling always learns"
    after = token.encoder.state_dict()
    held = {name for name in before if name.startswith(BODY) and not name.startswith(LAST[encoder])}
    assert held
    if tuning != "full":  # a backbone's batch norms keep their running statistics
        assert all(torch.equal(before[name], after[name]) for name in held)
    assert token.encoder.pooling.training


@pytest.mark.parametrize("encoder", ["densenet_3d", "timm"])
@pytest.mark.parametrize("tuning", TUNINGS)
def test_training_changes_what_is_tuned_and_no_bit_of_what_is_held(encoder: str, tuning: str) -> None:
    inputs = cases(24)
    target = Target.binary("e", (np.arange(24) % 2).astype(float))
    told = {"encoder": NAMES[encoder], "epochs": 2, "batch": 8, "learning_rate": 0.01, "tuning": tuning}
    fitted = fit_network(inputs, target, told, 7)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        first = FusionNetwork(fitted.design).image_tokens()[0].encoder.state_dict()
    trained = fitted.module.image_tokens()[0].encoder.state_dict()
    changed = {name for name in first if name.startswith(BODY) and not torch.equal(first[name], trained[name])}
    tuned = {"full": BODY, "last_stage": LAST[encoder], "frozen": ("nothing",)}[tuning]
    assert changed == {name for name in first if name.startswith(tuned)}
    assert "tuning" not in fitted.design.to_json()


def test_a_tuning_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="tuning must be one of"):
        begin_learning(torch.nn.Linear(1, 1), [], "head")
