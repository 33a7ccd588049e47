"""What is said of a case follows from predictions, what is known of it, and what the bundle has no model for."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from outcome.exports.statement import Prediction, statements

STUDY = {
    "endpoints": {
        "death": {"kind": "time_to_event", "label": "Death", "time_from": "diagnosis", "horizons_days": [365, 730]},
        "stay": {"kind": "duration"},
    }
}
LADDER = {
    "death.preoperative": {"endpoint": "death", "inputs": "preoperative", "skipped": None, "chosen": "ridge"},
    "stay.with_plan": {"endpoint": "stay", "inputs": "with_plan", "skipped": "3 events", "chosen": None},
}
FACTS = {"id": "0123456789ab", "study": "s", "title": "T", "program": "p"}
COLUMNS = ["case_id", "endpoint", "inputs", "horizon_days", "risk", "low", "high", "known_share", "blocks_missing",
           "withheld"]  # fmt: skip
ROWS = pd.DataFrame(
    [
        ("a", "death", "preoperative", 730.0, 0.4, 0.3, 0.5, 0.81, "genomics", ""),
        ("a", "death", "preoperative", 365.0, 0.2, math.nan, math.nan, 0.81, "genomics", ""),
        ("b", "death", "preoperative", 365.0, math.nan, math.nan, math.nan, math.nan, "", "too little is known"),
        ("b", "death", "preoperative", 730.0, math.nan, math.nan, math.nan, math.nan, "", ""),
    ],
    columns=COLUMNS,
)


def test_predictions_stand_in_order_of_their_horizons_and_what_has_no_model_says_so() -> None:
    said = statements(ROWS, ["a", "b"], STUDY, LADDER, FACTS, {"stay": "days"})
    first, second, none = said["a"].predictions
    assert (first.name, first.value, first.low, first.counted_from) == (
        "death.preoperative.365d",
        0.2,
        None,
        "diagnosis",
    )
    assert (second.name, second.low, second.high) == ("death.preoperative.730d", 0.3, 0.5)
    assert "81 %" in first.notes[0]
    assert "genomics" in first.notes[0]
    assert (none.endpoint, none.value) == ("stay", None)
    assert "3 events" in none.withheld
    reasons = [one.withheld for one in said["b"].predictions]
    assert reasons[:2] == ["too little is known", "No number was computed."]


def test_a_number_and_a_reason_why_there_is_none_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="value or a reason"):
        Prediction("death", "Death", "binary", "preoperative")
    with pytest.raises(ValueError, match="value or a reason"):
        Prediction("death", "Death", "binary", "preoperative", value=0.1, withheld="no")
    with pytest.raises(ValueError, match="no interval"):
        Prediction("death", "Death", "binary", "preoperative", low=0.1, withheld="no")
