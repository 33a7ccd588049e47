"""The inception U-Net as it is named: its size, its three ways of looking five voxels wide, its dropout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from segmentation.learning.training import first_network
from segmentation.networks.inception_unet import WIDE, Inception
from segmentation.networks.nested_heads import NestedHeads
from segmentation.networks.randomness import drawing
from segmentation.planning.plan_files import completed, read_plan
from tests.segmenter_studies import BLOCKS, PLANS

CONFIGS = Path(__file__).parents[4] / "configs" / "segmentation"


def test_the_named_configuration_has_the_published_size() -> None:
    """10.5 million parameters within 2 %, patches of 144 voxels, four sequences, three nested heads."""
    plan = completed(read_plan(CONFIGS / "inception_unet_brats.yaml"), BLOCKS)
    with torch.device("meta"):
        network = first_network(plan)
    assert sum(one.numel() for one in network.parameters()) == pytest.approx(10.5e6, rel=0.02)
    assert plan.patch == (144, 144, 144)
    assert plan.channels_read == 4
    assert isinstance(network, NestedHeads)
    with torch.device("meta"):
        levels = network.train()(torch.empty(1, 4, 144, 144, 144))
    assert [tuple(one.shape) for one in levels] == [(1, 4, n, n, n) for n in (144, 72, 36, 18)]


@pytest.mark.parametrize("wide", WIDE)
def test_a_block_sees_two_voxels_to_either_side_and_no_further(wide: str) -> None:
    """A change two voxels away moves the branch; one three away does not."""
    block = Inception(2, 8, (1, 1, 1), WIDE[wide], 0.0)
    looking = block.far[-1]  # the convolution after the narrowing
    image = torch.zeros(1, 1, 9, 9, 9, requires_grad=True)
    looking(image)[0, 0, 4, 4, 4].backward()
    assert image.grad is not None
    seen = image.grad[0, 0].nonzero()
    assert (int(seen.min()), int(seen.max())) == (2, 6)


def test_the_ways_of_looking_differ_in_size() -> None:
    counts = {}
    for wide in WIDE:
        plan = replace(PLANS["inception_unet_3d"], options={"wide": wide})
        counts[wide] = sum(one.numel() for one in first_network(plan).parameters())
    assert counts["factorised"] < counts["dilated"] < counts["plain"]


def test_dropout_follows_the_drawing_and_rests_when_outlining() -> None:
    plan = replace(PLANS["inception_unet_2d"], options={"dropout": 0.5})
    network, image = first_network(plan), torch.randn(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    outs = []
    for seed in (1, 1, 2):
        with drawing(seed), torch.no_grad():
            outs.append(network.train()(image))
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])
    with torch.inference_mode():
        assert torch.equal(network.eval()(image), network(image))


def test_attention_at_several_scales_looks_wider() -> None:
    plan = PLANS["attention_unet_2d"]
    several = first_network(replace(plan, options={"multiscale": True}))
    assert any(isinstance(module, Inception) for module in several.modules())
    assert not any(isinstance(module, Inception) for module in first_network(plan).modules())
