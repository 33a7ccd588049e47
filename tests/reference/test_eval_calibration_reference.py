"""Published calibration, likelihood and Brier figures; `statistics/reference_values.json` of the real data names each
one's source and tolerance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from outcome.evaluation.calibration.error import calibration_errors
from outcome.evaluation.calibration.error_survival import calibration_errors_t, ici_t
from outcome.evaluation.calibration.indices import (
    citl_estimate,
    logistic_fit,
    oe_ratio_poisson_estimate,
    slope_estimate,
)
from outcome.evaluation.calibration.indices_survival import (
    linear_predictor_slope_estimate,
    oe_ratio_t_poisson_estimate,
    slope_t_estimate,
)
from outcome.evaluation.calibration.smoothing import observed_at
from outcome.evaluation.overall.binary import brier, discrimination_slope, scaled_brier
from outcome.evaluation.overall.brier_survival import (
    integrated_brier,
    integrated_brier_estimate,
    scaled_brier_t_estimate,
)
from outcome.evaluation.overall.likelihood_indices import likelihood_indices, nagelkerke_r2
from outcome.evaluation.overall.survival import brier_t, oe_ratio_t_estimate
from outcome.evaluation.times.cox import cox_fit
from outcome.evaluation.times.incidence import aalen_johansen, kaplan_meier
from outcome.evaluation.times.pseudo_observations import pseudo_values
from outcome.types import Estimate, FloatArray
from tests.reference.test_eval_reference import (
    cause_specific_risk,
    cox_risk,
    fitted_risk,
    gbsg,
    read_residual_mass,
    rotterdam,
)

pytestmark = pytest.mark.real

RESIDUAL_COLUMNS = ["ter_pos", "preafp", "prehcg", "sqpost", "reduc10"]
Entries = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def entries(real_data: Path) -> Entries:
    found = json.loads((real_data / "statistics" / "reference_values.json").read_text())
    return {entry["id"]: entry for entry in found}


@pytest.fixture(scope="module")
def folder(real_data: Path) -> Path:
    return real_data / "statistics" / "tables"


def bounds(estimate: Estimate) -> list[float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return [estimate.low, estimate.high]


def residual_mass(folder: Path, part: str) -> tuple[FloatArray, FloatArray]:
    """Outcomes of a part, and their risks by the model made on the first."""
    train, frame = (read_residual_mass(folder / f"testicular_{p}.csv") for p in ("rdata", part))
    return frame.tum_res.to_numpy(dtype=float), fitted_risk(train, frame, "tum_res", RESIDUAL_COLUMNS)


def second_set(folder: Path) -> tuple[FloatArray, FloatArray]:
    train, test = (pd.read_csv(folder / f"cc_{part}data.csv") for part in ("train", "test"))
    return test.y.to_numpy(dtype=float), fitted_risk(train, test, "y", ["x1", "x2", "x3", "x4"])


def test_a06_development(folder: Path, entries: Entries) -> None:
    expected, tol = entries["A06"]["expected"], entries["A06"]["tol"]
    frame = read_residual_mass(folder / "testicular_rdata.csv")
    design = np.column_stack([np.ones(len(frame)), frame[RESIDUAL_COLUMNS].to_numpy(dtype=float)])
    y, risk = residual_mass(folder, "rdata")
    fit = logistic_fit(design, y)
    assert fit is not None
    assert fit[0] == pytest.approx(expected["coef"], abs=tol)
    found = likelihood_indices(y, risk)
    assert found is not None
    assert found.d * len(y) + 1 == pytest.approx(expected["LRchi2"], abs=tol)
    assert found.u_chi2 == pytest.approx(0, abs=1e-6)
    deviance = -2 * float(np.sum(np.log(np.where(y == 1, risk, 1 - risk))))
    assert deviance + 2 * 6 == pytest.approx(expected["AIC"], abs=tol)
    assert brier(y, risk) == pytest.approx(expected["Brier"], abs=tol)
    assert scaled_brier(y, risk) == pytest.approx(expected["scaledBrier"], abs=tol)
    assert discrimination_slope(y, risk) == pytest.approx(expected["discr_slope"], abs=tol)


def test_a07_validation(folder: Path, entries: Entries) -> None:
    expected, tol = entries["A07"]["expected"], entries["A07"]["tol"]
    y, risk = residual_mass(folder, "vdata")
    assert brier(y, risk) == pytest.approx(expected["Brier"], abs=tol)
    assert scaled_brier(y, risk) == pytest.approx(expected["scaledBrier"], abs=tol)
    assert discrimination_slope(y, risk) == pytest.approx(expected["discr_slope"], abs=tol)
    for name, estimate, interval in (
        ("CITL", citl_estimate(y, risk), "CITL_CI_wald"),
        ("slope", slope_estimate(y, risk), "slope_CI_wald"),
        ("OE", oe_ratio_poisson_estimate(y, risk), "OE_CI"),
    ):
        assert estimate.value == pytest.approx(expected[name], abs=tol)
        assert bounds(estimate) == pytest.approx(expected[interval], abs=tol)
    found = likelihood_indices(y, risk)
    assert found is not None
    assert found.u_p_value == pytest.approx(expected["U_p(df2)"], abs=tol)


def test_a08_distances_by_a_logistic_model_on_the_risk(folder: Path, entries: Entries) -> None:
    expected, tol = entries["A08"]["expected"], entries["A08"]["tol"]
    y, risk = residual_mass(folder, "vdata")
    found = calibration_errors(y, risk, smoother="logistic_risk")
    assert found is not None
    assert [found.ici, found.e50, found.e90] == pytest.approx([expected[k] for k in ("ICI", "E50", "E90")], abs=tol)
    # The note's figures for a model on the logit: another smoother, another answer.
    other = calibration_errors(y, risk, smoother="logistic_logit")
    assert other is not None
    assert [other.ici, other.e50, other.e90] == pytest.approx([0.0356, 0.0373, 0.0726], abs=6e-5)


def test_a10_indices_of_val_prob(folder: Path, entries: Entries) -> None:
    expected, tol = entries["A10"]["expected"], entries["A10"]["tol"]
    y, risk = second_set(folder)
    found = likelihood_indices(y, risk)
    assert found is not None
    for value, name in (
        (nagelkerke_r2(y, risk), "R2_nagelkerke_of_recal"),
        (found.d, "D"),
        (found.u, "U"),
        (found.u_chi2, "Uchi2"),
        (found.u_p_value, "Up"),
        (found.q, "Q"),
        (brier(y, risk), "Brier"),
        (scaled_brier(y, risk), "scaledBrier"),
        (citl_estimate(y, risk).value, "CITL"),
        (slope_estimate(y, risk).value, "slope"),
    ):
        assert value == pytest.approx(expected[name], abs=tol)
    errors = calibration_errors(y, risk, smoother="logistic_logit")
    assert errors is not None
    assert errors.emax == pytest.approx(expected["Emax_logistic"], abs=tol)


def test_a11_loess(folder: Path, entries: Entries) -> None:
    expected, tol = entries["A11"]["expected"], entries["A11"]["tol"]
    y, risk = second_set(folder)
    found = calibration_errors(y, risk, smoother="loess")
    assert found is not None
    assert found.ici == pytest.approx(expected["Eavg"], abs=tol)
    assert found.eci == pytest.approx(expected["ECI(100*mean sq)"], abs=tol)
    curve = observed_at(y, risk, "loess")
    assert curve is not None
    # Printed to four decimals, in rising order of risk.
    assert curve[np.argsort(risk)][:5] == pytest.approx(expected["curve_first5"], abs=6e-5)


def test_a13_survival(folder: Path, entries: Entries) -> None:
    expected, tol = entries["A13"]["expected"], entries["A13"]["tol"]
    train, test = rotterdam(folder), gbsg(folder)
    lp, risk = cox_risk(train, test, 5.0)
    times = test.years.to_numpy(), test.event.to_numpy()
    ratio = oe_ratio_t_poisson_estimate(*times, risk, 5.0)
    assert ratio.value == pytest.approx(expected["OE"], abs=tol["OE"])
    assert bounds(ratio) == pytest.approx(expected["OE_CI"], abs=tol["OE_CI"])
    for slope in (slope_t_estimate(*times, risk, 5.0), linear_predictor_slope_estimate(*times, lp)):
        assert slope.value == pytest.approx(expected["slope"], abs=tol["slope"])
        assert bounds(slope) == pytest.approx(expected["slope_CI"], abs=tol["slope_CI"])
    found = calibration_errors_t(*times, risk, 5.0)
    assert found is not None
    for name in ("ICI", "E50", "E90", "Emax"):
        assert getattr(found, name.lower()) == pytest.approx(expected[name], abs=tol[name])
    assert ici_t(*times, risk, 5.0) == found.ici
    # As published, a moment before the horizon at which all follow-up was cut.
    assert brier_t(*times, risk, 4.99) == pytest.approx(expected["Brier"], abs=tol["Brier"])
    assert scaled_brier_t_estimate(*times, risk, 4.99).value == pytest.approx(expected["IPA"], abs=tol["IPA"])


def test_a16_integrated_brier(folder: Path, entries: Entries) -> None:
    frame = pd.read_csv(folder / "GBSG2.csv")
    event = frame.cens.to_numpy(dtype=float)
    # The source calls a case censored on day 1095 lost for a horizon of 1095 days; we know it to be free of the event.
    time = frame.time.to_numpy() - 0.5 * ((frame.time == 1095) & (event == 0)).to_numpy()
    index = 0.2 * frame.tsize / 10 + 1 + frame.tgrade.map({"I": 1, "II": 2, "III": 3})
    group = np.select([index < 3.4, index <= 5.4], [1, 2], 3)
    at = np.array([365.0, 730, 1095, 1460, 1825])
    risks = np.empty((len(frame), 5))
    for g in np.unique(group):
        risks[group == g] = 1 - kaplan_meier(time[group == g], event[group == g]).at(at)
    expected, tol = entries["A16"]["expected"], entries["A16"]["tol"]
    scores = [brier_t(time, event, risks[:, k], float(t)) for k, t in enumerate(at)]
    assert scores == pytest.approx(expected["brier"], abs=tol)
    assert integrated_brier(time, event, risks, at) == pytest.approx(expected["IBS"], abs=tol)
    low, high = bounds(integrated_brier_estimate(time, event, risks, at))
    assert low < expected["IBS"] < high


def test_a20_pseudo_values_have_the_incidence_as_their_mean(folder: Path, entries: Entries) -> None:
    expected, tol = entries["A20"]["expected"], entries["A20"]["tol"]
    frame = pd.read_csv(folder / "cr_rdata.csv")
    arrays = frame.time.to_numpy(), frame.status_num.to_numpy()
    curve = aalen_johansen(*arrays)
    value, half = float(curve.at(5.0)), 1.959964 * float(curve.se_at(5.0))
    assert [value, value - half, value + half] == pytest.approx(expected["dev5"], abs=tol)
    assert pseudo_values(*arrays, 5.0).mean() == pytest.approx(0.13507, abs=1e-5)
    # 1 - Kaplan-Meier, which counts the dead as still at risk, is .1495.
    naive = 1 - float(kaplan_meier(*arrays).at(5.0))
    assert abs(pseudo_values(*arrays, 5.0).mean() - naive) > 0.01


def test_a21_cause_specific_cox(folder: Path, entries: Entries) -> None:
    expected, tol = entries["A21"]["expected"], entries["A21"]["tol"]
    frame = pd.read_csv(folder / "cr_rdata.csv")
    positive, negative = frame.ncat == "positive", ~frame.hr_status.str.contains(r"\+")
    columns = np.column_stack([frame.age, frame["size"], positive, negative]).astype(float)
    for cause in (1, 2):
        fit = cox_fit(frame.time.to_numpy(), np.asarray(frame.status_num == cause, dtype=float), columns)
        assert fit is not None
        assert fit.beta == pytest.approx(expected[f"c{cause}"], abs=tol)
        # The information criterion is printed to three decimals of a sum of hundreds of logarithms.
        assert 2 * 4 - 2 * fit.log_likelihood == pytest.approx(expected[f"c{cause}_AIC"], abs=1e-3)
        if cause == 1:
            assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(expected["c1_se"], abs=tol)


def test_a22_competing_risks(folder: Path, entries: Entries) -> None:
    train, test = (pd.read_csv(folder / f"cr_{part}.csv") for part in ("rdata", "vdata"))
    risk = cause_specific_risk(train, test, 5.0)
    times = test.time.to_numpy(), test.status_num.to_numpy()
    estimate = oe_ratio_t_estimate(*times, risk, 5.0)
    assert [estimate.value, *bounds(estimate)] == pytest.approx(entries["A22"]["expected"], abs=entries["A22"]["tol"])
    assert "Aalen-Johansen" in estimate.method
    slope = slope_t_estimate(*times, risk, 5.0)
    assert "pseudo" in slope.method
    errors = calibration_errors_t(*times, risk, 5.0)
    assert errors is not None
    # Too high on average by 1 - .81 of the mean risk: the curve lies below the diagonal by as much.
    assert errors.ici == pytest.approx(risk.mean() * (1 - 0.81), abs=0.006)
