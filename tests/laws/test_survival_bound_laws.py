"""Lower bounds hold what they promise under a wrong model and under censoring, and follow ranks alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from outcome.evaluation.shift.survival_bound import bound_coverage, bound_levels, lower_bounds
from outcome.types import FloatArray, Target

CUTOFF = 900.0
DAYS = np.arange(1.0, CUTOFF, 3)


def drawn(seed: int, n: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(predictor, time of the event, time of censoring), each (n,): a third are censored before the event."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    return x, 700 * np.exp(-0.7 * x) * rng.weibull(1.4, n), rng.exponential(1800, n)


def seen(event_at: FloatArray, lost_at: FloatArray) -> Target:
    last = np.minimum(lost_at, CUTOFF + 1)
    return Target.survival("e", np.minimum(event_at, last), (event_at <= last).astype(float))


def wrong_curve(x: FloatArray, days: FloatArray) -> FloatArray:
    """Half of the true effect, and no Weibull: incidences that only rank days and cases."""
    return 1 - np.exp(-days / 900 * np.exp(0.5 * x))


def bounds(level: str, seed: int, transform: bool = False) -> tuple[FloatArray, FloatArray]:
    """(bounds of 20,000 further cases, the true times of their events)."""
    x, event_at, lost_at = drawn(seed, 20_000)
    target = seen(event_at, lost_at)
    shape = np.sqrt if transform else np.asarray
    told = bound_levels(target, shape(wrong_curve(x, target.time_days)), CUTOFF)["levels"][level]
    further, true, _ = drawn(seed + 1000, 20_000)
    curves = shape(wrong_curve(further[:, None], DAYS[None, :]))
    return lower_bounds(DAYS, curves, told["incidence"], CUTOFF), true


@pytest.mark.parametrize("level", ["0.8", "0.9"])
def test_bounds_of_a_wrong_model_hold_the_level_for_the_true_times(level: str) -> None:
    bound, true = bounds(level, 1)
    held = float(np.mean(true >= bound))
    # a grid of 3 days can only make bounds later, by at most one step
    assert abs(held - float(level)) < 4.5 * math.sqrt(3 * float(level) * (1 - float(level)) / 20_000) + 0.002
    assert np.std(bound) > 0


def test_coverage_from_censored_times_is_that_of_the_true_ones() -> None:
    bound, true = bounds("0.9", 2)
    _, _, lost_at = drawn(1002, 20_000)
    found = bound_coverage(seen(true, lost_at), bound, least=10)
    naive = np.mean(~((true < bound) & (true <= lost_at)))
    assert found.low is not None
    assert found.high is not None
    assert found.low < np.mean(true >= bound) < found.high
    assert naive > found.high  # events that nobody saw would pass for coverage


def test_only_the_order_of_incidences_matters() -> None:
    np.testing.assert_array_equal(bounds("0.8", 3)[0], bounds("0.8", 3, transform=True)[0])


def test_a_higher_level_promises_less() -> None:
    assert (bounds("0.9", 4)[0] <= bounds("0.8", 4)[0]).all()


def test_small_calibration_samples_keep_the_level_on_average() -> None:
    """39 uncensored cases and a further one: events before the bound in exactly 4 of 40 at 90 %."""
    rng = np.random.default_rng(5)
    missed, repeats = 0, 3000
    for _ in range(repeats):
        days = rng.exponential(100, 40)
        told = bound_levels(Target.survival("e", days[:39], np.ones(39)), days[:39] / 1e6, 1e5)["levels"]["0.9"]
        missed += int(days[39] / 1e6 < told["incidence"])
    assert abs(missed - 0.1 * repeats) < 3.5 * math.sqrt(0.09 * repeats)
