"""The ASA physical status class as a ranking of risk.

References: Saklad M. Grading of patients for surgical procedures. Anesthesiology 1941;2:281-284.
doi:10.1097/00000542-194105000-00004
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from outcome.errors import DataRefusal
from outcome.scores.definition import Item, ItemKind, ScoreDefinition
from outcome.types import FloatArray

LOWEST, HIGHEST = 1.0, 5.0  # class 6 is a donor, who has no outcome to predict
_ROMAN = {"I": 1.0, "II": 2.0, "III": 3.0, "IV": 4.0, "V": 5.0}
_SPELLED = re.compile(r"(?:ASA)?[\s_-]*(?P<class>[1-5]|IV|V|I{1,3})(?:\.0+)?[\s-]*E?")


def asa_classes(cells: pd.Series) -> FloatArray:
    """Classes 1 to 5, (n,), from numbers or from "3", "III", "ASA III" or "3E" (the E for an emergency is taken off).

    NaN where a cell is missing. Raises DataRefusal where an entry is none of these classes; counts only.
    """
    classes = np.array([_class(cell) for cell in cells], dtype=float)
    wrong = int(np.sum(np.isnan(classes) & cells.notna().to_numpy(dtype=bool)))
    if wrong:
        raise DataRefusal(
            "an ASA class cannot be read",
            expected="1 to 5 or I to V",
            found=f"{wrong} of {len(cells)} cases with another entry",
            next_step="correct the record or the dictionary's choices; donors (class 6) do not belong into a cohort",
        )
    return classes


def _class(cell: object) -> float:
    match = _SPELLED.fullmatch("" if cell is None or cell != cell else str(cell).strip().upper())
    if match is None:
        return np.nan
    return _ROMAN.get(match["class"]) or float(match["class"])


def _points(items: pd.DataFrame) -> FloatArray:
    return items["asa"].to_numpy(dtype=float)


ASA = ScoreDefinition(
    name="asa",
    label="ASA physical status",
    items=(Item("asa", "ASA physical status class", ItemKind.ASA_CLASS),),
    points=_points,
    low=LOWEST,
    high=HIGHEST,
    citation="Saklad 1941, doi:10.1097/00000542-194105000-00004",
)
