"""A case's numbers beside how much of what each model reads is known of the case; kept back where too little."""

from __future__ import annotations

import math

import pandas as pd

from outcome.report.information_words import abstention_words, blocks_named

_UNIT = ["case_id", "endpoint", "inputs"]
_NUMBERS = ("risk", "low", "high", "score")


def with_information(numbers: pd.DataFrame, information: pd.DataFrame, level: float | None) -> pd.DataFrame:
    """The rows with `known_share`, `blocks_missing` and `withheld`: why there is no number, or "".

    Where the known share lies below `level`, risk, low, high and score are NaN. Without a level nothing is kept back.
    `known_share` is NaN, and `blocks_missing` "", where nothing is told of the model; such rows are not kept back.
    """
    told = numbers.merge(information, on=_UNIT, how="left", validate="many_to_one")
    told = told.assign(blocks_missing=told["blocks_missing"].fillna(""))
    pairs = zip(told["known_share"], told["blocks_missing"], strict=True)
    told["withheld"] = pd.Series([_reason(share, blocks, level) for share, blocks in pairs], dtype=object)
    held = [name for name in _NUMBERS if name in told.columns]
    told.loc[told["withheld"] != "", held] = math.nan
    return told


def _reason(share: float, blocks_missing: str, level: float | None) -> str:
    if level is None or not share < level:
        return ""
    return abstention_words(share, level, blocks_named(blocks_missing))
