"""The ladder as a reader sees it: every rung, its scores inside and outside, the choice and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from outcome.features.columns import BATCH_COLUMN
from outcome.models.network.fit_record import fit_records
from outcome.models.stacking import StackedScorer
from outcome.training.candidates import metric_of
from outcome.training.data import TrainingData
from outcome.training.folds import Folds
from outcome.training.nested import CrossFit
from outcome.training.procedure import FittedProcedure, RungFit
from outcome.training.rungs import CHOSEN
from outcome.training.settings import TrainingSettings
from outcome.training.stability import stability_json
from outcome.types import FloatArray, InputSet


def skipped_json(data: TrainingData, inputs: InputSet, reason: str) -> dict[str, Any]:
    """The ladder of a unit without a model."""
    return {**_head(data, inputs), "skipped": reason, "rungs": [], "chosen": None, "reason": None}


def ladder_json(
    data: TrainingData,
    inputs: InputSet,
    procedure: FittedProcedure,
    crossed: CrossFit,
    folds: Folds,
    settings: TrainingSettings,
    nested: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The ladder of a trained unit, ready for JSON.

    `mean`, and `behind` the best with the `standard_error` of that difference, are inner scores on all rows (what the
    choice was made on); `outer` is the mean over outer folds of the score on cases that took no part in anything.
    `nested` holds the likelihood-ratio tests by rung (`outcome.training.nested_rungs`); a rung without one has null.
    """
    scores = {name: prediction.score for name, prediction in crossed.predictions.items()}
    outer = {name: outer_score(data, score, folds) for name, score in scores.items()}
    picks = Counter(fitted.chosen.rung.name for fitted in crossed.procedures)
    chosen = procedure.chosen
    return {
        **_head(data, inputs),
        "skipped": None,
        "metric": procedure.metric,
        "rungs": [_rung_row(row, outer, nested) for row in procedure.rung_scores],
        "chosen": chosen.rung.name,
        "reason": procedure.reason,
        "chosen_outer": outer[CHOSEN],
        "chosen_in_outer_folds": dict(sorted(picks.items())),
        "n_columns": len(chosen.preprocessor.outputs),
        "dropped": [list(row) for row in chosen.preprocessor.dropped],
        "calibration": chosen.calibrator.note,
        "calibration_slope": chosen.calibrator.slope,
        "model_note": chosen.model.note,
        "threshold": procedure.threshold.to_json() if procedure.threshold else None,
        "settings": settings.to_json(),
        **_harmonised(procedure, crossed, settings),
        **_stacked(procedure),
        **_network_fits(procedure),
        **stability_json(data, ([fit.preprocessor for fit in fold.rungs] for fold in crossed.procedures)),
    }


def _rung_row(
    row: Mapping[str, Any], outer: Mapping[str, float | None], nested: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    name = row["rung"]
    return {**row, "outer": outer[name], "likelihood_ratio": dict(nested[name]) if name in nested else None}


def _harmonised(procedure: FittedProcedure, crossed: CrossFit, settings: TrainingSettings) -> dict[str, Any]:
    """Which batches stand on one scale, and where none could be harmonised and why; {} where it was not asked for."""
    if settings.harmonise is None:
        return {}
    rows = [{"rung": fit.rung.name, **_batches(fit)} for fit in procedure.rungs if fit.rung.harmonised]
    names = [row["rung"] for row in rows]
    without = {name: sum(_not_harmonised(fold.rungs, name) for fold in crossed.procedures) for name in names}
    return {"harmonised": [{**row, "outer_folds_without": without[row["rung"]]} for row in rows]}


def _stacked(procedure: FittedProcedure) -> dict[str, Any]:
    """How a stack weighs its models, per standard deviation of each one's scores; {} without a stack."""
    scorers = [fit.model.scorer for fit in procedure.rungs]
    stack = next((scorer for scorer in scorers if isinstance(scorer, StackedScorer)), None)
    if stack is None:
        return {}
    names = [base.name for base in stack.bases]
    return {"stacked": dict(zip(names, stack.weights.weight.tolist(), strict=True))}


def _network_fits(procedure: FittedProcedure) -> dict[str, Any]:
    """What each rung's network tells of its fit, by rung; {} where none has anything to tell."""
    told = {fit.rung.name: [record.to_json() for record in fit_records(fit.model.scorer)] for fit in procedure.rungs}
    told = {name: records for name, records in told.items() if records}
    return {"network_fits": told} if told else {}


def _not_harmonised(rungs: Iterable[RungFit], name: str) -> bool:
    return any(fit.rung.name == name and fit.preprocessor.harmoniser is None for fit in rungs)


def _batches(fit: RungFit) -> dict[str, Any]:
    harmoniser = fit.preprocessor.harmoniser
    reason = next((why for name, why in fit.preprocessor.dropped if name == BATCH_COLUMN), "")
    if harmoniser is None:
        return {"batches": [], "columns": 0, "left_as_they_are": [], "reason": reason}
    untouched = [list(row) for row in harmoniser.untouched]
    columns = len(harmoniser.model.columns)
    return {"batches": sorted(harmoniser.sites), "columns": columns, "left_as_they_are": untouched, "reason": ""}


def outer_score(data: TrainingData, score: FloatArray, folds: Folds) -> float | None:
    """The mean over outer folds of the metric on known cases; None where no fold could be scored."""
    known = data.target.known
    held = [known & (folds == fold) for fold in range(int(folds.max()) + 1)]
    scored = [metric_of(data.target.take(rows), score[rows]) for rows in held if rows.any()]
    finite = [value for value in scored if np.isfinite(value)]
    return float(np.mean(finite)) if finite else None


def _head(data: TrainingData, inputs: InputSet) -> dict[str, Any]:
    target = data.target
    head = {"endpoint": target.endpoint, "kind": target.kind.value, "inputs": inputs.value}
    return {**head, "n": len(data), "n_known": int(target.known.sum()), "n_events": target.n_events}
