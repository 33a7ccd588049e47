"""Where a patient stands among the other patients of the study."""

from __future__ import annotations

import pandas as pd

from outcome.report.numbers import per_100

FEWEST = 20  # other patients, below whom nothing is said


def standing_words(predicted: pd.Series, case_id: str, *, is_risk: bool) -> str:
    """In how many of 100 other cases of the study the prediction is lower, in words.

    `predicted` holds every case's prediction (index case_id); "" where the case has none, or others are few. A tie
    counts half.
    """
    known = predicted.dropna()
    others = known.drop(index=case_id, errors="ignore")
    if case_id not in known.index or len(others) < FEWEST:
        return ""
    own = float(known.loc[case_id])
    lower = (float((others < own).sum()) + float((others == own).sum()) / 2) / len(others)
    what = "A higher risk" if is_risk else "More"
    return f"{what} than {per_100(lower)} of 100 other patients here ({len(others):,})."
