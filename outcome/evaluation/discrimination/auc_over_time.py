"""How well do scores rank over several horizons? The cumulative/dynamic AUC as a curve, and its mean over time.

Arguments of every function: `time_days` (n,) ≥ 0; `event` (n,) 0 censored, 1 event, 2 competing event; `score` (n,),
higher is riskier, or (n, k) with a column for each of `horizons_days` (k,), rising. The AUC at one horizon is
`survival.auc_t`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from outcome.errors import DataRefusal
from outcome.evaluation.intervals import LEVEL, measured, wald
from outcome.evaluation.overall.survival import auc_and_pull, auc_t_estimate, follow_up_gap
from outcome.evaluation.times.censoring import HorizonStatus, weight_influence
from outcome.evaluation.times.incidence import aalen_johansen, kaplan_meier
from outcome.types import Estimate, FloatArray


@dataclass(frozen=True, eq=False)
class AsPublished:
    """What other programs do differently, to repeat their results; never the way to validate.

    `censoring_of` (time, event) takes the censoring weights from other cases, for instance those of development.
    `lost_at_horizon`: who is censored on the very horizon counts as lost, not as followed to it.
    """

    censoring_of: tuple[FloatArray, FloatArray] | None = None
    lost_at_horizon: bool = False


def auc_curve(
    time_days: FloatArray,
    event: FloatArray,
    score: FloatArray,
    horizons_days: npt.ArrayLike,
    *,
    published: AsPublished | None = None,
) -> FloatArray:
    """`auc_t` at every horizon, shape (k,); NaN where it is undefined. `published`: see `AsPublished`."""
    horizons, scores = _checked(time_days, score, horizons_days)
    statuses = (_status(time_days, event, float(horizon), published or AsPublished()) for horizon in horizons)
    return np.array([auc_and_pull(s, scores[:, k])[0] if s else math.nan for k, s in enumerate(statuses)])


def auc_curve_estimates(
    time_days: FloatArray, event: FloatArray, score: FloatArray, horizons_days: npt.ArrayLike, *, level: float = LEVEL
) -> tuple[Estimate, ...]:
    """`auc_t_estimate` at every horizon; the intervals hold for each horizon alone, not for the whole curve."""
    horizons, scores = _checked(time_days, score, horizons_days)
    each = enumerate(horizons)
    return tuple(auc_t_estimate(time_days, event, scores[:, k], float(day), level=level) for k, day in each)


def integrated_auc(
    time_days: FloatArray,
    event: FloatArray,
    score: FloatArray,
    horizons_days: npt.ArrayLike,
    *,
    published: AsPublished | None = None,
) -> float:
    """The mean of `auc_curve`, each horizon weighted by the events since the horizon before it.

    Weights are the steps of the event's incidence in these cases (1 - Kaplan-Meier; Aalen-Johansen with competing
    events), from time 0 on. NaN where any AUC is undefined or no event came by the last horizon. Heagerty & Zheng
    2005, doi:10.1111/j.0006-341X.2005.030814.x, for the weighting by events; the step rule is scikit-survival's.
    """
    curve = auc_curve(time_days, event, score, horizons_days, published=published)
    share = _event_shares(time_days, event, horizons_days)
    return math.nan if share is None else float(np.sum(curve * share))


def integrated_auc_estimate(
    time_days: FloatArray, event: FloatArray, score: FloatArray, horizons_days: npt.ArrayLike, *, level: float = LEVEL
) -> Estimate:
    """The integrated AUC with a Wald interval from the influence functions of its AUCs, their covariance included.

    The horizons' weights are taken as fixed. Withheld where the AUC of any horizon is.
    """
    horizons, scores = _checked(time_days, score, horizons_days)
    n, n_events = len(scores), int(np.sum((np.asarray(event) == 1) & (np.asarray(time_days) <= horizons[-1])))
    parts = auc_curve_estimates(time_days, event, score, horizons, level=level)
    reason = next((part.withheld for part in parts if part.withheld), None)
    share = None if reason else _event_shares(time_days, event, horizons)
    if share is None:
        return Estimate.withhold(reason or "no event by the last horizon", n=n, n_events=n_events)
    influence = np.zeros(n)
    for k, horizon in enumerate(horizons):
        status = HorizonStatus.at(time_days, event, float(horizon))
        pull = auc_and_pull(status, scores[:, k])[1]
        influence += share[k] * (pull + weight_influence(status, pull))
    value, se = float(np.sum(share * [part.value for part in parts])), math.sqrt(float(np.sum(influence**2)))
    interval = wald(value, se, level=level, bounds=(0.0, 1.0)) if se > 0 else None
    method = f"IPCW, {len(horizons)} horizons weighted by incidence, influence function"
    return measured(value, interval, method=method, n=n, n_events=n_events, level=level)


def _checked(time_days: FloatArray, score: FloatArray, horizons_days: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    horizons, scores = np.atleast_1d(np.asarray(horizons_days, dtype=float)), np.asarray(score, dtype=float)
    if not horizons.size or horizons[0] <= 0 or np.any(np.diff(horizons) <= 0):
        raise DataRefusal("horizons cannot be used", expected="rising times > 0", found=f"{horizons.tolist()}")
    scores = np.broadcast_to(scores[:, None], (scores.size, horizons.size)) if scores.ndim == 1 else scores
    if scores.shape != (len(time_days), horizons.size):
        expected = f"one column for each of {horizons.size} horizons"
        raise DataRefusal("scores and horizons do not fit", expected=expected, found=f"shape {scores.shape}")
    return horizons, scores


def _status(time_days: FloatArray, event: FloatArray, horizon: float, published: AsPublished) -> HorizonStatus | None:
    if follow_up_gap(time_days, event, horizon):
        return None
    time = np.asarray(time_days, dtype=float)
    if published.lost_at_horizon:
        time = np.where((time == horizon) & (np.asarray(event) == 0), np.nextafter(time, -math.inf), time)
    status = HorizonStatus.at(time, event, horizon)
    return status if published.censoring_of is None else _reweighted(status, *published.censoring_of)


def _reweighted(status: HorizonStatus, time_days: FloatArray, event: FloatArray) -> HorizonStatus:
    times, kinds = np.asarray(time_days, dtype=float), np.asarray(event)
    # Who has an event leaves a moment before those censored at the same time.
    left = np.where(kinds == 0, times, np.nextafter(times, -math.inf))
    curve = kaplan_meier(left, (kinds == 0).astype(float))
    known = np.isfinite(status.known_at_days)
    followed = curve.at(np.where(known, status.known_at_days, 0.0))
    usable = known & (followed > 0)
    return replace(status, weight=np.divide(1.0, followed, out=np.where(known, math.nan, 0.0), where=usable))


def _event_shares(time_days: FloatArray, event: FloatArray, horizons_days: npt.ArrayLike) -> FloatArray | None:
    """Which share of the events by the last horizon came between each horizon and the one before? None without any."""
    seen = aalen_johansen(time_days, event).at(np.atleast_1d(np.asarray(horizons_days, dtype=float)))
    return np.diff(seen, prepend=0.0) / seen[-1] if seen[-1] > 0 else None
