"""Interaction tests and gaps between groups, beside statsmodels and lifelines on random cases."""

# Parts of an estimate are optional: where a test compares None, it fails, as it should.
# mypy: disable-error-code="operator,index,arg-type,attr-defined,call-overload,union-attr"
from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from lifelines import CoxPHFitter
from scipy.special import expit, logit
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.proportion import confint_proportions_2indep

from outcome.evaluation.event_rate import BinaryOutcome
from outcome.evaluation.subgroups.fairness import fairness
from outcome.evaluation.subgroups.interaction import calibration_by_group, calibration_by_group_t, heterogeneity
from outcome.types import Estimate

Z = 1.959963984540054


@pytest.mark.parametrize("seed", range(3))
def test_calibration_by_group_is_the_likelihood_ratio_of_two_logistic_models(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.choice(["a", "b", "c"], 600)
    risk = expit(rng.normal(-0.5, 1, 600))
    y = (rng.random(600) < expit(logit(risk) * (1 - 0.3 * (groups == "a")) + 0.4 * (groups == "b"))).astype(float)
    lp = logit(risk)
    null = sm.add_constant(lp)
    dummies = np.column_stack([groups == "b", groups == "c"]).astype(float)
    full = np.column_stack([null, dummies, dummies * lp[:, None]])
    likelihood = [sm.Logit(y, design).fit(disp=0).llf for design in (null, full)]
    found = calibration_by_group(y, risk, groups)
    assert found.statistic == pytest.approx(2 * (likelihood[1] - likelihood[0]), abs=1e-6)
    assert found.df == 4


@pytest.mark.parametrize("seed", range(2))
def test_calibration_of_times_by_group_is_that_of_two_cox_models(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.choice(["a", "b", "c"], 400)
    log_hazard = rng.normal(-1, 0.7, 400)
    days = np.ceil(rng.exponential(60 * np.exp(-log_hazard - 0.5 * (groups == "b"))))
    lost = np.ceil(rng.exponential(150, 400))
    time, event = np.minimum(days, lost), (days <= lost).astype(float)
    frame = pd.DataFrame({"time": np.minimum(time, 80.0), "event": np.where(time > 80, 0, event), "lp": log_hazard})
    alone = CoxPHFitter().fit(frame, "time", "event").log_likelihood_
    for label in ("b", "c"):
        frame[label] = (groups == label).astype(float)
        frame[f"lp_{label}"] = frame[label] * frame["lp"]
    full = CoxPHFitter().fit(frame, "time", "event").log_likelihood_
    found = calibration_by_group_t(time, event, -np.expm1(-np.exp(log_hazard)), 80.0, groups)
    assert found.statistic == pytest.approx(2 * (full - alone), abs=1e-5)
    assert found.df == 4


def test_heterogeneity_is_cochrans_q_of_a_fixed_effect_meta_analysis() -> None:
    values, errors = np.array([0.1, -0.3, 0.7, 0.2]), np.array([0.1, 0.2, 0.3, 0.15])
    estimates = {str(k): Estimate(np.exp(v), np.exp(v - Z * s), np.exp(v + Z * s), n=9)
                 for k, (v, s) in enumerate(zip(values, errors, strict=True))}  # fmt: skip
    assert heterogeneity(estimates, "log").statistic == pytest.approx(combine_effects(values, errors**2).q)


@pytest.mark.parametrize("cells", [(9, 1, 3, 7), (60, 40, 30, 90), (5, 95, 1, 99)])
def test_a_gap_of_two_groups_has_newcombes_interval(cells: tuple[int, int, int, int]) -> None:
    y = np.repeat([1.0, 0.0, 1.0, 0.0], cells)
    n = cells[0] + cells[1]
    members = {"a": np.arange(y.size) < n, "b": np.arange(y.size) >= n}
    gap = fairness(BinaryOutcome(y), np.full(y.size, 0.3), members, 0.5).gaps["event_rate"].gap
    low, high = confint_proportions_2indep(cells[0], n, cells[2], y.size - n, method="newcomb", compare="diff")
    assert (gap.low, gap.high) == pytest.approx((max(0.0, low), high), abs=1e-9)
