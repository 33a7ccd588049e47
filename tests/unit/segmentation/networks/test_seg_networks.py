"""What every network in the registry keeps to."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from segmentation.errors import ImageRefusal
from segmentation.learning.losses import CRITERIA, supervised
from segmentation.learning.training import first_network
from segmentation.networks import NETWORKS
from segmentation.networks.randomness import drawing
from segmentation.outlining import sliding
from segmentation.outlining.sliding import scores_of
from segmentation.outlining.weights import pack, unpack
from segmentation.planning.plan import SegmenterPlan
from tests.segmenter_studies import PLANS

every_network = pytest.mark.parametrize("name", NETWORKS)
supervised_networks = pytest.mark.parametrize("name", [n for n, family in NETWORKS.items() if family.deep_supervision])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@cache
def _made(name: str) -> nn.Module:
    return first_network(PLANS[name])


def _network(name: str) -> nn.Module:
    """The plan's network, from its bytes: each test gets one of its own."""
    _, network = unpack(pack(PLANS[name], _made(name)))
    return network


def _input(plan: SegmenterPlan, batch: int = 2) -> torch.Tensor:
    shape = (batch, plan.channels_read, *plan.patch[: plan.dimensions])
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _loss(network: nn.Module, plan: SegmenterPlan) -> torch.Tensor:
    image, criterion = _input(plan), CRITERIA["dice_and_cross_entropy"]
    classes = (image[:, 0] > 0.5).long() + (image[:, 0] > 1.5).long()
    own = getattr(network, "loss", None)
    return own(image, classes, criterion) if own else supervised(network(image), classes, criterion)


@every_network
def test_scores_have_the_shape_of_the_image_and_no_case_depends_on_its_neighbours(name: str) -> None:
    network, image = _network(name), _input(PLANS[name])
    with torch.inference_mode():
        together = network(image)
        alone = torch.cat([network(image[n : n + 1]) for n in range(2)])
        assert together.shape == (2, 3, *image.shape[2:])
        assert bool(torch.isfinite(together).all())
        torch.testing.assert_close(alone, together, rtol=0, atol=1e-4)
        assert torch.equal(network(image), together)


@every_network
def test_gradients_reach_every_parameter(name: str) -> None:
    network = _network(name).train()
    with torch.no_grad():  # a last norm that starts at zero lets no gradient through in the first step
        for parameter in network.parameters():
            if not parameter.any():
                parameter += 0.05
    with drawing(0):
        _loss(network, PLANS[name]).backward()
    without = [key for key, value in network.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    assert without == []


@every_network
def test_the_first_weights_come_from_the_seed_and_leave_torchs_generator_alone(name: str) -> None:
    before = torch.random.get_rng_state()
    first, second, other = (_made(name), first_network(PLANS[name]), first_network(replace(PLANS[name], seed=8)))
    assert all(torch.equal(value, second.state_dict()[key]) for key, value in first.state_dict().items())
    assert any(not torch.equal(value, other.state_dict()[key]) for key, value in first.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), before)


@every_network
def test_a_network_comes_back_from_its_bytes_and_scores_alike(name: str) -> None:
    made, before = _made(name), torch.random.get_rng_state()
    plan, again = unpack(pack(PLANS[name], made))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert plan == PLANS[name]
    assert not again.training
    with torch.inference_mode():
        assert torch.equal(again(_input(plan, 1)), made.eval()(_input(plan, 1)))


@every_network
def test_no_network_has_batch_statistics(name: str) -> None:
    kinds = {type(module) for module in _made(name).modules()}
    assert not [kind for kind in kinds if issubclass(kind, nn.modules.batchnorm._BatchNorm)]
    assert all(value.dtype == torch.float32 for value in _made(name).state_dict().values())


@every_network
def test_in_two_threads_a_training_network_gives_what_it_gives_in_one(name: str) -> None:
    network = _network(name).train()

    def share(seed: int) -> torch.Tensor:
        with drawing(seed), torch.no_grad():
            return _loss(network, PLANS[name])

    alone = [share(seed) for seed in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        assert [float(x) for x in pool.map(share, (1, 2))] == [float(x) for x in alone]


@every_network
def test_patches_of_any_other_size_are_refused_in_words(name: str) -> None:
    plan = PLANS[name]
    if all(by == 1 for by in plan.multiples):
        assert replace(plan, patch=(25, 27, 19)).patch[:2] == (25, 27)
        return
    x, y, z = plan.patch
    with pytest.raises(ImageRefusal, match="patch") as refused:
        replace(plan, patch=(x + 1, y, z))
    assert "multiples of" in refused.value.expected


@every_network
def test_an_image_of_any_size_is_read_through_windows(name: str) -> None:
    plan = PLANS[name]
    x, y, _ = plan.patch
    depth = 5 if plan.dimensions == 2 else plan.patch[2] + 3
    image = np.random.default_rng(1).normal(size=(1, x + 5, y - 3, depth)).astype(np.float32)
    scores = scores_of(_network(name), image, plan)
    assert scores.shape == (3, *image.shape[1:])
    assert np.isfinite(scores).all()


@supervised_networks
def test_deep_supervision_gives_scores_of_each_level_in_training_alone(name: str) -> None:
    plan = replace(PLANS[name], channels=(4, 8, 8), deep_supervision=True)
    network, image = first_network(plan), _input(plan)
    sizes = [tuple(scores.shape[2:]) for scores in network(image)]
    whole = tuple(image.shape[2:])
    assert sizes[:2] == [whole, tuple(n // 2 for n in whole)]
    assert network.eval()(image).shape[2:] == whole
    assert len(network.state_dict()) > len(first_network(replace(plan, deep_supervision=False)).state_dict())


@every_network
def test_deep_supervision_is_refused_where_it_is_not_claimed(name: str) -> None:
    if not NETWORKS[name].deep_supervision:
        with pytest.raises(ImageRefusal, match="deep_supervision"):
            replace(PLANS[name], deep_supervision=True)


@every_network
def test_unknown_options_and_values_are_refused_with_those_it_knows(name: str) -> None:
    family = NETWORKS[name]
    for options in ({"nothing": 1}, *({key: object()} for key, _ in family.options)):
        assert family.unusable(options)
    with pytest.raises(ImageRefusal, match="options") as refused:
        replace(PLANS[name], options={"nothing": 1})
    assert all(key in refused.value.expected for key, _ in family.options)
    assert family.unusable(dict(family.options)) == []


def test_windows_that_are_read_two_at_once_or_alone_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, image = PLANS["cnn_3d"], np.random.default_rng(1).normal(size=(1, 30, 24, 20)).astype(np.float32)
    network = _network("cnn_3d")
    several = scores_of(network, image, plan)
    monkeypatch.setattr(sliding, "cores", lambda: 1)
    np.testing.assert_array_equal(scores_of(network, image, plan), several)
