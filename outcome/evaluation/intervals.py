"""How sure is a number? Interval formulas shared by all metrics, and the one way to build an `Estimate` from them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, norm

from outcome.types import Estimate

IntArray = npt.NDArray[np.intp]
Interval = tuple[float, float]

LEVEL = 0.95
DRAWS = 1000
# Above this share of undefined resamples the remaining ones are a selected set, and their quantiles mislead.
MOST_ROWS = 1_000_000  # of all resamples that are held at once
MAX_UNDEFINED = 0.05


def z_value(level: float = LEVEL) -> float:
    """The standard normal quantile that leaves (1 - level) / 2 in each tail."""
    return float(norm.ppf(0.5 + level / 2))


def wald(value: float, se: float, *, level: float = LEVEL, bounds: Interval = (-math.inf, math.inf)) -> Interval:
    """value ± z·se, cut to `bounds` (the values that the quantity can take)."""
    half = z_value(level) * se
    return max(value - half, bounds[0]), min(value + half, bounds[1])


def log_wald(value: float, se_log: float, *, level: float = LEVEL) -> Interval:
    """exp(log value ± z·se_log), for a positive ratio; `se_log` is on the log scale."""
    factor = math.exp(z_value(level) * se_log)
    return value / factor, value * factor


def wilson(successes: int, n: int, *, level: float = LEVEL) -> Interval:
    """In which range lies a proportion, seen `successes` times in `n`? Wilson's score interval, never outside [0, 1].

    n must be positive. Wilson 1927, doi:10.1080/01621459.1927.10502953; Newcombe 1998,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E.
    """
    if n <= 0:
        raise ValueError(f"n must be positive, found {n}")
    return wilson_share(successes / n, n, level=level)


def wilson_share(share: float, n: float, *, level: float = LEVEL) -> Interval:
    """The same for a share in [0, 1] that is as sure as one seen in n > 0 cases; n need not be whole."""
    z2 = z_value(level) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    # At a share of 0 and 1 the formula's exact end is 0 or 1; rounding would leave 1e-17.
    return (0.0 if share == 0 else centre - half), (1.0 if share == 1 else centre + half)


def clopper_pearson(successes: int, n: int, *, level: float = LEVEL) -> Interval:
    """In which range lies a proportion, seen `successes` times in `n`? The exact interval: its coverage never falls
    below `level`, at the price of width; `wilson` is shorter and right on average.

    n must be positive. Clopper & Pearson 1934, doi:10.1093/biomet/26.4.404.
    """
    if not 0 <= successes <= n or n <= 0:
        raise ValueError(f"n must be positive and successes lie in [0, n], found {successes} of {n}")
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, successes, n - successes + 1)) if successes else 0.0
    high = float(beta.ppf(1 - tail, successes + 1, n - successes)) if successes < n else 1.0
    return low, high


def resample(n: int, rng: np.random.Generator, patients: npt.NDArray[np.generic] | None = None) -> IntArray:
    """Row numbers of one bootstrap sample of n rows: rows drawn with replacement, or whole patients where given.

    `patients` (n,) names each row's patient; all rows of a drawn patient come along.
    """
    if patients is None:
        return rng.integers(0, n, n)
    _, owner = np.unique(patients, return_inverse=True)
    order = np.argsort(owner, kind="stable")
    rows_of = np.split(order, np.cumsum(np.bincount(owner))[:-1])
    drawn = rng.integers(0, len(rows_of), len(rows_of))
    return np.concatenate([rows_of[k] for k in drawn])


def bootstrap(
    statistic: Callable[[IntArray], float],
    n: int,
    *,
    seed: int,
    draws: int = DRAWS,
    patients: npt.NDArray[np.generic] | None = None,
) -> npt.NDArray[np.float64]:
    """The statistic in `draws` resamples of n rows, shape (draws,); NaN where it is undefined in a resample."""
    rng = np.random.default_rng(seed)
    return np.array([statistic(resample(n, rng, patients)) for _ in range(draws)], dtype=float)


def bootstrap_rows(
    statistic: Callable[[IntArray], npt.NDArray[np.float64]], n: int, *, seed: int, draws: int = DRAWS
) -> npt.NDArray[np.float64]:
    """As `bootstrap` of cases, in the same resamples, for statistics of many resamples at once.

    `statistic` turns row numbers (m, n) into (..., m); the answer is (..., draws).
    """
    rng = np.random.default_rng(seed)
    most = max(1, MOST_ROWS // max(n, 1))
    sizes = [min(most, draws - start) for start in range(0, draws, most)]
    return np.concatenate([statistic(rng.integers(0, n, (size, n))) for size in sizes], axis=-1)


def percentile_interval(values: npt.NDArray[np.float64], *, level: float = LEVEL) -> Interval | None:
    """The middle `level` of the bootstrap values; None where more than 5 % of them are undefined."""
    defined = values[~np.isnan(values)]
    if defined.size < (1 - MAX_UNDEFINED) * values.size or not defined.size:
        return None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def measured(
    value: float,
    interval: Interval | None,
    *,
    method: str,
    n: int,
    n_events: int | None = None,
    level: float = LEVEL,
) -> Estimate:
    """An `Estimate` of a defined value; without an interval the method says so."""
    if interval is None:
        return Estimate(value, level=level, method=f"{method}; no interval exists here", n=n, n_events=n_events)
    # Percentile intervals and cut Wald intervals may miss the point estimate by rounding; they never may exclude it.
    low, high = min(interval[0], value), max(interval[1], value)
    return Estimate(value, low, high, level=level, method=method, n=n, n_events=n_events)
