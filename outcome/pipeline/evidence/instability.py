"""How much would a case's risk move, had the model been learned from other patients of the same kind?

The bundle's refits on resampled development patients answer for the same cases, and are compared with the model itself.
Riley & Collins 2023, doi:10.1002/bimj.202200302. Departure: refits repeat preprocessing, fit and calibration, not the
choice of the rung, so the instability is a lower bound. Refits of image networks are not run again: their spread
follows from the interval that each prediction carries, where no missing block widens it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from outcome.features.columns import IMAGE
from outcome.pipeline.evidence.reference import features_of
from outcome.pipeline.evidence.scene import CHOSEN, ModelCases
from outcome.training.spread import ENOUGH_FOR_PERCENTILES, LEVEL
from outcome.types import FloatArray

Json = dict[str, Any]
MOST_CASES = 5000  # more make the mean no surer than a reader can see
MOST_POINTS = 200
MIN_CASES = 5
MEAN_OF_HALF_NORMAL = (2 / np.pi) ** 0.5
REFITTED = (
    "The mean over refits of |the refit's answer - the model's|, case by case. The choice of the model was not "
    "repeated, so the true instability is larger"
)
FROM_INTERVALS = (
    "The refits of image networks were not run again: their spread follows from the intervals of the predictions, "
    "taken as normal, of cases that have something of every block: intervals of others hold what the missing block "
    "moves too. The choice of the model was not repeated, so the true instability is larger"
)
DEVELOPMENT = "; these are development cases, with the final model's answers and not the out-of-fold ones"


@dataclass(frozen=True, eq=False)
class Moves:
    """What refits did to n cases' risks (or values): `mean` |refit - model|, and the middle 95 % of refits."""

    risk: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, risk: FloatArray, refits: FloatArray) -> Moves:
        """From the model's risks (n,) and the refits' (m, n)."""
        low, high = np.quantile(refits, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        return cls(risk, np.abs(refits - risk).mean(axis=0), low, high)

    def points(self) -> list[list[float]]:
        """At most 200 cases as [risk, low, high], spread evenly over the order of risk; it names none."""
        order = np.argsort(self.risk, kind="stable")
        places = np.unique(np.linspace(0, len(order) - 1, min(len(order), MOST_POINTS)).round().astype(int))
        rows = order[places]
        return np.column_stack([self.risk[rows], self.low[rows], self.high[rows]]).tolist()

    def to_json(self) -> Json:
        quantiles = {str(level): float(np.quantile(self.mean, level)) for level in (0.5, 0.9)}
        return {
            "mean_absolute_difference": float(self.mean.mean()),
            "quantiles": quantiles,
            "points": self.points(),
            "n": len(self.risk),
        }


def instability(model: ModelCases) -> Json:
    """The refits' mean absolute difference from the model's answers, its spread over cases, and points to draw."""
    procedure, ensemble = model.unit.procedure, model.unit.ensemble
    if procedure is None or ensemble is None or len(ensemble.members) < 2:
        return {"withheld": "the bundle has fewer than two refits of this model"}
    if len(model.cases.ids) < MIN_CASES:
        return {"withheld": f"fewer than {MIN_CASES} cases"}
    reads_images = any(column.kind == IMAGE for column in procedure.chosen.preprocessor.columns)
    moves = _from_intervals(model, len(ensemble.members)) if reads_images else _from_refits(model)
    if moves is None:
        return {"withheld": "refits of image networks are not run again, and these predictions carry no interval"}
    words = FROM_INTERVALS if reads_images else REFITTED + (DEVELOPMENT if model.is_out_of_fold else "")
    return {"refits": len(ensemble.members), **moves.to_json(), "words": words}


def _from_refits(model: ModelCases) -> Moves:
    """Every refit's answer for these cases, or for 5,000 of them at even steps."""
    frame = features_of(model.cases.partition)
    frame = frame.iloc[:: -(-len(frame) // MOST_CASES)]
    days = model.unit.horizons_days
    procedure, ensemble = model.unit.procedure, model.unit.ensemble
    if procedure is None or ensemble is None:
        raise ValueError("a unit without a model has no refits")
    risk = procedure.predict(frame, days).risk[:, 0]
    return Moves.of(risk, ensemble.risks(frame, days)[:, :, 0])


def _from_intervals(model: ModelCases, refits: int) -> Moves | None:
    rows = model.cases.rows
    rows = rows[(rows["inputs"] == model.inputs) & (rows["rung"] == CHOSEN)]
    if rows["horizon_days"].notna().any():
        rows = rows[rows["horizon_days"] == rows["horizon_days"].min()]
    rows = rows[~rows["case_id"].isin(model.lacking_blocks)] if model.lacking_blocks else rows
    rows = rows.dropna(subset=["low", "high"])
    if len(rows) < MIN_CASES:
        return None
    risk, low, high = (rows[name].to_numpy(dtype=float) for name in ("risk", "low", "high"))
    reach = 1.96 if refits >= ENOUGH_FOR_PERCENTILES else float(stdtrit(refits - 1, (1 + LEVEL) / 2))
    return Moves(risk, (high - low) / (2 * reach) * MEAN_OF_HALF_NORMAL, low, high)
