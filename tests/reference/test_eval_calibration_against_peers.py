"""Two independent ways must agree: calibration, Cox and the likelihood against statsmodels, scikit-learn, lifelines and
resampling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import statsmodels.api as sm
from lifelines import CoxPHFitter
from pandas import DataFrame
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import mean_pinball_loss

from outcome.evaluation.calibration.indices import logistic_fit
from outcome.evaluation.calibration.indices_survival import citl_t_estimate, slope_t, slope_t_estimate
from outcome.evaluation.calibration.restricted_spline import spline_columns, spline_knots
from outcome.evaluation.overall.binary import (
    discrimination_slope,
    discrimination_slope_estimate,
    log_loss,
    log_loss_estimate,
)
from outcome.evaluation.overall.brier_survival import (
    integrated_brier,
    integrated_brier_estimate,
    scaled_brier_t,
    scaled_brier_t_estimate,
)
from outcome.evaluation.overall.likelihood_indices import likelihood_estimates, likelihood_indices
from outcome.evaluation.overall.predicted_quantiles import pinball
from outcome.evaluation.times.cox import cox_fit
from outcome.types import Estimate, FloatArray

Z = 1.959964
GRID = np.array([20.0, 40, 60, 75])


@pytest.fixture(scope="module")
def classes() -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(3)
    lp = rng.normal(size=300)
    return (rng.random(300) < 1 / (1 + np.exp(1 - 0.6 * lp))).astype(float), 1 / (1 + np.exp(1 - lp))


@pytest.fixture(scope="module")
def times() -> tuple[FloatArray, FloatArray, FloatArray]:
    """250 cases with many ties, a third lost before day 60, competing events, and risks at the days of GRID."""
    rng = np.random.default_rng(7)
    lp = rng.normal(size=250)
    ends = np.stack([rng.exponential(80 * np.exp(-lp)), rng.exponential(300, 250), rng.exponential(120, 250)])
    kind = np.array([1.0, 2.0, 0.0])[ends.argmin(axis=0)]
    return np.ceil(ends.min(axis=0) / 3) * 3, kind, 1 - np.exp(-GRID / 90 * np.exp(0.8 * lp)[:, None])


def spread(estimate: Estimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    return (estimate.high - estimate.low) / (2 * Z)


def jackknife(metric: Callable[..., float], *parts: FloatArray) -> float:
    n = len(parts[0])
    left_out = np.array([metric(*(np.delete(part, k, axis=0) for part in parts)) for k in range(n)])
    return float(np.sqrt((n - 1) / n * np.sum((left_out - left_out.mean()) ** 2)))


def test_logistic_models_of_statsmodels(classes: tuple[FloatArray, ...]) -> None:
    y, risk = classes
    design = np.column_stack([np.ones(300), np.log(risk / (1 - risk)), risk])
    offset = np.linspace(-1, 1, 300)
    theirs = sm.GLM(y, design, family=sm.families.Binomial(), offset=offset).fit(tol=1e-12)
    ours = logistic_fit(design, y, offset=offset)
    assert ours is not None
    assert ours[0] == pytest.approx(theirs.params, abs=1e-7)
    assert ours[1] == pytest.approx(theirs.cov_params(), rel=1e-5, abs=1e-9)
    # Columns that say the same, and an outcome that the columns separate, have no maximum.
    assert logistic_fit(np.column_stack([design, design[:, 1] * 2]), y) is None
    assert logistic_fit(design[:, :2], (risk > 0.3).astype(float)) is None


def test_losses_of_scikit_learn(classes: tuple[FloatArray, ...]) -> None:
    y, risk = classes
    assert log_loss(y, risk) == pytest.approx(sklearn_log_loss(y, risk))
    assert pinball(y * 7, risk * 5, 0.8) == pytest.approx(mean_pinball_loss(y * 7, risk * 5, alpha=0.8))


def test_cox_models_of_statsmodels_and_lifelines(times: tuple[FloatArray, ...]) -> None:
    days, kinds, risks = times
    event, x = (kinds == 1).astype(float), np.log(-np.log1p(-risks[:, 2]))
    knots = spline_knots(x)
    assert knots is not None
    columns = spline_columns(x, knots)
    ours = cox_fit(days, event, columns)
    theirs = sm.PHReg(days, columns, status=event, ties="efron").fit(disp=0)
    assert ours is not None
    assert ours.beta == pytest.approx(theirs.params, abs=1e-6)
    assert ours.log_likelihood == pytest.approx(theirs.llf)
    frame = DataFrame({"days": days, "event": event, "x": x})
    other = CoxPHFitter().fit(frame, "days", "event")
    alone = cox_fit(days, event, x[:, None])
    assert alone is not None
    assert alone.beta[0] == pytest.approx(other.params_["x"], abs=1e-5)
    assert np.sqrt(alone.covariance[0, 0]) == pytest.approx(other.standard_errors_["x"], rel=1e-4)
    # lifelines' baseline is Breslow's, which is Efron's where no two share a day.
    frame["days"] += np.linspace(0, 0.4, len(frame))
    distinct = cox_fit(frame.days.to_numpy(), event, x[:, None])
    assert distinct is not None
    their_survival = CoxPHFitter().fit(frame, "days", "event").predict_survival_function(frame[:5], times=[60.0])
    assert distinct.risk(x[:5, None], 60.0) == pytest.approx(1 - their_survival.to_numpy()[0], abs=1e-4)


def test_spread_of_a_risk_by_cox(times: tuple[FloatArray, ...]) -> None:
    days, kinds, risks = times
    column, at = np.log(-np.log1p(-risks[:, 2])), np.array([[-1.5], [0.0], [1.0]])

    def log_hazard(k: int) -> Callable[..., float]:
        def found(days: FloatArray, kinds: FloatArray, column: FloatArray) -> float:
            fit = cox_fit(days, kinds, column[:, None])
            assert fit is not None
            return float(fit.log_hazard(at, 45.0)[k])

        return found

    fit = cox_fit(days, kinds, column[:, None])
    assert fit is not None
    expected = [jackknife(log_hazard(k), days, kinds, column) for k in range(3)]
    assert fit.log_hazard_se(at, 45.0) == pytest.approx(expected, rel=0.1)


def test_binary_intervals_have_the_spread_of_leaving_one_out(classes: tuple[FloatArray, ...]) -> None:
    assert spread(log_loss_estimate(*classes)) == pytest.approx(jackknife(log_loss, *classes), rel=0.01)
    expected = jackknife(discrimination_slope, *classes)
    assert spread(discrimination_slope_estimate(*classes)) == pytest.approx(expected, rel=0.01)
    estimates = likelihood_estimates(*classes)
    for name, part in {"nagelkerke_r2": "nagelkerke_r2", "index_d": "d", "index_q": "q"}.items():
        found = jackknife(lambda y, risk, part=part: getattr(likelihood_indices(y, risk), part), *classes)
        # The formula leaves out what is of order 1 / n, which weighs where the risks tell little, as here.
        assert spread(estimates[name]) == pytest.approx(found, rel=0.08)
    assert estimates["index_u"].low is None
    assert "chi-square" in estimates["index_u"].method


def test_intervals_over_time_have_the_spread_of_leaving_one_out(times: tuple[FloatArray, ...]) -> None:
    days, kinds, risks = times
    # Leaving one out estimates the censoring curve and the average risk anew each time.
    found = scaled_brier_t_estimate(days, kinds, risks[:, 2], 60.0)
    expected = jackknife(lambda d, e, r: scaled_brier_t(d, e, r, 60.0), days, kinds, risks[:, 2])
    assert spread(found) == pytest.approx(expected, rel=0.03)
    over_all = integrated_brier_estimate(days, kinds, risks, GRID)
    expected = jackknife(lambda d, e, r: integrated_brier(d, e, r, GRID), days, kinds, risks)
    assert spread(over_all) == pytest.approx(expected, rel=0.03)


def test_slopes_have_the_spread_of_leaving_one_out(times: tuple[FloatArray, ...]) -> None:
    days, kinds, risks = times
    for event in (kinds, (kinds == 1).astype(float)):
        found = slope_t_estimate(days, event, risks[:, 2], 60.0)
        expected = jackknife(lambda d, e, r: slope_t(d, e, r, 60.0), days, event, risks[:, 2])
        assert spread(found) == pytest.approx(expected, rel=0.15)


def test_calibration_of_pseudo_values_without_censoring_is_a_model_of_statsmodels() -> None:
    # Nobody lost, so the pseudo-values are 0 and 1; at the truth least squares and likelihood estimate the same.
    rng = np.random.default_rng(1)
    lp = rng.normal(-0.8, 0.8, 20_000)
    days = np.where(rng.random(20_000) < -np.expm1(-np.exp(0.3 + 0.8 * lp)), 10.0, 99.0)
    event, risk = np.where(days == 10, 1.0, 2.0), -np.expm1(-np.exp(lp))
    days[days == 99] = 20  # a competing event, so that the pseudo-values are used
    link = sm.families.links.CLogLog()
    theirs = sm.GLM(event == 1, sm.add_constant(lp), family=sm.families.Binomial(link)).fit()
    ours = slope_t_estimate(days, event, risk, 50.0)
    assert ours.value == pytest.approx(theirs.params[1], abs=0.01)
    assert spread(ours) == pytest.approx(theirs.bse[1], rel=0.15)
    shifted = sm.GLM(event == 1, np.ones(20_000), family=sm.families.Binomial(link), offset=lp).fit()
    assert citl_t_estimate(days, event, risk, 50.0).value == pytest.approx(shifted.params[0], abs=0.05)
