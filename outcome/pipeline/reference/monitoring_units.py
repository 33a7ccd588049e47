"""How a unit's out-of-fold answers stood to what happened: what later calibration and ranking are compared with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from outcome.cohort.endpoints import endpoint_target
from outcome.evaluation.discrimination.concordance import concordance_estimate, harrell_c_estimate
from outcome.evaluation.discrimination.roc import auroc_delong
from outcome.evaluation.intervals import z_value
from outcome.evaluation.monitoring.told_hazard import last_day, told_hazard
from outcome.evaluation.monitoring.told_risks import CLOSEST_TO_CERTAIN
from outcome.evaluation.shift.linear_predictor import linear_predictor
from outcome.pipeline.reference.monitoring_summary import cuts_json
from outcome.pipeline.reference.out_of_fold_summary import FEW, chosen_rows
from outcome.pipeline.reference.population import SUPPRESSION_LIMIT
from outcome.training.unit import TrainedUnit
from outcome.types import EndpointKind, Estimate, FloatArray, Target

FEWEST_EVENTS = 10
RESIDUAL = "residual "


def unit_monitoring(name: str, unit: TrainedUnit, endpoints: pd.DataFrame, details: pd.DataFrame) -> dict[str, Any]:
    """`calibration` {"shift", "se", "scale"} or `residual` cuts, `ranking` {"value", "se"}; each may be withheld.

    `details`: the unit's out-of-fold rows (docs/store.md), for times to an event.
    """
    if unit.skipped:
        return {"withheld": unit.skipped}
    rows = chosen_rows(unit)
    rows = rows[rows["risk"].notna()]
    if len(rows) < 4 * SUPPRESSION_LIMIT:
        return {"withheld": FEW}
    ids = [str(case) for case in rows.index]
    risk, score = (rows[column].to_numpy(dtype=float) for column in ("risk", "score"))
    target = endpoint_target(endpoints, unit.endpoint, unit.kind, ids)
    told: dict[str, Any] = {"kind": unit.kind.value}
    told["ranking"] = _ranking(target, score)
    if unit.kind is EndpointKind.BINARY:
        return {**told, "calibration": _log_odds(target, risk)}
    if unit.kind is EndpointKind.TIME_TO_EVENT:
        happened = events_told_of(target, last_day(details))
        return {**told, "calibration": _log_hazard(happened, told_hazard(details, ids, target.time_days))}
    away = residuals(target, risk)
    known = np.isfinite(away)
    cuts = cuts_json(
        away[known], [case for case, is_known in zip(ids, known, strict=True) if is_known], RESIDUAL + name
    )
    return {**told, "residual": cuts}


def residuals(target: Target, risk: FloatArray) -> FloatArray:
    """Observed minus predicted (n,), of durations on log1p; NaN where not known."""
    return linear_predictor(target.kind, target.value) - linear_predictor(target.kind, risk)


def _log_odds(target: Target, risk: FloatArray) -> dict[str, Any]:
    """By how much the log odds told would have to move for as many events as there were, and its standard error."""
    known = target.known
    y = target.value[known]
    if min(y.sum(), len(y) - y.sum()) < FEWEST_EVENTS:
        return {"withheld": f"fewer than {FEWEST_EVENTS} development cases with or without the event"}
    lp = logit(np.clip(risk[known], CLOSEST_TO_CERTAIN, 1 - CLOSEST_TO_CERTAIN))
    shift = 0.0
    for _ in range(30):
        p = expit(lp + shift)
        shift += float((y.sum() - p.sum()) / (p * (1 - p)).sum())
    p = expit(lp + shift)
    return {"scale": "log odds", "shift": shift, "se": 1 / math.sqrt(float((p * (1 - p)).sum()))}


def events_told_of(target: Target, last: float) -> FloatArray:
    """1 where the event of interest came by day `last`, else 0 (n,); NaN where not known."""
    happened = ((target.event == 1) & (target.time_days <= last)).astype(float)
    return np.where(target.known, happened, np.nan)


def _log_hazard(happened: FloatArray, told: FloatArray) -> dict[str, Any]:
    known = np.isfinite(happened) & np.isfinite(told)
    events = float(happened[known].sum())
    if events < FEWEST_EVENTS or not told[known].sum() > 0:
        return {"withheld": f"fewer than {FEWEST_EVENTS} development cases with the event"}
    return {"scale": "log hazard", "shift": math.log(events / float(told[known].sum())), "se": 1 / math.sqrt(events)}


def _ranking(target: Target, score: FloatArray) -> dict[str, Any]:
    known = target.known & np.isfinite(score)
    few = target.n_events is not None and target.take(known).n_events is not None and _few_events(target.take(known))
    found = Estimate.withhold("few", n=int(known.sum())) if few else _ranked(target.take(known), score[known])
    if found.value is None or found.low is None or found.high is None or not found.high > found.low:
        return {"withheld": f"fewer than {FEWEST_EVENTS} development cases with the event"}
    return {"value": found.value, "se": (found.high - found.low) / (2 * z_value(found.level))}


def _few_events(target: Target) -> bool:
    events = target.n_events or 0
    others = len(target) - events if target.kind is EndpointKind.BINARY else FEWEST_EVENTS
    return min(events, others) < FEWEST_EVENTS


def _ranked(target: Target, score: FloatArray) -> Estimate:
    if target.kind is EndpointKind.BINARY:
        return auroc_delong(target.value, score)
    if target.kind is EndpointKind.TIME_TO_EVENT:
        return harrell_c_estimate(target.time_days, target.event, score)
    return concordance_estimate(target.value, score)
