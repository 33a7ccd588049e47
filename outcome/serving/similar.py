"""What happened to the patients of this study who were most like this one, in what the model reads?

Alike is measured on the chosen rung's own scale: numbers in standard deviations of the training cases, levels and
yes/no as 0 and 1. Each column counts as much as its coefficient where the model is a weighted sum; else each block
counts the same, shared out over its columns. Images are not compared. What is observed among a few is a check of
plausibility beside the risk, not another estimate of it: its interval is wide, and says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from outcome.cohort.endpoints import endpoint_target
from outcome.evaluation.intervals import LEVEL, wilson
from outcome.evaluation.times.incidence import aalen_johansen, share_band
from outcome.features.preprocess import Preprocessor
from outcome.models.inputs import output_blocks
from outcome.models.linear import LinearScorer
from outcome.serving.model import RiskModel
from outcome.serving.stored import as_entered
from outcome.store import StudyStore, read_parquet
from outcome.training.procedure import RungFit
from outcome.types import EndpointKind, Estimate, FloatArray, Target

NEAREST = 30
FEWEST = 20  # cases with a known outcome, without whom nobody is near
QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Similar:
    """The nearest cases with a known outcome, nearest first, and what was observed among them by horizon (NaN none).

    For risks the observed share with its 95 % interval; for amounts the median with the quartiles as low and high.
    """

    case_ids: tuple[str, ...]
    observed: tuple[tuple[float, Estimate], ...]


def similar_cases(
    model: RiskModel, store: Path, study: str, case_id: str, endpoint: str, inputs: str, count: int = NEAREST
) -> Similar:
    """Among all cases of the study but those of the same patient. No case, and the reason, where too few are known.

    Raises DataRefusal where the bundle has no model for this endpoint and input set.
    """
    place = StudyStore(store, study)
    unit = as_entered(model, place).asked_unit(endpoint, inputs)
    features = read_parquet(place.stage("features") / "features.parquet").astype({"case_id": str}).set_index("case_id")
    patients = read_parquet(place.stage("cohort") / "cases.parquet").astype({"case_id": str}).set_index("case_id")
    endpoints = read_parquet(place.stage("cohort") / "endpoints.parquet").astype({"case_id": str})
    own = patients["patient_id"].get(case_id)
    others = [name for name in features.index if name != case_id and patients["patient_id"].get(name) != own]
    told = set(endpoints.loc[endpoints["endpoint"] == endpoint, "case_id"])
    target = endpoint_target(endpoints, endpoint, unit.kind, [name for name in others if name in told])
    pool = [name for name in others if name in told]
    known = [name for name, there in zip(pool, target.known, strict=True) if there]
    days = unit.horizons_days or (math.nan,)
    if unit.procedure is None or len(known) < FEWEST or case_id not in features.index:
        reason = f"{len(known)} other cases of this study have a known outcome; at least {FEWEST} are needed"
        return Similar((), tuple((day, Estimate(None, withheld=reason)) for day in days))
    frame = features.reindex(columns=[column.name for column in model.columns])
    near = nearest(unit.procedure.chosen, frame.loc[[case_id]], frame.loc[known], min(count, len(known) // 2))
    among = endpoint_target(endpoints, endpoint, unit.kind, near)
    return Similar(tuple(near), tuple((day, observed(among, day)) for day in days))


def nearest(fit: RungFit, row: pd.DataFrame, others: pd.DataFrame, count: int) -> list[str]:
    """The `count` cases of `others` most like the one of `row`, nearest first; ties by case id."""
    weights = column_weights(fit)
    away = (fit.preprocessor.transform(others) - fit.preprocessor.transform(row)) * weights
    distance = np.sqrt((away**2).sum(axis=1))
    names = [str(name) for name in others.index]
    order = sorted(range(len(names)), key=lambda i: (distance[i], names[i]))
    return [names[i] for i in order[:count]]


def column_weights(fit: RungFit) -> FloatArray:
    """How much each column of the model's matrix counts, (p,)."""
    scorer = fit.model.scorer
    if isinstance(scorer, LinearScorer) and np.any(scorer.coefficients):
        return np.abs(scorer.coefficients)
    return _alike_by_block(fit.preprocessor)


def _alike_by_block(preprocessor: Preprocessor) -> FloatArray:
    blocks = output_blocks(preprocessor)
    return np.array([1.0 / math.sqrt(blocks.count(block)) for block in blocks])


def observed(target: Target, horizon_days: float) -> Estimate:
    """What happened to these cases, all of them known: a share by the horizon, or the median amount."""
    n, events = len(target), target.n_events
    if target.kind is EndpointKind.BINARY:
        low, high = wilson(events or 0, n)
        return Estimate((events or 0) / n, low, high, LEVEL, "share; Wilson interval", n, events)
    if target.kind is not EndpointKind.TIME_TO_EVENT:
        low, middle, high = np.quantile(target.value, QUARTILES)
        return Estimate(float(middle), float(low), float(high), 0.5, "median and quartiles", n)
    within = int(((target.event == 1) & (target.time_days <= horizon_days)).sum())
    seen = float(target.time_days.max())
    if seen < horizon_days and not np.all(target.event > 0):
        return Estimate(None, n=n, n_events=within, withheld=f"these cases were followed for {seen:.0f} days at most")
    curve = aalen_johansen(target.time_days, target.event)
    value, low, high = (float(part[0]) for part in share_band(curve, np.array([horizon_days]), LEVEL))
    if low == high:  # without an event, or with events alone, the band would claim certainty
        low, high = wilson(round(value * n), n)
    return Estimate(value, low, high, LEVEL, "Aalen-Johansen", n, within)
