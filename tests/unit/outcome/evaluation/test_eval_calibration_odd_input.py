"""Every number about calibration, on odd cases: withheld with a reason or finite, never a crash, warning or change."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from outcome.evaluation.calibration import error as calibration_error
from outcome.evaluation.calibration import error_survival as calibration_error_survival
from outcome.evaluation.calibration import indices as calibration
from outcome.evaluation.calibration import indices_survival as calibration_survival
from outcome.evaluation.calibration.curve import calibration_curve
from outcome.evaluation.calibration.error_survival import SMOOTHERS_T, smooth_curve_t
from outcome.evaluation.calibration.smoothing import SMOOTHERS
from outcome.evaluation.overall import binary as overall
from outcome.evaluation.overall import brier_survival, likelihood_indices, predicted_quantiles
from outcome.types import Estimate, FloatArray

Found = Estimate | Mapping[str, Estimate]

RISKS: dict[str, Callable[[int], FloatArray]] = {
    "one value": lambda n: np.full(n, 0.3),
    "zero": np.zeros,
    "one": np.ones,
    "two values": lambda n: np.resize(np.array([0.2, 0.7]), n),
    "certain": lambda n: np.resize(np.array([0.0, 1.0]), n),
    "eleven values": lambda n: np.resize(np.arange(11) / 10, n),
    "tiny": lambda n: np.random.default_rng(1).random(n) * 1e-9,
    "any": lambda n: np.random.default_rng(2).random(n),
}
OUTCOMES: dict[str, Callable[[int], FloatArray]] = {
    "none": np.zeros,
    "all": np.ones,
    "alternating": lambda n: np.resize(np.array([0.0, 1, 1, 0]), n),
    "few": lambda n: (np.random.default_rng(3).random(n) < 0.2).astype(float),
}
BINARY: tuple[Callable[..., Found], ...] = (
    calibration.oe_ratio_estimate,
    calibration.citl_estimate,
    calibration.slope_estimate,
    overall.brier_estimate,
    overall.scaled_brier_estimate,
    overall.log_loss_estimate,
    overall.discrimination_slope_estimate,
    likelihood_indices.likelihood_estimates,
)
TIMED: tuple[Callable[..., Found], ...] = (
    calibration_survival.slope_t_estimate,
    calibration_survival.citl_t_estimate,
    calibration_survival.oe_ratio_t_poisson_estimate,
    brier_survival.scaled_brier_t_estimate,
)
SIZES = (0, 1, 2, 3, 6, 40)


def read_only(*arrays: FloatArray) -> None:
    for array in arrays:
        array.flags.writeable = False


def assert_told(found: Found) -> None:
    for estimate in found.values() if isinstance(found, Mapping) else (found,):
        if estimate.value is None:
            assert estimate.withheld
        for number in (estimate.value, estimate.low, estimate.high):
            assert number is None or np.isfinite(number)


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("kind", RISKS)
def test_binary(kind: str, outcome: str) -> None:
    for n in SIZES:
        y, risk = np.asarray(OUTCOMES[outcome](n)), np.asarray(RISKS[kind](n))
        read_only(y, risk)
        for estimate in BINARY:
            assert_told(estimate(y, risk))
        for smoother in SMOOTHERS:
            assert_told(calibration_error.calibration_error_estimates(y, risk, smoother=smoother, draws=3))
    curve = calibration_curve(y, risk, smoother="loess")
    assert np.all((curve.low <= curve.observed) & (curve.observed <= curve.high))


@pytest.mark.parametrize("competing", [False, True])
@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("kind", RISKS)
def test_over_time(kind: str, outcome: str, competing: bool) -> None:
    for n in SIZES:
        event, risk = OUTCOMES[outcome](n), np.asarray(RISKS[kind](n))
        event = np.where((event == 0) & (np.arange(n) % 3 == 0) & competing, 2.0, event)
        days = np.ceil(np.random.default_rng(n).random(n) * 9)
        read_only(days, event, risk)
        for horizon in (5.0, 20.0):
            for estimate in TIMED:
                assert_told(estimate(days, event, risk, horizon))
            for smoother in (None, "pseudo_loess"):
                assert_told(
                    calibration_error_survival.calibration_error_t_estimates(
                        days, event, risk, horizon, smoother=smoother, draws=3
                    )
                )
            both = np.column_stack([risk, risk])
            assert_told(brier_survival.integrated_brier_estimate(days, event, both, np.array([2.0, horizon])))
        assert_told(calibration_survival.linear_predictor_slope_estimate(days, event, risk))
    curve = smooth_curve_t(days, event, risk, 5.0)
    if curve is not None:
        assert curve.kind in SMOOTHERS_T
        assert np.all((curve.low <= curve.observed) & (curve.observed <= curve.high))


def test_quantiles() -> None:
    levels = np.array([0.2, 0.5])
    for n in SIZES:
        observed, quantiles = np.arange(n, dtype=float), np.tile([1.0, 3.0], (n, 1))
        read_only(observed, quantiles)
        assert_told(predicted_quantiles.pinball_estimates(observed, quantiles, levels))
        assert_told(predicted_quantiles.quantile_share_estimates(observed, quantiles, levels))
        low, high = predicted_quantiles.pit_brackets(observed, quantiles, levels)
        assert low.shape == high.shape == (n,)
    for wrong in (np.array([0.5, 0.2]), np.array([0.0, 0.5]), np.array([0.5])):
        with pytest.raises(ValueError, match="level"):
            predicted_quantiles.pinball_estimates(observed, quantiles, wrong)


def test_very_wrong_risks_still_get_their_numbers() -> None:
    # Far from 0, where every search starts: log odds 13.8 apart, hazards a thousand times too low, slopes of 100.
    y, lp = np.resize(np.array([0.0, 1, 1, 0]), 40), np.random.default_rng(0).normal(size=400)
    assert calibration.citl(y, np.full(40, 1e-9)) == pytest.approx(np.log(1e6 - 1), abs=1e-6)
    happened = (np.random.default_rng(1).random(400) < 1 / (1 + np.exp(-lp))).astype(float)
    plain, flat = (calibration.slope(happened, 1 / (1 + np.exp(-x))) for x in (lp, -5 + 0.01 * lp))
    assert flat == pytest.approx(100 * plain, rel=1e-6)
    days = np.ceil(9 * np.random.default_rng(2).exponential(np.exp(-lp)))
    event = np.where(np.arange(400) % 5 == 0, 2.0, 1.0)
    low, high = (calibration_survival.citl_t(days, event, -np.expm1(-np.exp(lp + a)), 9.0) for a in (-7, 0))
    assert low == pytest.approx(high + 7, abs=0.01)
