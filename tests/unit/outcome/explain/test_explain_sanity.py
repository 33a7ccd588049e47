"""Maps that show the image instead of what was learned fail; maps that hang on learned weights pass."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from outcome.explain.map_check import LIKENESS, MapCheck
from outcome.explain.sanity import check_maps, drawn_anew, likeness
from outcome.features.crops import Crops
from outcome.models.inputs import Inputs

SIZE = (6, 6, 6)


def inputs(cases: int = 4) -> Inputs:
    rng = np.random.default_rng(1)
    held = {f"c{i}": {"ct": rng.normal(size=(2, *SIZE)).astype(np.float32)} for i in range(cases)}
    names = (*held, "without")
    return Inputs(np.zeros((len(names), 0)), (), {}, names, Crops(held=held))


class EdgeDetector:
    """Shows the image whatever it learned: its layer has no weights, and its one weight is a factor of the score."""

    def __init__(self, factor: float = 1.0) -> None:
        self.module = nn.Sequential(nn.Identity())
        self.factor = factor

    def forward_case(self, inputs: Inputs, i: int, crops: Mapping[str, Tensor] | None = None) -> Tensor:
        crop = inputs.crops.get(inputs.case_ids[i], "ct")
        assert crop is not None
        image = (torch.from_numpy(crop)[None] if crops is None else crops["ct"])[:, :1].abs().requires_grad_()
        return self.factor * self.module(image).sum()

    def cam_layers(self, sequence: str) -> tuple[nn.Module, ...]:
        return (self.module[0],)


class Learned(EdgeDetector):
    """Eight filters of three voxels each, weighed by a linear layer."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.module = nn.Sequential(nn.Conv3d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv3d(8, 1, 1))

    def forward_case(self, inputs: Inputs, i: int, crops: Mapping[str, Tensor] | None = None) -> Tensor:
        crop = inputs.crops.get(inputs.case_ids[i], "ct")
        assert crop is not None
        return self.module((torch.from_numpy(crop)[None] if crops is None else crops["ct"])[:, :1]).sum()

    def cam_layers(self, sequence: str) -> tuple[nn.Module, ...]:
        return (self.module[1],)


def test_a_map_of_the_image_s_own_edges_fails() -> None:
    found = check_maps(EdgeDetector(), inputs(), "ct", (EdgeDetector(2.0), inputs()))
    assert (found.cases, found.weights, found.labels) == (4, pytest.approx(1.0), pytest.approx(1.0))
    assert not found.passed


def test_a_map_that_hangs_on_learned_weights_passes() -> None:
    found = check_maps(Learned(1), inputs(), "ct", (Learned(2), inputs()))
    assert found.cases > 0
    assert found.weights is not None
    assert found.labels is not None
    assert max(found.weights, found.labels) < LIKENESS
    assert found.passed


def test_where_heat_lies_and_what_its_hottest_voxels_do_are_told() -> None:
    # the score is the sum of |image|, so the hottest voxel is the one that counts most
    found = check_maps(EdgeDetector(), inputs(), "ct", regions=("tumour",))
    held = [inputs().crops.get(f"c{i}", "ct") for i in range(4)]
    shares = [np.abs(crop[0])[crop[1] > 0.5].sum() / np.abs(crop[0]).sum() for crop in held if crop is not None]
    assert found.inside == {"tumour": pytest.approx(float(np.mean(shares)))}
    assert found.deletion_gain is not None
    assert found.insertion_gain is not None
    assert min(found.deletion_gain, found.insertion_gain) > 0.1


def test_either_question_alone_fails_a_map() -> None:
    assert not MapCheck(5, 0.9, 0.1).passed
    assert not MapCheck(5, 0.1, 0.9).passed
    assert MapCheck(5, 0.1, None).passed
    assert not MapCheck(0, None, None).passed, "no heat was ever seen"


def test_a_map_whose_hottest_voxels_matter_no_more_than_chance_fails() -> None:
    assert MapCheck(5, 0.1, 0.1, deletion_gain=0.2, insertion_gain=-0.1).passed
    assert not MapCheck(5, 0.1, 0.1, deletion_gain=-0.16, insertion_gain=0.08).passed


def test_a_network_without_heat_is_not_passed_by_it() -> None:
    found = check_maps(EdgeDetector(-1.0), inputs(), "ct")
    assert (found.cases, found.weights, found.passed) == (0, None, False)


def test_weights_are_drawn_anew_in_a_copy_and_by_the_seed_alone() -> None:
    network = Learned(1)
    before = [tensor.clone() for tensor in network.module.state_dict().values()]
    torch.manual_seed(0)
    state = torch.random.get_rng_state()
    one, two, other = (drawn_anew(network, seed) for seed in (5, 5, 6))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(before, network.module.state_dict().values(), strict=True))
    first, second, third = (each.module[0].weight for each in (one, two, other))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)
    assert not torch.equal(first, before[0])


def test_likeness_is_of_ranks_without_sign() -> None:
    a = np.arange(8.0).reshape(2, 2, 2)
    assert likeness(a, np.exp(a)) == pytest.approx(1.0)
    assert likeness(a, -a) == pytest.approx(1.0)
    assert likeness(a, np.zeros_like(a)) == 0.0


def test_a_check_is_read_back_and_one_that_contradicts_itself_is_not() -> None:
    check = MapCheck(4, 0.1, None)
    assert MapCheck.from_json(check.to_json()) == check
    with pytest.raises(ValueError, match="contradicts itself"):
        MapCheck.from_json({**MapCheck(4, 0.9, None).to_json(), "passed": True})
