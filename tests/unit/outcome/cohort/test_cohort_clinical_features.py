"""The record as features: blocks by availability, nothing learned from other rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from outcome.cohort.types import Cohort
from outcome.dictionary import DataDictionary
from outcome.features.clinical import clinical_features


def test_predictors_become_named_columns_of_their_block(
    build: Callable[..., Cohort], table: pd.DataFrame, dictionary: DataDictionary
) -> None:
    variables = build(table).variables.set_index("case_id")
    frame, columns = clinical_features(variables, dictionary)
    assert list(frame.columns) == ["clinical:age", "clinical:diabetes", "plan:access"]
    assert [(c.name, c.kind, c.availability, c.unit, c.choices) for c in columns] == [
        ("clinical:age", "numeric", "preoperative", "years", ()),
        ("clinical:diabetes", "boolean", "preoperative", "", ()),
        ("plan:access", "categorical", "planned", "", ("open", "robotic")),
    ]
    assert frame.index.name == "case_id"
    assert frame["clinical:diabetes"].dtype == np.float64
    assert frame["plan:access"].tolist() == ["open", "robotic", "robotic", None, "open", None]


def test_one_row_alone_gives_the_same_as_among_others(
    build: Callable[..., Cohort], table: pd.DataFrame, dictionary: DataDictionary
) -> None:
    variables = build(table).variables.set_index("case_id")
    together, _ = clinical_features(variables, dictionary)
    for case in variables.index:
        alone, _ = clinical_features(variables.loc[[case]], dictionary)
        pd.testing.assert_frame_equal(alone, together.loc[[case]])


def test_a_record_that_lacks_a_variable_has_it_missing(dictionary: DataDictionary) -> None:
    record = pd.DataFrame([{"age": 50, "diabetes": None}], index=pd.Index(["a"], name="case_id"), dtype=object)
    frame, _ = clinical_features(record, dictionary)
    assert frame.loc["a", "clinical:age"] == 50
    assert pd.isna(frame.loc["a", "clinical:diabetes"])
    assert frame.loc["a", "plan:access"] is None


def test_a_block_named_by_the_dictionary_is_the_column_s_block(
    build: Callable[..., Cohort], table: pd.DataFrame, dictionary: DataDictionary
) -> None:
    variables = build(table).variables.set_index("case_id")
    named = DataDictionary(tuple(replace(v, block="genomics") if v.name == "age" else v for v in dictionary))
    frame, columns = clinical_features(variables, named)
    assert list(frame.columns) == ["genomics:age", "clinical:diabetes", "plan:access"]
    assert (columns[0].block, columns[0].availability) == ("genomics", "preoperative")
