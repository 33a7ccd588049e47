"""How well do scores rank where it matters? The area under a part of the ROC curve: a range of specificity, where false
alarms are few, or of sensitivity, where few events are missed.

Arguments of every function: `y` (n,) holds 0 or 1; `score` (n,) any real number, higher is riskier.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from outcome.evaluation.discrimination.roc import delong_variance, unrankable
from outcome.evaluation.intervals import LEVEL, measured, wald
from outcome.types import Estimate, FloatArray


@dataclass(frozen=True)
class RocRange:
    """Which part of the ROC curve: `low` to `high` of `axis`, "specificity" or "sensitivity"; 0 ≤ low < high ≤ 1.

    `corrected` rescales the area so that chance is 0.5 and perfection 1 in any range: McClish 1989,
    doi:10.1177/0272989X8900900307.
    """

    low: float
    high: float = 1.0
    axis: str = "specificity"
    corrected: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1:
            raise ValueError(f"a range within [0, 1] with low < high is needed, found {self.low} to {self.high}")
        if self.axis not in ("specificity", "sensitivity"):
            raise ValueError(f"axis must be 'specificity' or 'sensitivity', found {self.axis!r}")

    @property
    def width(self) -> float:
        return self.high - self.low

    @property
    def chance(self) -> float:
        """The area under the diagonal within the range."""
        return self.width * (2 - self.low - self.high) / 2

    def rescaled(self, area: float) -> float:
        """The area as asked for; McClish's correction where `corrected`."""
        return (1 + (area - self.chance) / (self.width - self.chance)) / 2 if self.corrected else area

    def __str__(self) -> str:
        correction = ", McClish-corrected" if self.corrected else ""
        return f"{self.axis} {self.low:g} to {self.high:g}{correction}"


def partial_auroc(y: FloatArray, score: FloatArray, part: RocRange) -> float:
    """Which area lies under the ROC curve within the range? At most the range's width (corrected: at most 1).

    The curve is straight between its points, so tied scores count 1/2. A specificity range adds up sensitivity, a
    sensitivity range adds up specificity. NaN with one class, and where a corrected area lies below chance, for which
    the correction is not defined.
    """
    is_event = np.asarray(y) == 1
    if is_event.all() or not is_event.any():
        return math.nan
    area = _area(*_turned(y, score, part), part)
    return math.nan if part.corrected and area < part.chance else part.rescaled(area)


def partial_auroc_estimate(y: FloatArray, score: FloatArray, part: RocRange, *, level: float = LEVEL) -> Estimate:
    """The partial area with a Wald interval from its influence function, cut to what the area can be.

    Over the whole curve the variance is DeLong's. Events pull by their share of the range (Dodd & Pepe 2003,
    doi:10.1111/1541-0420.00071), non-events as in a trimmed mean. Withheld with one class, one score for all, or a
    corrected area below chance.
    """
    n, n_events = len(y), int(np.sum(np.asarray(y) == 1))
    reason = unrankable(n, n_events, score)
    value = math.nan if reason else partial_auroc(y, score, part)
    if math.isnan(value):
        reason = reason or "the curve lies below chance in this range: the corrected area is not defined"
        return Estimate.withhold(reason, n=n, n_events=n_events)
    turned, area = _turned(y, score, part), partial_auroc(y, score, RocRange(part.low, part.high, part.axis))
    variance = delong_variance(*_pulls(*turned, part))
    bounds = wald(area, math.sqrt(variance), level=level, bounds=(0.0, part.width)) if variance > 0 else None
    interval = None if bounds is None else (part.rescaled(bounds[0]), part.rescaled(bounds[1]))
    method = f"{part}; influence function"
    return measured(value, interval, method=method, n=n, n_events=n_events, level=level)


def _turned(y: FloatArray, score: FloatArray, part: RocRange) -> tuple[FloatArray, FloatArray]:
    """Scores of the class on the curve's other axis and of the class whose share is limited, higher is 'positive'.

    With both classes exchanged and the sign turned, sensitivity plays the part of specificity.
    """
    is_event, score = np.asarray(y) == 1, np.asarray(score, dtype=float)
    events, others = score[is_event], score[~is_event]
    return (events, others) if part.axis == "specificity" else (-others, -events)


def _area(events: FloatArray, others: FloatArray, part: RocRange) -> float:
    false_alarms, hits = _curve(events, others)
    ends = np.array([1 - part.high, 1 - part.low])
    inside = (false_alarms > ends[0]) & (false_alarms < ends[1])
    x = np.concatenate([ends[:1], false_alarms[inside], ends[1:]])
    # On a vertical step the range begins at its upper end and stops at its lower end, which the mirrored curve gives.
    first = np.interp(ends[0], false_alarms, hits)
    last = np.interp(-ends[1], -false_alarms[::-1], hits[::-1])
    height = np.concatenate([[first], hits[inside], [last]])
    return float(np.sum(np.diff(x) * (height[1:] + height[:-1])) / 2)


def _curve(events: FloatArray, others: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The ROC curve's points from (0, 0) to (1, 1): false-alarm share and hit share at every distinct score."""
    cuts = np.unique(np.concatenate([events, others]))[::-1]
    shares = [1 - np.searchsorted(np.sort(group), cuts, side="left") / group.size for group in (others, events)]
    return np.append(0.0, shares[0]), np.append(0.0, shares[1])


def _pulls(events: FloatArray, others: FloatArray, part: RocRange) -> tuple[FloatArray, FloatArray]:
    """What each case of the two classes adds to the area, up to constants; ties count 1/2."""
    start, stop = 1 - part.high, 1 - part.low
    pooled = rankdata(np.concatenate([events, others]))
    outranked = (pooled[: events.size] - rankdata(events)) / others.size
    of_events = np.clip(stop - (1 - outranked), 0.0, part.width)
    # Where a non-event stands among its own kind, counted from the highest score, held within the range.
    place = np.clip(1 - (rankdata(others) - 0.5) / others.size, start, stop)
    return of_events, np.interp(place, *_curve(events, others))
