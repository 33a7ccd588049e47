"""The weights of a stack, worked by hand or by another program."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls
from sklearn.linear_model import LogisticRegression

from outcome.models.cox import fit_cox
from outcome.models.inputs import Inputs
from outcome.models.linear import LinearScorer
from outcome.models.stacking import Base, StackedScorer, Weights, fit_weights
from outcome.types import EndpointKind, FloatArray, Target

PENALTY = 0.1


def amounts(value: FloatArray) -> Target:
    nothing = np.full(len(value), np.nan)
    return Target("e", EndpointKind.CONTINUOUS, value, nothing, nothing.copy())


def test_a_model_speaks_in_its_own_standard_deviation() -> None:
    # Scores 1 3 5 of the cases that have its block: mean 3, sd sqrt(8/3); the fourth case lacks it.
    scores, there = np.array([1.0, 3, 5, 99]), np.array([True, True, True, False])
    base = Base.of("gene", ("genomics",), scores, there)
    assert (base.centre, base.scale) == (3.0, pytest.approx(np.sqrt(8 / 3)))
    assert base.standardised(scores, there) == pytest.approx([-2 / np.sqrt(8 / 3), 0, 2 / np.sqrt(8 / 3), 0])
    assert (
        Base.of("same", ("a",), np.full(3, 7.0), there[:3]).standardised(np.full(3, 7.0), there[:3]).tolist() == [0] * 3
    )
    assert Base.of("none", ("a",), scores, ~there[[0, 0, 0, 0]]).centre == 0


def test_weights_sum_to_one_and_none_is_negative() -> None:
    # One score that is the value itself, one that is its reverse, one that says nothing.
    z = np.array([[-1.0, 1, 0], [0, 0, 0], [1, -1, 0]])
    assert fit_weights(z, amounts(np.array([0.0, 2, 4])), PENALTY).tolist() == [1.0, 0.0, 0.0]
    assert fit_weights(-z[:, :1], amounts(np.array([0.0, 2, 4])), PENALTY).tolist() == [0.0]


def test_level_and_unit_are_those_of_the_outcome() -> None:
    weights = Weights(np.array([0.25, 0.75]), 10.0, 2.0)
    # 10 + 2 * (0.25 * 4 + 0.75 * -2) = 9
    assert weights.combine(np.array([[4.0, -2.0], [0.0, 0.0]])).tolist() == [9.0, 10.0]


def drawn(n: int = 300) -> tuple[FloatArray, FloatArray]:
    """Three standardised scores of one drive, and the drive."""
    rng = np.random.default_rng(4)
    drive = rng.normal(size=n)
    scores = drive[:, None] + rng.normal(size=(n, 3)) * [0.5, 0.6, 0.8]
    return (scores - scores.mean(axis=0)) / scores.std(axis=0), drive


def test_yes_no_weights_go_as_those_of_a_ridge_where_none_would_be_negative() -> None:
    z, drive = drawn()
    y = (drive + np.random.default_rng(5).logistic(size=len(drive)) > 0).astype(float)
    peer = LogisticRegression(C=1 / (PENALTY * len(y)), tol=1e-10, max_iter=5000).fit(z, y).coef_[0]
    assert (peer > 0).all()
    assert fit_weights(z, Target.binary("e", y), PENALTY) == pytest.approx(peer / peer.sum(), abs=1e-5)


def test_weights_of_a_time_to_event_go_as_those_of_a_ridge_where_none_would_be_negative() -> None:
    z, drive = drawn()
    rng = np.random.default_rng(5)
    target = Target.survival("e", np.ceil(rng.exponential(300 * np.exp(-drive))), rng.choice([0, 1, 1, 2], len(drive)))
    peer = fit_cox(z, target, {"penalty": PENALTY, "l1_ratio": 0.0}, 0).coefficients
    assert (peer > 0).all()
    assert fit_weights(z, target, PENALTY) == pytest.approx(peer / peer.sum(), abs=1e-5)


def test_weights_of_an_amount_go_as_those_of_non_negative_least_squares() -> None:
    z, drive = drawn()
    z = np.column_stack([z, -z[:, 0]])
    y = (drive - drive.mean()) / drive.std()
    # a ridge is as many rows more, of the root of n times the penalty
    peer, _ = nnls(np.vstack([z, np.sqrt(len(y) * PENALTY) * np.eye(4)]), np.append(y, np.zeros(4)))
    assert peer[3] == 0
    assert fit_weights(z, amounts(drive), PENALTY) == pytest.approx(peer / peer.sum(), abs=1e-5)


def test_each_model_reads_its_own_blocks_and_says_nothing_of_a_case_without_them() -> None:
    bases = (Base("record", ("clinical", "plan"), 1.0, 2.0), Base("gene", ("genomics",), 1.0, 3.0))
    scorers = (LinearScorer(np.array([1.0, 2.0]), 0.0), LinearScorer(np.array([3.0]), 1.0))
    stack = StackedScorer(bases, scorers, Weights(np.array([1.0, 10.0]), 0.5, 1.0))
    present = {name: np.array([True, name != "genomics"]) for name in ("clinical", "plan", "genomics")}
    # columns: plan, genomics, clinical; the record's own order is that of the matrix: plan, clinical
    X = Inputs(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]), ("plan", "genomics", "clinical"), present)
    # 1*1 + 2*3 = 7, (7 - 1) / 2 = 3; 3*2 + 1 = 7, (7 - 1) / 3 = 2: 0.5 + 3 + 20; the second case has no genomics
    assert stack.score(X).tolist() == [23.5, 3.5]
    again = StackedScorer.from_state(stack.to_state(), LinearScorer.from_state)
    assert again.bases == bases
    assert again.score(X).tolist() == [23.5, 3.5]
