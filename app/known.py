"""How much of what a model reads is known of a patient, beside its answers; no number where that is too little."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outcome.report.information_words import abstention_words, blocks_named, known_words

_NUMBERS = ["risk", "low", "high", "score"]


def beside_answers(answers: pd.DataFrame, information: pd.DataFrame, level: float | None) -> pd.DataFrame:
    """Answers to one question (index case_id) with `known_share`, `blocks_missing` and `withheld`.

    `information`: rows of information.parquet of the question's endpoint and input set; an answer takes the row of its
    own source. Where the share lies below `level` (None: no level) `withheld` is true and the numbers are NaN.
    """
    if not len(information):
        return answers.assign(known_share=np.nan, blocks_missing="", withheld=False)
    told = information[["case_id", "source", "known_share", "blocks_missing"]]
    rows = answers.reset_index().merge(told, on=["case_id", "source"], how="left").set_index("case_id")
    rows = rows.assign(blocks_missing=rows["blocks_missing"].fillna(""))
    below = rows["known_share"] < (0.0 if level is None else level)
    rows.loc[below, _NUMBERS] = np.nan
    return rows.assign(withheld=below)


def share_words(answer: pd.Series, level: float | None) -> str:
    """The sentence under one answer, or in its place; "" where nothing is told of its model."""
    share, missing = float(answer["known_share"]), blocks_named(str(answer["blocks_missing"]))
    if np.isnan(share):
        return ""
    if level is not None and answer["withheld"]:
        return abstention_words(share, level, missing)
    return known_words(share, missing)
