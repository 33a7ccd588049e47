"""Is the whole predicted distribution of a stay or a measurement right? Pinball loss, PIT and interval coverage.

Arguments: `observed` (n,), finite, in the endpoint's own unit; `quantiles` (n, k) predicted in the same unit, `levels`
(k,) rising in (0, 1): `quantiles[:, j]` should be exceeded by 1 - levels[j] of the cases. Gneiting & Raftery 2007,
doi:10.1198/016214506000001437.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import kstest

from outcome.evaluation.intervals import LEVEL, measured, wald, wilson
from outcome.types import Estimate, FloatArray


@dataclass(frozen=True)
class UniformityTest:
    """Kolmogorov-Smirnov: the largest distance of the values' distribution from the uniform one, and its p-value."""

    statistic: float
    p_value: float
    n: int


def pinball(observed: FloatArray, predicted: FloatArray, level: float) -> float:
    """How costly is a predicted quantile? Mean of level × shortfall or (1 - level) × excess, in the endpoint's unit.

    `predicted` (n,) the quantile of that level in (0, 1); lower is better, the true quantile is best. At level 0.5 half
    the mean absolute error. NaN without cases; ValueError for another level.
    """
    losses = _pinball_losses(observed, predicted, level)
    return float(losses.mean()) if losses.size else math.nan


def pinball_estimates(
    observed: FloatArray, quantiles: FloatArray, levels: FloatArray, *, level: float = LEVEL
) -> dict[str, Estimate]:
    """`pinball_<level>` for every stated level and `pinball`, their mean, with Wald intervals (n - 1), cut at 0.

    ValueError where levels and quantiles do not fit.
    """
    wanted, columns = checked_quantiles(quantiles, levels)
    losses = np.column_stack([_pinball_losses(observed, columns[:, j], float(q)) for j, q in enumerate(wanted)])
    parts = {f"pinball_{q:g}": losses[:, j] for j, q in enumerate(wanted)} | {"pinball": losses.mean(axis=1)}
    words = ", ".join(f"{q:g}" for q in wanted)
    return {name: _mean_estimate(part, f"quantiles at {words}; Wald", level) for name, part in parts.items()}


def interval_coverage(observed: FloatArray, low: FloatArray, high: FloatArray) -> float:
    """Which share of cases lies in its predicted interval, ends included? NaN without cases."""
    inside = _inside(observed, low, high)
    return float(inside.mean()) if inside.size else math.nan


def interval_coverage_estimate(
    observed: FloatArray, low: FloatArray, high: FloatArray, *, level: float = LEVEL
) -> Estimate:
    """The share of cases in their predicted intervals with Wilson's interval. To be compared with what was promised."""
    inside = _inside(observed, low, high)
    n = inside.size
    if not n:
        return Estimate.withhold("there are no cases", n=0)
    interval = wilson(int(inside.sum()), n, level=level)
    return measured(float(inside.mean()), interval, method="ends included, Wilson", n=n, level=level)


def quantile_share_estimates(
    observed: FloatArray, quantiles: FloatArray, levels: FloatArray, *, level: float = LEVEL
) -> dict[str, Estimate]:
    """Which share of cases is at or below each predicted quantile? `share_below_<level>`; right where they agree."""
    wanted, columns = checked_quantiles(quantiles, levels)
    everything_below = np.full(len(columns), -np.inf)
    found = (interval_coverage_estimate(observed, everything_below, column, level=level) for column in columns.T)
    return {f"share_below_{q:g}": estimate for q, estimate in zip(wanted, found, strict=True)}


def pit_brackets(observed: FloatArray, quantiles: FloatArray, levels: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Between which levels does each observed value fall, (n,) each? 0 and 1 beyond the outermost quantiles.

    A value equal to a quantile gets the bracket from the level below it to the level above.
    """
    wanted, columns = checked_quantiles(quantiles, levels)
    values = np.asarray(observed, dtype=float)[:, None]
    low = np.max(np.where(columns < values, wanted, 0.0), axis=1)
    high = np.min(np.where(columns > values, wanted, 1.0), axis=1)
    return low, np.maximum(low, high)


def pit_values(low: FloatArray, high: FloatArray, *, seed: int) -> FloatArray:
    """Where in its predicted distribution did each value fall? Uniform on [0, 1] where the distributions are right.

    `low` (n,) the predicted probability of a smaller value, `high` (n,) that of a smaller or equal one (for a
    continuous distribution the same), or the ends of a bracket; drawn uniformly between them with `seed`, which keeps
    right distributions uniform. Brockwell 2007, doi:10.1016/j.spl.2007.02.008; Czado, Gneiting & Held 2009,
    doi:10.1111/j.1541-0420.2009.01191.x. ValueError unless 0 ≤ low ≤ high ≤ 1.
    """
    below, upto = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    if below.shape != upto.shape or not np.all((below >= 0) & (below <= upto) & (upto <= 1)):
        raise ValueError("predicted probabilities must fulfil 0 <= low <= high <= 1, one pair a case")
    return np.asarray(below + np.random.default_rng(seed).random(below.size) * (upto - below))


def uniformity_test(pit: FloatArray) -> UniformityTest | None:
    """Are PIT values uniform? Small p: the predicted distributions are wrong somewhere. None without cases."""
    values = np.asarray(pit, dtype=float)
    if not values.size:
        return None
    found = kstest(values, "uniform")
    return UniformityTest(float(found.statistic), float(found.pvalue), values.size)


def checked_quantiles(quantiles: FloatArray, levels: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Levels (k,) and quantiles (n, k) as floats; ValueError where they do not fit, or quantiles of a case cross."""
    wanted, columns = np.asarray(levels, dtype=float), np.asarray(quantiles, dtype=float)
    if wanted.ndim != 1 or not wanted.size or np.any(np.diff(wanted) <= 0) or wanted[0] <= 0 or wanted[-1] >= 1:
        raise ValueError(f"levels must rise within (0, 1), found {wanted.tolist()}")
    if columns.ndim != 2 or columns.shape[1] != wanted.size:
        raise ValueError(f"one column of quantiles for each of {wanted.size} levels, found shape {columns.shape}")
    crossing = int(np.sum(np.any(np.diff(columns, axis=1) < 0, axis=1)))
    if crossing:
        raise ValueError(f"quantiles must not fall as their level rises: they do in {crossing} of {len(columns)} cases")
    return wanted, columns


def _pinball_losses(observed: FloatArray, predicted: FloatArray, level: float) -> FloatArray:
    if not 0 < level < 1:
        raise ValueError(f"a quantile's level lies in (0, 1), found {level}")
    short = np.asarray(observed, dtype=float) - np.asarray(predicted, dtype=float)
    return np.asarray(np.maximum(level * short, (level - 1) * short))


def _inside(observed: FloatArray, low: FloatArray, high: FloatArray) -> np.ndarray:
    values = np.asarray(observed, dtype=float)
    return np.asarray((values >= np.asarray(low)) & (values <= np.asarray(high)))


def _mean_estimate(losses: FloatArray, method: str, level: float) -> Estimate:
    n = losses.size
    if n < 2:
        return Estimate.withhold(f"{n} cases: an interval needs at least 2", n=n)
    value, se = float(losses.mean()), float(losses.std(ddof=1)) / math.sqrt(n)
    return measured(value, wald(value, se, level=level, bounds=(0.0, math.inf)), method=method, n=n, level=level)
