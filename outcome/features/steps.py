"""An ordered category (ASA class, tumour stage) as steps of one scale: one 0/1 column a choice but the first.

A step is 1 where a case's choice stands at it or above it in the dictionary's order, so that its coefficient is the
difference between neighbouring choices: a penalty draws neighbours together, where it draws the columns of a choice
each towards none. A choice that no training case has still ranks between those below and above it.

Walter, Feinstein & Wells 1987, doi:10.1093/oxfordjournals.aje.a114532; Gertheiss & Tutz 2009,
doi:10.1111/j.1751-5823.2009.00088.x. Departure from the latter: the penalty is that of the regression, on all its
columns alike, none of the order's own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from outcome.features.columns import FeatureColumn
from outcome.features.outputs import Output, ranks


def learn_steps(column: FeatureColumn, values: pd.Series) -> list[Output]:
    """The steps of an ordered category, the lowest first; none where no case has a choice that is known.

    What is missing, or is none of the choices, takes the steps of the lower median of these cases' choices.
    """
    rank = ranks(values, column.choices)
    known = np.sort(rank[rank >= 0])
    if not len(known):
        return []
    median = int(known[(len(known) - 1) // 2])
    return [
        Output(
            f"{column.name}>={choice}",
            column.name,
            "step",
            fill=float(median >= place),
            level=choice,
            order=column.choices,
        )
        for place, choice in enumerate(column.choices)
        if place
    ]
