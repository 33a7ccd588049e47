"""Does the model serve everybody? Any metrics, over the groups of any column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from outcome.types import BoolArray, Estimate

# A group of fewer cases could point to a person: neither its size nor its events are told.
SMALL_CELL = 5
SUPPRESSED = f"suppressed: fewer than {SMALL_CELL} cases"

Measure = Callable[[BoolArray], Mapping[str, Estimate]]


def subgroup_rows(
    groups: Mapping[str, npt.NDArray[Any]],
    is_event: BoolArray | None,
    measure: Measure,
    metric_names: Sequence[str],
) -> tuple[dict[str, Any], ...]:
    """One row a group: {"variable", "group", "n", "n_events", "metrics": {name: Estimate}}.

    `groups` maps a column's name to n labels; `is_event` (n,) counts events, None where the endpoint has none;
    `measure` gives the metrics of a mask of cases and withholds what it must. Groups in sorted order. A group below
    the small-cell limit has n and n_events None and its metrics, `metric_names`, withheld.
    """
    return tuple(
        _row(variable, label, labels == label, is_event, measure, metric_names)
        for variable, labels in groups.items()
        for label in sorted(set(labels))
    )


def _row(
    variable: str,
    label: str,
    members: BoolArray,
    is_event: BoolArray | None,
    measure: Measure,
    metric_names: Sequence[str],
) -> dict[str, Any]:
    size = int(np.sum(members))
    if size < SMALL_CELL:
        hidden = {name: Estimate.withhold(SUPPRESSED, n=0) for name in metric_names}
        return {"variable": variable, "group": label, "n": None, "n_events": None, "metrics": hidden}
    n_events = None if is_event is None else int(np.sum(is_event & members))
    return {"variable": variable, "group": label, "n": size, "n_events": n_events, "metrics": dict(measure(members))}
