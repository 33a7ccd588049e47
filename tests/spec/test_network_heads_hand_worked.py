"""Heads of grades, amounts and competing risks by hand, and against lifelines and statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from lifelines import AalenJohansenFitter
from scipy.stats import norm
from statsmodels.miscmodels.ordinal_model import OrderedModel
from torch import Tensor

from outcome.models.network.amount_heads import (
    NORMAL_PINBALL,
    QUANTILES,
    STEP_AT_LEAST,
    CumulativeHead,
    GaussianHead,
    QuantileHead,
    pinball,
)
from outcome.models.network.cumulative_odds import CumulativeLoss, cumulative_levels, fit_cumulative_odds
from outcome.models.network.head_choice import head_numbers, in_units
from outcome.models.network.heads import BinaryHead, DiscreteTimeHead
from outcome.models.network.linear_start import fit_linear_start
from outcome.models.network.outcomes import Outcomes
from outcome.types import EndpointKind, Target


def amounts(*values: float) -> Outcomes:
    nothing = torch.zeros(len(values))
    return Outcomes(torch.tensor(values), nothing, nothing.long())


def target_of(kind: EndpointKind, values: list[float]) -> Target:
    empty = np.full(len(values), np.nan)
    return Target("e", kind, np.array(values), empty, empty)


def before_step(step: float) -> float:
    """What softplus makes `step` of, less the smallest step."""
    return math.log(math.expm1(step - STEP_AT_LEAST))


def test_three_grades_by_hand() -> None:
    """Odds of grade 1 or more are 3, of grade 3 are 1/3: chances 1/4, 1/2, 1/4; mean grade 1/2 + 3/4 = 5/4."""
    head = CumulativeHead((0.0, 1.0, 3.0))
    raw = torch.tensor([[math.log(3), before_step(2 * math.log(3))]]).double().expand(3, -1)
    assert head.chances(raw)[0].tolist() == pytest.approx([0.25, 0.5, 0.25], rel=1e-6)
    assert float(head.total_loss(raw, amounts(0.0, 1.0, 3.0))) == pytest.approx(math.log(4 * 2 * 4), rel=1e-6)
    assert float(head.loss(raw, amounts(3.0, 1.0, 1.0))) == pytest.approx(math.log(4 * 2 * 2) / 3, rel=1e-6)
    assert float(head.score(raw)[0]) == pytest.approx(1.25, rel=1e-6)


def test_two_grades_are_yes_or_no() -> None:
    raw, y = torch.randn(7, 1), torch.tensor([0.0, 1, 1, 0, 1, 0, 0])
    grades, yes_no = amounts(*(2 * y).tolist()), amounts(*y.tolist())
    torch.testing.assert_close(CumulativeHead((0.0, 2.0)).loss(raw, grades), BinaryHead().loss(raw, yes_no))


def test_grades_far_out_keep_a_finite_loss_and_gradient() -> None:
    head = CumulativeHead((0.0, 1.0, 2.0))
    for far in (-60.0, 60.0):
        raw = torch.tensor([[far, -30.0]] * 3, requires_grad=True)
        loss = head.loss(raw, amounts(0.0, 1.0, 2.0))
        loss.backward()
        assert torch.isfinite(loss)
        assert raw.grad is not None
        assert torch.isfinite(raw.grad).all()


def test_thresholds_without_a_score_are_the_log_odds_of_the_shares() -> None:
    """Of ten, four reach grade 1 and one grade 2: log odds ln(4/6) and ln(1/9)."""
    grade = np.array([0] * 6 + [1] * 3 + [2])
    expected = [math.log(4 / 6), math.log(1 / 9)]
    assert cumulative_levels(np.zeros(10), grade, 3).tolist() == pytest.approx(expected, abs=1e-4)
    level = CumulativeHead((0.0, 1.0, 2.0)).level(amounts(*grade.astype(float).tolist()), torch.zeros(10))
    reached = CumulativeHead((0.0, 1.0, 2.0)).reached(level[None])
    assert reached[0].tolist() == pytest.approx(expected, abs=1e-4)


def test_proportional_odds_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    x = 3 * rng.normal(size=400)
    grade = np.digitize(0.6 * x + rng.logistic(size=400), [-0.5, 1.0, 2.5])
    slope, levels = fit_cumulative_odds(x, grade, 4)
    peer = OrderedModel(grade, x[:, None], distr="logit").fit(method="newton", disp=0)
    cuts = peer.model.transform_threshold_params(peer.params)[1:-1]
    assert slope == pytest.approx(peer.params[0], abs=1e-4)
    assert levels.tolist() == pytest.approx((-cuts).tolist(), abs=1e-4)
    # the same likelihood, case by case, as the head states it
    raw = torch.tensor([[levels[0], *(before_step(step) for step in -np.diff(levels))]]).double().repeat(400, 1)
    raw[:, 0] += slope * torch.from_numpy(x)
    head = CumulativeHead((0.0, 1.0, 2.0, 3.0))
    assert float(head.total_loss(raw, amounts(*grade.astype(float).tolist()))) == pytest.approx(-peer.llf, rel=1e-6)


def test_a_score_the_wrong_way_round_is_not_read_and_one_that_parts_all_stays_finite() -> None:
    grade = np.repeat([0, 1, 2], 20)
    assert fit_cumulative_odds(-grade + np.tile([0.0, 0.5], 30), grade, 3)[0] == 0.0
    assert fit_cumulative_odds(np.ones(60), grade, 3)[0] == 0.0
    slope, levels = fit_cumulative_odds(grade.astype(float), grade, 3)
    assert np.isfinite([slope, *levels]).all()
    assert slope > 5


def test_derivatives_of_proportional_odds_are_differences() -> None:
    rng = np.random.default_rng(1)
    loss = CumulativeLoss(rng.normal(size=(30, 2)), rng.integers(0, 4, 30), 4, rng.normal(size=30))
    b, h = np.array([0.3, -0.2, 1.0, 0.1, -0.9]), 1e-5
    gradient, hessian = loss.derivatives(b)
    for i, e in enumerate(np.eye(5) * h):
        assert gradient[i] == pytest.approx((loss.loss(b + e) - loss.loss(b - e)) / (2 * h), abs=1e-8)
        of_gradient = (loss.derivatives(b + e)[0] - loss.derivatives(b - e)[0]) / (2 * h)
        assert hessian[i].tolist() == pytest.approx(of_gradient.tolist(), abs=1e-8)


def test_pinball_by_hand() -> None:
    """Two above the 0.25 quantile costs 0.25 x 2; two below it costs 0.75 x 2."""
    above = torch.tensor([[2.0, 2.0], [-2.0, -2.0]])
    assert pinball(above, (0.25, 0.9)).flatten().tolist() == pytest.approx([0.5, 1.8, 1.5, 0.2], rel=1e-6)


def test_quantiles_by_hand() -> None:
    """Median 1, quartiles 0.5 and 1.5, tenths -0.5 and 3.5, in units of 2 days around 10."""
    head = QuantileHead((10.0, 2.0))
    raw = torch.tensor([[1.0, *map(before_step, (0.5, 1.0, 0.5, 2.0))]]).double()
    assert head.quantiles(raw)[0].tolist() == pytest.approx([9, 11, 12, 13, 17], rel=1e-6)
    assert float(head.score(raw)) == pytest.approx(12)
    # 2 lies 2.5, 1.5, 1 and 0.5 above the first four and 1.5 below the last
    expected = (0.1 * 2.5 + 0.25 * 1.5 + 0.5 * 1 + 0.75 * 0.5 + 0.1 * 1.5) / 5 / NORMAL_PINBALL
    assert float(head.loss(raw, amounts(2.0))) == pytest.approx(expected, rel=1e-6)


def test_a_normal_amount_of_which_nothing_is_known_costs_one() -> None:
    """The pinball loss of a distribution's own quantile is its density there, for the standard normal."""
    assert pytest.approx(np.mean(norm.pdf(norm.ppf(QUANTILES))), rel=1e-12) == NORMAL_PINBALL
    head, y = QuantileHead((0.0, 1.0)), torch.from_numpy(norm.ppf((np.arange(20000) + 0.5) / 20000))
    outcomes = Outcomes(y, torch.zeros(20000), torch.zeros(20000).long())
    level = head.level(outcomes, torch.zeros(20000))
    assert head.quantiles(level[None])[0].tolist() == pytest.approx(norm.ppf(QUANTILES).tolist(), abs=1e-3)
    assert float(head.loss(level.double().expand(20000, -1), outcomes)) == pytest.approx(1, abs=1e-3)


def test_a_gaussian_amount_by_hand() -> None:
    head = GaussianHead((50.0, 10.0))
    raw = torch.tensor([[0.5, math.log(0.8)]]).double()
    assert float(head.score(raw)) == pytest.approx(55)
    assert float(head.spread(raw)) == pytest.approx(8)
    assert float(head.loss(raw, amounts(1.25))) == pytest.approx(-norm.logpdf(1.25, 0.5, 0.8), rel=1e-6)
    level = head.level(amounts(1.0, 3.0), torch.tensor([0.0, 0.0]))
    assert level.tolist() == pytest.approx([2.0, 0.0], abs=1e-6)


def test_amounts_are_learned_in_units_of_their_own_spread() -> None:
    """Stays of e - 1 and e^3 - 1 days: log1p 1 and 3, centre 2, spread 1."""
    stay = target_of(EndpointKind.DURATION, [math.e - 1, math.e**3 - 1])
    numbers = head_numbers("quantiles", stay)
    assert numbers == pytest.approx((2.0, 1.0))
    assert in_units("quantiles", numbers, stay).value.tolist() == pytest.approx([-1.0, 1.0])
    assert stay.value.tolist() == [math.e - 1, math.e**3 - 1]
    grades = target_of(EndpointKind.ORDINAL, [0.0, 4.0, 1.0, 4.0])
    assert head_numbers("cumulative", grades) == (0.0, 1.0, 4.0)
    assert in_units("cumulative", (0.0, 1.0, 4.0), grades) is grades


def aalen_johansen(time: np.ndarray, cause: np.ndarray, of: int, at: list[float]) -> np.ndarray:
    fitter = AalenJohansenFitter(calculate_variance=False).fit(time, cause, event_of_interest=of)
    return np.asarray(fitter.cumulative_density_.iloc[:, 0].asof(at), dtype=float)


def test_incidences_are_aalen_johansens_where_every_event_day_is_an_interval() -> None:
    """Maximum likelihood hazards of each day are events over those at risk, and their incidence is Aalen-Johansen's.

    Censored cases leave on days of their own, so that whoever is at risk on a day lives through its interval.
    """
    time = np.array([1.0, 2, 2.5, 3, 4, 5, 5.5, 6, 7, 8])
    cause = np.array([1, 2, 0, 1, 1, 2, 0, 1, 2, 1])
    days = sorted(time[cause > 0].tolist())
    head = DiscreteTimeHead(tuple(days))
    at_risk = np.array([(time >= day).sum() for day in days])
    chance = np.array([[(cause[time == day] == c).sum() for day in days] for c in (1, 2)]) / at_risk
    # logits of a chance of 0 or 1 have no end: -40 and +40 are beyond 1e-6
    neither = np.maximum(1 - chance.sum(axis=0), np.exp(-40))
    logits = np.log(np.maximum(chance, np.exp(-40) * neither) / neither)
    raw = torch.from_numpy(logits).flatten()[None]
    made = head.incidence(raw)[0].numpy()
    for column, of in enumerate((1, 2)):
        assert made[:, column].tolist() == pytest.approx(aalen_johansen(time, cause, of, days).tolist(), abs=1e-6)
    # and no other hazards fit these cases better
    outcomes = Outcomes(torch.zeros(10), torch.from_numpy(time), torch.from_numpy(cause))
    moved = _gradient(head, raw, outcomes)
    assert float(moved.abs().max()) < 1e-6


def _gradient(head: DiscreteTimeHead, raw: Tensor, outcomes: Outcomes) -> Tensor:
    free = raw.clone().requires_grad_(True)
    head.loss(free.expand(len(outcomes.time), -1), outcomes).backward()
    assert free.grad is not None
    return free.grad


def test_the_score_is_the_incidence_at_the_last_edge() -> None:
    head, raw = DiscreteTimeHead((10.0, 20.0, 30.0)), torch.randn(5, 6)
    last = head.incidence(raw)[:, -1, 0]
    torch.testing.assert_close(head.score(raw), torch.log(-torch.log1p(-last)))


@pytest.mark.parametrize("kind", [EndpointKind.ORDINAL, EndpointKind.DURATION, EndpointKind.CONTINUOUS])
def test_out_of_fold_scores_of_amounts_never_saw_their_own_case(kind: EndpointKind) -> None:
    """Up to the one slope of a grade, which is made of all cases and is divided out."""
    rng = np.random.default_rng(0)
    table, images = rng.normal(size=(60, 2)), np.empty((60, 0))
    value = np.clip(np.round(2 + table[:, 0] + rng.normal(size=60)), 0, 4)
    other = value.copy()
    other[:2] = 4 - other[:2]
    cases = [str(i // 2) for i in range(60)]
    one, two = (
        fit_linear_start(table, images, cases, target_of(kind, y.tolist()), np.random.default_rng(1)).out_of_fold
        for y in (value, other)
    )
    slope = one[0] / two[0] if kind is EndpointKind.ORDINAL else 1.0
    assert one[:2].tolist() == pytest.approx((slope * two[:2]).tolist(), rel=1e-9)
    assert not np.allclose(one[2:], slope * two[2:])
