"""Whatever the heads say, the classes' shares are shares, and what lies further in is never likelier than its whole."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from segmentation.networks.nested_heads import NestedHeads

_LOGITS = st.floats(-60, 60, width=32)


class _Given(nn.Module):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image


@settings(deadline=None, max_examples=60)
@given(st.lists(_LOGITS, min_size=3, max_size=3), st.permutations((1, 2, 3)))
def test_shares_add_up_and_nest(logits: list[float], order: list[int]) -> None:
    given_logits = torch.tensor(logits).reshape(1, 3, 1)
    scores = NestedHeads(_Given(), order).eval()(given_logits)
    shares = scores.double().exp().flatten()
    assert bool(torch.isfinite(scores).all())
    torch.testing.assert_close(shares.sum(), torch.tensor(1.0, dtype=torch.float64), rtol=1e-5, atol=0)
    unions = [shares[order[head:]].sum() for head in range(3)]
    assert unions[0] >= unions[1] >= unions[2]
    torch.testing.assert_close(unions[0], torch.sigmoid(given_logits[0, 0, 0].double()), rtol=1e-4, atol=1e-7)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 3), min_size=8, max_size=8), st.permutations((1, 2, 3)))
def test_heads_sure_of_the_truth_give_it_back_and_cost_nothing(classes: list[int], order: list[int]) -> None:
    truth = torch.tensor(classes).reshape(1, 2, 2, 2)
    wrapper = NestedHeads(_Given(), order)
    sure = 50 * (2 * wrapper.truths(truth) - 1)
    assert torch.equal(wrapper(sure).argmax(dim=1), truth)
    assert abs(float(wrapper.loss(sure, truth, lambda scores, classes: scores.sum()))) < 1e-4
