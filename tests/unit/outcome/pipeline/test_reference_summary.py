"""The training population in a bundle: no small cell is told, nor left to be worked out from its neighbours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcome.features.columns import FeatureColumn
from outcome.pipeline.gaps import repeated_patients
from outcome.pipeline.reference.joint_summary import joint_summary
from outcome.pipeline.reference.population import reference_summary


def endpoints(name: str, value: list[float], event: list[float] | None = None) -> pd.DataFrame:
    empty = [np.nan] * len(value)
    times = empty if event is None else [10.0] * len(value)
    return pd.DataFrame(
        {"case_id": [str(i) for i in range(len(value))], "endpoint": name, "value": value, "time_days": times,
         "event": empty if event is None else event}
    )  # fmt: skip


def test_a_lone_small_cell_takes_its_neighbour_with_it() -> None:
    frame = pd.DataFrame(
        {
            "clinical:sex": ["m"] * 60 + ["f"] * 37 + ["x"] * 3,
            "clinical:age": [50.0] * 98 + [np.nan] * 2,
            "clinical:bmi": [25.0] * 90 + [np.nan] * 10,
        }
    )
    features = reference_summary(frame, endpoints("e", [1.0] * 50 + [0.0] * 50), {"e": "binary"})["features"]
    assert features["clinical:sex"]["counts"] == {"f": None, "m": 60, "x": None}
    assert (features["clinical:age"]["n"], features["clinical:age"]["missing"]) == (None, None)
    assert (features["clinical:bmi"]["n"], features["clinical:bmi"]["missing"]) == (90, 10)


def test_a_rare_yes_cannot_be_worked_out_from_a_mean() -> None:
    frame = pd.DataFrame({"clinical:dialysis": [1.0] * 3 + [0.0] * 97, "clinical:diabetes": [1.0] * 20 + [0.0] * 80})
    features = reference_summary(frame, endpoints("e", [1.0] * 50 + [0.0] * 50), {"e": "binary"})["features"]
    assert features["clinical:dialysis"] == {"n": 100, "missing": 0}
    assert features["clinical:diabetes"]["mean"] == pytest.approx(0.2)


def test_categories_do_not_add_up_to_a_few_missing() -> None:
    frame = pd.DataFrame({"clinical:sex": ["m"] * 60 + ["f"] * 37 + [None] * 3})
    features = reference_summary(frame, endpoints("e", [1.0] * 50 + [0.0] * 50), {"e": "binary"})["features"]
    assert features["clinical:sex"] == {"n": None, "missing": None, "counts": {"f": None, "m": 60}}


def test_blocks_are_counted_like_cells() -> None:
    lacking = [np.nan] * 2 + [1.0] * 98
    frame = pd.DataFrame({"clinical:a": np.arange(100.0), "genomics:x": lacking, "genomics:y": lacking,
                          "image:ct:crop": [1.0] * 60 + [np.nan] * 40})  # fmt: skip
    blocks = reference_summary(frame, endpoints("e", [1.0] * 50 + [0.0] * 50), {"e": "binary"})["blocks"]
    assert blocks["genomics"] == {"n": None, "missing": None}
    assert blocks["clinical"] == {"n": 100, "missing": 0}
    assert blocks["image:ct"] == {"n": 60, "missing": 40}


def joint_cells(frame: pd.DataFrame, columns: list[FeatureColumn]) -> list[int]:
    """Every count of two 0/1 columns falling together that means and covariances give back, and its complements."""
    told = joint_summary(frame, columns)
    n, mean, covariance = told["n"], np.array(told["mean"]), np.array(told["covariance"])
    yes = [i for i, source in enumerate(told["sources"]) if source["level"] is not None]
    cells = []
    for i in yes:
        for j in (j for j in yes if j < i):
            both = covariance[i, j] * (n - 1) + n * mean[i] * mean[j]
            a, b = n * mean[i], n * mean[j]
            cells += [round(cell) for cell in (a, b, both, a - both, b - both, n - a - b + both)]
    return cells


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rare=st.floats(0.01, 0.5))
def test_no_small_cell_can_be_worked_out_from_covariances(seed: int, rare: float) -> None:
    rng = np.random.default_rng(seed)
    columns, frame = [], {}
    for i in range(5):
        column = FeatureColumn(f"clinical:c{i}", "clinical", "categorical", "preoperative", ("a", "b", "c"))
        share = np.array([rare, 0.3, 0.7 - rare]) if i % 2 else np.array([0.3, 0.3, 0.4])
        value = rng.choice(np.array(["a", "b", "c"], dtype=object), 100, p=share / share.sum())
        frame[column.name] = np.where(rng.random(100) < 0.05 * i, None, value)
        columns.append(column)
    cells = joint_cells(pd.DataFrame(frame), columns)
    assert cells
    assert not [cell for cell in cells if 0 < cell < 5]


def test_columns_known_together_in_a_few_cases_have_no_covariance() -> None:
    columns = [FeatureColumn(f"clinical:{name}", "clinical", "numeric", "preoperative") for name in "abc"]
    x = np.arange(100.0)
    frame = pd.DataFrame({"clinical:a": np.where(x < 60, x, np.nan), "clinical:b": np.where(x >= 57, x * x, np.nan),
                          "clinical:c": np.where(x < 15, x, np.nan)})  # fmt: skip
    assert joint_summary(frame, columns)["names"] == ["clinical:a"]


def test_few_development_cases_give_no_covariances() -> None:
    column = FeatureColumn("clinical:a", "clinical", "numeric", "preoperative")
    assert "withheld" in joint_summary(pd.DataFrame({column.name: np.arange(15.0)}), [column])


def outcome(value: list[float], kind: str, event: list[float] | None = None) -> tuple[int | None, int | None]:
    frame = pd.DataFrame({"clinical:age": np.arange(len(value), dtype=float)})
    found = reference_summary(frame, endpoints("e", value, event), {"e": kind})["endpoints"]["e"]
    return found["n"], found["n_events"]


def test_events_are_told_unless_they_or_their_complement_are_few() -> None:
    assert outcome([1.0] * 20 + [0.0] * 30, "binary") == (50, 20)
    assert outcome([1.0] * 3 + [0.0] * 47, "binary") == (50, None)
    assert outcome([1.0] * 47 + [0.0] * 3, "binary") == (50, None)
    assert outcome([1.0] * 20 + [0.0] * 28 + [np.nan] * 2, "binary") == (None, 20)


def test_a_stay_of_one_day_is_no_event() -> None:
    assert outcome([1.0] * 20 + [4.0] * 30, "duration") == (50, None)


def test_deaths_are_events() -> None:
    assert outcome([np.nan] * 50, "time_to_event", [1.0] * 20 + [0.0] * 30) == (50, 20)


def test_repeated_patients_are_told() -> None:
    once = pd.DataFrame({"patient_id": ["a", "b", "c"]})
    assert repeated_patients(once) == []
    found = repeated_patients(pd.DataFrame({"patient_id": ["a", "b", "a"]}))
    assert found[0].message.startswith("1 case(s)")
