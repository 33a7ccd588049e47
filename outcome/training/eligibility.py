"""When is there too little to learn from? Then no model is made, and the reason is told."""

from __future__ import annotations

import numpy as np

from outcome.training.data import TrainingData
from outcome.training.settings import TrainingSettings
from outcome.types import EndpointKind


def why_not(data: TrainingData, settings: TrainingSettings, horizons_days: tuple[float, ...]) -> str:
    """Why no model is trained on these cases, or ""."""
    known = data.known()
    if not len(known):
        return "no case has a known outcome"
    patients = len(np.unique(known.patients))
    wanted = max(settings.outer_folds, settings.inner_folds + 1)
    if patients < wanted:
        return f"{patients} patients with a known outcome; {wanted} are needed for the folds"
    return _CHECKS[data.target.kind](known, settings.min_events) or _follow_up(known, horizons_days)


def _binary(known: TrainingData, least: int) -> str:
    events = int(known.target.value.sum())
    others = len(known) - events
    if not events or not others:
        return f"one class only: {events} events among {len(known)} cases"
    if min(events, others) < least:
        return f"{events} events and {others} cases without; at least {least} of each are needed"
    return ""


def _timed(known: TrainingData, least: int) -> str:
    events = known.target.n_events or 0
    return "" if events >= least else f"{events} events; at least {least} are needed"


def _amount(known: TrainingData, least: int) -> str:
    if np.ptp(known.target.value) == 0:
        return f"the same value in all {len(known)} cases"
    return "" if len(known) >= 2 * least else f"{len(known)} cases with a known value; at least {2 * least} are needed"


def _follow_up(known: TrainingData, horizons_days: tuple[float, ...]) -> str:
    if known.target.kind is not EndpointKind.TIME_TO_EVENT:
        return ""
    if not horizons_days:
        return "no horizon is configured: a time to an event needs a day by which to state the risk"
    last = float(known.target.time_days.max())
    late = max(horizons_days)
    return "" if late <= last else f"the horizon of {late:g} days lies after the last follow-up"


_CHECKS = {kind: _amount for kind in EndpointKind} | {
    EndpointKind.BINARY: _binary,
    EndpointKind.TIME_TO_EVENT: _timed,
}
