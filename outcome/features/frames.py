"""Parts of a large table, without copying it where the part is the whole."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def only_rows(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """These rows in this order; the frame itself where it has these and no others. KeyError for an unknown one."""
    wanted = list(names)
    return frame if frame.index.tolist() == wanted else frame.loc[wanted]


def only_columns(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """These columns in this order; the frame itself where it has these and no others. KeyError for an unknown one."""
    wanted = list(names)
    return frame if frame.columns.tolist() == wanted else frame[wanted]


def all_columns(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """These columns in this order, those that the frame lacks missing in every row; the frame itself where it has
    these and no others."""
    wanted = list(names)
    return frame if frame.columns.tolist() == wanted else frame.reindex(columns=wanted)
