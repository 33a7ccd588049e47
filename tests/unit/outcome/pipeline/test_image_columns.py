"""An image block beside the dictionary's variables: no small cell, no later case and no dictionary row behind it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from outcome.features.blocks import image_column
from outcome.features.columns import FeatureColumn, columns_to_json
from outcome.pipeline.agreement import used_names
from outcome.pipeline.bundle_parts import development_columns
from outcome.pipeline.reference.population import reference_summary

AGE = FeatureColumn("clinical:age", "clinical", "numeric", "preoperative")
FLAIR, POST = image_column("flair"), image_column("post")


class _Bundle:
    """As much of a bundle as is asked for here."""

    def json(self, name: str) -> Any:
        return columns_to_json([AGE, FLAIR]) if name == "columns.json" else None


class _Study:
    def variables_used(self) -> list[tuple[str, str]]:
        return []


def test_no_variable_of_the_dictionary_is_expected_for_an_image() -> None:
    assert used_names(_Bundle(), _Study()) == ["age"]  # type: ignore[arg-type]


def test_an_image_that_only_later_cases_have_is_not_named() -> None:
    nobody = np.full(3, np.nan)
    frame = pd.DataFrame({AGE.name: nobody, FLAIR.name: [1.0, np.nan, np.nan], POST.name: nobody})
    assert development_columns(iter([AGE, FLAIR, POST]), frame) == (AGE, FLAIR)


def test_the_reference_tells_how_many_have_an_image_and_nothing_else() -> None:
    frame = pd.DataFrame({FLAIR.name: [1.0] * 90 + [np.nan] * 10, POST.name: [1.0] * 98 + [np.nan] * 2})
    none = pd.DataFrame({"endpoint": [], "case_id": [], "value": [], "time_days": [], "event": []})
    features = reference_summary(frame, none, {})["features"]
    assert features[FLAIR.name] == {"n": 90, "missing": 10}
    assert features[POST.name] == {"n": None, "missing": None}
