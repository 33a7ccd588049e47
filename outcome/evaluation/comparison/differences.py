"""Is one score better than another? Differences are always a minus b; paired case by case on the same cases, and
unpaired where the two were measured on different cases.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm
from scipy.stats import t as student

from outcome.evaluation.discrimination.concordance import (
    concordance,
    concordance_influence,
    harrell_c,
    measured_influence,
)
from outcome.evaluation.discrimination.concordance_ipcw import uno_c, uno_influence
from outcome.evaluation.discrimination.roc import delong_variance, placements
from outcome.evaluation.intervals import DRAWS, LEVEL, Interval, bootstrap, measured, percentile_interval, wald
from outcome.types import Estimate, FloatArray

Metric = Callable[..., float]


@dataclass(frozen=True)
class PairedDifference:
    """a minus b with its interval, the test statistic (None where the test has none) and the two-sided p-value.

    `df` are the degrees of freedom of a t test; None where the statistic is compared with a normal distribution.
    """

    estimate: Estimate
    statistic: float | None
    p_value: float | None
    df: float | None = None


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
    return normal_test(value, variance, "paired DeLong", n=n, n_events=n_events, level=level)


def unpaired_delong(
    sample_a: tuple[FloatArray, FloatArray], sample_b: tuple[FloatArray, FloatArray], *, level: float = LEVEL
) -> PairedDifference:
    """Is the AUROC higher in the cases of a than in those of b? Each sample is (`y` 0 or 1, `score`), no case in both.

    DeLong's variances added; t test with Welch-Satterthwaite degrees of freedom, each sample's own n - 1 (as pROC:
    Robin et al. 2011, doi:10.1186/1471-2105-12-77). Withheld with fewer than two cases in a class of either sample.
    """
    counts = [(len(y), int(np.sum(np.asarray(y) == 1))) for y, _ in (sample_a, sample_b)]
    n, n_events = sum(count[0] for count in counts), sum(count[1] for count in counts)
    if min(min(events, size - events) for size, events in counts) < 2:
        reason = "each sample needs at least 2 cases with the event and 2 without"
        return PairedDifference(Estimate.withhold(reason, n=n, n_events=n_events), None, None)
    placed = [placements(y, score) for y, score in (sample_a, sample_b)]
    value = float(placed[0][0].mean() - placed[1][0].mean())
    variances = [delong_variance(*parts) for parts in placed]
    if not sum(variances) > 0:
        return normal_test(value, 0.0, "unpaired DeLong", n=n, n_events=n_events, level=level)
    shares = [variance**2 / (size - 1) for variance, (size, _) in zip(variances, counts, strict=True)]
    se, df = math.sqrt(sum(variances)), sum(variances) ** 2 / sum(shares)
    half = float(student.ppf(0.5 + level / 2, df)) * se
    bounds = max(value - half, -1.0), min(value + half, 1.0)
    method = f"unpaired DeLong, t with {df:.1f} degrees of freedom"
    estimate = measured(value, bounds, method=method, n=n, n_events=n_events, level=level)
    return PairedDifference(estimate, value / se, float(2 * student.sf(abs(value / se), df)), df)


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
    return normal_test(value, variance, "paired jackknife", n=len(event), n_events=n_events, level=level)


def paired_uno_c(
    time_days: FloatArray,
    event: FloatArray,
    scores: tuple[FloatArray, FloatArray],
    *,
    tau_days: float | None = None,
    level: float = LEVEL,
) -> PairedDifference:
    """Is Uno's C of the first score higher than that of the second? Influence functions subtracted case by case."""
    n, n_events = len(event), int(np.sum(np.asarray(event) == 1))
    first, second = (uno_c(time_days, event, s, tau_days=tau_days) for s in scores)
    if math.isnan(first - second):
        reason = "no pair of cases can be compared"
        return PairedDifference(Estimate.withhold(reason, n=n, n_events=n_events), None, None)
    pulls = [uno_influence(time_days, event, s, tau_days=tau_days) for s in scores]
    variance = float(np.sum((pulls[0] - pulls[1]) ** 2))
    return normal_test(first - second, variance, "paired IPCW", n=n, n_events=n_events, level=level)


def paired_concordance(
    observed: FloatArray, score_a: FloatArray, score_b: FloatArray, *, level: float = LEVEL
) -> PairedDifference:
    """Is the concordance of a with measured values higher than that of b? Infinitesimal jackknife."""
    value = concordance(observed, score_a) - concordance(observed, score_b)
    if math.isnan(value):
        reason = "no pair of cases can be compared"
        return PairedDifference(Estimate.withhold(reason, n=len(observed)), None, None)
    variance = float(np.sum((measured_influence(observed, score_a) - measured_influence(observed, score_b)) ** 2))
    return normal_test(value, variance, "paired jackknife", n=len(observed), n_events=None, level=level)


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


def normal_test(
    value: float,
    variance: float,
    method: str,
    *,
    n: int,
    n_events: int | None,
    level: float,
    bounds: Interval = (-1.0, 1.0),
) -> PairedDifference:
    """A difference with its variance under a normal distribution, its interval cut to `bounds`.

    Without variance a difference of zero has the interval zero to zero, any other has none.
    """
    if not variance > 0:
        # Scores that rank every pair alike: the difference is zero in every sample, not zero by chance.
        interval = (value, value) if value == 0 else None
        estimate = measured(value, interval, method=method, n=n, n_events=n_events, level=level)
        return PairedDifference(estimate, None, 1.0 if value == 0 else None)
    se = math.sqrt(variance)
    interval = wald(value, se, level=level, bounds=bounds)
    estimate = measured(value, interval, method=method, n=n, n_events=n_events, level=level)
    return PairedDifference(estimate, value / se, float(2 * norm.sf(abs(value / se))))


def _two_sided(values: FloatArray) -> float:
    defined = values[~np.isnan(values)]
    smaller = min(np.sum(defined <= 0), np.sum(defined >= 0))
    return float(min(1.0, 2 * (smaller + 1) / (defined.size + 1)))
