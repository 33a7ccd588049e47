"""One value out of several records."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from outcome.config.mapping import PRESENCE_TAKES, MappedVariable


def chosen(variable: MappedVariable, values: Sequence[Any]) -> Any:
    """What `take` says of the values of the records that count, the earliest first; None where there is none."""
    if variable.take in PRESENCE_TAKES:
        none = None if variable.absent == "missing" else 0
        return TAKES[variable.take](values) if values else none
    present = [value for value in values if value is not None]
    return TAKES[variable.take](present) if present else None


def _mean(values: Sequence[Any]) -> float:
    return float(f"{math.fsum(values) / len(values):.12g}")


TAKES: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    "last": lambda values: values[-1],
    "first": lambda values: values[0],
    "max": max,
    "min": min,
    "mean": _mean,
    "any": lambda values: 1,
    "count": len,
}
