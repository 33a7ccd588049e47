"""Published values of Uno's C, the AUC over time and the logit interval; scikit-learn's partial area; resampling."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from outcome.evaluation.comparison.differences import paired_delong, paired_uno_c, unpaired_delong
from outcome.evaluation.discrimination.auc_over_time import (
    AsPublished,
    auc_curve,
    integrated_auc,
    integrated_auc_estimate,
)
from outcome.evaluation.discrimination.concordance_ipcw import (
    antolini_c,
    antolini_c_estimate,
    uno_c,
    uno_c_estimate,
    uno_influence,
)
from outcome.evaluation.discrimination.partial_auc import RocRange, partial_auroc, partial_auroc_estimate
from outcome.evaluation.discrimination.prognostic_separation import royston_d, royston_d_estimate
from outcome.evaluation.discrimination.roc import auroc_logit_delong
from outcome.evaluation.intervals import bootstrap
from outcome.types import Estimate, FloatArray
from tests.reference.test_eval_reference import cox_risk, fitted_risk, gbsg, rotterdam

Z = 1.959964
Binary = tuple[FloatArray, FloatArray]
Timed = tuple[FloatArray, FloatArray, FloatArray]
TimedTwice = tuple[FloatArray, FloatArray, FloatArray, FloatArray]


@pytest.fixture(scope="module")
def whas(tables: Path) -> Timed:
    frame = pd.read_csv(tables / "whas500_predictions.csv")
    days, event, risk = (frame[name].to_numpy(dtype=float) for name in ("time", "event", "risk"))
    return days, event, risk


@pytest.fixture(scope="module")
def times() -> TimedTwice:
    """300 cases with ties, lost or competing before day 60 in about a third each, and two scores."""
    rng = np.random.default_rng(5)
    lp = rng.normal(size=300)
    ends = np.stack([rng.exponential(80 * np.exp(-lp)), rng.exponential(300, 300), rng.exponential(150, 300)])
    kind = np.array([1.0, 2.0, 0.0])[ends.argmin(axis=0)]
    return np.ceil(ends.min(axis=0)), kind, lp, lp + rng.normal(size=300)


@pytest.fixture(scope="module")
def classes() -> Binary:
    rng = np.random.default_rng(3)
    y = (rng.random(400) < 0.3).astype(float)
    return y, np.round(rng.normal(size=400) + y, 1)


def spread(estimate: Estimate) -> float:
    return (estimate.high - estimate.low) / (2 * Z)


@pytest.mark.real
def test_a10_logit_delong_interval(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    train, test = (pd.read_csv(tables / f"cc_{part}data.csv") for part in ("train", "test"))
    estimate = auroc_logit_delong(test.y.to_numpy(), fitted_risk(train, test, "y", ["x1", "x2", "x3", "x4"]))
    # Published to three digits.
    assert [estimate.low, estimate.high] == pytest.approx(values["A10"]["expected"]["C_CI(logit-DeLong)"], abs=6e-4)


@pytest.mark.real
def test_a13_uno_c(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    train, test = rotterdam(tables), gbsg(tables)
    lp, _ = cox_risk(train, test, 5.0)
    expected, tol = values["A13"]["expected"]["UnoC"], values["A13"]["tol"]["UnoC"]
    assert uno_c(test.years.to_numpy(), test.event.to_numpy(), lp) == pytest.approx(expected, abs=tol)
    # The wrong figure, .652, comes from the censoring of the development data.
    assert abs(uno_c(test.years.to_numpy(), test.event.to_numpy(), lp) - 0.652) > 0.01


@pytest.mark.real
def test_a14_uno_c(whas: Timed, values: dict[str, dict[str, Any]]) -> None:
    assert uno_c(*whas) == pytest.approx(values["A14"]["expected"]["Uno"], abs=values["A14"]["tol"])


@pytest.mark.real
def test_a15_auc_over_time_and_its_mean(whas: Timed, values: dict[str, dict[str, Any]]) -> None:
    expected, tol = values["A15"]["expected"], values["A15"]["tol"]
    test, horizons = (whas[0][300:], whas[1][300:], whas[2][300:]), np.arange(200, 1401, 200)
    theirs = AsPublished(censoring_of=(whas[0][:300], whas[1][:300]), lost_at_horizon=True)
    assert auc_curve(*test, horizons, published=theirs) == pytest.approx(expected["auc"], abs=tol)
    assert integrated_auc(*test, horizons, published=theirs) == pytest.approx(expected["iauc"], abs=tol)
    # Weights from the cases themselves are another answer: the switch does something.
    assert abs(integrated_auc(*test, horizons) - expected["iauc"]) > 1e-4


@pytest.mark.real
def test_a23_royston_d(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    frame = pd.read_csv(tables / "pbc_survival.csv").dropna()
    frame = frame.assign(bili=np.log(frame.bili), sex=(frame.sex == "f") * 1.0)
    frame = frame.assign(death=frame.status == 2).drop(columns=["id", "status"])
    lp = CoxPHFitter().fit(frame, "time", "death").predict_log_partial_hazard(frame)
    days, death = (frame[name].to_numpy(dtype=float) for name in ("time", "death"))
    assert royston_d(days, death, lp.to_numpy()) == pytest.approx(values["A23"]["expected"], abs=values["A23"]["tol"])


@pytest.mark.real
def test_unpaired_and_paired_tests_agree_on_the_difference(tables: Path) -> None:
    frame = pd.read_csv(tables / "aSAH.csv")
    y = (frame.outcome == "Poor").to_numpy(dtype=float)
    paired = paired_delong(y, frame.wfns.to_numpy(dtype=float), frame.ndka.to_numpy(dtype=float))
    unpaired = unpaired_delong((y, frame.wfns.to_numpy(dtype=float)), (y, frame.ndka.to_numpy(dtype=float)))
    assert unpaired.estimate.value == pytest.approx(paired.estimate.value)
    # Variances published for these two (A02): they add where samples are independent.
    assert unpaired.statistic == pytest.approx(
        paired.estimate.value / np.sqrt(0.00146991470882363 + 0.0031908105493913)
    )


@pytest.mark.parametrize("alarms", [0.05, 0.1, 0.35, 1.0])
def test_partial_area_of_scikit_learn(alarms: float, classes: Binary) -> None:
    ours = partial_auroc(*classes, RocRange(1 - alarms, 1, corrected=True))
    assert ours == pytest.approx(roc_auc_score(*classes, max_fpr=alarms))


@pytest.mark.parametrize("part", [RocRange(0.8), RocRange(0.6, 0.9), RocRange(0.7, 0.95, "sensitivity")])
def test_partial_area_has_the_spread_of_a_bootstrap(part: RocRange, classes: Binary) -> None:
    drawn = bootstrap(lambda rows: partial_auroc(classes[0][rows], classes[1][rows], part), 400, seed=1, draws=400)
    # 400 draws know a standard deviation to about 3.5 %: four of these.
    assert spread(partial_auroc_estimate(*classes, part)) == pytest.approx(np.std(drawn), rel=0.14)


def test_royston_d_of_lifelines_on_averaged_normal_scores(times: TimedTwice) -> None:
    days, event, score, _ = times
    coarse = np.round(score)
    order = np.argsort(coarse, kind="stable")
    normal = pd.Series(np.empty(300))
    normal[order] = norm.ppf((np.arange(1, 301) - 3 / 8) / (300 + 1 / 4)) / np.sqrt(8 / np.pi)
    frame = pd.DataFrame({"days": days, "event": event == 1, "z": normal.groupby(coarse).transform("mean")})
    theirs = CoxPHFitter().fit(frame, "days", "event")
    ours = royston_d_estimate(days, event, coarse)
    assert ours.value == pytest.approx(theirs.params_["z"], rel=1e-5)
    assert spread(ours) == pytest.approx(theirs.standard_errors_["z"], rel=1e-5)


def test_pulls_on_uno_c_are_those_of_a_jackknife(times: TimedTwice) -> None:
    days, event, score, _ = times
    pulls = uno_influence(days, event, score, tau_days=60)
    left_out = np.array([uno_c(*(np.delete(part, k) for part in times[:3]), tau_days=60) for k in range(300)])
    # A case that leaves moves the statistic by minus its pull, up to terms of the order 1/n.
    jackknife = (left_out.mean() - left_out) * 299 / 300
    assert np.corrcoef(pulls, jackknife)[0, 1] > 0.999
    assert np.std(pulls) == pytest.approx(np.std(jackknife), rel=0.03)


def test_intervals_over_time_have_the_spread_of_a_bootstrap(times: TimedTwice) -> None:
    days, event, score, other = times
    columns, horizons = np.column_stack([score, other]), [20.0, 60.0]
    statistics = {
        "uno": (
            uno_c_estimate(days, event, score, tau_days=60),
            lambda r: uno_c(days[r], event[r], score[r], tau_days=60),
        ),
        "antolini": (
            antolini_c_estimate(days, event, columns, horizons),
            lambda r: antolini_c(days[r], event[r], columns[r], horizons),
        ),
        "mean auc": (
            integrated_auc_estimate(days, event, score, horizons),
            lambda r: integrated_auc(days[r], event[r], score[r], horizons),
        ),
        "difference": (
            paired_uno_c(days, event, (score, other), tau_days=60).estimate,
            lambda r: uno_c(days[r], event[r], score[r], tau_days=60) - uno_c(days[r], event[r], other[r], tau_days=60),
        ),
    }
    for name, (estimate, statistic) in statistics.items():
        drawn = bootstrap(statistic, 300, seed=2, draws=400)
        assert spread(estimate) == pytest.approx(np.std(drawn), rel=0.14), name
