"""Imputation, worked by hand: which equations there are, what a case with a gap takes, and the mean of regressions."""

from __future__ import annotations

import numpy as np
import pytest

from outcome.features.imputation import CYCLES, Imputer, fit_imputer
from outcome.models.inputs import Inputs
from outcome.models.linear import LinearScorer, fit_logistic
from outcome.models.pooled import fit_pooled
from outcome.types import Target

FREE = np.array([[-np.inf, -np.inf], [np.inf, np.inf]])


def two_draws(bounds: tuple[float, float] = (-np.inf, np.inf)) -> Imputer:
    """Column 1 is 1 + 2 x + 0.5 z in the first draw and 3 + 4 x + 0.5 z in the second; x is column 0."""
    deviates = np.zeros((2, CYCLES, 1))
    deviates[:, -1, 0] = 1.0, -1.0
    return Imputer(
        filled=np.array([1]),
        read=np.array([[0]]),
        effects=np.array([[[2.0]], [[4.0]]]),
        level=np.array([[1.0], [3.0]]),
        spread=np.full((2, 1), 0.5),
        deviates=deviates,
        bounds=np.array(bounds)[:, None],
    )


def test_a_gap_takes_the_mean_over_the_draws() -> None:
    X = np.array([[1.0, 99.0], [1.0, 7.0], [2.0, 99.0]])
    missing = np.array([[False, True], [False, False], [False, True]])
    # x = 1: (1 + 2 + 0.5, 3 + 4 - 0.5); x = 2: (1 + 4 + 0.5, 3 + 8 - 0.5)
    np.testing.assert_allclose(two_draws().mean(X, missing), [[1, 5.0], [1, 7.0], [2, 8.0]])


def test_each_draw_is_kept_within_bounds() -> None:
    filled = two_draws((0.0, 4.0)).mean(np.array([[1.0, 99.0]]), np.array([[False, True]]))
    np.testing.assert_allclose(filled, [[1.0, (3.5 + 4.0) / 2]])


def test_a_gap_where_training_had_none_is_left_alone() -> None:
    X = np.array([[5.0, 7.0]])
    np.testing.assert_array_equal(two_draws().mean(X, np.array([[True, False]])), X)


def test_an_exact_relation_is_found_again() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=80)
    X = np.column_stack([x, 3 - 2 * x])
    missing = np.zeros(X.shape, dtype=bool)
    missing[:20, 1] = True
    X[:20, 1] = 0.0  # the single value with which the chain begins
    found = fit_imputer(X, missing, [0, 1], FREE, 3, seed=1)
    assert found is not None
    imputer, drawn = found
    for matrix in (imputer.mean(X, missing), *drawn):
        np.testing.assert_allclose(matrix[:, 1], 3 - 2 * x, atol=1e-3)


def test_an_equation_reads_one_column_for_ten_known_values() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 6))
    missing = np.zeros(X.shape, dtype=bool)
    missing[:15, 0] = True  # 25 known: two columns
    X[:, 4] = X[:, 0] + 0.1 * X[:, 4]
    X[:, 2] = X[:, 0] + 0.5 * X[:, 2]
    found = fit_imputer(X, missing, range(6), np.tile([[-np.inf], [np.inf]], 6), 2, seed=1)
    assert found is not None
    np.testing.assert_array_equal(found[0].read, [[2, 4]])


def test_draws_spread_as_the_residuals_do() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=4000)
    y = 0.6 * x + 0.8 * rng.normal(size=4000)
    missing = np.zeros((4000, 2), dtype=bool)
    missing[::2, 1] = True
    found = fit_imputer(np.column_stack([x, np.where(missing[:, 1], 0, y)]), missing, [0, 1], FREE, 10, seed=3)
    assert found is not None
    gaps = [matrix[missing[:, 1]] for matrix in found[1]]
    assert np.mean([rows[:, 1].std() for rows in gaps]) == pytest.approx(1.0, abs=0.03)
    assert np.mean([np.corrcoef(rows.T)[0, 1] for rows in gaps]) == pytest.approx(0.6, abs=0.03)


def test_the_pooled_regression_has_the_mean_coefficients() -> None:
    rng = np.random.default_rng(4)
    drawn = [rng.normal(size=(60, 3)) for _ in range(3)]
    target = Target.binary("e", (rng.random(60) < 0.4).astype(float))
    params = {"penalty": 0.1}
    alone = [fit_logistic(X, target, params, 5) for X in drawn]
    pooled = fit_pooled("logistic", Inputs(np.mean(drawn, axis=0)), drawn, target, params, 5).scorer
    assert isinstance(pooled, LinearScorer)
    np.testing.assert_allclose(pooled.coefficients, np.mean([one.coefficients for one in alone], axis=0))
    assert pooled.intercept == pytest.approx(np.mean([one.intercept for one in alone]))
    # the score of the mean is the mean of the scores
    scores = np.mean([pooled.score(Inputs(X)) for X in drawn], axis=0)
    np.testing.assert_allclose(pooled.score(Inputs(np.mean(drawn, axis=0))), scores)


def test_coefficients_of_trees_cannot_be_averaged() -> None:
    X = np.random.default_rng(5).normal(size=(40, 2))
    target = Target.binary("e", np.tile([0.0, 1.0], 20))
    params = {"trees": 2, "min_leaf": 5, "feature_share": 1.0}
    with pytest.raises(ValueError, match="cannot be averaged"):
        fit_pooled("forest", Inputs(X), [X, X], target, params, 1)
