"""The training population in a bundle: no small cell is told, nor left to be worked out from its neighbours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outcome.pipeline.bundle_parts import reference_summary
from outcome.pipeline.gaps import repeated_patients


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
