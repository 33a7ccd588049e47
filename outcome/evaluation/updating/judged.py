"""By what is a risk judged, before and after an update? Outcomes of one kind with the metrics that belong to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from outcome.evaluation.calibration import error as calibration_error
from outcome.evaluation.calibration import error_survival as calibration_error_survival
from outcome.evaluation.calibration import indices as calibration
from outcome.evaluation.calibration import indices_survival as calibration_survival
from outcome.evaluation.intervals import IntArray
from outcome.evaluation.overall import binary as overall
from outcome.evaluation.overall import survival
from outcome.types import Estimate, FloatArray


class Judged(Protocol):
    """Outcomes that risks are judged by; `rows` are row numbers, which may repeat."""

    @property
    def n(self) -> int: ...

    @property
    def n_events(self) -> int: ...

    @property
    def informative(self) -> int:
        """Events, or for yes/no the rarer of the two outcomes."""

    @property
    def gain(self) -> str:
        """What the fall of the Brier score is called."""

    def brier(self, risk: FloatArray, rows: IntArray) -> float:
        """The Brier score of these risks (of `rows`, same length), NaN where undefined."""

    def values(self, risk: FloatArray, rows: IntArray) -> dict[str, float]:
        """Every metric, the Brier score among them, in the same way."""

    def estimates(self, risk: FloatArray, seed: int) -> dict[str, Estimate]:
        """Every metric of risks (n,) that learned nothing from these cases."""


@dataclass(frozen=True, eq=False)
class JudgedYesNo:
    """`y` (n,) 0 or 1."""

    y: FloatArray
    gain: str = "brier_gain"

    @property
    def n(self) -> int:
        return len(self.y)

    @property
    def n_events(self) -> int:
        return int(np.sum(self.y == 1))

    @property
    def informative(self) -> int:
        return min(self.n_events, self.n - self.n_events)

    def brier(self, risk: FloatArray, rows: IntArray) -> float:
        return overall.brier(self.y[rows], risk)

    def values(self, risk: FloatArray, rows: IntArray) -> dict[str, float]:
        y = self.y[rows]
        return {name: f(y, risk) for name, f in _VALUES.items()}

    def estimates(self, risk: FloatArray, seed: int) -> dict[str, Estimate]:
        found = {name: f(self.y, risk) for name, f in _ESTIMATES.items()}
        return found | {"ici": calibration_error.calibration_error_estimates(self.y, risk, seed=seed)["ici"]}


@dataclass(frozen=True, eq=False)
class JudgedByHorizon:
    """`time_days` (n,) ≥ 0; `event` (n,) 0 censored, 1 event, 2 competing event; all metrics at `horizon_days`."""

    time_days: FloatArray
    event: FloatArray
    horizon_days: float
    gain: str = "brier_gain_t"

    @property
    def n(self) -> int:
        return len(self.time_days)

    @property
    def n_events(self) -> int:
        return int(np.sum((self.event == 1) & (self.time_days <= self.horizon_days)))

    @property
    def informative(self) -> int:
        return self.n_events

    def brier(self, risk: FloatArray, rows: IntArray) -> float:
        return survival.brier_t(self.time_days[rows], self.event[rows], risk, self.horizon_days)

    def values(self, risk: FloatArray, rows: IntArray) -> dict[str, float]:
        time, event = self.time_days[rows], self.event[rows]
        return {name: f(time, event, risk, self.horizon_days) for name, f in _VALUES_T.items()}

    def estimates(self, risk: FloatArray, seed: int) -> dict[str, Estimate]:
        known = (self.time_days, self.event, risk, self.horizon_days)
        found = {name: f(*known) for name, f in _ESTIMATES_T.items()}
        errors = calibration_error_survival.calibration_error_t_estimates(*known, seed=seed)
        return found | {"ici_t": errors["ici"]}


_VALUES: dict[str, Callable[[FloatArray, FloatArray], float]] = {
    "oe_ratio": calibration.oe_ratio,
    "citl": calibration.citl,
    "slope": calibration.slope,
    "ici": calibration_error.ici,
    "brier": overall.brier,
}
_ESTIMATES: dict[str, Callable[[FloatArray, FloatArray], Estimate]] = {
    "oe_ratio": calibration.oe_ratio_estimate,
    "citl": calibration.citl_estimate,
    "slope": calibration.slope_estimate,
    "brier": overall.brier_estimate,
}
_VALUES_T: dict[str, Callable[[FloatArray, FloatArray, FloatArray, float], float]] = {
    "oe_ratio_t": survival.oe_ratio_t,
    "citl_t": calibration_survival.citl_t,
    "slope_t": calibration_survival.slope_t,
    "ici_t": calibration_error_survival.ici_t,
    "brier_t": survival.brier_t,
}
_ESTIMATES_T: dict[str, Callable[[FloatArray, FloatArray, FloatArray, float], Estimate]] = {
    "oe_ratio_t": survival.oe_ratio_t_estimate,
    "citl_t": calibration_survival.citl_t_estimate,
    "slope_t": calibration_survival.slope_t_estimate,
    "brier_t": survival.brier_t_estimate,
}
