"""Calibration: maximum likelihood as statsmodels finds it, within its bounds, careful with few events."""

from __future__ import annotations

import json

import numpy as np
import pytest
import statsmodels.api as sm
from lifelines import CoxPHFitter
from pandas import DataFrame
from scipy.special import expit

from outcome.training.calibration import LARGEST_SLOPE, Calibrator, fit_calibrator, logistic_line
from outcome.types import EndpointKind, FloatArray, Target


def overconfident(n: int = 400) -> tuple[FloatArray, FloatArray]:
    """Scores twice as spread as they should be, and the outcomes."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=n)
    return 2 * truth + 1, (rng.random(n) < expit(truth - 0.5)).astype(float)


def test_intercept_and_slope_are_maximum_likelihood() -> None:
    score, y = overconfident()
    theirs = sm.GLM(y, sm.add_constant(score), family=sm.families.Binomial()).fit().params
    assert logistic_line(y, score, True) == pytest.approx(tuple(theirs), abs=1e-7)


def test_calibrated_risks_sum_to_the_events_and_keep_the_order() -> None:
    score, y = overconfident()
    fitted = fit_calibrator(Target.binary("e", y), score, 20)
    risk = fitted.risk(score)[:, 0]
    assert risk.sum() == pytest.approx(y.sum())
    assert np.all(np.diff(risk[np.argsort(score)]) >= 0)
    assert 0.3 < fitted.slope < 0.7
    assert np.argsort(fitted.ranking(score)).tolist() == np.argsort(risk).tolist()


def test_few_events_move_the_intercept_only() -> None:
    score, _ = overconfident()
    y = np.zeros(400)
    y[np.argsort(score)[-19:]] = 1
    fitted = fit_calibrator(Target.binary("e", y), score, 20)
    assert fitted.slope == 1.0
    assert fitted.risk(score).sum() == pytest.approx(19)
    assert "slope kept at 1" in fitted.note


def test_a_backward_score_gives_everyone_the_same_risk() -> None:
    score, y = overconfident()
    fitted = fit_calibrator(Target.binary("e", y), -score, 20)
    assert fitted.slope == 0
    assert fitted.risk(score)[:, 0] == pytest.approx(y.mean())


def test_separation_and_constant_scores_stay_finite() -> None:
    y = np.repeat([0.0, 1.0], 50)
    apart = fit_calibrator(Target.binary("e", y), np.linspace(-1, 1, 100), 20)
    assert apart.slope == LARGEST_SLOPE
    flat = fit_calibrator(Target.binary("e", y), np.zeros(100), 20)
    assert flat.risk(np.zeros(3))[:, 0] == pytest.approx(0.5)


def test_the_survival_slope_is_a_cox_regression_on_the_score() -> None:
    rng = np.random.default_rng(0)
    score = rng.normal(size=200)
    time = rng.exponential(np.exp(-0.5 * score))
    event = (rng.random(200) < 0.7).astype(float)
    fitted = fit_calibrator(Target.survival("e", time, event), score, 20)
    theirs = CoxPHFitter().fit(DataFrame({"t": time, "e": event, "s": score}), "t", "e").params_["s"]
    assert fitted.slope == pytest.approx(theirs, abs=1e-5)
    risk = fitted.risk(score, (0.5, 1.0))
    assert risk.shape == (200, 2)
    assert np.all(risk[:, 1] >= risk[:, 0])


def test_an_amount_is_put_on_a_straight_line() -> None:
    score = np.linspace(0, 1, 40)
    nothing = np.full(40, np.nan)
    target = Target("e", EndpointKind.CONTINUOUS, 3 * score + 2, nothing, nothing.copy())
    fitted = fit_calibrator(target, score, 20)
    assert fitted.risk(np.array([0.0, 2.0]))[:, 0] == pytest.approx([2, 8])
    backward = fit_calibrator(target, -score, 20)
    assert backward.risk(score)[:, 0] == pytest.approx(3.5)


@pytest.mark.parametrize("kind", [EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT])
def test_json_round_trip_gives_the_same_bits(kind: EndpointKind) -> None:
    score, y = overconfident(60)
    target = Target.binary("e", y) if kind is EndpointKind.BINARY else Target.survival("e", np.arange(60.0), y)
    fitted = fit_calibrator(target, score, 5)
    again = Calibrator.from_json(json.loads(json.dumps(fitted.to_json())))
    assert again.risk(score, (10.0,)).tobytes() == fitted.risk(score, (10.0,)).tobytes()
    assert again.ranking(score).tobytes() == fitted.ranking(score).tobytes()
