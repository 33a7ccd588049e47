"""Losses for rare events, worked out on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from outcome.models.network.head_choice import class_weights, head_for, head_numbers
from outcome.models.network.imbalance_heads import FocalHead, WeightedHead
from outcome.models.network.outcomes import Outcomes
from outcome.types import EndpointKind, Target

ONE_OF_FOUR = Target.binary("e", [1.0, 0.0, 0.0, 0.0])


def outcomes() -> Outcomes:
    return Outcomes.of(ONE_OF_FOUR)


def test_weights_are_the_inverse_shares_and_one_on_average() -> None:
    """One of four with the event: 4 / (2 · 3) without, 4 / (2 · 1) with it."""
    assert head_numbers("weights", ONE_OF_FOUR) == pytest.approx((2 / 3, 2.0))
    assert class_weights(np.zeros(5)) == (0.5, 1.0)


def test_the_weighted_loss_by_hand() -> None:
    """Log odds ln 3 everywhere: (2 · -ln 0.75 + 3 · 2/3 · -ln 0.25) / 4."""
    head, raw = WeightedHead((2 / 3, 2.0)), torch.full((4, 1), math.log(3))
    expected = (2 * -math.log(0.75) + 2 * math.log(4)) / 4
    assert float(head.loss(raw, outcomes())) == pytest.approx(expected, rel=1e-6)
    assert float(head.total_loss(raw, outcomes())) == pytest.approx(4 * expected, rel=1e-6)


def test_with_weights_a_model_that_knows_nothing_says_even_odds_and_begins_there() -> None:
    """The linear path's ln(1/3) and the level ln 3 make 0, where the weighted loss is flat."""
    head = WeightedHead((2 / 3, 2.0))
    level = head.level(outcomes(), torch.zeros(4))
    raw = (torch.full((4, 1), math.log(1 / 3)) + level).requires_grad_()
    torch.testing.assert_close(raw.detach(), torch.zeros(4, 1), atol=1e-6, rtol=0)
    head.loss(raw, outcomes()).backward()
    assert float(raw.grad.sum()) == pytest.approx(0, abs=1e-7)  # type: ignore[union-attr]


def test_the_focal_loss_by_hand() -> None:
    """Log odds ln 3: with the event 0.25² · -ln 0.75, without 0.75² · ln 4; even odds 0.25 · ln 2."""
    head = FocalHead()
    expected = (0.0625 * -math.log(0.75) + 3 * 0.5625 * math.log(4)) / 4
    assert float(head.loss(torch.full((4, 1), math.log(3)), outcomes())) == pytest.approx(expected, rel=1e-6)
    assert float(head.loss(torch.zeros(4, 1), outcomes())) == pytest.approx(0.25 * math.log(2), rel=1e-6)


def test_a_setting_names_the_head_of_yes_no_endpoints_alone() -> None:
    assert [head_for(EndpointKind.BINARY, {"imbalance": name}) for name in ("none", "weights", "focal")] == [
        "binary",
        "weights",
        "focal",
    ]
    assert head_for(EndpointKind.BINARY, {}) == "binary"
    assert head_for(EndpointKind.TIME_TO_EVENT, {"imbalance": "focal"}) == "cox"
    with pytest.raises(ValueError, match="found 'cox'"):
        head_for(EndpointKind.BINARY, {"imbalance": "cox"})
