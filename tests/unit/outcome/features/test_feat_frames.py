"""Parts of a large table: the table itself where the part is the whole, else the part that was asked for."""

from __future__ import annotations

import pandas as pd
import pytest

from outcome.dictionary import Availability, DataDictionary, Variable, VariableKind
from outcome.features.frames import all_columns, only_columns, only_rows
from outcome.features.observed import dates_read, observed_frame


def frame() -> pd.DataFrame:
    return pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}, index=pd.Index(["x", "y"], name="case_id"))


def test_the_whole_is_not_copied() -> None:
    whole = frame()
    assert only_rows(whole, ["x", "y"]) is whole
    assert only_columns(whole, ("a", "b")) is whole
    assert all_columns(whole, ["a", "b"]) is whole


def test_a_part_or_another_order_is_what_was_asked_for() -> None:
    assert only_rows(frame(), ["y"])["a"].tolist() == [2.0]
    assert only_rows(frame(), ["y", "x"])["a"].tolist() == [2.0, 1.0]
    assert only_columns(frame(), ["b", "a"]).columns.tolist() == ["b", "a"]
    assert all_columns(frame(), ["b", "c"])["c"].isna().all()


def test_what_is_not_there_is_an_error_where_it_must_be() -> None:
    with pytest.raises(KeyError):
        only_rows(frame(), ["z"])
    with pytest.raises(KeyError):
        only_columns(frame(), ["c"])


DATED = DataDictionary(
    tuple(Variable(name, VariableKind.DATE, name, availability=Availability.PREOPERATIVE) for name in ("ct", "start"))
)


def test_nothing_beside_the_features_leaves_them_and_dates_are_the_only_variables_read() -> None:
    whole, none = frame(), pd.DataFrame(index=frame().index)
    assert observed_frame(whole, none, none, DATED, None) is whole
    assert dates_read(DATED, None) == []
    assert dates_read(DATED, "start") == ["ct", "start"]
    variables = pd.DataFrame({"ct": ["2026-01-01"] * 2, "start": ["2026-01-03", None]}, index=whole.index)
    found = observed_frame(whole, none, variables, DATED, "start")
    assert found.columns.tolist() == ["a", "b", "interval:ct"]
    assert found["interval:ct"].iloc[0] == 2.0
