"""Tests between updates as published, and as another library's likelihoods give them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm

from outcome.evaluation.calibration.indices import clipped_logit
from outcome.evaluation.updating.cases import UpdateCases
from outcome.evaluation.updating.closed_testing import closed_test, fit_rungs
from tests.reference.test_eval_calibration_reference import entries, folder, residual_mass, second_set

__all__ = ["entries", "folder"]  # fixtures


@pytest.mark.real
def test_no_update_against_intercept_and_slope_is_the_published_u_test(entries: dict, folder: Path) -> None:
    y, risk = second_set(folder)
    (first, *_) = closed_test(UpdateCases.binary(y, clipped_logit(risk))).tests
    expected = entries["A10"]["expected"]
    assert (first.rung, first.against, first.df) == ("none", "slope", 2)
    assert first.chi2 == pytest.approx(expected["Uchi2"], abs=1e-5)
    assert first.p == pytest.approx(expected["Up"], abs=1e-5)


@pytest.mark.real
def test_a_model_that_travels_well_is_left_as_it_is(entries: dict, folder: Path) -> None:
    y, risk = residual_mass(folder, "vdata")
    choice = closed_test(UpdateCases.binary(y, clipped_logit(risk)))
    assert choice.chosen.rung == "none"
    assert choice.tests[0].p == pytest.approx(entries["A07"]["expected"]["U_p(df2)"], abs=6e-4)


@pytest.mark.parametrize("timed", [False, True])
def test_rungs_equal_generalised_linear_models(timed: bool) -> None:
    rng = np.random.default_rng(8)
    columns = rng.normal(size=(500, 3))
    predictor = columns @ [0.7, 0.3, -0.4] - 0.5
    ones, exposure = np.ones(500), rng.uniform(0.1, 1.5, 500)
    if timed:
        happened = (rng.random(500) < -np.expm1(-exposure * np.exp(0.3 + 0.6 * predictor))).astype(float)
        cases = UpdateCases(happened, predictor, exposure, columns)
    else:
        happened = (rng.random(500) < 1 / (1 + np.exp(-0.3 - 0.6 * predictor))).astype(float)
        cases = UpdateCases.binary(happened, predictor, columns)
    family = sm.families.Poisson() if timed else sm.families.Binomial()
    known = np.log(exposure) if timed else np.zeros(500)
    designs = {
        "none": (ones[:, None] * 0, known + predictor),
        "intercept": (ones[:, None], known + predictor),
        "slope": (np.column_stack([ones, predictor]), known),
        "refit": (np.column_stack([ones, columns]), known),
    }
    fits, _ = fit_rungs(cases, ["intercept", "slope", "refit"])
    deviance = {}
    for rung, (design, offset) in designs.items():
        model = sm.GLM(happened, design, family=family, offset=offset)
        if rung == "none":
            mean = family.link.inverse(offset)
            deviance[rung] = family.deviance(happened, mean)
            continue
        found = model.fit(tol=1e-12)
        deviance[rung] = found.deviance
        update = fits[rung]
        ours = update.coefficients if rung == "refit" else [update.slope] if rung == "slope" else []
        assert [update.intercept, *ours] == pytest.approx(found.params, abs=1e-7)
    for simple in ("none", "intercept", "slope"):
        ratio = 2 * (fits["refit"].log_likelihood - fits[simple].log_likelihood)
        assert ratio == pytest.approx(deviance[simple] - deviance["refit"], abs=1e-6)
