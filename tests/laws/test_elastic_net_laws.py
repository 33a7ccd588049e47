"""Where an elastic net ends, no coefficient can be moved with gain: the subgradient conditions of the penalised loss.

Tibshirani 2013, doi:10.1214/13-EJS815, section 2.1: the smooth slope of a coefficient that is not 0 is -l1 times its
sign, that of a 0 is at most l1.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from outcome.models import newton
from outcome.models.cox import PartialLikelihood
from outcome.models.linear import LogLoss
from outcome.models.newton import Loss, LossOfColumns, minimise, minimise_sparse
from outcome.types import FloatArray, Target

L2 = 0.02
SLACK = 1e-5


def correlated(n: int = 150, p: int = 40) -> tuple[np.random.Generator, FloatArray]:
    rng = np.random.default_rng(4)
    return rng, rng.normal(size=(n, p)) + 0.7 * rng.normal(size=(n, 1))


def yes_no() -> LogLoss:
    rng, X = correlated()
    return LogLoss(X, (rng.random(len(X)) < expit(X[:, 0] - X[:, 1])).astype(float))


def survival() -> PartialLikelihood:
    rng, X = correlated()
    time = np.ceil(8 * rng.exponential(np.exp(X[:, 1] - X[:, 0])))
    return PartialLikelihood.of(X, Target.survival("e", time, (rng.random(len(X)) < 0.6).astype(float)))


@pytest.mark.parametrize("loss", [yes_no(), survival()], ids=["yes/no", "cox"])
@pytest.mark.parametrize("l1", [0.002, 0.02, 0.08])
def test_no_coefficient_can_be_moved_with_gain(loss: Loss, l1: float) -> None:
    p = 40 + loss.has_level
    begun = np.zeros(p)
    found = minimise(loss, begun, l1, L2)
    slope, _ = loss.derivatives(found)
    b, pull = found[:40], slope[:40] + L2 * found[:40]
    kept = b != 0
    assert np.abs(pull[kept] + l1 * np.sign(b[kept])).max() < SLACK
    assert np.abs(pull[~kept]).max(initial=0.0) < l1 + SLACK
    assert 0 < kept.sum() < 40 or l1 == 0.002
    assert np.abs(slope[40:]).max(initial=0.0) < SLACK
    assert not begun.any(), "the start was written over"


@pytest.mark.parametrize("loss", [yes_no(), survival()], ids=["yes/no", "cox"])
def test_the_way_there_does_not_matter(loss: Loss) -> None:
    p = 40 + loss.has_level
    far = np.random.default_rng(1).normal(size=p)
    assert minimise(loss, far, 0.02, L2) == pytest.approx(minimise(loss, np.zeros(p), 0.02, L2), abs=1e-5)


@pytest.mark.parametrize("loss", [yes_no(), survival()], ids=["yes/no", "cox"])
@pytest.mark.parametrize("l1", [0.002, 0.02, 0.08, 0.5])
def test_a_growing_set_of_columns_ends_where_all_of_them_do(
    loss: LossOfColumns, l1: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newton, "FEW_COLUMNS", 5)
    monkeypatch.setattr(newton, "FIRST_COLUMNS", 3)
    start = np.zeros(40 + loss.has_level)
    start[40:] = 0.3  # a level that is not the best one
    found, wanted = minimise_sparse(loss, start, l1, L2), minimise(loss, start, l1, L2)
    assert found == pytest.approx(wanted, abs=1e-5)
    assert not start[:40].any(), "the start was written over"


@pytest.mark.parametrize("loss", [yes_no(), survival()], ids=["yes/no", "cox"])
def test_the_gradient_alone_is_that_beside_the_hessian(loss: LossOfColumns) -> None:
    b = np.random.default_rng(1).normal(size=40 + loss.has_level) / 5
    assert loss.gradient(b) == pytest.approx(loss.derivatives(b)[0], abs=1e-12)
