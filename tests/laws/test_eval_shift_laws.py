"""Laws of shift: nothing moved looks like nothing, a known move gives a known AUROC, units do not matter."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from outcome.evaluation.shift.case_mix import category_difference, number_difference
from outcome.evaluation.shift.conformal import LEVELS, conformal_quantiles, held_in_interval, held_in_set
from outcome.evaluation.shift.membership import Moments, distance_interval, membership
from outcome.types import EndpointKind, FloatArray, Target

SEEDS = st.integers(0, 2**32 - 1)


def groups(seed: int, n: int, p: int, move: float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Correlated normal columns; the first is moved by so many of its standard deviations, given the others' none."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, p)) + move * np.eye(p)[0], rng.standard_normal((2 * n, p))


def test_without_a_shift_the_interval_covers_a_half_as_often_as_it_says() -> None:
    """At 0 the interval is one-sided: it covers unless the lower end leaves it, 2.5 % of the time."""
    missed = 0
    for seed in range(400):
        here, before = groups(seed, 60, 4)
        low = membership(here, Moments.of(before)).auroc.low
        missed += low is not None and low > 0.5
    assert binom.ppf(0.001, 400, 0.025) <= missed <= binom.ppf(0.999, 400, 0.025)


@pytest.mark.parametrize("k", [0.5, 1.0, 2.0])
def test_a_shift_of_k_standard_deviations_has_the_auroc_of_two_normals(k: float) -> None:
    wanted = norm.cdf(k / math.sqrt(2))
    covered, values = 0, []
    for seed in range(200):
        here, before = groups(seed, 80, 3, k)
        found = membership(here, Moments.of(before)).auroc
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= wanted <= found.high
        values.append(found.value)
    assert covered >= binom.ppf(0.001, 200, 0.95)
    assert np.mean(values) == pytest.approx(wanted, abs=0.015)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_units_and_mixtures_of_columns_do_not_matter(seed: int) -> None:
    here, before = groups(seed, 40, 3, 0.7)
    rng = np.random.default_rng(seed + 1)
    A, b = rng.standard_normal((3, 3)) + 3 * np.eye(3), 10 * rng.standard_normal(3)
    plain = membership(here, Moments.of(before)).auroc
    moved = membership(here @ A + b, Moments.of(before @ A + b)).auroc
    for name in ("value", "low", "high"):
        assert getattr(moved, name) == pytest.approx(getattr(plain, name), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(d2=st.floats(0, 50), p=st.integers(1, 20), n=st.integers(30, 100_000))
def test_the_interval_grows_with_the_distance_and_shrinks_with_cases(d2: float, p: int, n: int) -> None:
    low, high = distance_interval(d2, p, (n, n))
    assert 0 <= low <= high
    further = distance_interval(d2 + 1, p, (n, n))
    assert further[0] >= low
    assert further[1] >= high
    assert distance_interval(d2, p, (n, n), level=0.8)[1] <= high


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS, k=st.integers(2, 6))
def test_the_distance_of_categories_is_symmetric_and_blind_to_names_and_sizes(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(1, 50, k), rng.integers(1, 50, k)
    names = [f"level {i}" for i in range(k)]
    here, before = dict(zip(names, a.tolist(), strict=True)), dict(zip(names, b.tolist(), strict=True))
    value = category_difference(here, before)
    assert value is not None
    assert category_difference(before, here) == pytest.approx(value)
    assert category_difference({n: 3 * c for n, c in here.items()}, before) == pytest.approx(value)
    turned = [dict(zip(reversed(names), counts.tolist(), strict=True)) for counts in (a, b)]
    assert category_difference(turned[0], turned[1]) == pytest.approx(value)


@settings(max_examples=50, deadline=None)
@given(p=st.floats(0.05, 0.95), q=st.floats(0.05, 0.95))
def test_two_categories_are_a_number_of_zero_and_one(p: float, q: float) -> None:
    a, b = round(1000 * p), round(1000 * q)
    found = category_difference({"no": 1000 - a, "yes": a}, {"no": 1000 - b, "yes": b})
    spread = [math.sqrt(x / 1000 * (1 - x / 1000)) for x in (a, b)]
    number = number_difference((a / 1000, spread[0]), (b / 1000, spread[1]))
    assert number is not None
    assert found == pytest.approx(abs(number))


@pytest.mark.parametrize("level", LEVELS)
def test_conformal_sets_hold_the_truth_as_often_as_they_say_in_each_class(level: float) -> None:
    rng = np.random.default_rng(5)
    risk = rng.beta(2, 3, 40_000)
    y = (rng.random(40_000) < risk).astype(float)
    told = conformal_quantiles(Target.binary("e", y[:20_000]), risk[:20_000])["levels"][str(level)]
    held, _ = held_in_set(y[20_000:], risk[20_000:], told)
    for outcome in (0, 1):
        mine = held[y[20_000:] == outcome]
        assert abs(mine.mean() - level) < 4.5 * math.sqrt(2 * level * (1 - level) / len(mine))


@pytest.mark.parametrize("kind", [EndpointKind.DURATION, EndpointKind.CONTINUOUS])
def test_small_conformal_samples_cover_on_average(kind: EndpointKind) -> None:
    """With 29 development cases and one new one, again and again: the n + 1 of the quantile is what keeps the level."""
    rng = np.random.default_rng(6)
    empty, held_count, repeats = np.full(29, np.nan), 0, 3000
    predicted = np.full(30, 5.0)
    for _ in range(repeats):
        y = np.exp(rng.normal(1.5, 0.6, 30))
        told = conformal_quantiles(Target("e", kind, y[:29], empty, empty), predicted[:29])
        held, _ = held_in_interval(kind, y[29:], predicted[29:], told["levels"]["0.9"])
        held_count += int(held[0])
    assert binom.ppf(0.001, repeats, 0.9) <= held_count <= binom.ppf(0.999, repeats, 0.9)
