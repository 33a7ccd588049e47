"""A case's risks beside how much of what each model reads is known of the case."""

from __future__ import annotations

import pandas as pd

_UNIT = ["case_id", "endpoint", "inputs"]


def with_information(risks: pd.DataFrame, information: pd.DataFrame) -> pd.DataFrame:
    """The risks with the columns `known_share` and `blocks_missing`; NaN and "" where nothing is told of the model."""
    told = risks.merge(information, on=_UNIT, how="left", validate="many_to_one")
    return told.assign(blocks_missing=told["blocks_missing"].fillna(""))
