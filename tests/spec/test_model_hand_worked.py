"""Baseline hazards and incidences of a few patients, worked out on paper."""

from __future__ import annotations

import numpy as np
import pytest

from outcome.models.cox import PartialLikelihood
from outcome.models.forest import Trees
from outcome.models.hazard import BaselineHazard, fit_baseline
from outcome.models.scale import from_score
from outcome.types import EndpointKind, Target


def test_breslow_jumps_of_four_patients() -> None:
    # relative hazards 2, 1, 1, 4; event at 1: 1/(2+1+1+4); competing at 2 (3 at risk, no weights); event at 3: 1/(1+4)
    target = Target.survival("e", [1.0, 2.0, 3.0, 5.0], [1, 2, 1, 0])
    baseline = fit_baseline(target, np.log([2.0, 1.0, 1.0, 4.0]))
    assert baseline.times.tolist() == [1.0, 2.0, 3.0]
    assert baseline.event == pytest.approx([1 / 8, 0, 1 / 5])
    assert baseline.competing == pytest.approx([0, 1 / 3, 0])


def test_incidence_without_competing_events_is_one_minus_survival() -> None:
    baseline = BaselineHazard(np.array([10.0, 20.0]), np.array([0.1, 0.3]), np.zeros(2))
    risk = baseline.incidence(np.array([0.0, np.log(2)]), (5.0, 10.0, 19.9, 20.0, 1000.0))
    assert risk[0] == pytest.approx([0, *(1 - np.exp(-np.array([0.1, 0.1, 0.4, 0.4])))])
    assert risk[1] == pytest.approx([0, *(1 - np.exp(-np.array([0.2, 0.2, 0.8, 0.8])))])


def test_a_competing_event_takes_patients_away() -> None:
    # at 10 both causes have hazard 0.5: survival falls to exp(-1), half of the fall is ours; at 20 ours alone
    baseline = BaselineHazard(np.array([10.0, 20.0]), np.array([0.5, 0.5]), np.array([0.5, 0.0]))
    risk = baseline.incidence(np.zeros(1), (10.0, 20.0))[0]
    first = (1 - np.exp(-1)) / 2
    assert risk == pytest.approx([first, first + np.exp(-1) * (1 - np.exp(-0.5))])


def test_partial_likelihood_of_three_patients() -> None:
    # order of events: relative hazards e, 1 (event, censored later), then the last alone
    target = Target.survival("e", [1.0, 2.0, 3.0], [1, 0, 1])
    likelihood = PartialLikelihood.of(np.array([[1.0], [0.0], [0.0]]), target)
    assert likelihood.loss(np.array([1.0])) == pytest.approx(-(1 - np.log(np.e + 2) + 0) / 3)


def test_partial_likelihood_of_three_tied_events() -> None:
    """Relative hazards 1, 2, 3 tied and 4 censored that day: 10, less a third of 6, less two thirds of 6: 10, 8, 6.

    Means of the column, 0 but for the case of hazard 2: 2/10, (2 - 2/3)/8, (2 - 4/3)/6.
    """
    target = Target.survival("e", [5.0, 5.0, 5.0, 5.0, 2.0], [1, 1, 1, 0, 2])
    X = np.column_stack([np.log([1.0, 2.0, 3.0, 4.0, 9.0]), [0.0, 1.0, 0.0, 0.0, 0.0]])
    likelihood = PartialLikelihood.of(X, target)
    assert likelihood.loss(np.array([1.0, 0.0])) == pytest.approx((np.log(10 * 8 * 6) - np.log(1 * 2 * 3)) / 5)
    gradient, hessian = likelihood.derivatives(np.array([1.0, 0.0]))
    means = np.array([2 / 10, (4 / 3) / 8, (2 / 3) / 6])
    assert gradient[1] == pytest.approx((means.sum() - 1) / 5)
    assert hessian[1, 1] == pytest.approx(np.sum(means * (1 - means)) / 5)


def test_two_stumps_walked_by_hand() -> None:
    # tree 1: x0 <= 0.5 ? 1 : 3; tree 2: x1 <= -1 ? 10 : 20
    trees = Trees(
        roots=np.array([0, 3], dtype=np.int32),
        left=np.array([1, -1, -1, 4, -1, -1], dtype=np.int32),
        right=np.array([2, -1, -1, 5, -1, -1], dtype=np.int32),
        feature=np.array([0, -2, -2, 1, -2, -2], dtype=np.int32),
        threshold=np.array([0.5, -2, -2, -1.0, -2, -2]),
        value=np.array([0.0, 1, 3, 0, 10, 20]),
    )
    X = np.array([[0.5, -1.0], [0.6, -1.0], [0.5, 0.0], [9.0, 9.0]])
    assert trees.mean_value(X).tolist() == [5.5, 6.5, 10.5, 11.5]


def test_a_duration_comes_back_in_days_and_never_negative() -> None:
    days = from_score(EndpointKind.DURATION, np.array([np.log(5.0), 0.0, -3.0]))
    assert days == pytest.approx([4.0, 0.0, 0.0])
