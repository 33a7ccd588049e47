"""Benefit, readers, sites and sizes a second way: by other libraries, by brute force, by resampling."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time
from scipy.stats import f as f_law
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests

from outcome.evaluation.comparison.readers import added_value, mean_over_readers, model_against_readers
from outcome.evaluation.comparison.recalibrated_score import recalibrate_score, recalibrate_score_t
from outcome.evaluation.discrimination.roc import auroc
from outcome.evaluation.event_rate import BinaryOutcome, OutcomeByHorizon, Outcomes
from outcome.evaluation.multiplicity import benjamini_hochberg, holm
from outcome.evaluation.planning.sample_size import (
    LinearPredictor,
    cox_snell_from_auroc,
    development_size,
    expected_shrinkage,
)
from outcome.evaluation.planning.validation_size import validation_precision, validation_size
from outcome.evaluation.sites.meta_analysis import paule_mandel, pool, reml
from outcome.evaluation.times.incidence import aalen_johansen
from outcome.evaluation.times.restricted_mean import restricted_mean, restricted_mean_estimate
from outcome.evaluation.utility.net_benefit import net_benefit_difference, net_benefit_estimate
from outcome.evaluation.utility.risk_groups import risk_groups_t
from outcome.types import Estimate, FloatArray

Z = 1.959964
Timed = tuple[FloatArray, FloatArray, FloatArray]


@pytest.fixture(scope="module")
def times() -> Timed:
    """400 cases with ties, competing events and censoring before day 60, and their risks."""
    rng = np.random.default_rng(7)
    lp = rng.normal(size=400)
    ends = np.stack([rng.exponential(80 * np.exp(-lp)), rng.exponential(300, 400), rng.exponential(120, 400)])
    kind = np.array([1.0, 2.0, 0.0])[ends.argmin(axis=0)]
    return np.ceil(ends.min(axis=0)), kind, 1 - np.exp(-60 / 80 * np.exp(lp))


def spread(estimate: Estimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    return (estimate.high - estimate.low) / (2 * Z)


def test_the_event_rate_of_a_group_is_its_own_curve(times: Timed) -> None:
    days, kind, risk = times
    outcome, rows = OutcomeByHorizon.at(days, kind, 60.0), risk > 0.4
    assert outcome.rate(rows)[0] == pytest.approx(float(aalen_johansen(days[rows], kind[rows]).at(60.0)), abs=1e-14)


@pytest.mark.parametrize("standardised", [False, True])
def test_the_pull_is_the_change_made_by_one_more_case(standardised: bool) -> None:
    # Every case 1000 times and one of them once more: the change times 1000 is the derivative by that case's weight.
    days = np.array([1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 9, 9], dtype=float)
    kind = np.array([0, 1, 0, 1, 0, 2, 0, 1, 0, 1, 0, 1, 0], dtype=float)
    risk = np.array([3, 8, 2, 4, 9, 6, 1, 7, 5, 3, 2, 6, 4]) / 10

    def benefit(rows: np.ndarray, level: float = 0.5) -> Estimate:
        outcome = OutcomeByHorizon.at(days[rows], kind[rows], 7.5)
        return net_benefit_estimate(outcome, risk[rows], 0.3, standardised=standardised, level=level)

    copies, rows = 1000, np.tile(np.arange(13), 1000)
    base = benefit(rows).value
    change = [copies * (benefit(np.append(rows, k)).value - base) for k in range(13)]
    once = benefit(np.arange(13))
    assert (once.high - once.low) / (2 * 0.6744898) == pytest.approx(np.sqrt(np.sum(np.square(change))), rel=2e-3)


def test_intervals_of_net_benefit_have_the_spread_of_a_bootstrap(times: Timed) -> None:
    days, kind, risk = times
    rng = np.random.default_rng(1)
    other = np.clip(risk + rng.normal(0, 0.2, 400), 0, 1)
    y = (kind == 1).astype(float)

    def found(rows: np.ndarray) -> list[float | None]:
        kinds: list[Outcomes] = [BinaryOutcome(y[rows]), OutcomeByHorizon.at(days[rows], kind[rows], 60.0)]
        first = [net_benefit_estimate(outcome, risk[rows], 0.35, standardised=True).value for outcome in kinds]
        return first + [net_benefit_difference(o, risk[rows], other[rows], 0.35).estimate.value for o in kinds]

    draws = np.std(np.array([found(rng.integers(0, 400, 400)) for _ in range(400)], dtype=float), axis=0)
    outcomes: list[Outcomes] = [BinaryOutcome(y), OutcomeByHorizon.at(days, kind, 60.0)]
    ours = [spread(net_benefit_estimate(outcome, risk, 0.35, standardised=True)) for outcome in outcomes]
    ours += [spread(net_benefit_difference(outcome, risk, other, 0.35).estimate) for outcome in outcomes]
    # 400 draws know a standard deviation to about 3.5 %: four of these.
    assert ours == pytest.approx(draws, rel=0.14)


def test_restricted_mean_of_lifelines_and_its_jackknife(times: Timed) -> None:
    days, kind, _ = times
    event = (kind > 0).astype(float)
    fitted = KaplanMeierFitter().fit(days, event)
    assert restricted_mean(days, kind, 60.0) == pytest.approx(restricted_mean_survival_time(fitted, 60.0))
    left_out = [restricted_mean(np.delete(days, k), np.delete(event, k), 60.0) for k in range(400)]
    jackknife = np.sqrt(399 / 400 * np.sum((np.array(left_out) - np.mean(left_out)) ** 2))
    assert spread(restricted_mean_estimate(days, event, 60.0)) == pytest.approx(jackknife, rel=0.02)


def test_bands_of_lifelines(times: Timed) -> None:
    days, kind, _ = times
    event = (kind == 1).astype(float)
    theirs = KaplanMeierFitter().fit(days, event)
    curve = risk_groups_t(days, event, np.zeros(400), [0.5], 60.0)[0].curve
    bounds = theirs.confidence_interval_.loc[list(curve.time_days[1:-1])].to_numpy()
    assert curve.high[1:-1] == pytest.approx(1 - bounds[:, 0])
    assert curve.low[1:-1] == pytest.approx(1 - bounds[:, 1])


def jackknifed(y: FloatArray, scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """AUROCs (2, r) of two treatments, and pseudovalues (2, r, n)."""
    n = y.size
    whole = np.array([[auroc(y, reader) for reader in treatment] for treatment in scores])
    rows = [np.delete(np.arange(n), k) for k in range(n)]
    without = np.array([[[auroc(y[r], reader[r]) for r in rows] for reader in treatment] for treatment in scores])
    return whole, n * whole[..., None] - (n - 1) * without


def test_obuchowski_rockette_is_the_three_way_anova_of_pseudovalues() -> None:
    # Dorfman, Berbaum and Metz: with jackknife covariances both tests are one and the same.
    rng = np.random.default_rng(4)
    y = (np.arange(40) < 16).astype(float)
    case = rng.normal(size=40) + y
    scores = case + rng.normal(0, 1, (1, 4, 1)) + rng.normal(0, 0.9, (2, 4, 40)) + 0.4 * y * np.arange(2)[:, None, None]
    auc, pseudo = jackknifed(y, scores)
    treatments, r, n = pseudo.shape
    means = {axes: pseudo.mean(axis=axes, keepdims=True) for axes in ((1, 2), (0, 2), (0, 1), (2,), (1,), (0,))}
    grand = pseudo.mean()
    ms_t = r * n * np.sum((means[1, 2] - grand) ** 2) / (treatments - 1)
    tr = means[2,] - means[1, 2] - means[0, 2] + grand
    ms_tr = n * np.sum(tr**2) / ((treatments - 1) * (r - 1))
    tc = means[1,] - means[1, 2] - means[0, 1] + grand
    ms_tc = r * np.sum(tc**2) / ((treatments - 1) * (n - 1))
    trc = pseudo - means[2,] - means[1,] - means[0,] + means[1, 2] + means[0, 2] + means[0, 1] - grand
    ms_trc = np.sum(trc**2) / ((treatments - 1) * (r - 1) * (n - 1))
    below = ms_tr + max(ms_tc - ms_trc, 0)
    df = below**2 / (ms_tr**2 / ((treatments - 1) * (r - 1)))

    gaps = pseudo[1] - pseudo[0]
    found = mean_over_readers(auc[1] - auc[0], np.cov(gaps) / n, "random")
    assert (found.value / found.se) ** 2 == pytest.approx(ms_t / below)
    assert found.degrees_of_freedom == pytest.approx(df)
    assert ms_tc > ms_trc  # else the covariance would play no part
    # DeLong's covariances differ from the jackknife's by a factor of about n / (n - 1).
    ours = model_against_readers(y, scores[0, 0], scores[1]).difference
    assert ours.p_value == pytest.approx(float(f_law.sf(ours.statistic**2, 1, ours.df)))


def test_likelihood_ratio_of_statsmodels() -> None:
    rng = np.random.default_rng(5)
    first, second = rng.normal(size=(2, 250))
    y = (rng.random(250) < 1 / (1 + np.exp(1 - first - 0.4 * second))).astype(float)
    both = sm.Logit(y, sm.add_constant(np.column_stack([first, second]))).fit(disp=0)
    alone = sm.Logit(y, sm.add_constant(first)).fit(disp=0)
    found = added_value(y, 30 + 12 * first, second, seed=0)
    assert found.statistic == pytest.approx(2 * (both.llf - alone.llf), abs=1e-8)


def test_recalibration_learns_what_a_model_without_the_case_says() -> None:
    rng = np.random.default_rng(8)
    score = np.round(rng.gamma(3, 2, 40))
    y = (rng.random(40) < 1 / (1 + np.exp(2 - 0.3 * score))).astype(float)
    folds = int(min(y.sum(), (1 - y).sum()))
    risk = recalibrate_score(y, score, seed=0, folds=folds).risk
    fits = [sm.GLM(np.delete(y, k), sm.add_constant(np.delete(score, k)), family=sm.families.Binomial()).fit()
            for k in range(40)]  # fmt: skip
    alone = np.array([fit.predict([[1, s]])[0] for fit, s in zip(fits, score, strict=True)])
    # Leaving one out and leaving a small fold out are alike, and neither is the fit on all cases.
    assert np.corrcoef(risk, alone)[0, 1] > 0.97
    assert np.abs(risk - alone).max() < 0.12


def test_recalibration_in_time_finds_the_level_despite_censoring() -> None:
    # Half the cases are lost early at random: the mean risk must be the curve's, not the share of events seen.
    rng = np.random.default_rng(9)
    score = rng.normal(size=3000)
    event_day, lost_day = rng.exponential(100 * np.exp(-score)), rng.exponential(80, 3000)
    time, event = np.minimum(event_day, lost_day), (event_day <= lost_day).astype(float)
    found = recalibrate_score_t(time, event, score, 60.0, seed=0).risk
    truth = 1 - np.exp(-60 / 100 * np.exp(score))
    seen, curve = np.mean((event == 1) & (time <= 60)), float(aalen_johansen(time, event).at(60.0))
    assert found.mean() == pytest.approx(curve, abs=0.01)
    assert seen < curve - 0.1
    assert np.corrcoef(found, truth)[0, 1] > 0.98


@pytest.mark.parametrize("seed", range(5))
def test_pooling_of_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, errors = rng.normal(0, 0.5, 8), rng.uniform(0.1, 0.5, 8)
    theirs = combine_effects(values, errors**2, method_re="iterated", use_t=True)
    ours = pool(values, errors, "identity", between="paule_mandel")
    assert ours.tau2 == pytest.approx(theirs.tau2, abs=1e-4)
    assert ours.average.value == pytest.approx(theirs.mean_effect_re, abs=1e-5)
    low, high = theirs.conf_int(alpha=0.05, use_t=True)[3]
    assert (ours.average.low, ours.average.high) == pytest.approx((low, high), abs=1e-4)
    assert (ours.q, ours.i2) == pytest.approx((theirs.q, max(theirs.i2, 0)))


def test_restricted_likelihood_by_a_fine_grid() -> None:
    rng = np.random.default_rng(3)
    for _ in range(10):
        values, variances = rng.normal(0, 0.6, 6), rng.uniform(0.05, 0.4, 6)
        grid = np.linspace(0, 2, 4001)
        weight = 1 / (variances + grid[:, None])
        means = (weight * values).sum(axis=1) / weight.sum(axis=1)
        squares = (weight * (values - means[:, None]) ** 2).sum(axis=1)
        loss = -np.log(weight).sum(axis=1) + np.log(weight.sum(axis=1)) + squares
        assert reml(values, variances) == pytest.approx(grid[loss.argmin()], abs=5.1e-4)
        tau2 = paule_mandel(values, variances)
        if tau2 > 0:
            found = 1 / (variances + tau2)
            centre = np.average(values, weights=found)
            assert np.sum(found * (values - centre) ** 2) == pytest.approx(5, rel=1e-6)


def test_sizes_and_precisions_are_inverses() -> None:
    lp = LinearPredictor.normal(-1.5, 1.2)
    needed = validation_size(0.25, 0.78, lp, threshold=0.2)
    for name, n in needed.criteria.items():
        width = validation_precision(n, 0.25, 0.78, lp, threshold=0.2)[name]
        allowed = 0.1 if name == "auroc" else 0.2
        # The search for O/E stops within a step of .0001 / .05 of the width asked for.
        assert width <= allowed * 1.003
        assert validation_precision(n - 2, 0.25, 0.78, lp, threshold=0.2)[name] > allowed * 0.9995
    size = development_size(0.2, 15, 0.3).criteria["shrinkage"]
    assert expected_shrinkage(size, 0.2, 15) == pytest.approx(0.9, abs=1e-3)
    assert expected_shrinkage(size, 0.2, 15) >= 0.9
    with pytest.raises(ValueError, match="n must lie between 15"):
        expected_shrinkage(15, 0.2, 15)


def test_expected_precision_is_that_of_simulated_validations() -> None:
    rng = np.random.default_rng(6)
    n, threshold = 400, 0.3
    population = LinearPredictor.normal(-1.0, 1.0)
    prevalence = population.mean(1 / (1 + np.exp(-population.value)))
    slopes, benefits = [], []
    for _ in range(300):
        lp = rng.normal(-1.0, 1.0, n)
        risk = 1 / (1 + np.exp(-lp))
        y = (rng.random(n) < risk).astype(float)
        slopes.append(sm.GLM(y, sm.add_constant(lp), family=sm.families.Binomial()).fit().params[1])
        benefits.append(net_benefit_estimate(BinaryOutcome(y), risk, threshold, standardised=True).value)
    expected = validation_precision(n, prevalence, 0.75, population, threshold=threshold)
    # 300 draws know a standard deviation to about 4 %: three of these.
    assert 2 * Z * np.std(slopes) == pytest.approx(expected["slope"], rel=0.13)
    assert 2 * Z * np.std(benefits) == pytest.approx(expected["net_benefit"], rel=0.13)


def test_cox_snell_from_the_auroc_is_that_of_a_simulated_model() -> None:
    rng = np.random.default_rng(0)
    y = (np.arange(200_000) < 40_000).astype(float)
    x = rng.normal(size=y.size) + y  # AUROC is Φ(1 / √2) = .7602
    fit = sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial()).fit()
    simulated = 1 - np.exp((fit.null_deviance - fit.deviance) / -y.size)
    assert cox_snell_from_auroc(0.7602499, 0.2) == pytest.approx(simulated, abs=0.003)


def test_adjusted_p_values_of_statsmodels() -> None:
    p = np.round(np.random.default_rng(1).random(20) ** 3, 2)
    asked = {str(k): float(v) for k, v in enumerate(p)}
    assert list(holm(asked).values()) == pytest.approx(multipletests(p, method="holm")[1])
    assert list(benjamini_hochberg(asked).values()) == pytest.approx(multipletests(p, method="fdr_bh")[1])
