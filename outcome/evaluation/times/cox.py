"""How does the hazard go with a few columns? Cox's partial likelihood with Efron's ties, in O(n log n) for each step.

Arguments of every function: `time` (n,) ≥ 0; `event` (n,) 1 for the event, anything else is censoring; `columns`
(n, k) with k small. At tied times events come before censorings. Cox 1972, doi:10.1111/j.2517-6161.1972.tb00899.x;
Efron 1977, doi:10.1080/01621459.1977.10480613.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from outcome.evaluation.newton import Derivatives, maximise
from outcome.types import FloatArray


@dataclass(frozen=True, eq=False)
class CoxFit:
    """Coefficients (k,), their covariance (k, k), and the hazard of a case whose columns are at `centre`."""

    beta: FloatArray
    covariance: FloatArray
    centre: FloatArray  # (k,) column means; the baseline refers to them, so that no exponential overflows
    time: FloatArray  # (events,) rising
    hazard_step: FloatArray  # (events,) Efron's share of the baseline hazard at each event
    log_likelihood: float  # partial, at the maximum
    mean_at: FloatArray  # (events, k) weighted mean of the centred columns over each event's risk set

    def risk(self, columns: FloatArray, horizon: float) -> FloatArray:
        """The risk of the event by the horizon for cases with these columns (m, k); shape (m,), in [0, 1]."""
        return risk_of(self.log_hazard(columns, horizon))

    def log_hazard(self, columns: FloatArray, horizon: float) -> FloatArray:
        """The log of the cumulative hazard at the horizon, shape (m,); -inf where no event came by then."""
        hazard = float(self.hazard_step[self.time <= horizon].sum())
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(hazard) + (columns - self.centre) @ self.beta)

    def log_hazard_se(self, columns: FloatArray, horizon: float) -> FloatArray:
        """Its standard error, shape (m,): the baseline's own part and that of the coefficients. NaN without events."""
        step = self.hazard_step[self.time <= horizon]
        if not step.size:
            return np.full(len(columns), np.nan)
        pull = columns - self.centre - step @ self.mean_at[: step.size] / step.sum()
        own = float(np.sum(step**2)) / float(step.sum()) ** 2
        return np.asarray(np.sqrt(own + np.einsum("ij,jk,ik->i", pull, self.covariance, pull)))


@dataclass(frozen=True, eq=False)
class _Ordered:
    """Cases from the last to the first, so that running sums are sums over the risk set."""

    columns: FloatArray  # (n, k)
    is_event: npt.NDArray[np.bool_]  # (n,)
    last_at_risk: npt.NDArray[np.intp]  # (events,) where the risk set of each event ends in this order
    tied: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]  # (events,) first and one past last of its tied events
    share: FloatArray  # (events,) l / d: which part of the tied events has left already
    event_time: FloatArray  # (events,)


def risk_of(log_hazard: FloatArray) -> FloatArray:
    """1 - exp(-hazard), from the log of the cumulative hazard; beyond the exponential's range it is 1."""
    return np.asarray(-np.expm1(-np.exp(np.minimum(log_hazard, 100.0))))


def cox_fit(time: FloatArray, event: FloatArray, columns: FloatArray) -> CoxFit | None:
    """The maximum partial likelihood; None without events, or where it has no maximum (separation, equal columns)."""
    cases = _ordered(np.asarray(time, dtype=float), np.asarray(event) == 1, np.asarray(columns, dtype=float))
    if not cases.is_event.any():
        return None
    found = maximise(lambda beta: _derivatives(cases, beta), cases.columns.shape[1])
    if found is None:
        return None
    weight = _weight(cases, found[0])
    at_risk = _efron_sum(cases, weight)
    mean_at = np.column_stack([_efron_sum(cases, weight * column) / at_risk for column in cases.columns.T])
    centre = np.asarray(columns, dtype=float).mean(axis=0)
    likelihood = _derivatives(cases, found[0])[0]
    return CoxFit(*found, centre, cases.event_time[::-1], 1 / at_risk[::-1], likelihood, mean_at[::-1])


def _ordered(time: FloatArray, is_event: npt.NDArray[np.bool_], columns: FloatArray) -> _Ordered:
    order = np.lexsort((~is_event, -time))  # last first; at a tie the events first, which changes no risk set
    late, happened = time[order], is_event[order]
    event_time = late[happened]
    last_at_risk = np.searchsorted(-late, -event_time, side="right")
    ends = tuple(np.searchsorted(-event_time, -event_time, side=side) for side in ("left", "right"))
    share = (np.arange(event_time.size) - ends[0]) / (ends[1] - ends[0])
    centred = np.asfortranarray(columns[order] - columns.mean(axis=0))
    return _Ordered(centred, happened, last_at_risk, (ends[0], ends[1]), share, event_time)


def _derivatives(cases: _Ordered, beta: FloatArray) -> Derivatives:
    x, happened = cases.columns, cases.is_event
    weight = _weight(cases, beta)
    zero = _efron_sum(cases, weight)
    means = [_efron_sum(cases, weight * column) / zero for column in x.T]
    score = np.array([float(np.sum(column[happened] - mean)) for column, mean in zip(x.T, means, strict=True)])
    k = x.shape[1]
    information = np.empty((k, k))
    for i in range(k):
        for j in range(i + 1):
            second = _efron_sum(cases, weight * x[:, i] * x[:, j]) / zero
            information[i, j] = information[j, i] = float(np.sum(second - means[i] * means[j]))
    return float(np.sum(np.log(weight[happened])) - np.sum(np.log(zero))), score, information


def _weight(cases: _Ordered, beta: FloatArray) -> FloatArray:
    # A wild first step may leave the range of the exponential; the likelihood there is low, and the step is halved.
    return np.exp(np.clip(cases.columns @ beta, -500, 500))


def _efron_sum(cases: _Ordered, values: FloatArray) -> FloatArray:
    running = np.cumsum(values)
    of_events = np.concatenate([[0.0], np.cumsum(values[cases.is_event])])
    first, past = cases.tied
    return running[cases.last_at_risk - 1] - cases.share * (of_events[past] - of_events[first])
