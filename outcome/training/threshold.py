"""Above which risk a case is called positive, and where that number comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from outcome.types import FloatArray


@dataclass(frozen=True)
class Threshold:
    """A case is positive where its risk is at least `value`."""

    value: float
    provenance: str

    def __post_init__(self) -> None:
        if not np.isfinite(self.value):
            raise ValueError(f"a threshold is a finite number, found {self.value}")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Threshold:
        return cls(**data)


def youden_threshold(y: FloatArray, risk: FloatArray) -> Threshold:
    """The observed risk at which sensitivity + specificity is largest; the lowest of equals (higher sensitivity).

    `y` 0/1 and `risk` in [0, 1], shapes (n,), both classes present; risks of cases the models had not seen.
    Youden 1950, doi:10.1002/1097-0142(1950)3:1<32::aid-cncr2820030106>3.0.co;2-3.
    """
    events = int(y.sum())
    if not 0 < events < len(y):
        raise ValueError(f"both outcomes are needed to choose a threshold, found {events} events of {len(y)}")
    values, group = np.unique(risk, return_inverse=True)
    hits = np.bincount(group, weights=y)
    alarms = np.bincount(group, weights=1 - y)
    called_events, called_others = (np.cumsum(counts[::-1])[::-1] for counts in (hits, alarms))
    youden = called_events / events - called_others / (len(y) - events)
    # rounding must not decide between equals
    best = int(np.flatnonzero(youden >= youden.max() - 1e-12)[0])
    return Threshold(float(values[best]), _provenance(len(y), events, float(youden[best])))


def _provenance(n: int, events: int, youden: float) -> str:
    return (
        f"largest sensitivity + specificity (Youden index {youden:.2f}) on the calibrated inner out-of-fold risks "
        f"of {n} training cases, {events} with the event; positive where risk >= threshold"
    )
