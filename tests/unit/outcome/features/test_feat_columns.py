"""Feature columns refuse what cannot be, and say which columns a model may read."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from outcome.errors import DataRefusal
from outcome.features.columns import (
    FeatureColumn,
    allowed_columns,
    columns_from_json,
    columns_to_json,
    require_columns,
)
from outcome.types import InputSet

AGE = FeatureColumn("clinical:age", "clinical", "numeric", "preoperative", label="Age", unit="years")
SIDE = FeatureColumn("clinical:side", "clinical", "categorical", "preoperative", ("left", "right"))
OPEN = FeatureColumn("plan:open", "plan", "boolean", "planned")


def test_columns_survive_json() -> None:
    written = json.dumps(columns_to_json([AGE, SIDE, OPEN]))
    assert columns_from_json(json.loads(written)) == (AGE, SIDE, OPEN)


def test_an_order_is_written_where_there_is_one_and_nowhere_else() -> None:
    """What was written before there was an order stays as it is, to the byte, and is read as without."""
    written = '{"name": "clinical:side", "block": "clinical", "kind": "categorical", "availability": "preoperative", ' \
              '"choices": ["left", "right"], "label": "", "unit": "", "choice_labels": ["left", "right"]}'  # fmt: skip
    assert json.dumps(SIDE.to_json()) == written
    assert not columns_from_json([json.loads(written)])[0].ordered
    ordered = replace(SIDE, ordered=True)
    assert ordered.to_json() == {**SIDE.to_json(), "ordered": True}
    assert columns_from_json(json.loads(json.dumps(columns_to_json([ordered])))) == (ordered,)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"name": "plan:age"}, "named"),
        ({"name": "clinical:"}, "named"),
        ({"kind": "text"}, "kind"),
        ({"availability": "postoperative"}, "postoperative"),
        ({"kind": "categorical"}, "choices"),
        ({"choices": ("a",)}, "choices"),
        ({"ordered": True}, "an order needs two choices"),
        ({"ordered": True, "kind": "categorical", "choices": ("a",)}, "an order needs two choices"),
    ],
)
def test_a_wrong_column_cannot_be_built(changes: dict[str, object], word: str) -> None:
    fields = {"name": "clinical:age", "block": "clinical", "kind": "numeric", "availability": "preoperative"}
    with pytest.raises(ValueError, match=word):
        FeatureColumn(**{**fields, **changes})  # type: ignore[arg-type]


def test_planned_columns_join_with_the_plan_only() -> None:
    assert allowed_columns([AGE, OPEN], InputSet.PREOPERATIVE) == (AGE,)
    assert allowed_columns([AGE, OPEN], InputSet.WITH_PLAN) == (AGE, OPEN)


def test_an_absent_column_is_refused_by_name() -> None:
    with pytest.raises(DataRefusal, match="clinical:side"):
        require_columns(pd.DataFrame({"clinical:age": [1.0]}), [AGE, SIDE])


def test_text_in_a_number_column_is_refused() -> None:
    with pytest.raises(DataRefusal, match="clinical:age"):
        require_columns(pd.DataFrame({"clinical:age": ["61"]}), [AGE])
