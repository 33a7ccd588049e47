"""Is the model better than the clinicians, and does each add to the other? Readers and model judged the same cases.

Arguments: `y` (n,) holds 0 or 1; a reader's scores, or the model's, (n,), higher is riskier, any scale, ties allowed
(a rating, a risk, a yes or no); several readers (r, n), every reader having read every case.
Readers and cases both vary: an interval that ignores one of them is too narrow. With `readers_are="random"` the answer
is for clinicians like these (Obuchowski-Rockette with Hillis' degrees of freedom), with "fixed" for exactly these.
Obuchowski & Rockette 1995, doi:10.1080/03610919508813243; Hillis 2007, doi:10.1002/sim.2532; covariances by DeLong et
al. 1988, doi:10.2307/2531595.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.stats import chi2, norm, t

from outcome.errors import DataRefusal
from outcome.evaluation.calibration.indices import logistic_fit
from outcome.evaluation.comparison.differences import PairedDifference, paired_delong
from outcome.evaluation.comparison.recalibrated_score import FOLDS, cross_fitted_risk, no_cross_fit, stratified_folds
from outcome.evaluation.discrimination.roc import auroc, auroc_delong, auroc_influence
from outcome.evaluation.intervals import LEVEL, measured
from outcome.types import Estimate, FloatArray

ReadersAre = Literal["random", "fixed"]
MIN_CASES = 2


@dataclass(frozen=True)
class ReaderComparison:
    """First minus second, averaged over readers, with its test (t, or normal for fixed readers); and every reader's own
    paired difference.
    """

    difference: PairedDifference
    by_reader: tuple[PairedDifference, ...]
    first: tuple[Estimate, ...]  # AUROC, one a reader (or the model alone)
    second: tuple[Estimate, ...]


@dataclass(frozen=True)
class MeanOverReaders:
    """A mean over readers with its standard error and degrees of freedom."""

    value: float
    se: float
    degrees_of_freedom: float


@dataclass(frozen=True)
class AddedValue:
    """What a second source adds to a first one.

    `statistic` and `p_value`: likelihood-ratio test of the nested logistic models on all cases, one degree of freedom.
    `auroc_change`: both minus the first alone, on risks cross-fitted so that no case is scored by a model that saw it.
    It has no test of its own: where nothing is added the two AUROCs differ by less than their interval knows, and a
    useless coefficient makes the change slightly negative (Demler et al. 2012, doi:10.1002/sim.5328).
    """

    statistic: float | None
    p_value: float | None
    auroc_change: Estimate


def model_against_readers(
    y: FloatArray,
    model: FloatArray,
    readers: FloatArray,
    *,
    readers_are: ReadersAre = "random",
    level: float = LEVEL,
) -> ReaderComparison:
    """Does the model rank cases better than clinicians do? Its AUROC minus the readers' mean AUROC.

    The model is one, its difference to each reader is what varies with readers: the single-treatment form of the
    Obuchowski-Rockette analysis of these differences. Raises DataRefusal for missing readings.
    """
    others = _readings(readers, y, "readers")
    alone = _readings(np.asarray(model)[None], y, "model")
    return _compare(y, np.broadcast_to(alone, others.shape), others, readers_are, level)


def readers_with_model(
    y: FloatArray,
    with_model: FloatArray,
    without: FloatArray,
    *,
    readers_are: ReadersAre = "random",
    level: float = LEVEL,
) -> ReaderComparison:
    """Do the same clinicians rank cases better when they see the model? Mean AUROC with it minus without it.

    Both (r, n), readers in the same order: two treatments crossed with readers and cases. Raises DataRefusal for
    missing readings or different readers.
    """
    aided, unaided = _readings(with_model, y, "readers with the model"), _readings(without, y, "readers without it")
    if aided.shape != unaided.shape:
        raise DataRefusal("not the same readers", expected=f"{len(unaided)} readers", found=f"{len(aided)}")
    return _compare(y, aided, unaided, readers_are, level)


def mean_over_readers(differences: FloatArray, covariance: FloatArray, readers_are: ReadersAre) -> MeanOverReaders:
    """The mean of the readers' differences (r,), whose `covariance` (r, r) comes from the cases.

    Random readers: variance (MS + r·max(Cov, 0)) / r, with MS the readers' mean square and Cov the mean covariance
    between readers; Hillis' degrees of freedom (MS + r·max(Cov, 0))² / (MS² / (r - 1)). With two treatments MS is twice
    MS(treatment × reader) and Cov twice Cov2 - Cov3, so this is the F test of the crossed design. Fixed readers: the
    variance of the mean by `covariance` alone.
    """
    r, value = differences.size, float(np.mean(differences))
    if readers_are == "fixed":
        return MeanOverReaders(value, math.sqrt(max(float(covariance.mean()), 0.0)), math.inf)
    mean_square = float(np.var(differences, ddof=1))
    between = float(covariance.sum() - np.trace(covariance)) / (r * (r - 1))
    total = mean_square + r * max(between, 0.0)
    df = total**2 / (mean_square**2 / (r - 1)) if mean_square > 0 else math.inf
    return MeanOverReaders(value, math.sqrt(total / r), df)


def added_value(
    y: FloatArray, first: FloatArray, second: FloatArray, *, seed: int, folds: int = FOLDS, level: float = LEVEL
) -> AddedValue:
    """What does the second source tell beyond the first? Model beyond a clinician's judgement, or the reverse.

    Both (n,), on the scale where log odds are a straight line: ratings as they are, a risk as its log odds
    (`calibration.clipped_logit`). The folds keep the share of events and are drawn from `seed`. Withheld where the
    models cannot be fitted. Raises DataRefusal for missing values.
    """
    is_event = np.asarray(y) == 1
    n, n_events = is_event.size, int(is_event.sum())
    sources = _readings(np.stack([first, second]), y, "sources")
    design = np.column_stack([_standardised(source) for source in sources])
    reason = no_cross_fit(is_event, np.ones(n), folds)
    fold, flat = stratified_folds(is_event, folds, seed), np.ones(n)
    likelihood = None if reason else _likelihood_ratio(is_event, design)
    parts = () if likelihood is None else (design, design[:, :1])
    risks = [risk for part in parts if (risk := cross_fitted_risk(is_event, part, flat, fold)) is not None]
    if likelihood is None or len(risks) < 2:
        reason = reason or "the likelihood has no maximum: the two sources are one, or they separate the events"
        return AddedValue(None, None, Estimate.withhold(reason, n=n, n_events=n_events))
    change = paired_delong(np.asarray(y), *risks, level=level).estimate
    method = f"{change.method} of {folds}-fold cross-fitted logistic risks; the test is the likelihood ratio's"
    return AddedValue(likelihood, float(chi2.sf(likelihood, 1)), replace(change, method=method))


def _compare(
    y: FloatArray, first: FloatArray, second: FloatArray, readers_are: ReadersAre, level: float
) -> ReaderComparison:
    n, n_events, r = len(y), int(np.sum(np.asarray(y) == 1)), len(first)
    by_reader = tuple(paired_delong(y, a, b, level=level) for a, b in zip(first, second, strict=True))
    own, theirs = (tuple(auroc_delong(y, score, level=level) for score in rows) for rows in (first, second))
    reason = _too_little(n, n_events, r, readers_are)
    if reason:
        nothing = PairedDifference(Estimate.withhold(reason, n=n, n_events=n_events), None, None)
        return ReaderComparison(nothing, by_reader, own, theirs)
    differences = np.array([auroc(y, a) - auroc(y, b) for a, b in zip(first, second, strict=True)])
    pulls = np.array([auroc_influence(y, a) - auroc_influence(y, b) for a, b in zip(first, second, strict=True)])
    mean = mean_over_readers(differences, pulls @ pulls.T, readers_are)
    tested = _tested(mean, f"{_NAMES[readers_are]}, {r} readers", n=n, n_events=n_events, level=level)
    return ReaderComparison(tested, by_reader, own, theirs)


def _tested(mean: MeanOverReaders, method: str, *, n: int, n_events: int, level: float) -> PairedDifference:
    df = None if math.isinf(mean.degrees_of_freedom) else mean.degrees_of_freedom
    law = norm if df is None else t(df)
    half = float(law.ppf(0.5 + level / 2)) * mean.se
    interval = max(mean.value - half, -1.0), min(mean.value + half, 1.0)
    estimate = measured(mean.value, interval, method=method, n=n, n_events=n_events, level=level)
    if not mean.se > 0:
        return PairedDifference(estimate, None, 1.0 if mean.value == 0 else None, df)
    statistic = mean.value / mean.se
    return PairedDifference(estimate, statistic, float(2 * law.sf(abs(statistic))), df)


def _likelihood_ratio(is_event: np.ndarray, design: FloatArray) -> float | None:
    y, constant = is_event.astype(float), np.ones(is_event.size)
    logs = []
    for part in (design, design[:, :1]):
        columns = np.column_stack([constant, part])
        fit = logistic_fit(columns, y)
        if fit is None:
            return None
        log_odds = columns @ fit[0]
        logs.append(float(np.sum(y * log_odds - np.logaddexp(0, log_odds))))
    return max(2 * (logs[0] - logs[1]), 0.0)


def _readings(scores: FloatArray, y: FloatArray, who: str) -> FloatArray:
    found = np.asarray(scores, dtype=float)
    if found.ndim != 2 or found.shape[1] != len(y) or not len(found):
        raise DataRefusal(f"{who} do not fit the cases", expected=f"(readers, {len(y)})", found=f"shape {found.shape}")
    missing = int(np.isnan(found).sum())
    if missing:
        next_step = "leave those cases or that reader out, and say so"
        raise DataRefusal(f"{who}: readings are missing", expected="every reader reads every case",
                          found=f"{missing} of {found.size} missing", next_step=next_step)  # fmt: skip
    return found


def _too_little(n: int, n_events: int, r: int, readers_are: ReadersAre) -> str | None:
    if min(n_events, n - n_events) < MIN_CASES:
        return f"{n_events} of {n} cases have the event; at least {MIN_CASES} with and {MIN_CASES} without are needed"
    if r < 2 and readers_are == "random":
        return "one reader cannot speak for clinicians like him or her: only the paired comparison with this one exists"
    return None


def _standardised(values: FloatArray) -> FloatArray:
    spread = values.std()
    return (values - values.mean()) / (spread if spread > 0 else 1.0)


_NAMES: dict[ReadersAre, str] = {
    "random": "Obuchowski-Rockette, random readers and cases, Hillis' degrees of freedom",
    "fixed": "DeLong, these readers only, random cases",
}
