"""Fine-Gray on five patients, worked out on paper."""

from __future__ import annotations

import numpy as np
import pytest

from outcome.models.fine_gray import (
    fit_subdistribution_baseline,
    subdistribution_exposure,
    subdistribution_likelihood,
)
from outcome.models.hazard import BaselineHazard
from outcome.types import FloatArray, Target

# Day 1 competing, 2 censored, 3 event, 4 censored, 5 event; relative hazards 2, 1, 3, 4, 1. One of four is censored on
# day 2, one of two on day 4: G before day 3 is 3/4, before day 5 it is 3/8. At risk on day 3: 3 + 4 + 1 + 2 * 3/4, or
# 9.5; on day 5: 1 + 2 * 3/8 = 1.75.
FIVE = Target.survival("e", [4.0, 1.0, 3.0, 2.0, 5.0], [0, 2, 1, 0, 1])
SCORE: FloatArray = np.log([4.0, 2.0, 3.0, 1.0, 1.0])


def test_the_weighted_partial_likelihood() -> None:
    likelihood = subdistribution_likelihood(SCORE[:, None], FIVE)
    assert likelihood.loss(np.ones(1)) * 5 == pytest.approx(np.log(9.5 / 3) + np.log(1.75 / 1))
    score = np.log([4.0, 2.0, 3.0, 1.0, 1.0])
    first = (3 * score[2] + 4 * score[0] + 0 + 1.5 * score[1]) / 9.5
    second = (0.75 * score[1] + 0) / 1.75
    assert likelihood.derivatives(np.ones(1))[0] * 5 == pytest.approx(first + second - score[2] - score[4])


def test_the_baseline_and_the_incidence() -> None:
    baseline = fit_subdistribution_baseline(FIVE, SCORE)
    assert baseline.times.tolist() == [3.0, 5.0]
    assert baseline.event == pytest.approx([1 / 9.5, 1 / 1.75])
    assert baseline.competing.tolist() == [0.0, 0.0]
    risk = baseline.incidence(np.log([3.0]), (2.0, 3.0, 9.0))[0]
    assert risk == pytest.approx([0, 1 - np.exp(-3 / 9.5), 1 - np.exp(-3 / 9.5 - 3 / 1.75)])


def test_an_event_leaves_before_those_censored_that_day() -> None:
    """Day 2: an event and a censoring; of the two left after the event one is censored. Half of day 1's case stays."""
    target = Target.survival("e", [1.0, 2.0, 2.0, 3.0], [2, 1, 0, 1])
    assert fit_subdistribution_baseline(target, np.zeros(4)).event == pytest.approx([1 / 4, 1 / 1.5])


def test_a_competing_event_on_the_day_of_an_event_is_at_risk_once() -> None:
    target = Target.survival("e", [2.0, 2.0, 3.0], [2, 1, 1])
    assert fit_subdistribution_baseline(target, np.zeros(3)).event == pytest.approx([1 / 3, 1 / 2])


def test_tied_events_go_by_efron() -> None:
    """Relative hazards 5 (competing, day 1), 1 and 2 (events of day 2), 3 (day 3): 11, then 11 - 3/2."""
    target = Target.survival("e", [1.0, 2.0, 2.0, 3.0], [2, 1, 1, 0])
    likelihood = subdistribution_likelihood(np.log([[5.0], [1.0], [2.0], [3.0]]), target)
    assert likelihood.loss(np.ones(1)) * 4 == pytest.approx(np.log(11) + np.log(9.5 / 2))


def test_exposure_goes_on_after_a_competing_event() -> None:
    baseline = BaselineHazard(np.array([3.0, 5.0, 8.0]), np.array([0.1, 0.2, 0.4]), np.zeros(3))
    exposure = subdistribution_exposure(baseline, FIVE, 5.0)
    assert exposure == pytest.approx([0.1, 0.75 * 0.1 + 0.375 * 0.2, 0.1, 0.0, 0.3])
    assert subdistribution_exposure(baseline, FIVE, 4.0) == pytest.approx([0.1, 0.75 * 0.1, 0.1, 0.0, 0.1])
