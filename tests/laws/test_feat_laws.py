"""Laws of preprocessing: rows stand for themselves, units do not matter, expected events match observed ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from outcome.features.columns import FeatureColumn
from outcome.features.exposure import expected_events
from outcome.features.filters import redundant_with, strongest
from outcome.features.preprocess import Rules, fit_preprocessor
from outcome.types import Target

COLUMNS = (
    FeatureColumn("a:x", "a", "numeric", "preoperative"),
    FeatureColumn("a:b", "a", "boolean", "preoperative"),
    FeatureColumn("a:c", "a", "categorical", "preoperative", ("u", "v")),
)


def frame_of(seed: int, n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n))
    c = rng.choice(np.array(["u", "v", None], dtype=object), n)
    return pd.DataFrame({"a:x": x, "a:b": (rng.random(n) < 0.4).astype(float), "a:c": c})


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_each_row_is_transformed_by_itself(seed: int) -> None:
    frame = frame_of(seed)
    fitted = fit_preprocessor(frame, COLUMNS, Rules())
    order = np.random.default_rng(seed).permutation(len(frame))
    whole = fitted.transform(frame)
    assert np.array_equal(fitted.transform(frame.iloc[order]), whole[order])
    assert np.array_equal(fitted.transform(frame.iloc[[3]]), whole[[3]])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100), st.floats(-50, 50))
def test_a_change_of_unit_changes_nothing(seed: int, factor: float, shift: float) -> None:
    frame = frame_of(seed)[["a:x"]]
    other = frame * factor + shift
    rules = Rules(log1p_above_skew=1e9)
    one, two = (fit_preprocessor(f, COLUMNS[:1], rules).transform(f) for f in (frame, other))
    np.testing.assert_allclose(one, two, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_filters_keep_the_first_and_never_more_than_asked(seed: int, count: int) -> None:
    X = np.random.default_rng(seed).normal(size=(30, 5))
    doubled = np.hstack([X, np.exp(X)])  # a monotone copy is the same in ranks
    found = redundant_with(doubled, 0.999)
    assert found == {j + 5: j for j in range(5)}
    y = Target.binary("y", (X[:, 0] > 0).astype(float))
    kept = strongest(X, y, count)
    assert len(kept) == min(count, 5)
    assert 0 in kept
    assert kept == sorted(kept)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2)), min_size=2, max_size=30))
def test_expected_events_sum_to_observed_events(rows: list[tuple[int, int]]) -> None:
    time, event = (np.array(part, dtype=float) for part in zip(*rows, strict=True))
    expected = expected_events(Target.survival("e", time, event))
    np.testing.assert_allclose(expected.sum(), (event == 1).sum(), atol=1e-9)
    assert np.all(np.diff(expected[np.argsort(time)]) >= 0)
