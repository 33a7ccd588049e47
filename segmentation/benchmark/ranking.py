"""Who is better, and how sure is that: paired differences and ranks over resampled patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segmentation.metrics import Measured
from segmentation.metrics.estimates import Estimate, PatientDraws

Floats = npt.NDArray[np.float64]
Values = Sequence[Measured]
NOT_BOTH = "one of the two has no value"


@dataclass(frozen=True)
class Rank:
    """A model's rank by mean (1 is best; equal means share the better rank), its 95 % range over resampled patients,
    and the share of resamples in which it is first (shared where several are)."""

    rank: int
    low: int
    high: int
    first: float


def paired_difference(values: Values, reference: Values, draws: PatientDraws) -> Estimate:
    """The mean over cases of a model's value less the reference's, where both have one.

    The resamples of `draws` draw patients with all their cases, the same for both.
    """
    return draws.mean([_less(a, b) for a, b in zip(values, reference, strict=True)])


def ranks(values: Mapping[str, Values], draws: PatientDraws) -> dict[str, Rank]:
    """Every model's rank over the cases that all of them have a value for; empty where there are none."""
    table = _table(values)
    known = np.isfinite(table).all(axis=0)
    if not known.any():
        return {}
    weights = draws.weights[:, known]
    drawn = weights[weights.sum(axis=1) > 0]
    means = (drawn @ table[:, known].T) / drawn.sum(axis=1, keepdims=True)
    resampled, point = _places(means), _places(table[:, known].mean(axis=1)[None])[0]
    firsts = resampled == 1
    shares = (firsts / firsts.sum(axis=1, keepdims=True)).mean(axis=0)
    bounds = np.percentile(resampled, [2.5, 97.5], axis=0, method="nearest").astype(int)
    return {
        name: Rank(int(point[n]), int(bounds[0, n]), int(bounds[1, n]), float(shares[n]))
        for n, name in enumerate(values)
    }


def _less(first: Measured, second: Measured) -> Measured:
    if first.value is None or second.value is None:
        return Measured(None, NOT_BOTH)
    return Measured(first.value - second.value)


def _table(values: Mapping[str, Values]) -> Floats:
    return np.array([[np.nan if one.value is None else one.value for one in row] for row in values.values()], float)


def _places(means: Floats) -> npt.NDArray[np.intp]:
    """1 + how many are better; sums of one set of numbers in two orders differ in the last bits."""
    better = means[:, None, :] > means[:, :, None] + 1e-12
    return np.asarray(1 + better.sum(axis=2))
