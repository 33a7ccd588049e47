"""What every network in the registry keeps to."""

from __future__ import annotations

import pytest
import torch

from segmentation.losses import dice_and_cross_entropy
from segmentation.networks import NETWORKS
from segmentation.training import first_network
from tests.segmenter_studies import PLANS

BATCH = {2: (5, 3, 24, 24), 3: (3, 1, 24, 24, 16)}

every_network = pytest.mark.parametrize("name", NETWORKS)


def _input(name: str) -> torch.Tensor:
    return torch.randn(BATCH[NETWORKS[name].dimensions], generator=torch.Generator().manual_seed(0))


@every_network
def test_scores_have_the_shape_of_the_image(name: str) -> None:
    image = _input(name)
    assert first_network(PLANS[name])(image).shape == (len(image), 3, *image.shape[2:])


@every_network
def test_gradients_reach_every_parameter(name: str) -> None:
    network, image = first_network(PLANS[name]), _input(name)
    classes = (image[:, 0] > 0.5).long() + (image[:, 0] > 1.5).long()
    dice_and_cross_entropy(network(image), classes).backward()
    without = [key for key, value in network.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    assert without == []


@every_network
def test_a_batch_of_one_equals_a_batch_of_n(name: str) -> None:
    network, image = first_network(PLANS[name]).eval(), _input(name)
    with torch.inference_mode():
        together = network(image)
        alone = torch.cat([network(image[n : n + 1]) for n in range(len(image))])
        torch.testing.assert_close(alone, together, rtol=0, atol=1e-5)
        assert torch.equal(network(image), together)


@every_network
def test_the_first_weights_come_from_the_seed_and_leave_torchs_generator_alone(name: str) -> None:
    before = torch.random.get_rng_state()
    first, second = (first_network(PLANS[name]).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert torch.equal(torch.random.get_rng_state(), before)
