"""The tables of a trained unit: their columns, and the empty one. The store adds partition and source."""

from __future__ import annotations

import pandas as pd

from outcome.types import DETAIL_COLUMNS, INFORMATION_COLUMNS, PREDICTION_COLUMNS

OF_THE_STORE = ("partition", "source")
UNIT_COLUMNS = tuple(name for name in PREDICTION_COLUMNS if name not in OF_THE_STORE)
UNIT_DETAILS = tuple(name for name in DETAIL_COLUMNS if name not in OF_THE_STORE)
UNIT_INFORMATION = tuple(name for name in INFORMATION_COLUMNS if name not in OF_THE_STORE)
_TEXT = ("case_id", "endpoint", "inputs", "rung", "what", "blocks_missing")


def empty_table(columns: tuple[str, ...]) -> pd.DataFrame:
    """No rows; text columns hold objects, all others numbers."""
    return pd.DataFrame({name: pd.Series(dtype="object" if name in _TEXT else "float64") for name in columns})
