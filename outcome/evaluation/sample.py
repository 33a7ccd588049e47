"""Can these outcomes and predictions be evaluated at all? Checked once; unknown outcomes dropped, counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from outcome.errors import DataRefusal
from outcome.evaluation.intervals import LEVEL
from outcome.types import BoolArray, EndpointKind, FloatArray, Target

Groups = Mapping[str, npt.ArrayLike]
# Ten of the rarer class is where the usual intervals begin to hold.
MIN_EVENTS = 10
PROBABILITY_KINDS = (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT)


@dataclass(frozen=True)
class Settings:
    """What an evaluation is told: nothing in here is chosen by looking at the cases evaluated.

    `curve_errors`: also measure the distances of a smoothed calibration curve (ICI, E50, E90). They cost a bootstrap
    and lie high in few cases, so subgroups and the rungs of a ladder go without.
    """

    horizon_days: float | None = None
    threshold: float | None = None
    seed: int = 0
    min_events: int = MIN_EVENTS
    level: float = LEVEL
    curve_errors: bool = True

    def __post_init__(self) -> None:
        if self.horizon_days is not None and not self.horizon_days > 0:
            raise DataRefusal("a horizon cannot be used", expected="days > 0", found=f"{self.horizon_days}")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise DataRefusal("a threshold cannot be used", expected="a risk in [0, 1]", found=f"{self.threshold}")


@dataclass(frozen=True, eq=False)
class Sample:
    """Cases with a known outcome and usable predictions, ready to be measured.

    `risk` (n,) is a probability (binary, time-to-event) or the predicted value, None for a score that is no risk;
    `score` (n,) ranks, higher is riskier or larger.
    """

    target: Target
    risk: FloatArray | None
    score: FloatArray
    settings: Settings
    n_unknown: int = 0

    @property
    def n(self) -> int:
        return len(self.target)

    def take(self, rows: npt.NDArray[np.generic]) -> Sample:
        """The same evaluation of some of the cases."""
        risk = None if self.risk is None else self.risk[rows]
        return Sample(self.target.take(rows), risk, self.score[rows], self.settings)

    def status(self) -> tuple[BoolArray, BoolArray] | None:
        """Which cases have had the event (by the horizon), and of which is it unknown? None without a status."""
        target, horizon_days = self.target, self.settings.horizon_days
        if target.kind is EndpointKind.BINARY:
            return target.value == 1, np.zeros(self.n, dtype=bool)
        if target.kind is not EndpointKind.TIME_TO_EVENT or horizon_days is None:
            return None
        early = target.time_days <= horizon_days
        return (target.event == 1) & early, (target.event == 0) & (target.time_days < horizon_days)

    def too_few(self) -> str | None:
        """Why no number can be given for this sample, or None."""
        n_events, least = self.target.n_events, self.settings.min_events
        if n_events is None:
            return None if self.n >= least else f"{self.n} cases; at least {least} are needed for an interval"
        if n_events < least:
            return f"{n_events} events; at least {least} are needed for an interval"
        others = self.n - n_events
        if self.target.kind is EndpointKind.BINARY and others < least:
            return f"{others} cases without the event; at least {least} are needed for an interval"
        return None


def checked_sample(target: Target, risk: npt.ArrayLike | None, score: npt.ArrayLike, settings: Settings) -> Sample:
    """The cases with a known outcome. Refuses (`DataRefusal`, with counts): lengths that differ, missing predictions,
    risks outside [0, 1], outcomes outside their coding.
    """
    scores = _checked_numbers(score, "score", len(target))
    risks = None if risk is None else _checked_risk(risk, target)
    _check_outcome(target)
    known = target.known
    kept = None if risks is None else risks[known]
    return Sample(target.take(known), kept, scores[known], settings, int(np.sum(~known)))


def checked_groups(groups: Groups | None, n: int) -> dict[str, npt.NDArray[np.object_]]:
    """Group labels as text, one array (n,) a variable; a missing label becomes `(missing)`."""
    return {name: _labels(values, name, n) for name, values in (groups or {}).items()}


def _labels(values: npt.ArrayLike, name: str, n: int) -> npt.NDArray[np.object_]:
    labels = np.asarray(values, dtype=object)
    if labels.shape != (n,):
        raise DataRefusal(f"group labels of {name!r} do not fit", expected=f"{n} labels", found=f"shape {labels.shape}")
    # NaN is the only label that differs from itself.
    return np.array(["(missing)" if v is None or v != v else str(v) for v in labels], dtype=object)


def _checked_risk(risk: npt.ArrayLike, target: Target) -> FloatArray:
    risks = _checked_numbers(risk, "risk", len(target))
    if target.kind not in PROBABILITY_KINDS:
        _refuse_any(np.isinf(risks), "predicted values are infinite", "finite numbers")
        return risks
    _refuse_any((risks < 0) | (risks > 1), "risks are no probabilities", "risks in [0, 1]")
    return risks


def _checked_numbers(values: npt.ArrayLike, name: str, n: int) -> FloatArray:
    numbers = np.asarray(values, dtype=float)
    if numbers.shape != (n,):
        raise DataRefusal(f"{name} does not fit the outcomes", expected=f"{n} values", found=f"shape {numbers.shape}")
    _refuse_any(np.isnan(numbers), f"{name} is missing for some cases", f"a {name} for every case")
    return numbers


def _check_outcome(target: Target) -> None:
    known = target.known
    if target.kind is EndpointKind.BINARY:
        _refuse_any(~np.isin(target.value[known], (0, 1)), f"{target.endpoint!r} is not binary", "0 or 1")
    if target.kind is EndpointKind.TIME_TO_EVENT:
        _refuse_any(target.time_days[known] < 0, f"{target.endpoint!r} has negative times", "days ≥ 0")
        expected = "0 (censored), 1 (event) or 2 (competing event)"
        _refuse_any(~np.isin(target.event[known], (0, 1, 2)), f"{target.endpoint!r} has unknown events", expected)


def _refuse_any(wrong: npt.NDArray[np.bool_], message: str, expected: str) -> None:
    count = int(np.sum(wrong))
    if count:
        next_step = "correct them, or leave these cases out before evaluation and say so"
        raise DataRefusal(message, expected=expected, found=f"{count} of {wrong.size} cases", next_step=next_step)
