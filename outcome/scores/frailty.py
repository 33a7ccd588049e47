"""The modified frailty index of five items: what share of five deficits does a case have?

References: Subramaniam S, Aalberg JJ, Soriano RP, Divino CM. New 5-factor modified frailty index using American College
of Surgeons NSQIP data. J Am Coll Surg 2018;226:173-181. doi:10.1016/j.jamcollsurg.2017.11.005
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from outcome.scores.definition import Item, MissingRule, ScoreDefinition
from outcome.types import FloatArray

_ITEMS = (
    Item("dependent", "partly or wholly dependent before surgery"),
    Item("diabetes", "diabetes treated with tablets or insulin"),
    Item("chronic_pulmonary_disease", "history of chronic obstructive pulmonary disease"),
    Item("heart_failure", "congestive heart failure"),
    Item("hypertension", "hypertension that needs medication"),
)


def share_present(items: pd.DataFrame) -> FloatArray:
    """The share of the known items that are present, (n,), 0 to 1; NaN where none is known."""
    values = items[[item.name for item in _ITEMS]].to_numpy(dtype=float)
    known = np.isfinite(values).sum(axis=1)
    return np.where(known > 0, np.nansum(values, axis=1) / np.maximum(known, 1), np.nan)


MFI5 = ScoreDefinition(
    name="mfi5",
    label="Modified frailty index (five items)",
    items=_ITEMS,
    points=share_present,
    low=0.0,
    high=1.0,
    citation="Subramaniam et al. 2018, doi:10.1016/j.jamcollsurg.2017.11.005",
    missing=MissingRule.OF_KNOWN,
    missing_allowed=(MissingRule.OF_KNOWN, MissingRule.NO_SCORE, MissingRule.ABSENT),
)
