"""Do these cases as a whole look like the development cases, and do the models' answers spread as they did there?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from outcome.evaluation.shift.linear_predictor import Spread, linear_predictor, mean_difference, sd_ratio
from outcome.evaluation.shift.membership import Membership, Moments, membership
from outcome.pipeline.evidence.reference import features_of, told_of, told_of_unit
from outcome.pipeline.evidence.scene import CHOSEN, PartitionCases, Predicted
from outcome.pipeline.reference.joint_summary import joint_matrix
from outcome.types import EndpointKind, Estimate

Json = dict[str, Any]
WORDS = (
    "Other patients and worse predictions are two explanations of the same drop: cases that are more alike than those "
    "of development (a ratio of standard deviations below 1) are harder to tell apart for any model. Development's "
    "predictions are out-of-fold, from models that had fewer cases to learn from: these spread somewhat less by nature"
)


def shift(cases: PartitionCases) -> Json:
    """Membership and the spread of the linear predictors; {} for the development cases themselves."""
    if cases.is_development:
        return {}
    return {"membership": _membership(cases), "linear_predictors": list(_linear_predictors(cases)), "words": WORDS}


def _membership(cases: PartitionCases) -> Json:
    told = told_of(cases.scene, "columns")
    if "withheld" in told:
        return {"auroc": Estimate.withhold(told["withheld"], n=len(cases.ids)).to_json(), "columns": 0, "words": ""}
    mean = np.array(told["mean"], dtype=float)
    here = joint_matrix(features_of(cases), told["sources"], mean)
    found = membership(here, Moments(told["n"], mean, np.array(told["covariance"], dtype=float)))
    return {"auroc": found.auroc.to_json(), "columns": found.columns, "words": _words(found)}


def _words(found: Membership) -> str:
    left_out = f"; {found.collinear} more say nothing new and were left out" if found.collinear else ""
    start = f"{found.columns} columns{left_out}; a missing value counts as development's mean"
    if found.auroc.value is None or found.auroc.low is None:
        return start
    seen = "they show no difference" if found.auroc.low <= 0.5 else _strength(found.auroc.value)
    return f"{start}: {seen} (0.5: the cases cannot be told from development's; 1: they always can)"


def _strength(auroc: float) -> str:
    if auroc < 0.6:
        return "the cases are close to development's"
    return "the cases differ from development's" if auroc < 0.8 else "the cases differ strongly from development's"


def _linear_predictors(cases: PartitionCases) -> Iterator[Json]:
    rows = cases.predictions[cases.predictions["rung"] == CHOSEN]
    for name, endpoint in cases.scene.run.study.endpoints.items():
        mine = rows[rows["endpoint"] == name]
        for inputs in sorted(mine["inputs"].unique()):
            predicted = mine[mine["inputs"] == inputs]
            horizons = sorted(predicted["horizon_days"].dropna().unique())
            risk = Predicted.of(predicted, cases.ids, horizons).first_risk
            told = told_of_unit(cases.scene, "risks", f"{name}.{inputs}")
            lp = linear_predictor(EndpointKind(endpoint.kind), risk[np.isfinite(risk)])
            yield {"endpoint": name, "label": endpoint.label or name, "inputs": inputs, **_spread(lp, told)}


def _spread(lp: np.ndarray, told: Json) -> Json:
    here = Spread.of(lp).to_json() if len(lp) else None
    if "withheld" in told or here is None:
        none = Estimate.withhold(told.get("withheld", "no case has a prediction"), n=len(lp)).to_json()
        return {"development": None, "here": here, "sd_ratio": none, "mean_difference": none}
    before = Spread(told["n"], told["lp_mean"], told["lp_sd"])
    return {
        "development": before.to_json(),
        "here": here,
        "sd_ratio": sd_ratio(lp, before).to_json(),
        "mean_difference": mean_difference(lp, before).to_json(),
    }
