"""What a trained unit said of development cases that it had not seen, in quantiles: they travel, the cases do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from outcome.cohort.endpoints import endpoint_target
from outcome.evaluation.shift.conformal import conformal_quantiles
from outcome.evaluation.shift.linear_predictor import Spread, linear_predictor
from outcome.pipeline.reference.population import SUPPRESSION_LIMIT
from outcome.pipeline.reference.survival_bounds import survival_bound_levels
from outcome.training.rungs import CHOSEN
from outcome.training.unit import TrainedUnit
from outcome.types import EndpointKind

_QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
_TERTILES = (1 / 3, 2 / 3)
FEW = f"fewer than {4 * SUPPRESSION_LIMIT} development cases have an out-of-fold prediction"


def chosen_rows(unit: TrainedUnit) -> pd.DataFrame:
    """The choice's out-of-fold rows at the first horizon, one a case (index case_id)."""
    rows = unit.out_of_fold[unit.out_of_fold["rung"] == CHOSEN]
    if rows["horizon_days"].notna().any():
        rows = rows[rows["horizon_days"] == rows["horizon_days"].min()]
    return rows.set_index("case_id").sort_index()


def risk_summary(unit: TrainedUnit) -> dict[str, Any]:
    """How the out-of-fold risks (or predicted values) spread: quantiles, tertiles, and their linear predictor."""
    if unit.skipped:
        return {"withheld": unit.skipped}
    risk = chosen_rows(unit)["risk"].dropna().to_numpy(dtype=float)
    if len(risk) < 4 * SUPPRESSION_LIMIT:
        return {"withheld": FEW}
    spread = Spread.of(linear_predictor(unit.kind, risk))
    levels = np.quantile(risk, _QUANTILES).tolist()
    return {
        "n": spread.n,
        "lp_mean": spread.mean,
        "lp_sd": spread.sd,
        "quantiles": dict(zip(map(str, _QUANTILES), levels, strict=True)),
        "cuts": np.quantile(risk, _TERTILES).tolist(),
    }


def conformal_summary(unit: TrainedUnit, endpoints: pd.DataFrame) -> dict[str, Any]:
    """What conformal sets, intervals or lower bounds of this unit need, from its out-of-fold predictions."""
    if unit.skipped:
        return {"withheld": unit.skipped}
    rows = chosen_rows(unit)
    target = endpoint_target(endpoints, unit.endpoint, unit.kind, list(rows.index))
    if unit.kind is EndpointKind.TIME_TO_EVENT:
        return survival_bound_levels(unit, target, rows["score"].to_numpy(dtype=float))
    return conformal_quantiles(target, rows["risk"].to_numpy(dtype=float))
