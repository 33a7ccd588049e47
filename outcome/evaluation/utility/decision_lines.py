"""Over which thresholds is acting on the risk worth more than acting on everybody or nobody? Lines for a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from outcome.evaluation.event_rate import outcomes_of
from outcome.evaluation.sample import Sample
from outcome.evaluation.utility.net_benefit import TREAT_ALL, decision_curve
from outcome.types import Estimate

# Fixed beforehand: a grid taken from the risks evaluated would choose the thresholds by looking.
THRESHOLDS = tuple(step / 100 for step in range(1, 100))
MODEL = "model"


def decision_lines(sample: Sample) -> dict[str, Any] | None:
    """Net benefit of the model and of treating all, by threshold, ready for JSON; None where there is no probability.

    {"threshold" (k,), "model", "low", "high", "treat_all" (k, None where unknown), "definition"}. Treating nobody is 0.
    Past the highest risk nobody is treated and the model is 0 too. Vickers & Elkin 2006,
    doi:10.1177/0272989X06295361.
    """
    outcome = outcomes_of(sample.target, sample.settings.horizon_days)
    if outcome is None or sample.risk is None or sample.too_few():
        return None
    curve = decision_curve(outcome, {MODEL: sample.risk}, THRESHOLDS, level=sample.settings.level)
    model, everybody = curve.net_benefit[MODEL], curve.net_benefit[TREAT_ALL]
    return {
        "threshold": list(THRESHOLDS),
        "model": _values(model, "value"),
        "low": _values(model, "low"),
        "high": _values(model, "high"),
        "treat_all": _values(everybody, "value"),
        "definition": f"net benefit, {sample.settings.level:.0%} band for each threshold alone, {outcome.method}",
    }


def _values(estimates: Sequence[Estimate], part: str) -> list[float | None]:
    return [getattr(estimate, part) for estimate in estimates]
