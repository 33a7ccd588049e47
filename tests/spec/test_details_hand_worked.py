"""What is said beyond a risk, worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from outcome.models.hazard import BaselineHazard
from outcome.models.network.amount_heads import CumulativeHead, GaussianHead
from outcome.models.network.beyond_score import said_by
from outcome.models.network.heads import BinaryHead


def test_a_competing_incidence_of_two_jumps() -> None:
    # day 2: hazards 0.1 and 0.3, so 1 - exp(-0.4) leave, three quarters to the competing event; day 5: 0.2 to it alone
    baseline = BaselineHazard(np.array([2.0, 5.0]), np.array([0.1, 0.0]), np.array([0.3, 0.2]))
    gone = 1 - math.exp(-0.4)
    later = math.exp(-0.4) * (1 - math.exp(-0.2))
    found = baseline.competing_incidence(np.zeros(1), [1.0, 2.0, 4.9, 5.0])[0]
    assert found == pytest.approx([0, 0.75 * gone, 0.75 * gone, 0.75 * gone + later], abs=1e-12)
    # hazard doubled: 0.2 and 0.3 on day 2
    assert baseline.competing_incidence(np.array([math.log(2)]), [2.0])[0, 0] == pytest.approx(
        0.6 * (1 - math.exp(-0.5)), abs=1e-12
    )


def test_chances_of_grades_from_log_odds() -> None:
    # log odds 0 of the second grade; a step of softplus(log(e - 1)) + 0.001 = 1.001 down to the third
    said = said_by(CumulativeHead((0.0, 1.0, 3.0)), [torch.tensor([[0.0, math.log(math.e - 1)]])])
    assert said is not None
    assert (said.what, said.at) == ("grade_at_least", (0.0, 1.0, 3.0))
    assert said.value[0] == pytest.approx([1, 0.5, 1 / (1 + math.exp(1.001))], abs=1e-6)


def test_quantiles_of_a_normal_amount() -> None:
    said = said_by(GaussianHead((60.0, 10.0)), [torch.tensor([[0.3, math.log(0.5)]])])
    assert said is not None
    assert (said.what, said.at) == ("quantile", (0.1, 0.25, 0.5, 0.75, 0.9))
    assert said.value[0] == pytest.approx(5 * np.array([-1.2815516, -0.6744898, 0, 0.6744898, 1.2815516]), abs=1e-5)


def test_yes_or_no_says_nothing_more() -> None:
    assert said_by(BinaryHead(), [torch.zeros(1, 1)]) is None
