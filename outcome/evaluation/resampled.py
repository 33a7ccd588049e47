"""Do the intervals hold when cases, or whole patients, are drawn again? Every metric from each draw.

Formulas assume independent cases; a bootstrap of patients does not, and is the answer where one patient brings several
cases. Efron & Tibshirani 1986, doi:10.1214/ss/1177013815.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from outcome.evaluation.calibration.error import calibration_errors
from outcome.evaluation.intervals import IntArray, measured, percentile_interval, resample
from outcome.evaluation.kinds import CALIBRATION_ERRORS
from outcome.evaluation.sample import Sample
from outcome.evaluation.summary import measure
from outcome.types import EndpointKind, Estimate


def resampled_estimates(
    sample: Sample, *, draws: int, seed: int, patients: npt.NDArray[np.generic] | None = None
) -> dict[str, Estimate]:
    """Every metric of the sample with the percentile interval of `draws` bootstrap draws of its cases.

    `patients` (n,) names each case's patient: whole patients are drawn. Distances of the calibration curve are drawn
    for yes/no outcomes; for times they are left out. Metrics that are withheld stay withheld with their reason; one
    that is undefined in more than 5 % of the draws has no interval. Raises ValueError for less than one draw.
    """
    if draws < 1:
        raise ValueError(f"at least one draw is needed, found {draws}")
    sorted_, patients = _by_score(sample, patients)
    point = _values(sorted_)
    # Ten events are asked of the cases, not of every draw.
    source = replace(sorted_, settings=replace(sorted_.settings, min_events=1))
    seeds = np.random.SeedSequence(seed).spawn(draws)
    # A thread a draw: matrices of two columns gain nothing from threads within.
    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        drawn = list(pool.map(lambda own: _values(source.take(_draw(sample.n, own, patients))), seeds))
    unit = "cases" if patients is None else "patients"
    method = f"bootstrap of {unit}, {draws} draws, percentile"
    return {name: _estimate(name, value, drawn, method, sample) for name, value in point.items()}


def _draw(n: int, seed: np.random.SeedSequence, patients: npt.NDArray[np.generic] | None) -> IntArray:
    """Rising row numbers: what was sorted once stays sorted in every draw."""
    return np.sort(resample(n, np.random.default_rng(seed), patients))


def _by_score(
    sample: Sample, patients: npt.NDArray[np.generic] | None
) -> tuple[Sample, npt.NDArray[np.generic] | None]:
    order = np.argsort(sample.score, kind="stable")
    plain = replace(sample, settings=replace(sample.settings, curve_errors=False))
    return plain.take(order), None if patients is None else np.asarray(patients)[order]


def _values(sample: Sample) -> dict[str, Estimate]:
    """Every metric by the formulas, and the distances of the calibration curve without a bootstrap of their own."""
    found = measure(sample)
    if sample.target.kind is not EndpointKind.BINARY or sample.risk is None or sample.too_few():
        return found
    errors = calibration_errors(sample.target.value, sample.risk)
    n, n_events = sample.n, sample.target.n_events
    for name in CALIBRATION_ERRORS:
        found[name] = (
            Estimate.withhold("no calibration curve exists here", n=n, n_events=n_events)
            if errors is None
            else Estimate(getattr(errors, name), method="", n=n, n_events=n_events)
        )
    return found


def _estimate(name: str, point: Estimate, drawn: list[dict[str, Estimate]], method: str, sample: Sample) -> Estimate:
    if point.value is None:
        return point
    values = np.array([_or_nan(each[name]) for each in drawn])
    interval = percentile_interval(values, level=sample.settings.level)
    level = sample.settings.level
    return measured(point.value, interval, method=method, n=point.n, n_events=point.n_events, level=level)


def _or_nan(estimate: Estimate) -> float:
    return math.nan if estimate.value is None else estimate.value
