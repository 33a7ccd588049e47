"""How far are the risks from what happened, ranking and calibration together?

Arguments of every function: `y` (n,) holds 0 or 1; `risk` (n,) a probability in [0, 1].
"""

from __future__ import annotations

import math

import numpy as np

from outcome.evaluation.calibration.indices import CLIP
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


def log_loss(y: FloatArray, risk: FloatArray) -> float:
    """How surprised is the model by what happened? The mean of -log(the risk given to what came), natural logarithm.

    At least 0, lower is better. Risks are first moved into [1e-6, 1 - 1e-6], since a risk of 0 or 1 that fails would
    cost infinitely much.
    """
    return float(np.mean(_surprise(y, risk))) if len(y) else math.nan


def log_loss_estimate(y: FloatArray, risk: FloatArray, *, level: float = LEVEL) -> Estimate:
    """The log loss with a Wald interval from the spread of the cases' losses (n - 1), cut at 0."""
    n, n_events = len(y), int(np.sum(np.asarray(y) == 1))
    if n < 2:
        return Estimate.withhold(f"{n} cases: an interval needs at least 2", n=n, n_events=n_events)
    losses = _surprise(y, risk)
    value, se = float(losses.mean()), float(losses.std(ddof=1)) / math.sqrt(n)
    interval = wald(value, se, level=level, bounds=(0.0, math.inf))
    method = f"natural logarithm, risks in [{CLIP:g}, 1 - {CLIP:g}], Wald"
    return measured(value, interval, method=method, n=n, n_events=n_events, level=level)


def discrimination_slope(y: FloatArray, risk: FloatArray) -> float:
    """By how much is the mean risk higher in cases with the event than without? In [-1, 1], higher is better.

    Yates 1982. NaN with one class.
    """
    risk, is_event = np.asarray(risk, dtype=float), np.asarray(y) == 1
    if not 0 < is_event.sum() < is_event.size:
        return math.nan
    return float(risk[is_event].mean() - risk[~is_event].mean())


def discrimination_slope_estimate(y: FloatArray, risk: FloatArray, *, level: float = LEVEL) -> Estimate:
    """The discrimination slope with a Wald interval, a variance of its own (n - 1) for each class, cut to [-1, 1]."""
    risk, is_event = np.asarray(risk, dtype=float), np.asarray(y) == 1
    n, n_events = is_event.size, int(is_event.sum())
    if min(n_events, n - n_events) < 2:
        reason = f"{n_events} of {n} cases have the event; at least 2 with and 2 without are needed"
        return Estimate.withhold(reason, n=n, n_events=n_events)
    parts = (risk[is_event], risk[~is_event])
    se = math.sqrt(sum(float(part.var(ddof=1)) / part.size for part in parts))
    value = discrimination_slope(y, risk)
    interval = wald(value, se, level=level, bounds=(-1.0, 1.0)) if se > 0 else None
    method = "difference of mean risks, Wald, unequal variances"
    return measured(value, interval, method=method, n=n, n_events=n_events, level=level)


def _surprise(y: FloatArray, risk: FloatArray) -> FloatArray:
    held = np.clip(np.asarray(risk, dtype=float), CLIP, 1 - CLIP)
    return -np.log(np.where(np.asarray(y) == 1, held, 1 - held))
