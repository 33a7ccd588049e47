"""Every encoder, fusion and head: gradients, batches, seeds, states, absent blocks, foreign crops."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from outcome.errors import ConfigRefusal, DataRefusal
from outcome.features.crops import Crops
from outcome.models.inputs import Inputs
from outcome.models.network.data import Batch, stack_cases
from outcome.models.network.encoders import ENCODERS, build_encoder
from outcome.models.network.fusion import FUSIONS
from outcome.models.network.head_choice import HEAD_PARAMS, HEADS_OF, head_numbers, in_units
from outcome.models.network.heads import HEADS
from outcome.models.network.learning import fit_network
from outcome.models.network.model import Design, FusionNetwork, NetworkScorer
from outcome.models.network.outcomes import Outcomes
from outcome.models.network.volume_encoders import VOLUME_ENCODERS
from outcome.models.registry import fit_model, model_from_state
from outcome.models.state import State, same_state
from outcome.training.files import npz_bytes, read_npz
from outcome.types import EndpointKind, Target

BACKBONES = {name: name for name in VOLUME_ENCODERS} | {"timm": "timm:test_resnet"}
# every head and every fusion, and what may meet badly: a modulation and either encoder
MEMBERS = [
    *itertools.product(["resnet_3d"], ["gated"], HEADS),
    *itertools.product(["resnet_3d"], [name for name in FUSIONS if name != "gated"], ["cumulative"]),
    *itertools.product(["timm"], FUSIONS, ["binary"]),
    *((name, "daft", "binary") for name in VOLUME_ENCODERS if name != "resnet_3d"),
    *(("timm", "concat", head) for head in ("cox", "discrete_time")),
]
KIND_OF = {head: kind for kind, heads in HEADS_OF.items() for head in heads}
SIZE = (12, 10, 8)


def crop(rng: np.random.Generator, size: tuple[int, int, int] = SIZE, channels: int = 3) -> np.ndarray:
    made = rng.normal(size=(channels, *size))
    made[1:] = made[1:] > 0
    return made.astype(np.float16).astype(np.float32)


def cases(n: int = 24, size: tuple[int, int, int] = SIZE) -> Inputs:
    """A table of two blocks, and two image blocks of which the second is often absent."""
    rng = np.random.default_rng(3)
    present = {
        "clinical": np.ones(n, dtype=bool),
        "genomics": np.arange(n) % 4 != 1,
        "image:ct": np.arange(n) % 5 != 2,
        "image:mr": np.arange(n) % 2 == 0,
    }
    held = {str(i): {"ct": crop(rng, size), "mr": crop(rng, size)} for i in range(n)}
    blocks = ("clinical", "clinical", "genomics")
    return Inputs(rng.normal(size=(n, 3)), blocks, present, tuple(map(str, range(n))), Crops(held=held))


def outcome_of(head: str, n: int = 24) -> Target:
    rng, kind = np.random.default_rng(4), KIND_OF[head]
    if kind is EndpointKind.BINARY:
        return Target.binary("e", (np.arange(n) % 3 == 0).astype(float))
    if kind is EndpointKind.TIME_TO_EVENT:
        return Target.survival("e", rng.integers(1, 50, n).astype(float), np.asarray(np.arange(n) % 3, dtype=float))
    value = (np.arange(n) % 4).astype(float) if kind is EndpointKind.ORDINAL else rng.integers(0, 30, n).astype(float)
    return Target("e", kind, value, np.full(n, np.nan), np.full(n, np.nan))


def params(encoder: str, fusion: str, head: str) -> dict[str, Any]:
    told = {"encoder": BACKBONES[encoder], "fusion": fusion, "epochs": 1, "batch": 8}
    kind = KIND_OF[head]
    return told | ({} if head == "binary" else {HEAD_PARAMS[kind]: head})


def untrained(encoder: str, fusion: str, head: str, inputs: Inputs) -> NetworkScorer:
    """A network whose every weight is drawn, so that no path is silent."""
    edges = (10.0, 20.0, 40.0) if head == "discrete_time" else head_numbers(head, outcome_of(head))
    shapes = {"image:ct": (3, *SIZE), "image:mr": (3, *SIZE)}
    tables = {"clinical": (0, 1), "genomics": (2,)}
    torch.manual_seed(5)
    module = FusionNetwork(Design(tables, shapes, BACKBONES[encoder], fusion, head, edges))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for image in module.image_tokens():
            image.coefficients.normal_()
        module.coefficients.normal_()
    design = Design(tables, shapes, BACKBONES[encoder], fusion, head, edges)
    return NetworkScorer(design, module.eval())


@pytest.mark.parametrize(("encoder", "fusion", "head"), MEMBERS)
def test_gradients_reach_every_parameter(encoder: str, fusion: str, head: str) -> None:
    inputs, target = cases(), outcome_of(head)
    scorer = untrained(encoder, fusion, head, inputs)
    batch = stack_cases(inputs, tuple(scorer.design.tables), scorer.design.images).batch(torch.arange(len(inputs)))
    learned = in_units(head, scorer.design.edges, target)
    scorer.module.head.loss(scorer.module(batch), Outcomes.of(learned)).backward()
    silent = [name for name, p in scorer.module.named_parameters() if p.grad is None or not torch.count_nonzero(p.grad)]
    assert silent == []


@pytest.mark.parametrize(("encoder", "fusion", "head"), MEMBERS)
def test_a_case_alone_scores_as_in_company_and_near_its_batch(encoder: str, fusion: str, head: str) -> None:
    inputs = cases(12)
    scorer = untrained(encoder, fusion, head, inputs)
    together = scorer.score(inputs)
    alone = np.concatenate([scorer.score(rows(inputs, [i])) for i in range(len(inputs))])
    assert alone.tobytes() == together.tobytes()
    stacked = stack_cases(inputs, tuple(scorer.design.tables), scorer.design.images).batch(torch.arange(len(inputs)))
    with torch.no_grad():
        np.testing.assert_allclose(scorer.score_batch(stacked).numpy(), together, rtol=1e-3, atol=1e-4)
    assert len(np.unique(together)) == len(together)


@pytest.mark.parametrize(("encoder", "fusion", "head"), MEMBERS)
def test_the_same_seed_gives_the_same_state_and_it_survives_a_file(encoder: str, fusion: str, head: str) -> None:
    inputs, target = cases(), outcome_of(head)
    before, threads = inputs.matrix.copy(), torch.get_num_threads()
    models = [fit_model("network", inputs, target, params(encoder, fusion, head), 7) for _ in range(2)]
    state = models[0].to_state()
    assert same_state(state, models[1].to_state())
    read = State(json.loads(json.dumps(state.numbers)), read_npz(npz_bytes(state.arrays)))
    again = model_from_state(read)
    assert same_state(again.to_state(), state)
    assert again.score(inputs).tobytes() == models[0].score(inputs).tobytes()
    assert np.array_equal(inputs.matrix, before)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(("encoder", "fusion", "head"), MEMBERS)
def test_every_subset_of_blocks_has_a_score_of_its_own(encoder: str, fusion: str, head: str) -> None:
    inputs = rows(cases(), [0])
    scorer = untrained(encoder, fusion, head, inputs)
    blocks = ("clinical", "genomics", "image:ct", "image:mr")
    scores = []
    for there in itertools.product([True, False], repeat=len(blocks)):
        present = {block: np.array([is_there]) for block, is_there in zip(blocks, there, strict=True)}
        scores.append(float(scorer.score(replace(inputs, present=present))[0]))
    assert np.isfinite(scores).all()
    assert len(set(scores)) == 2 ** len(blocks)


@pytest.mark.parametrize(("encoder", "fusion", "head"), MEMBERS)
def test_a_dropped_image_is_as_if_it_had_never_been_taken(encoder: str, fusion: str, head: str) -> None:
    inputs = rows(cases(), [0])
    scorer = untrained(encoder, fusion, head, inputs)
    absent = {**inputs.present, "image:mr": np.array([False])}
    untold = {block: told for block, told in inputs.present.items() if block != "image:mr"}
    without = Crops(held={"0": {"ct": inputs.crops.held["0"]["ct"]}})
    dropped = scorer.score(replace(inputs, present=absent))
    assert scorer.score(replace(inputs, present=absent, crops=without)).tobytes() == dropped.tobytes()
    assert scorer.score(replace(inputs, present=untold, crops=without)).tobytes() == dropped.tobytes()


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("size", [(8, 8, 8), (12, 12, 8), (9, 20, 13)])
def test_crops_of_any_size_are_read_one_like_many(encoder: str, size: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    network = build_encoder(BACKBONES[encoder], 2, size).eval()
    crops = torch.rand(3, 2, *size)
    with torch.no_grad():
        features = network(crops)
        assert features.shape == (3, network.features)
        assert torch.isfinite(features).all()
        for i in range(3):
            torch.testing.assert_close(network(crops[i : i + 1])[0], features[i], rtol=1e-4, atol=1e-5)
        upside_down = network(crops.flip(4))
    assert not torch.allclose(upside_down, features, atol=1e-4)


@pytest.mark.parametrize(("size", "channels"), [((12, 10, 9), 3), (SIZE, 2)])
def test_a_crop_of_another_shape_is_refused(size: tuple[int, int, int], channels: int) -> None:
    inputs = rows(cases(), [0])
    scorer = untrained("resnet_3d", "gated", "binary", inputs)
    foreign = Crops(
        held={"0": {"ct": crop(np.random.default_rng(0), size, channels), "mr": inputs.crops.held["0"]["mr"]}}
    )
    with pytest.raises(DataRefusal, match="another crop") as refused:
        scorer.score(replace(inputs, crops=foreign))
    assert f"{channels} channels" in refused.value.found


def test_a_crop_that_is_told_of_and_not_there_is_refused() -> None:
    inputs = rows(cases(), [0])
    scorer = untrained("resnet_3d", "gated", "binary", inputs)
    with pytest.raises(DataRefusal, match="its crop is not there"):
        scorer.score(replace(inputs, crops=Crops()))


@pytest.mark.parametrize(
    "name", ["resnet_4d", "timm", "timm:", "resnet_3d:x", "timm:no_such_backbone", "timm:hf-hub:timm/resnet18"]
)
def test_an_unknown_encoder_is_refused(name: str) -> None:
    with pytest.raises(ConfigRefusal, match=r"encoder|backbone"):
        build_encoder(name, 3, SIZE)


@pytest.mark.parametrize("head", ["binary", "cox"])
def test_a_matrix_without_blocks_is_a_network_of_a_table(head: str) -> None:
    matrix = cases().matrix
    model = fit_model("network", matrix, outcome_of(head), {"epochs": 1, "batch": 8}, 7)
    assert np.isfinite(model.score(matrix)).all()


def test_images_alone_make_a_network() -> None:
    inputs = cases()
    only = Inputs(np.empty((24, 0)), (), {"image:ct": inputs.present["image:ct"]}, inputs.case_ids, inputs.crops)
    model = fit_model("network", only, outcome_of("binary"), {"epochs": 1, "batch": 8}, 7)
    assert model.note == ""
    assert np.isfinite(model.score(only)).all()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_explanations_find_their_hooks(encoder: str) -> None:
    inputs = rows(cases(), [0])
    scorer = untrained(encoder, "gated", "binary", inputs)
    seen: list[torch.Tensor] = []
    (layer,) = scorer.cam_layers("ct")
    handle = layer.register_forward_hook(lambda _m, _i, out: seen.append(out))
    score = scorer.forward_case(inputs, 0)
    handle.remove()
    assert score.requires_grad
    (maps,) = seen
    assert torch.count_nonzero(torch.autograd.grad(score, maps)[0]) > 0
    assert score.item() == pytest.approx(float(scorer.score(inputs)[0]), rel=1e-5)
    assert scorer.encoder_kind == ("2.5d" if encoder == "timm" else "3d")
    assert isinstance(scorer.tensors(inputs, 0), Batch)
    with pytest.raises(KeyError):
        scorer.cam_layers("pet")


def test_rows_of_one_case_share_one_crop_in_memory() -> None:
    inputs = rows(cases(), [0, 0, 5, 0])
    stack = stack_cases(inputs, ("clinical",), {"image:ct": (3, *SIZE)})
    assert len(stack.crops["image:ct"]) == 2
    batch = stack.batch(torch.arange(4))
    assert torch.equal(batch.images["image:ct"][0], batch.images["image:ct"][3])
    np.testing.assert_array_equal(batch.images["image:ct"][2].numpy(), inputs.crops.held["5"]["ct"])


def test_kinds_without_a_head_are_refused() -> None:
    amounts = Target("e", EndpointKind.CONTINUOUS, np.arange(24.0), np.full(24, np.nan), np.full(24, np.nan))
    for params in ({}, {"continuous_head": "cumulative"}, {"duration_head": "gaussian"}):
        with pytest.raises(ValueError, match="network for continuous endpoints needs one of the heads"):
            fit_model("network", cases(), amounts, params, 7)


def rows(inputs: Inputs, wanted: list[int]) -> Inputs:
    present = {block: told[wanted] for block, told in inputs.present.items()}
    ids = tuple(inputs.case_ids[i] for i in wanted)
    return Inputs(inputs.matrix[wanted], inputs.blocks, present, ids, inputs.crops)


def test_no_head_is_left_without_a_path_to_training() -> None:
    assert set(HEADS) == set(KIND_OF)
    fitted = fit_network(cases(), outcome_of("discrete_time"), params("resnet_3d", "concat", "discrete_time"), 1)
    assert fitted.design.head == "discrete_time"
    assert fitted.design.edges == tuple(sorted(set(fitted.design.edges)))
