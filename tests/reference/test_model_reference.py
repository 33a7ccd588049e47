"""Our Cox regression against lifelines 0.30; our penalised regressions against an objective minimised by scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from lifelines import CoxPHFitter, NelsonAalenFitter
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from outcome.models.cox import PartialLikelihood, fit_cox
from outcome.models.hazard import fit_baseline
from outcome.models.linear import LogLoss, fit_linear, fit_logistic
from outcome.models.network.heads import CoxHead
from outcome.models.network.outcomes import Outcomes
from outcome.types import FloatArray, Target


def survival_problem(n: int = 120, p: int = 4) -> tuple[FloatArray, Target]:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n, p))
    X = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)  # lifelines penalises in units of this sd
    time = rng.exponential(np.exp(-X[:, 0]))
    return X, Target.survival("e", time, (rng.random(n) < 0.6).astype(float))


def by_lifelines(X: FloatArray, target: Target, penalty: float, ratio: float) -> FloatArray:
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    frame = frame.assign(t=target.time_days, e=target.event)
    fitted = CoxPHFitter(penalizer=penalty, l1_ratio=ratio).fit(frame, "t", "e", fit_options={"precision": 1e-9})
    return fitted.params_.to_numpy()


def test_cox_ridge_equals_lifelines() -> None:
    X, target = survival_problem()
    ours = fit_cox(X, target, {"penalty": 0.1, "l1_ratio": 0.0}, 0).coefficients
    assert ours == pytest.approx(by_lifelines(X, target, 0.1, 0.0), abs=1e-5)


def test_cox_elastic_net_equals_lifelines() -> None:
    X, target = survival_problem()
    ours = fit_cox(X, target, {"penalty": 0.08, "l1_ratio": 0.5}, 0).coefficients
    # lifelines smooths the corner of |b|, so its small coefficients stop short of zero
    assert ours == pytest.approx(by_lifelines(X, target, 0.08, 0.5), abs=5e-3)
    assert np.any(ours == 0)


def tied_problem(n: int = 300, p: int = 4) -> tuple[FloatArray, Target]:
    """About 30 distinct days, so that most events share theirs."""
    X, target = survival_problem(n, p)
    return X, Target.survival("e", np.ceil(8 * target.time_days), target.event)


def test_cox_without_penalty_equals_lifelines_where_events_are_tied() -> None:
    X, target = tied_problem()
    assert len(np.unique(target.time_days[target.event == 1])) < np.sum(target.event == 1) / 3
    frame = pd.DataFrame(X).assign(t=target.time_days, e=target.event)
    theirs = CoxPHFitter().fit(frame, "t", "e", fit_options={"precision": 1e-12})
    ours = fit_cox(X, target, {"penalty": 1e-12}, 0).coefficients
    assert ours == pytest.approx(theirs.params_.to_numpy(), abs=1e-6)
    likelihood = PartialLikelihood.of(X, target)
    assert -likelihood.loss(ours) * len(X) == pytest.approx(theirs.log_likelihood_, abs=1e-6)
    errors = np.sqrt(np.diag(np.linalg.inv(likelihood.derivatives(ours)[1] * len(X))))
    assert errors == pytest.approx(theirs.standard_errors_.to_numpy(), abs=1e-6)


def test_the_network_learns_by_the_same_likelihood() -> None:
    X, target = tied_problem()
    b = np.array([0.7, -0.2, 0.1, 0.4])
    outcomes = Outcomes(torch.zeros(len(X)), torch.from_numpy(target.time_days), torch.from_numpy(target.event).long())
    raw = torch.from_numpy(X @ b)[:, None].requires_grad_()
    loss = CoxHead().total_loss(raw, outcomes)
    likelihood = PartialLikelihood.of(X, target)
    assert loss.item() == pytest.approx(likelihood.loss(b) * len(X), abs=1e-6)
    (pull,) = torch.autograd.grad(loss, raw)
    assert X.T @ pull[:, 0].numpy() == pytest.approx(likelihood.derivatives(b)[0] * len(X), abs=1e-6)


def test_derivatives_equal_differences() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 3))
    target = Target.survival("e", rng.integers(1, 8, 40), rng.integers(0, 3, 40))  # many ties
    y = (rng.random(40) < 0.4).astype(float)
    step = 1e-5
    for smooth, b in ((PartialLikelihood.of(X, target), np.array([0.3, -0.2, 0.1])),
                      (LogLoss(X, y), np.array([0.3, -0.2, 0.1, -0.5]))):  # fmt: skip
        gradient, hessian = smooth.derivatives(b)
        for j, e in enumerate(np.eye(len(b)) * step):
            slope = (smooth.loss(b + e) - smooth.loss(b - e)) / (2 * step)
            assert gradient[j] == pytest.approx(slope, abs=1e-8)
            bend = (smooth.derivatives(b + e)[0] - smooth.derivatives(b - e)[0]) / (2 * step)
            assert hessian[j] == pytest.approx(bend, abs=1e-7)


def test_logistic_elastic_net_equals_scikit_learn_where_it_is_run_to_the_end() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(150, 20))
    y = (X[:, 0] - X[:, 1] + rng.logistic(size=150) > 1).astype(float)
    ours = fit_logistic(X, Target.binary("e", y), {"penalty": 0.05, "l1_ratio": 0.5}, 0)
    slow = LogisticRegression(C=1 / (0.05 * 150), l1_ratio=0.5, solver="saga", max_iter=100_000, tol=1e-12).fit(X, y)
    assert ours.coefficients == pytest.approx(slow.coef_[0], abs=1e-6)
    assert ours.intercept == pytest.approx(slow.intercept_[0], abs=1e-6)
    assert 0 < np.sum(ours.coefficients == 0) < 20


def test_baseline_without_scores_is_nelson_aalen() -> None:
    _, target = survival_problem()
    baseline = fit_baseline(target, np.zeros(len(target)))
    fitted = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(target.time_days, target.event == 1)
    theirs = fitted.cumulative_hazard_.iloc[:, 0].reindex(baseline.times).to_numpy()
    assert np.cumsum(baseline.event) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("ratio", [0.0, 0.5])
def test_logistic_minimises_the_stated_objective(ratio: float) -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(100, 3))
    y = (X[:, 0] + rng.logistic(size=100) > 0).astype(float)
    fitted = fit_logistic(X, Target.binary("e", y), {"penalty": 0.1, "l1_ratio": ratio}, 0)

    def objective(b: FloatArray) -> float:
        score = X @ b[1:] + b[0]
        loss = np.mean(np.logaddexp(0, score) - y * score)
        return float(loss + 0.1 * (ratio * np.abs(b[1:]).sum() + (1 - ratio) / 2 * (b[1:] ** 2).sum()))

    ours = objective(np.r_[fitted.intercept, fitted.coefficients])
    best = minimize(objective, np.zeros(4), method="Powell", options={"xtol": 1e-10, "ftol": 1e-14}).fun
    assert ours == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("ratio", [0.0, 0.5])
def test_linear_minimises_the_stated_objective_in_sd_units(ratio: float) -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(100, 3))
    y = 5 * X[:, 0] + rng.normal(size=100) + 40
    nothing = np.full(100, np.nan)
    target = Target("e", "continuous", y, nothing, nothing.copy())  # type: ignore[arg-type]
    fitted = fit_linear(X, target, {"penalty": 0.1, "l1_ratio": ratio}, 0)

    def objective(b: FloatArray) -> float:
        residual = (y - X @ b[1:] - b[0]) / y.std()
        scaled = b[1:] / y.std()
        return float(
            (residual**2).mean() / 2 + 0.1 * (ratio * np.abs(scaled).sum() + (1 - ratio) / 2 * scaled @ scaled)
        )

    ours = objective(np.r_[fitted.intercept, fitted.coefficients])
    start = np.r_[y.mean(), np.zeros(3)]
    best = minimize(objective, start, method="Powell", options={"xtol": 1e-10, "ftol": 1e-14}).fun
    assert ours == pytest.approx(best, abs=1e-6)
