"""Two independent ways must agree: ours against scikit-learn and lifelines, formulas against resampling."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from lifelines import AalenJohansenFitter, KaplanMeierFitter
from lifelines.utils import concordance_index
from patsy import build_design_matrices, dmatrix  # type: ignore[import-untyped]
from sklearn.metrics import average_precision_score, r2_score, roc_auc_score
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from outcome.evaluation.calibration.curve import calibration_curve
from outcome.evaluation.calibration.restricted_spline import KNOT_QUANTILES
from outcome.evaluation.comparison.differences import paired_bootstrap, paired_delong, paired_harrell_c
from outcome.evaluation.discrimination.concordance import concordance, concordance_influence, harrell_c
from outcome.evaluation.discrimination.roc import auroc, average_precision
from outcome.evaluation.overall.binary import scaled_brier, scaled_brier_estimate
from outcome.evaluation.overall.regression import r2
from outcome.evaluation.overall.survival import (
    _brier_pull,
    auc_and_pull,
    auc_t,
    auc_t_estimate,
    brier_t,
    brier_t_estimate,
    oe_ratio_t,
    oe_ratio_t_estimate,
)
from outcome.evaluation.times.censoring import HorizonStatus, weight_influence
from outcome.evaluation.times.incidence import aalen_johansen, kaplan_meier
from outcome.types import Estimate, FloatArray

Z = 1.959964


@pytest.fixture(scope="module")
def times() -> tuple[FloatArray, FloatArray, FloatArray]:
    """400 cases with ties, about a third censored before day 60 and some competing events."""
    rng = np.random.default_rng(7)
    lp = rng.normal(size=400)
    ends = np.stack([rng.exponential(80 * np.exp(-lp)), rng.exponential(300, 400), rng.exponential(120, 400)])
    kind = np.array([1.0, 2.0, 0.0])[ends.argmin(axis=0)]
    return np.ceil(ends.min(axis=0)), kind, lp


@pytest.fixture(scope="module")
def classes() -> tuple[FloatArray, FloatArray, FloatArray]:
    rng = np.random.default_rng(3)
    lp = rng.normal(size=300)
    y = (rng.random(300) < 1 / (1 + np.exp(1 - lp))).astype(float)
    return y, np.round(1 / (1 + np.exp(1 - lp)), 2), np.round(rng.random(300), 2)


def spread(estimate: Estimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    return (estimate.high - estimate.low) / (2 * Z)


def test_ranking_numbers_of_scikit_learn(classes: tuple[FloatArray, ...]) -> None:
    y, risk, _ = classes
    assert auroc(y, risk) == pytest.approx(roc_auc_score(y, risk))
    assert average_precision(y, risk) == pytest.approx(average_precision_score(y, risk))
    assert r2(risk, y) == pytest.approx(r2_score(risk, y))


def test_kaplan_meier_of_lifelines(times: tuple[FloatArray, ...]) -> None:
    days, event, _ = times
    theirs = KaplanMeierFitter().fit(days, event == 1)
    ours = kaplan_meier(days, event)
    assert ours.at(np.arange(200.0)) == pytest.approx(theirs.predict(np.arange(200.0)).to_numpy())


def test_aalen_johansen_of_lifelines(times: tuple[FloatArray, ...]) -> None:
    days, event, _ = times
    # lifelines breaks ties by adding noise; distinct times need none.
    distinct = days + np.linspace(0, 0.4, days.size)
    theirs = AalenJohansenFitter().fit(distinct, event, event_of_interest=1)
    ours = aalen_johansen(distinct, event)
    assert ours.at(theirs.cumulative_density_.index.to_numpy()) == pytest.approx(
        theirs.cumulative_density_.iloc[:, 0].to_numpy()
    )
    # Their last variance is 0/0: nobody is left.
    variance = theirs.variance_.iloc[:-1]
    their_se = np.sqrt(variance.to_numpy())
    assert ours.se_at(variance.index.to_numpy()) == pytest.approx(their_se, rel=0.02, abs=1e-4)


def test_concordance_of_lifelines(times: tuple[FloatArray, ...]) -> None:
    days, event, lp = times
    only = (event == 1).astype(float)
    assert harrell_c(days, only, lp) == pytest.approx(concordance_index(days, -lp, only), abs=2e-4)
    # Without censoring both mean the same pairs, but for two events on the same day.
    distinct = days + np.linspace(0, 0.4, days.size)
    assert concordance(distinct, lp) == pytest.approx(concordance_index(distinct, lp))


def test_jackknife_of_harrell_c_agrees_with_leaving_one_out(times: tuple[FloatArray, ...]) -> None:
    days, event, lp = (part[:120] for part in times)
    left_out = [harrell_c(*(np.delete(part, k) for part in (days, event, lp))) for k in range(120)]
    jackknife = np.sqrt(119 / 120 * np.sum((np.array(left_out) - np.mean(left_out)) ** 2))
    assert np.sqrt(np.sum(concordance_influence(days, event, lp) ** 2)) == pytest.approx(jackknife, rel=0.03)


def test_influence_of_numbers_at_a_horizon_agrees_with_leaving_one_out(times: tuple[FloatArray, ...]) -> None:
    # Leaving one out estimates the censoring curve anew each time, so it also checks the weights' part.
    days, event, lp = (part[:200] for part in times)
    risk = 1 - np.exp(-60 / 80 * np.exp(lp))
    pairs: list[tuple[Callable[..., float], Callable[..., Estimate]]]
    pairs = [(auc_t, auc_t_estimate), (brier_t, brier_t_estimate)]
    for metric, estimate in pairs:
        left_out = [metric(*(np.delete(part, k) for part in (days, event, risk)), 60.0) for k in range(200)]
        jackknife = np.sqrt(199 / 200 * np.sum((np.array(left_out) - np.mean(left_out)) ** 2))
        assert spread(estimate(days, event, risk, 60.0)) == pytest.approx(jackknife, rel=0.03)


def test_the_ratio_at_a_horizon_has_the_spread_of_leaving_one_out(times: tuple[FloatArray, ...]) -> None:
    days, event, _ = times
    fixed = np.full(days.size, 0.4)
    left_out = [np.log(oe_ratio_t(np.delete(days, k), np.delete(event, k), fixed[1:], 60.0)) for k in range(400)]
    jackknife = np.sqrt(399 / 400 * np.sum((np.array(left_out) - np.mean(left_out)) ** 2))
    estimate = oe_ratio_t_estimate(days, event, fixed, 60.0)
    assert np.log(estimate.high / estimate.low) / (2 * Z) == pytest.approx(jackknife, rel=0.03)


def test_delta_interval_of_the_scaled_brier_score(classes: tuple[FloatArray, ...]) -> None:
    y, risk, _ = classes
    left_out = [scaled_brier(np.delete(y, k), np.delete(risk, k)) for k in range(300)]
    jackknife = np.sqrt(299 / 300 * np.sum((np.array(left_out) - np.mean(left_out)) ** 2))
    assert spread(scaled_brier_estimate(y, risk)) == pytest.approx(jackknife, rel=0.02)


def test_paired_formulas_agree_with_the_paired_bootstrap(
    classes: tuple[FloatArray, ...], times: tuple[FloatArray, ...]
) -> None:
    y, risk, other = classes
    formula = paired_delong(y, risk, other).estimate
    resampled = paired_bootstrap(auroc, (y,), (risk, other), seed=1, draws=600).estimate
    assert spread(resampled) == pytest.approx(spread(formula), rel=0.15)
    days, event, lp = times
    noisy = lp + np.random.default_rng(0).normal(size=lp.size)
    formula = paired_harrell_c(days, event, lp, noisy).estimate
    resampled = paired_bootstrap(harrell_c, (days, event), (lp, noisy), seed=1, draws=600).estimate
    assert resampled.value == pytest.approx(formula.value)
    assert spread(resampled) == pytest.approx(spread(formula), rel=0.15)


@pytest.mark.parametrize(("metric", "estimate"), [(auc_t, auc_t_estimate), (brier_t, brier_t_estimate)])
def test_influence_is_the_change_made_by_one_more_case(
    metric: Callable[..., float], estimate: Callable[..., Estimate]
) -> None:
    # Every case 500 times and one of them once more: the change times 500 is the derivative by that case's weight.
    days = np.array([1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 9, 9], dtype=float)
    event = np.array([0, 1, 0, 1, 0, 2, 0, 1, 0, 1, 0, 1, 0], dtype=float)
    risk = np.array([3, 8, 2, 4, 9, 6, 1, 7, 5, 3, 2, 6, 4]) / 10
    status, n, copies = HorizonStatus.at(days, event, 7.5), 13, 500
    if metric is auc_t:
        pull = direct = auc_and_pull(status, risk)[1]
    else:
        pull = _brier_pull(status, risk)
        direct = pull - pull.sum() / n
    rows = np.tile(np.arange(n), copies)
    base = metric(days, event, risk, 7.5)
    more = [np.append(rows, k) for k in range(n)]
    change = [copies * (metric(days[r], event[r], risk[r], 7.5) - base) for r in more]
    assert direct + weight_influence(status, pull) == pytest.approx(change, abs=3e-4)
    assert np.abs(weight_influence(status, pull)).max() > 0.002
    # The interval is made of exactly these; at this level it is not cut at 0 or 1.
    half = estimate(days, event, risk, 7.5, level=0.5)
    assert (half.high - half.low) / (2 * 0.6744898) == pytest.approx(np.sqrt(np.sum(np.square(change))), abs=2e-4)


def test_the_calibration_spline_is_a_natural_cubic_spline() -> None:
    # patsy builds the same space of curves from another basis, so the fitted curve must be the same.
    rng = np.random.default_rng(0)
    lp = rng.normal(size=600)
    y = (rng.random(600) < 1 / (1 + np.exp(1 - lp + 0.6 * lp**2))).astype(float)
    curve = calibration_curve(y, 1 / (1 + np.exp(-lp)))
    first, middle, last = np.quantile(lp, KNOT_QUANTILES)
    formula = f"0 + cr(x, knots=[{middle}], lower_bound={first}, upper_bound={last})"
    design = dmatrix(formula, {"x": lp})
    fit = GLM(y, np.asarray(design), family=Binomial()).fit()
    grid = np.log(curve.risk / (1 - curve.risk))
    theirs = fit.predict(np.asarray(build_design_matrices([design.design_info], {"x": grid})[0]))
    assert curve.kind == "spline"
    assert curve.observed == pytest.approx(theirs, abs=1e-6)
