"""Which head a kind of endpoint has, and the numbers it is made of, learned from outcomes of training cases alone.

binary, focal, cox: none. weights: that of a case without and with the event. discrete_time: ends of the intervals in
days. cumulative: the grades that occur, rising. quantiles, gaussian: centre and spread of the amount on its modelled
scale (`outcome.models.scale`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from outcome.models.linear import Params
from outcome.models.scale import modelled
from outcome.types import EndpointKind, FloatArray, Target

INTERVALS = 8
AMOUNTS = ("quantiles", "gaussian")
# which heads each kind of endpoint may have
HEADS_OF: dict[EndpointKind, tuple[str, ...]] = {
    EndpointKind.BINARY: ("binary", "weights", "focal"),
    EndpointKind.TIME_TO_EVENT: ("cox", "discrete_time"),
    EndpointKind.ORDINAL: ("cumulative",),
    EndpointKind.DURATION: ("quantiles", "gaussian"),
    EndpointKind.CONTINUOUS: ("gaussian", "quantiles"),
}
# which setting names the head
HEAD_PARAMS = {
    EndpointKind.BINARY: "imbalance",
    EndpointKind.TIME_TO_EVENT: "survival_head",
    EndpointKind.ORDINAL: "ordinal_head",
    EndpointKind.DURATION: "duration_head",
    EndpointKind.CONTINUOUS: "continuous_head",
}
NO_IMBALANCE = "none"  # names the usual head outright
# where none is named; other kinds have no network then
USUAL = {EndpointKind.BINARY: "binary", EndpointKind.TIME_TO_EVENT: "cox"}


def head_for(kind: EndpointKind, params: Params) -> str:
    """The head that these params name for a kind of endpoint; unless told yes/no has the plain one, times the Cox head.

    Raises ValueError where none is named, or one for another kind.
    """
    named = params.get(HEAD_PARAMS[kind])
    head = str(named if named and named != NO_IMBALANCE else USUAL.get(kind, ""))
    if head not in HEADS_OF[kind]:
        raise ValueError(f"a network for {kind} endpoints needs one of the heads {HEADS_OF[kind]}, found {head!r}")
    return head


def head_numbers(head: str, target: Target) -> tuple[float, ...]:
    """The numbers of a head of this name for these outcomes, all known."""
    if head == "discrete_time":
        return interval_edges(target)
    if head == "cumulative":
        return tuple(float(grade) for grade in np.unique(target.value))
    if head == "weights":
        return class_weights(target.value)
    if head in AMOUNTS:
        values = modelled(target)
        return float(values.mean()), float(values.std())
    return ()


def class_weights(value: FloatArray) -> tuple[float, float]:
    """The weight of a case without and with the event, by the inverse share of its outcome; 1 where it is absent."""
    with_event, n = float(value.sum()), len(value)
    without, having = (n / (2 * count) if count else 1.0 for count in (n - with_event, with_event))
    return without, having


def in_units(head: str, numbers: tuple[float, ...], target: Target) -> Target:
    """The outcomes as the head learns them: amounts less their centre, by their spread; others as they are."""
    if head not in AMOUNTS:
        return target
    centre, spread = numbers
    return replace(target, kind=EndpointKind.CONTINUOUS, value=(modelled(target) - centre) / spread)


def interval_edges(target: Target, intervals: int = INTERVALS) -> tuple[float, ...]:
    """Ends of the intervals in days: equally many events of the kind of interest in each, the last event last."""
    days: FloatArray = target.time_days[target.event == 1]
    ends = np.quantile(days, np.arange(1, intervals + 1) / intervals, method="inverted_cdf")
    # days as the network sees them, so that a time on an edge falls into the interval that ends there
    return tuple(float(end) for end in np.unique(ends.astype(np.float32)))
