"""Means over cases with intervals: patients are drawn with replacement, each with all of its cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segmentation.metrics.catalogue import Measured

RESAMPLES, LEVEL = 2000, 0.95
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` cases with its interval, and how many cases have no value, by reason.

    All three numbers are None where no case has a value; the interval alone where fewer than two patients have one.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    missing: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n, "missing": dict(self.missing)}


class PatientDraws:
    """Which cases each bootstrap resample holds, as weights (resamples, cases): the same for every measure, so that
    differences are paired. `patients` names the patient of each case."""

    def __init__(self, patients: Sequence[str], seed: int = 0) -> None:
        names, self.of_case = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
        rng = np.random.default_rng(seed)
        picks = rng.integers(len(names), size=(RESAMPLES, len(names))) if len(names) else np.zeros((RESAMPLES, 0), int)
        self.weights = np.stack([np.bincount(row, minlength=len(names))[self.of_case] for row in picks]).astype(float)

    def mean(self, values: Sequence[Measured]) -> Estimate:
        """The mean over the cases that have a value; percentile interval at 95 %."""
        numbers = np.array([np.nan if one.value is None else one.value for one in values], dtype=float)
        known = np.isfinite(numbers)
        missing = dict(sorted(Counter(one.reason for one in values if one.value is None).items()))
        if not known.any():
            return Estimate(None, None, None, 0, missing)
        low, high = self._interval(numbers, known)
        return Estimate(float(numbers[known].mean()), low, high, int(known.sum()), missing)

    def _interval(self, numbers: Floats, known: npt.NDArray[np.bool_]) -> tuple[float | None, float | None]:
        if len(np.unique(self.of_case[known])) < 2:
            return None, None
        weights = self.weights[:, known]
        total = weights.sum(axis=1)
        drawn = total > 0  # a resample may hold none of the cases with a value
        means = (weights[drawn] @ numbers[known]) / total[drawn]
        tail = 50 * (1 - LEVEL)
        low, high = np.percentile(means, [tail, 100 - tail])
        return float(low), float(high)


def about(n_patients: int) -> dict[str, Any]:
    """How the intervals were made, for the reader of a document."""
    words = f"bootstrap of patients, {RESAMPLES} resamples, percentile"
    return {"level": LEVEL, "method": words, "patients": n_patients}
