"""Columns that repeated measurements cannot vouch for, and whose cases may say so."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from outcome.errors import DataRefusal
from outcome.features.stability import training_intervals, unstable_columns
from segmentation.radiomics.robustness.agreement import agreement


def test_unstable_columns_are_named_with_the_reason() -> None:
    intervals = {"r:good": (0.9, 0.95), "r:edge": (0.75, 0.8), "r:poor": (0.6, 0.99), "r:none": None, "r:other": None}
    dropped = unstable_columns(["c:age", "r:poor", "r:good", "r:none", "r:edge"], intervals)
    assert list(dropped) == ["r:poor", "r:none"]
    assert "as low as 0.60, below 0.75" in dropped["r:poor"]
    assert unstable_columns(["c:age"], {}) == {}


@pytest.mark.parametrize(
    ("intervals", "least", "text"),
    [({"a": (0.9, 0.5)}, 0.75, "upside down"), ({"a": (0.5, 0.9)}, 75, "least"), ({"b": (0.5, 0.9)}, 0.75, "belongs")],
)
def test_intervals_that_make_no_sense_are_refused(
    intervals: dict[str, tuple[float, float] | None], least: float, text: str
) -> None:
    with pytest.raises(DataRefusal, match=text):
        unstable_columns(["a"], intervals, least)


def test_only_training_cases_are_read() -> None:
    rng = np.random.default_rng(2)
    cases = [f"case{n}" for n in range(20)]
    size = rng.normal(size=(20, 1))
    tables = {"r:size": size + 0.05 * rng.normal(size=(20, 3)), "r:noise": rng.normal(size=(20, 3))}
    repeats = {name: pd.DataFrame(table, index=cases) for name, table in tables.items()}
    training = [*cases[:12], "never measured"]
    found = training_intervals(repeats, training, lambda table: agreement(table).limits)
    assert found["r:size"] == agreement(tables["r:size"][:12]).limits
    assert list(unstable_columns(["r:size", "r:noise", "c:age"], found)) == ["r:noise"]
    edited = {name: table.copy() for name, table in repeats.items()}
    for table in edited.values():
        table.iloc[12:] = rng.normal(0, 100, (8, 3))
    assert training_intervals(edited, training, lambda table: agreement(table).limits) == found
    assert training_intervals(repeats, [], lambda table: agreement(table).limits) == {"r:size": None, "r:noise": None}
