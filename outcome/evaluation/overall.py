"""How far are the risks from what happened, ranking and calibration together?

Arguments of every function: `y` (n,) holds 0 or 1; `risk` (n,) a probability in [0, 1].
"""

from __future__ import annotations

import math

import numpy as np

from outcome.evaluation.intervals import LEVEL, measured, wald
from outcome.types import Estimate, FloatArray


def brier(y: FloatArray, risk: FloatArray) -> float:
    """The mean squared distance between risk and outcome, in [0, 1]; lower is better. Brier 1950,
    doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """
    return float(np.mean((np.asarray(risk) - np.asarray(y)) ** 2)) if len(y) else math.nan


def brier_estimate(y: FloatArray, risk: FloatArray, *, level: float = LEVEL) -> Estimate:
    """The Brier score with a Wald interval from the spread of the squared distances (n - 1), cut to [0, 1]."""
    n, n_events = len(y), int(np.sum(np.asarray(y) == 1))
    if n < 2:
        return Estimate.withhold(f"{n} cases: an interval needs at least 2", n=n, n_events=n_events)
    squared = (np.asarray(risk) - np.asarray(y)) ** 2
    value, se = float(squared.mean()), float(squared.std(ddof=1)) / math.sqrt(n)
    interval = wald(value, se, level=level, bounds=(0.0, 1.0))
    return measured(value, interval, method="Wald", n=n, n_events=n_events, level=level)


def scaled_brier(y: FloatArray, risk: FloatArray) -> float:
    """Which share of the Brier score of "everybody has the average risk" is gained? 1 - Brier / (p (1 - p)), p the
    event rate of these same cases. At most 1; 0 is no gain; negative is worse than the average. NaN with one class.
    """
    rate = float(np.mean(y)) if len(y) else math.nan
    return 1 - brier(y, risk) / (rate * (1 - rate)) if 0 < rate < 1 else math.nan


def scaled_brier_estimate(y: FloatArray, risk: FloatArray, *, level: float = LEVEL) -> Estimate:
    """The scaled Brier score with a delta-method interval that also counts the uncertainty of the event rate."""
    n, n_events = len(y), int(np.sum(np.asarray(y) == 1))
    if not 0 < n_events < n:
        reason = f"only one class: {n_events} of {n} cases have the event, so the reference score is zero"
        return Estimate.withhold(reason, n=n, n_events=n_events)
    outcome = np.asarray(y, dtype=float)
    rate, squared = outcome.mean(), (np.asarray(risk) - outcome) ** 2
    reference = rate * (1 - rate)
    ratio = squared.mean() / reference
    influence = (squared - squared.mean() - ratio * (1 - 2 * rate) * (outcome - rate)) / reference
    se = math.sqrt(float(np.sum(influence**2))) / n
    interval = wald(1 - ratio, se, level=level, bounds=(-math.inf, 1.0))
    return measured(1 - float(ratio), interval, method="Wald (delta method)", n=n, n_events=n_events, level=level)
