"""Nested heads on four voxels, counted by hand: what they learn from, what they say of classes, what they cost."""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import Any

import pytest
import torch
from torch import nn

from segmentation.errors import ImageRefusal
from segmentation.learning.losses import CRITERIA
from segmentation.networks.nested_heads import NestedHeads, nested
from segmentation.outlining.weights import pack, unpack
from segmentation.planning.nested_regions import region_of_each
from tests.segmenter_studies import BLOCKS

REGIONS = {"oedema": 1, "non_enhancing": 2, "enhancing": 3}
HEADS = {
    "whole": ("oedema", "non_enhancing", "enhancing"),
    "core": ("enhancing", "non_enhancing"),
    "enhancing": ("enhancing",),
}
PLAN = replace(BLOCKS, regions=REGIONS, heads=HEADS, patch=(16, 16, 16), channels=(4, 8))
CLASSES = torch.tensor([[[0, 1], [2, 3]]])  # one voxel of each


class _Given(nn.Module):
    """A network that answers what it was told to."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, image: torch.Tensor) -> Any:
        return self.answer


def _odds(share: float) -> float:
    return log(share / (1 - share))


def test_each_head_covers_the_regions_that_it_names() -> None:
    truths = NestedHeads(_Given(None), (1, 2, 3)).truths(CLASSES)[0]
    assert truths[0].tolist() == [[0, 1], [1, 1]]
    assert truths[1].tolist() == [[0, 0], [1, 1]]
    assert truths[2].tolist() == [[0, 0], [0, 1]]


def test_the_order_of_labels_need_not_be_the_order_of_heads() -> None:
    """As BraTS numbers them: the core's dark part is 1, oedema 2."""
    plan = replace(PLAN, regions={"oedema": 2, "non_enhancing": 1, "enhancing": 4})
    wrapper = nested(_Given(None), plan)
    assert wrapper.order == (2, 1, 3)
    truths = wrapper.truths(CLASSES)[0]
    assert truths[0].tolist() == [[0, 1], [1, 1]]
    assert truths[1].tolist() == [[0, 1], [0, 1]]
    assert truths[2].tolist() == [[0, 0], [0, 1]]


def test_shares_of_classes_are_products_of_the_heads() -> None:
    """Whole .8, core .5, enhancing .25: background .2, oedema .8 x .5, dark core .4 x .75, enhancing .4 x .25."""
    logits = torch.tensor([_odds(0.8), _odds(0.5), _odds(0.25)]).reshape(1, 3, 1, 1)
    found = NestedHeads(_Given(logits), (1, 2, 3)).eval()(logits)
    assert found.exp().flatten().tolist() == pytest.approx([0.2, 0.4, 0.3, 0.1])
    other = NestedHeads(_Given(logits), (2, 1, 3)).eval()(logits)
    assert other.exp().flatten().tolist() == pytest.approx([0.2, 0.3, 0.4, 0.1])
    assert found.argmax(dim=1).item() == 1


def test_the_cost_is_dice_and_cross_entropy_of_each_head() -> None:
    """Every head says 1/2 everywhere: cross-entropy log 2; Dice 2 (t/2) / (2 + t) for t = 3, 2, 1 of four voxels."""
    wrapper = NestedHeads(_Given(torch.zeros(1, 3, 2, 2)), (1, 2, 3))
    dice = (3 / 5 + 2 / 4 + 1 / 3) / 3
    found = float(wrapper.loss(CLASSES[:, None], CLASSES, CRITERIA["dice"]))
    assert found == pytest.approx(log(2) + 1 - dice, abs=1e-4)


def test_coarser_levels_count_half_and_are_turned_into_classes_too() -> None:
    sure = 40 * (2 * NestedHeads(_Given(None), (1, 2, 3)).truths(CLASSES) - 1)
    wrapper = NestedHeads(_Given([sure, torch.zeros(1, 3, 1, 1)]), (1, 2, 3))
    coarse = NestedHeads(_Given(torch.zeros(1, 3, 1, 1)), (1, 2, 3))
    voxel = torch.nn.functional.interpolate(CLASSES[:, None].float(), size=(1, 1), mode="nearest-exact")[:, 0].long()
    expected = float(coarse.loss(CLASSES[:, None], voxel, CRITERIA["dice"])) / 3
    assert float(wrapper.loss(CLASSES[:, None], CLASSES, CRITERIA["dice"])) == pytest.approx(expected, abs=1e-4)
    fine, rough = wrapper(CLASSES)
    assert fine.argmax(dim=1).tolist() == CLASSES.tolist()
    assert rough.shape == (1, 4, 1, 1)


def test_a_network_with_heads_comes_back_from_its_bytes() -> None:
    """The file keeps names in alphabetical order: `core` before `whole`."""
    from segmentation.learning.training import first_network

    network = first_network(PLAN)
    plan, again = unpack(pack(PLAN, network))
    assert list(plan.heads) == ["whole", "core", "enhancing"]
    assert plan == PLAN
    image = torch.randn(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        scores = again(image)
    torch.testing.assert_close(scores.exp().sum(dim=1), torch.ones(1, 16, 16, 16))
    assert torch.equal(scores, network.eval()(image))
    assert network.network.head.weight.shape[0] == 3


def test_heads_may_come_in_any_order() -> None:
    plan = replace(PLAN, heads=dict(reversed(HEADS.items())))
    assert list(plan.heads) == list(HEADS)
    assert region_of_each(plan.heads) == ("oedema", "non_enhancing", "enhancing")


@pytest.mark.parametrize(
    "heads",
    [
        {"whole": ["oedema", "non_enhancing", "enhancing"], "core": ["non_enhancing", "enhancing"]},
        {**HEADS, "core": ("oedema", "non_enhancing"), "enhancing": ("enhancing",)},
        {**HEADS, "enhancing": ("tumour",)},
        {**HEADS, "whole": ("oedema", "non_enhancing")},
        {**HEADS, "again": ("enhancing",)},
        {**HEADS, "enhancing": "enhancing"},
        {**HEADS, "none": ()},
        ["whole"],
    ],
    ids=["region told by none", "not inside", "unknown region", "not all", "twice", "a bare name", "empty", "a list"],
)
def test_heads_that_are_not_nested_are_refused(heads: Any) -> None:
    with pytest.raises(ImageRefusal) as refused:
        replace(PLAN, heads=heads)
    assert refused.value.code == "bad_heads"
    assert "oedema, non_enhancing, enhancing" in (refused.value.expected or "")


@pytest.mark.parametrize("changes", [{"loss": "focal"}, {"class_weights": "balanced"}])
def test_what_heads_would_not_listen_to_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ImageRefusal, match="loss or class_weights"):
        replace(PLAN, **changes)
