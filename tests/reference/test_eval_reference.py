"""Published values: `statistics/reference_values.json` of the real data names source, commit and tolerance of each."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from outcome.evaluation import difference, evaluate_target
from outcome.evaluation.calibration.indices import oe_ratio_poisson_estimate
from outcome.evaluation.comparison.differences import paired_delong
from outcome.evaluation.discrimination.concordance import harrell_c, harrell_c_estimate, pair_sums
from outcome.evaluation.discrimination.roc import auroc, auroc_delong, delong_variance, placements
from outcome.evaluation.intervals import wilson
from outcome.evaluation.overall.survival import auc_t, auc_t_estimate, brier_t, oe_ratio_t, oe_ratio_t_estimate
from outcome.evaluation.times.incidence import aalen_johansen, kaplan_meier
from outcome.types import Estimate, Target

pytestmark = pytest.mark.real


def bounds(estimate: Estimate) -> list[float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return [estimate.low, estimate.high]


@pytest.fixture(scope="module")
def asah(tables: Path) -> pd.DataFrame:
    frame = pd.read_csv(tables / "aSAH.csv")
    return frame.assign(y=(frame.outcome == "Poor").astype(float))


@pytest.mark.parametrize("marker", ["wfns", "s100b", "ndka"])
def test_a01_a02_auroc_and_its_delong_variance(
    marker: str, asah: pd.DataFrame, values: dict[str, dict[str, Any]]
) -> None:
    y, score = asah.y.to_numpy(), asah[marker].to_numpy(dtype=float)
    assert auroc(y, score) == pytest.approx(values["A01"]["expected"][marker], abs=values["A01"]["tol"])
    variance = delong_variance(*placements(y, score))
    assert variance == pytest.approx(values["A02"]["expected"][marker], abs=values["A02"]["tol"])


def test_a03_delong_interval(asah: pd.DataFrame, values: dict[str, dict[str, Any]]) -> None:
    estimate = auroc_delong(asah.y.to_numpy(), asah.ndka.to_numpy())
    assert bounds(estimate) == pytest.approx(values["A03"]["expected"], abs=values["A03"]["tol"])


@pytest.mark.parametrize(("entry", "other"), [("A04", "s100b"), ("A05", "ndka")])
def test_a04_a05_paired_delong(entry: str, other: str, asah: pd.DataFrame, values: dict[str, dict[str, Any]]) -> None:
    expected, tol = values[entry]["expected"], values[entry]["tol"]
    y, a, b = asah.y.to_numpy(), asah.wfns.to_numpy(dtype=float), asah[other].to_numpy()
    result = paired_delong(y, a, b)
    assert result.statistic == pytest.approx(expected["Z"], abs=tol)
    assert result.p_value == pytest.approx(expected["p"], abs=tol)
    assert bounds(result.estimate) == pytest.approx(expected["ci"], abs=tol)
    assert bounds(difference(Target.binary("poor", y), a, b)) == pytest.approx(expected["ci"], abs=tol)


def fitted_risk(train: pd.DataFrame, test: pd.DataFrame, outcome: str, columns: list[str]) -> np.ndarray:
    design = sm.add_constant(train[columns].to_numpy(dtype=float))
    fit = sm.GLM(train[outcome].to_numpy(), design, family=sm.families.Binomial()).fit()
    return np.asarray(fit.predict(sm.add_constant(test[columns].to_numpy(dtype=float))))


def read_residual_mass(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path)
    return frame.replace({"Yes": "1", "No": "0"}).astype({name: float for name in ("ter_pos", "preafp", "prehcg")})


def test_a06_a07_binary_validation(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    train, test = (read_residual_mass(tables / f"testicular_{part}.csv") for part in ("rdata", "vdata"))
    columns = ["ter_pos", "preafp", "prehcg", "sqpost", "reduc10"]
    for entry, frame in (("A06", train), ("A07", test)):
        expected, tol = values[entry]["expected"], values[entry]["tol"]
        risk = fitted_risk(train, frame, "tum_res", columns)
        metrics = evaluate_target(Target.binary("residual", frame.tum_res.to_numpy()), risk, risk).metrics
        assert metrics["auroc"].value == pytest.approx(expected["C"], abs=tol)
        assert metrics["brier"].value == pytest.approx(expected["Brier"], abs=tol)
        assert metrics["scaled_brier"].value == pytest.approx(expected["scaledBrier"], abs=tol)
    assert metrics["citl"].value == pytest.approx(expected["CITL"], abs=tol)
    assert bounds(metrics["citl"]) == pytest.approx(expected["CITL_CI_wald"], abs=tol)
    assert metrics["slope"].value == pytest.approx(expected["slope"], abs=tol)
    assert bounds(metrics["slope"]) == pytest.approx(expected["slope_CI_wald"], abs=tol)
    assert metrics["oe_ratio"].value == pytest.approx(expected["OE"], abs=tol)
    # published with the count as Poisson's
    published = oe_ratio_poisson_estimate(frame.tum_res.to_numpy(), risk)
    assert bounds(published) == pytest.approx(expected["OE_CI"], abs=tol)


def test_a10_calibration_of_a_second_data_set(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    train, test = (pd.read_csv(tables / f"cc_{part}data.csv") for part in ("train", "test"))
    expected, tol = values["A10"]["expected"], values["A10"]["tol"]
    risk = fitted_risk(train, test, "y", ["x1", "x2", "x3", "x4"])
    metrics = evaluate_target(Target.binary("y", test.y.to_numpy()), risk, risk).metrics
    for name, key in {
        "auroc": "C", "brier": "Brier", "scaled_brier": "scaledBrier", "citl": "CITL", "slope": "slope",
    }.items():  # fmt: skip
        assert metrics[name].value == pytest.approx(expected[key], abs=tol)
    # Published to three and five digits; ours is Wald, theirs profile likelihood: they differ by less than 0.001.
    assert bounds(metrics["citl"]) == pytest.approx(expected["CITL_CI"], abs=0.001)
    assert bounds(metrics["slope"]) == pytest.approx(expected["slope_CI"], abs=0.001)


def test_a13_external_validation_of_a_survival_model(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    expected, tol = values["A13"]["expected"], values["A13"]["tol"]
    train, test = rotterdam(tables), gbsg(tables)
    lp, risk = cox_risk(train, test, 5.0)
    times = test.years.to_numpy(), test.event.to_numpy()
    assert harrell_c(*times, lp) == pytest.approx(expected["HarrellC"], abs=tol["HarrellC"])
    assert auc_t(*times, lp, 4.99) == pytest.approx(expected["tdAUC@4.99"], abs=tol["tdAUC@4.99"])
    assert oe_ratio_t(*times, risk, 5.0) == pytest.approx(expected["OE"], abs=tol["OE"])
    assert brier_t(*times, risk, 4.99) == pytest.approx(expected["Brier"], abs=tol["Brier"])
    # At 5 years everybody still followed is censored, and known to be free: the figures must not break off there.
    assert auc_t(*times, lp, 5.0) == pytest.approx(expected["tdAUC@4.99"], abs=0.005)
    assert brier_t(*times, risk, 5.0) == pytest.approx(expected["Brier"], abs=0.005)


def test_a14_harrell_c(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    frame, expected = pd.read_csv(tables / "whas500_predictions.csv"), values["A14"]["expected"]
    arrays = frame.time.to_numpy(dtype=float), frame.event.to_numpy(dtype=float), frame.risk.to_numpy()
    assert harrell_c(*arrays) == pytest.approx(expected["Harrell"], abs=values["A14"]["tol"])
    comparable, concordant = pair_sums(*arrays)
    assert concordant.sum() / 2 == expected["conc"]
    assert comparable.sum() / 2 == expected["conc"] + expected["disc"]
    low, high = bounds(harrell_c_estimate(*arrays))
    assert low < expected["Harrell"] < high


def test_a16_brier_score_with_censoring_weights(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    frame = pd.read_csv(tables / "GBSG2.csv")
    event = frame.cens.to_numpy(dtype=float)
    # The source calls a case censored on day 1095 lost for a horizon of 1095 days; we know it to be free of the event.
    # One moment earlier it is lost to both.
    time = frame.time.to_numpy() - 0.5 * ((frame.time == 1095) & (event == 0)).to_numpy()
    # The index as the source computes it (no nodal points): groups below 3.4, to 5.4, and above.
    index = 0.2 * frame.tsize / 10 + 1 + frame.tgrade.map({"I": 1, "II": 2, "III": 3})
    group = np.select([index < 3.4, index <= 5.4], [1, 2], 3)
    found = []
    for horizon in (365, 730, 1095, 1460, 1825):
        free = {g: float(kaplan_meier(time[group == g], event[group == g]).at(horizon)) for g in np.unique(group)}
        found.append(brier_t(time, event, 1 - np.array([free[g] for g in group]), horizon))
    assert found == pytest.approx(values["A16"]["expected"]["brier"], abs=values["A16"]["tol"])


def test_a19_kaplan_meier_by_its_area(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    frame = pd.read_csv(tables / "pbc_survival.csv").head(312)
    event = (frame.status == 2).astype(float)
    for arm, key in ((1, "rmst1"), (2, "rmst0")):
        rows = (frame.trt == arm).to_numpy()
        curve = kaplan_meier((frame.time / 365.25)[rows].to_numpy(), event[rows].to_numpy())
        inside = curve.time_days[curve.time_days < 10]
        area = np.sum(curve.at(np.concatenate([[0.0], inside])) * np.diff(np.concatenate([[0.0], inside, [10.0]])))
        assert area == pytest.approx(values["A19"]["expected"][key][0], abs=values["A19"]["tol"])


def test_a20_aalen_johansen(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    expected, tol = values["A20"]["expected"], values["A20"]["tol"]
    curves = []
    for part in ("rdata", "vdata"):
        frame = pd.read_csv(tables / f"cr_{part}.csv")
        curves.append(aalen_johansen(frame.time.to_numpy(), frame.status_num.to_numpy()))
    development, validation = curves
    assert float(development.at(5.0)) == pytest.approx(0.13507, abs=1e-5)
    assert float(validation.at(5.0)) == pytest.approx(0.10321, abs=1e-5)
    assert validation.at(np.arange(1.0, 6.0)) == pytest.approx(expected["val"], abs=tol)
    half = 1.96 * float(validation.se_at(5.0))
    assert [0.10321 - half, 0.10321 + half] == pytest.approx(expected["val5_CI"], abs=tol)


def test_a22_observed_over_expected_with_competing_risks(tables: Path, values: dict[str, dict[str, Any]]) -> None:
    train, test = (pd.read_csv(tables / f"cr_{part}.csv") for part in ("rdata", "vdata"))
    risk = cause_specific_risk(train, test, 5.0)
    estimate = oe_ratio_t_estimate(test.time.to_numpy(), test.status_num.to_numpy(), risk, 5.0)
    assert [estimate.value, *bounds(estimate)] == pytest.approx(values["A22"]["expected"], abs=values["A22"]["tol"])


def test_a28_wilson(values: dict[str, dict[str, Any]]) -> None:
    assert wilson(81, 263) == pytest.approx(values["A28"]["expected"]["wilson"], abs=values["A28"]["tol"])


def test_auc_at_a_horizon_has_the_spread_of_a_bootstrap(tables: Path) -> None:
    frame = pd.read_csv(tables / "whas500_predictions.csv")
    time, event, risk = frame.time.to_numpy(dtype=float), frame.event.to_numpy(dtype=float), frame.risk.to_numpy()
    rng = np.random.default_rng(1)
    drawn = (rng.integers(0, 500, 500) for _ in range(400))
    spread = np.std([auc_t(time[r], event[r], risk[r], 1000.0) for r in drawn])
    low, high = bounds(auc_t_estimate(time, event, risk, 1000.0))
    # 400 draws know a standard deviation to about 3.5 %: four of these.
    assert (high - low) / (2 * 1.96) == pytest.approx(spread, rel=0.14)


def spline(nodes: pd.Series) -> np.ndarray:
    # Knots 0, 1 and 9, scaled by (k3 - k1)², as the published coefficients are.
    x = nodes.to_numpy(dtype=float)
    cubes = [np.maximum(x - k, 0) ** 3 for k in (0, 1, 9)]
    return (cubes[0] - cubes[1] * 9 / 8 + cubes[2] * 1 / 8) / 81


def cancer_design(frame: pd.DataFrame, size: pd.Series, grade: pd.Series) -> pd.DataFrame:
    nodes = frame.nodes.clip(upper=19)
    return pd.DataFrame(
        {"mid": (size == 1) * 1.0, "large": (size == 2) * 1.0, "grade3": (grade == 3) * 1.0, "nodes": nodes * 1.0}
    ).assign(bend=spline(nodes))


def rotterdam(tables: Path) -> pd.DataFrame:
    raw = pd.read_csv(tables / "rotterdam.csv")
    event = ((raw.recur == 1) | (raw.death == 1)).astype(float)
    years = np.where(raw.recur == 1, raw.rtime, raw.dtime) / 365.25
    design = cancer_design(raw, raw["size"].map({"<=20": 0, "20-50": 1, ">50": 2}), raw.grade)
    return design.assign(years=np.minimum(years, 5), event=np.where(years > 5, 0.0, event))


def gbsg(tables: Path) -> pd.DataFrame:
    raw = pd.read_csv(tables / "gbsg.csv")
    years = raw.rfstime / 365.25
    design = cancer_design(raw, pd.cut(raw["size"], [-1, 20, 50, 1000], labels=False), raw.grade.where(raw.grade == 3))
    return design.assign(years=np.minimum(years, 5), event=np.where(years > 5, 0.0, raw.status * 1.0))


def cox_fit(design: np.ndarray, years: np.ndarray, event: np.ndarray) -> np.ndarray:
    return np.asarray(sm.PHReg(years, design, status=event, ties="efron").fit(disp=0).params)


def breslow(lp: np.ndarray, years: np.ndarray, event: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Event times and the baseline hazard's steps there, tied events thinned as Efron does."""
    times = np.unique(years[event == 1])
    steps = []
    for t in times:
        at_risk, dying = np.exp(lp[years >= t]).sum(), np.exp(lp[(years == t) & (event == 1)])
        steps.append(sum(1 / (at_risk - k / dying.size * dying.sum()) for k in range(dying.size)))
    return times, np.array(steps)


def cox_risk(train: pd.DataFrame, test: pd.DataFrame, horizon: float) -> tuple[np.ndarray, np.ndarray]:
    columns = ["mid", "large", "grade3", "nodes", "bend"]
    years, event, design = train.years.to_numpy(), train.event.to_numpy(), train[columns].to_numpy()
    beta = cox_fit(design, years, event)
    times, steps = breslow(design @ beta, years, event)
    lp = test[columns].to_numpy() @ beta
    return lp, 1 - np.exp(-steps[times <= horizon].sum() * np.exp(lp))


def cause_specific_risk(train: pd.DataFrame, test: pd.DataFrame, horizon: float) -> np.ndarray:
    def design(frame: pd.DataFrame) -> np.ndarray:
        positive, negative = frame.ncat == "positive", ~frame.hr_status.str.contains(r"\+")
        return np.column_stack([frame.age, frame["size"], positive, negative]).astype(float)

    years, kinds, x = train.time.to_numpy(), train.status_num.to_numpy(), design(train)
    hazard = {}
    for cause in (1, 2):
        beta = cox_fit(x, years, (kinds == cause) * 1.0)
        hazard[cause] = (*breslow(x @ beta, years, (kinds == cause) * 1.0), np.exp(design(test) @ beta))
    times = np.unique(years[(kinds > 0) & (years <= horizon)])
    step = {c: np.array([h[1][h[0] == t].sum() for t in times])[:, None] * h[2] for c, h in hazard.items()}
    before = np.vstack([np.ones(len(test)), np.exp(-np.cumsum(step[1] + step[2], axis=0))[:-1]])
    return np.asarray((before * step[1]).sum(axis=0))
