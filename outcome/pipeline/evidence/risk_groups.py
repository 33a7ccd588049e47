"""What happened to the cases that the model called low, middle and high risk? The cut points are the bundle's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from outcome.evaluation.utility.risk_groups import RiskGroup
from outcome.evaluation.utility.risk_groups import risk_groups as grouped
from outcome.evaluation.utility.risk_groups import risk_groups_t as grouped_t
from outcome.pipeline.evidence.reference import told_of_unit
from outcome.pipeline.evidence.scene import ModelCases
from outcome.types import EndpointKind

TICKS = 5
NO_CUTS = "the bundle does not say where its risk groups are cut"
SAME_CASES = "; they are these very cases, so the groups are of about equal size by construction"


def risk_groups(model: ModelCases) -> dict[str, Any]:
    """Cases and events in each group of risk; for times also the curve of each group up to the first horizon.

    Empty where the model predicts no risk. Nothing is cut by looking at the cases evaluated.
    """
    if model.target.kind not in (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT):
        return {}
    stated = told_of_unit(model.scene, "risks", f"{model.cases.name}.{model.inputs}")
    cuts = sorted(set(stated.get("cuts") or ()))
    if not cuts:
        return {"withheld": stated.get("withheld") or NO_CUTS}
    provenance = f"thirds of the out-of-fold risks of {stated['n']} development cases"
    groups = [group.to_json() for group in _groups(model, cuts)]
    return {"cuts": cuts, "provenance": provenance + SAME_CASES * model.is_out_of_fold, "groups": groups}


def _groups(model: ModelCases, cuts: Sequence[float]) -> tuple[RiskGroup, ...]:
    known = model.target.known
    target, risk, horizon = model.target.take(known), model.chosen.first_risk[known], model.chosen.horizon
    if horizon is None:
        return grouped(target.value, risk, cuts)
    ticks = [float(day) for day in np.linspace(0, horizon, TICKS)]
    return grouped_t(target.time_days, target.event, risk, cuts, horizon, ticks_days=ticks)
