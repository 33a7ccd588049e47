"""What happens when cases at or above a threshold are called positive? The threshold always comes from outside.

Arguments of every function: `y` (n,) holds 0 or 1; `risk` (n,) a probability, higher is riskier; `threshold` in [0, 1].
A case with risk equal to the threshold is positive. A proportion of no cases (0/0) is NaN, and its estimate withheld.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from outcome.evaluation.intervals import LEVEL, measured, wilson
from outcome.types import Estimate, FloatArray


@dataclass(frozen=True)
class Confusion:
    """The four cells of the two-by-two table."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    def parts(self, name: str) -> tuple[int, int]:
        """Numerator and denominator of a proportion named in `DENOMINATORS`."""
        tp, fp, fn, tn = self.true_positive, self.false_positive, self.false_negative, self.true_negative
        return {
            "sensitivity": (tp, tp + fn),
            "specificity": (tn, tn + fp),
            "precision": (tp, tp + fp),
            "recall": (tp, tp + fn),
            "npv": (tn, tn + fn),
            "accuracy": (tp + tn, tp + fp + fn + tn),
        }[name]


def confusion(y: FloatArray, risk: FloatArray, threshold: float) -> Confusion:
    """How many cases fall in each cell of the two-by-two table at this threshold?"""
    event, called = np.asarray(y) == 1, np.asarray(risk) >= threshold
    return Confusion(
        int(np.sum(event & called)),
        int(np.sum(~event & called)),
        int(np.sum(event & ~called)),
        int(np.sum(~event & ~called)),
    )


def sensitivity(y: FloatArray, risk: FloatArray, threshold: float) -> float:
    """Of the cases with the event, which share is called positive?"""
    return _share(y, risk, threshold, "sensitivity")


def specificity(y: FloatArray, risk: FloatArray, threshold: float) -> float:
    """Of the cases without the event, which share is called negative?"""
    return _share(y, risk, threshold, "specificity")


def precision(y: FloatArray, risk: FloatArray, threshold: float) -> float:
    """Of the cases called positive, which share has the event (positive predictive value)?"""
    return _share(y, risk, threshold, "precision")


def recall(y: FloatArray, risk: FloatArray, threshold: float) -> float:
    """The same as sensitivity, under the name that machine-learning readers look for."""
    return _share(y, risk, threshold, "recall")


def npv(y: FloatArray, risk: FloatArray, threshold: float) -> float:
    """Of the cases called negative, which share is without the event (negative predictive value)?"""
    return _share(y, risk, threshold, "npv")


def accuracy(y: FloatArray, risk: FloatArray, threshold: float) -> float:
    """Which share of all cases is called right? Misleading where events are rare: read it beside the event rate."""
    return _share(y, risk, threshold, "accuracy")


def classification_estimates(
    y: FloatArray, risk: FloatArray, threshold: float, *, level: float = LEVEL
) -> dict[str, Estimate]:
    """All six proportions at the threshold with Wilson intervals, each from its own denominator (`Estimate.n`)."""
    table = confusion(y, risk, threshold)
    n_events = table.true_positive + table.false_negative
    return {name: _proportion(*table.parts(name), name, n_events, level) for name in DENOMINATORS}


def _proportion(part: int, whole: int, name: str, n_events: int, level: float) -> Estimate:
    if not whole:
        return Estimate.withhold(f"undefined (0/0): there are no {DENOMINATORS[name]}", n=0, n_events=n_events)
    interval = wilson(part, whole, level=level)
    return measured(part / whole, interval, method="Wilson", n=whole, n_events=n_events, level=level)


def _share(y: FloatArray, risk: FloatArray, threshold: float, name: str) -> float:
    part, whole = confusion(y, risk, threshold).parts(name)
    return part / whole if whole else math.nan


DENOMINATORS = {
    "sensitivity": "cases with the event",
    "specificity": "cases without the event",
    "precision": "cases at or above the threshold",
    "recall": "cases with the event",
    "accuracy": "cases",
    "npv": "cases below the threshold",
}
