"""Is one score better than another on the same cases? Differences are always a minus b, paired case by case."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from outcome.evaluation.concordance import concordance, concordance_influence, harrell_c, measured_influence
from outcome.evaluation.discrimination import delong_variance, placements
from outcome.evaluation.intervals import DRAWS, LEVEL, bootstrap, measured, percentile_interval, wald
from outcome.types import Estimate, FloatArray

Metric = Callable[..., float]


@dataclass(frozen=True)
class PairedDifference:
    """a minus b with its interval, the test statistic (None where the test has none) and the two-sided p-value."""

    estimate: Estimate
    statistic: float | None
    p_value: float | None


def paired_delong(y: FloatArray, score_a: FloatArray, score_b: FloatArray, *, level: float = LEVEL) -> PairedDifference:
    """Is the AUROC of a higher than that of b? `y` (n,) 0 or 1; both scores (n,), higher is riskier.

    DeLong, DeLong & Clarke-Pearson 1988, doi:10.2307/2531595, no continuity correction. Withheld with fewer than
    two cases in a class.
    """
    n, n_events = len(y), int(np.sum(np.asarray(y) == 1))
    if min(n_events, n - n_events) < 2:
        reason = f"{n_events} of {n} cases have the event; at least 2 with and 2 without are needed"
        return PairedDifference(Estimate.withhold(reason, n=n, n_events=n_events), None, None)
    (events_a, others_a), (events_b, others_b) = placements(y, score_a), placements(y, score_b)
    variance = delong_variance(events_a - events_b, others_a - others_b)
    value = float(events_a.mean() - events_b.mean())
    return _normal_test(value, variance, "paired DeLong", n=n, n_events=n_events, level=level)


def paired_harrell_c(
    time_days: FloatArray, event: FloatArray, score_a: FloatArray, score_b: FloatArray, *, level: float = LEVEL
) -> PairedDifference:
    """Is Harrell's C of a higher than that of b? Infinitesimal jackknife of the difference."""
    n_events = int(np.sum(np.asarray(event) == 1))
    value = harrell_c(time_days, event, score_a) - harrell_c(time_days, event, score_b)
    if math.isnan(value):
        reason = "no pair of cases can be compared"
        return PairedDifference(Estimate.withhold(reason, n=len(event), n_events=n_events), None, None)
    pulls = [concordance_influence(time_days, event, s) for s in (score_a, score_b)]
    variance = float(np.sum((pulls[0] - pulls[1]) ** 2))
    return _normal_test(value, variance, "paired jackknife", n=len(event), n_events=n_events, level=level)


def paired_concordance(
    observed: FloatArray, score_a: FloatArray, score_b: FloatArray, *, level: float = LEVEL
) -> PairedDifference:
    """Is the concordance of a with measured values higher than that of b? Infinitesimal jackknife."""
    value = concordance(observed, score_a) - concordance(observed, score_b)
    if math.isnan(value):
        reason = "no pair of cases can be compared"
        return PairedDifference(Estimate.withhold(reason, n=len(observed)), None, None)
    variance = float(np.sum((measured_influence(observed, score_a) - measured_influence(observed, score_b)) ** 2))
    return _normal_test(value, variance, "paired jackknife", n=len(observed), n_events=None, level=level)


def paired_bootstrap(
    metric: Metric,
    outcome: tuple[FloatArray, ...],
    scores: tuple[FloatArray, FloatArray],
    *,
    seed: int,
    draws: int = DRAWS,
    patients: npt.NDArray[np.generic] | None = None,
    level: float = LEVEL,
) -> PairedDifference:
    """How much do two scores or risks differ in any metric f(*outcome, score)? Both are resampled together.

    `outcome` are arrays (n,) that the metric takes first; `patients` (n,) names each row's patient where one has
    several rows, and whole patients are then drawn. Percentile interval; p is twice the smaller share of draws on
    one side of zero, counting the observed difference once. Withheld where the metric is undefined.
    """

    def gain(rows: npt.NDArray[np.intp]) -> float:
        first, second = (metric(*(part[rows] for part in outcome), score[rows]) for score in scores)
        return first - second

    n = len(scores[0])
    value = gain(np.arange(n))
    if math.isnan(value):
        return PairedDifference(Estimate.withhold("the metric is undefined on these cases", n=n), None, None)
    values = bootstrap(gain, n, seed=seed, draws=draws, patients=patients)
    interval = percentile_interval(values, level=level)
    estimate = measured(value, interval, method=f"paired bootstrap, {draws} draws, percentile", n=n, level=level)
    return PairedDifference(estimate, None, None if interval is None else _two_sided(values))


def _normal_test(
    value: float, variance: float, method: str, *, n: int, n_events: int | None, level: float
) -> PairedDifference:
    if not variance > 0:
        # Scores that rank every pair alike: the difference is zero in every sample, not zero by chance.
        interval = (value, value) if value == 0 else None
        estimate = measured(value, interval, method=method, n=n, n_events=n_events, level=level)
        return PairedDifference(estimate, None, 1.0 if value == 0 else None)
    se = math.sqrt(variance)
    bounds = wald(value, se, level=level, bounds=(-1.0, 1.0))
    estimate = measured(value, bounds, method=method, n=n, n_events=n_events, level=level)
    return PairedDifference(estimate, value / se, float(2 * norm.sf(abs(value / se))))


def _two_sided(values: FloatArray) -> float:
    defined = values[~np.isnan(values)]
    smaller = min(np.sum(defined <= 0), np.sum(defined >= 0))
    return float(min(1.0, 2 * (smaller + 1) / (defined.size + 1)))
