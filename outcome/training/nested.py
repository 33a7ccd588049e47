"""What would this procedure have said about cases it never saw? Outer patient-grouped cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outcome.training.data import TrainingData
from outcome.training.details import joined, rung_details
from outcome.training.folds import Folds, derive_seed
from outcome.training.information import case_information
from outcome.training.procedure import FittedProcedure, Prediction, fit_procedure
from outcome.training.rungs import CHOSEN, Rung
from outcome.training.settings import TrainingSettings
from outcome.types import EndpointKind, FloatArray

Horizons = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class CrossFit:
    """Out-of-fold predictions by rung name ("chosen" among them), and what was fitted without each fold.

    `details`: what each fold's choice says beyond its risk (`outcome.training.details`), sorted by what, case and at.
    `information`: how much of what each fold's choice reads is known of the fold's cases, sorted by case.
    """

    predictions: dict[str, Prediction]
    procedures: tuple[FittedProcedure, ...]
    details: pd.DataFrame
    information: pd.DataFrame


def cross_fit(
    data: TrainingData,
    rungs: Sequence[Rung],
    settings: TrainingSettings,
    seed: int,
    *,
    folds: Folds,
    horizons_days: Horizons = (),
) -> CrossFit:
    """Fit the whole procedure without each fold in turn and predict that fold.

    `folds` (n,) is the fold in which a case is held out (see `patient_folds`). Cases with an unknown outcome are
    predicted but never learned from. The procedure of fold k depends on the rows outside fold k alone.
    """
    count = int(folds.max()) + 1
    procedures = tuple(
        fit_procedure(data.take(folds != fold), rungs, settings, derive_seed(seed, "outer", fold))
        for fold in range(count)
    )
    risks, scores = _empty(data, rungs, horizons_days)
    details, known = [], []
    for fold, procedure in enumerate(procedures):
        held = folds == fold
        frame = data.frame.iloc[np.flatnonzero(held)]
        made = procedure.predict_rungs(frame, horizons_days, data.crops)
        for name, prediction in made.items():
            risks[name][held], scores[name][held] = prediction.risk, prediction.score
        details.append(rung_details(procedure.chosen, made[CHOSEN], frame, horizons_days, data.crops))
        known.append(case_information(procedure.information, procedure.chosen.preprocessor, frame))
    table = joined(details).sort_values(["what", "case_id", "at"], ignore_index=True)
    information = pd.concat(known).sort_values("case_id", ignore_index=True)
    predictions = {name: Prediction(risks[name], scores[name]) for name in risks}
    return CrossFit(predictions, procedures, table, information)


def prediction_frame(
    name: str, prediction: Prediction, case_ids: Sequence[str], horizons_days: Horizons, kind: EndpointKind
) -> pd.DataFrame:
    """Predictions as rows: case_id, rung, horizon_days, risk, low, high (NaN), score; one row a case and horizon."""
    timed = kind is EndpointKind.TIME_TO_EVENT
    horizons = horizons_days if timed else (horizons_days[0] if horizons_days else np.nan,)
    n, h = prediction.risk.shape
    return pd.DataFrame(
        {
            "case_id": np.repeat(np.asarray(case_ids, dtype=object), h),
            "rung": name,
            "horizon_days": np.tile(np.asarray(horizons, dtype=float), n),
            "risk": prediction.risk.ravel(),
            "low": np.nan,
            "high": np.nan,
            "score": np.repeat(prediction.score, h),
        }
    )


def _empty(
    data: TrainingData, rungs: Sequence[Rung], horizons_days: Horizons
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    width = len(horizons_days) if data.target.kind is EndpointKind.TIME_TO_EVENT else 1
    names = [CHOSEN, *(rung.name for rung in rungs)]
    return ({n: np.empty((len(data), width)) for n in names}, {n: np.empty(len(data)) for n in names})
