"""Do chances of grades and incidences over time hold on average? Observed beside expected, for all cases together.

Calibration-in-the-large of each grade and of each day (levels of calibration: Van Calster et al. 2019,
doi:10.1186/s12916-019-1466-7); Aalen-Johansen as in `outcome.evaluation.times.incidence`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outcome.evaluation.intervals import LEVEL, measured, wilson
from outcome.evaluation.overall.survival import follow_up_gap
from outcome.evaluation.times.incidence import aalen_johansen, share_band
from outcome.types import Estimate, FloatArray


@dataclass(frozen=True)
class Counted:
    """How many of n cases reached a grade, and how many were expected to: the sum of their chances."""

    grade: float
    observed: Estimate
    expected: float


def grade_counts(
    grade: FloatArray, reached: FloatArray, grades: FloatArray, *, level: float = LEVEL
) -> tuple[Counted, ...]:
    """Cases with each of `grades` (k,) or a higher one, beside the sum of the predicted chances `reached` (n, k).

    `grade` (n,) is what was observed. The interval of a count is n times Wilson's of the share.
    """
    n = len(grade)
    found = []
    for place, wanted in enumerate(grades):
        count = int(np.sum(grade >= wanted))
        low, high = wilson(count, n, level=level)
        observed = measured(count, (n * low, n * high), method="number of cases; n times Wilson", n=n, level=level)
        found.append(Counted(float(wanted), observed, float(reached[:, place].sum())))
    return tuple(found)


def incidences(
    time_days: FloatArray, event: FloatArray, days: Sequence[float], *, cause: int = 1, level: float = LEVEL
) -> tuple[Estimate, ...]:
    """The share that had the event of this cause (1 or 2) by each day, to be laid beside the mean predicted incidence.

    `time_days` (n,) ≥ 0; `event` (n,) 0 censored, 1 event, 2 competing event. Withheld for days beyond follow-up.
    """
    curve = aalen_johansen(time_days, event, cause=cause)
    method = "Aalen-Johansen, complementary log-log interval"
    value, low, high = share_band(curve, np.asarray(days, dtype=float), level)
    found = []
    for place, day in enumerate(days):
        n_events = int(np.sum((np.asarray(event) == cause) & (np.asarray(time_days) <= day)))
        gap, told = follow_up_gap(time_days, event, day), {"n": len(time_days), "n_events": n_events}
        if gap:
            found.append(Estimate.withhold(gap, **told))
            continue
        share = float(value[place])
        interval = (float(low[place]), float(high[place])) if 0 < share < 1 else None
        found.append(measured(share, interval, method=method, level=level, **told))
    return tuple(found)
