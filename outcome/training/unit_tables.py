"""The tables of a trained unit: their columns, and the empty one. The store adds partition and source."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
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


def in_order(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The tables that a unit made of some cases after the other, as one: as if it had been asked of all at once.

    Rows of one rung, or of one thing told, stand together in the order in which the parts name them first.
    """
    table = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    kinds = [name for name in ("rung", "what") if name in table.columns]
    if not kinds or len(parts) == 1:
        return table
    place = table.groupby(kinds, sort=False).ngroup().to_numpy()
    return table.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)
