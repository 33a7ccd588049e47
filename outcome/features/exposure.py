"""How many events each case was expected to have, had everyone the same risk."""

from __future__ import annotations

import numpy as np

from outcome.types import EndpointKind, FloatArray, Target


def expected_events(target: Target) -> FloatArray:
    """The Nelson-Aalen cumulative hazard of the event of interest at each case's own time, shape (n,).

    Zero for a case that left before the first event. A competing event counts as censoring (cause-specific hazard).
    All outcomes must be known. Under no effect of anything the observed events sum to the expected ones.
    """
    times = np.unique(target.time_days[target.event == 1])
    at_risk = (target.time_days[None, :] >= times[:, None]).sum(axis=1)
    events = ((target.time_days[None, :] == times[:, None]) & (target.event == 1)[None, :]).sum(axis=1)
    cumulative = np.concatenate([[0.0], np.cumsum(events / np.maximum(at_risk, 1))])
    return cumulative[np.searchsorted(times, target.time_days, side="right")]


def outcome_rank_value(target: Target) -> FloatArray:
    """One number a case that grows with the outcome, shape (n,): what a univariate filter compares with a feature.

    Time to event: the martingale residual of the model without covariates, observed minus expected events
    (Therneau, Grambsch & Fleming 1990, doi:10.1093/biomet/77.1.147). Otherwise the value itself.
    """
    if target.kind is EndpointKind.TIME_TO_EVENT:
        return (target.event == 1).astype(float) - expected_events(target)
    return target.value
