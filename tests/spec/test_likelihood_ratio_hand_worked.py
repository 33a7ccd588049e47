"""Likelihood-ratio tests on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest

from outcome.evaluation.comparison.likelihood_ratio import likelihood_ratio
from outcome.training.unpenalised import independent_columns, log_likelihood
from outcome.types import FloatArray, Target


def test_three_in_log_likelihood_for_two_columns() -> None:
    """Chi-squared with 2 degrees of freedom exceeds 6 with chance exp(-3); with 1 it exceeds 3.841459 with 0.05."""
    found = likelihood_ratio(-10.0, -7.0, 2)
    assert (found.statistic, found.df) == (6.0, 2)
    assert found.p_value == pytest.approx(math.exp(-3))
    assert likelihood_ratio(-10.0, -10.0 + 3.841459 / 2, 1).p_value == pytest.approx(0.05, abs=1e-6)


def test_no_gain_is_no_evidence_and_rounding_no_loss() -> None:
    assert likelihood_ratio(-7.0, -7.0 - 1e-9, 3).p_value == 1.0


@pytest.mark.parametrize(("smaller", "larger", "df"), [(-7.0, -7.1, 1), (-7.0, -6.0, 0)])
def test_models_that_are_not_nested_are_refused(smaller: float, larger: float, df: int) -> None:
    with pytest.raises(ValueError, match="nested"):
        likelihood_ratio(smaller, larger, df)


def test_a_yes_no_table_of_two_groups() -> None:
    """1 of 4 and 3 of 4: each group's own share against the common half."""
    group: FloatArray = np.repeat([0.0, 1.0], 4)[:, None]
    target = Target.binary("e", [1, 0, 0, 0, 1, 1, 1, 0])
    assert log_likelihood(group, target) == pytest.approx(2 * (math.log(1 / 4) + 3 * math.log(3 / 4)))
    assert log_likelihood(group[:, :0], target) == pytest.approx(8 * math.log(1 / 2))


def test_without_a_column_cox_counts_who_is_at_risk() -> None:
    """Day 1: two events of five at risk (5, then 4 by Efron); day 3: one of two."""
    target = Target.survival("e", [1.0, 1.0, 2.0, 3.0, 4.0], [1, 1, 2, 1, 0])
    assert log_likelihood(np.empty((5, 0)), target) == pytest.approx(-math.log(5 * 4 * 2))


def test_columns_that_add_up_are_counted_once() -> None:
    """Every choice of a category has a 0/1 column: with the level one of them says nothing new, and here the last."""
    levels = np.eye(3)[[0, 1, 2, 0, 1, 2, 0]]
    other = np.arange(7.0)
    X = np.column_stack([levels, other, 2 * other + levels[:, 0], np.ones(7)])
    assert independent_columns(X, 10) == [0, 1, 3]
    assert independent_columns(X, 1) == [0, 1]
