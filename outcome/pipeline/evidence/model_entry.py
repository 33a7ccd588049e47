"""How good is one model of one endpoint, beside every other rung of its ladder?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from outcome.evaluation.sample import Settings, checked_sample
from outcome.evaluation.summary import difference, evaluate_target, measure
from outcome.pipeline.evidence.scene import CHOSEN, EndpointCases, ModelCases, Predicted
from outcome.types import Target

CHOSEN_HERE = (
    "these development cases took part in choosing it, so sensitivity, specificity and the other numbers at the "
    "threshold are not independent of it here"
)


def model_entry(model: ModelCases) -> dict[str, Any]:
    """The measured part of a model's entry in metrics.json (docs/store.md)."""
    unit, chosen = model.unit, model.chosen
    procedure = unit.procedure
    entry = evaluate_target(
        model.target,
        chosen.first_risk,
        chosen.score,
        horizon_days=chosen.horizon,
        threshold=model.threshold,
        groups=model.cases.groups,
        crossed=crossed_groups(model.cases),
    ).to_json()
    others = [day for day in chosen.risk if day != chosen.horizon]
    return {
        **entry,
        "other_horizons": {str(int(day)): _metrics(model.target, chosen, day) for day in others if day is not None},
        "threshold": _threshold(model),
        "rung": procedure.chosen.rung.name if procedure else "",
        "chosen_in_outer_folds": unit.ladder["chosen_in_outer_folds"],
        "reason": procedure.reason if procedure else unit.skipped,
        "ladder": list(_ladder(model, procedure.chosen.rung.name if procedure else "")),
    }


def crossed_groups(cases: EndpointCases) -> list[tuple[str, str]]:
    """The pairs of subgroups that the study combines, by the names that the subgroups have here."""
    study, dictionary = cases.scene.run.study, cases.scene.dictionary
    named = {group.variable: group.label or dictionary[group.variable].label for group in study.subgroups}
    return [(named[first], named[second]) for first, second in study.crossed]


def _threshold(model: ModelCases) -> dict[str, Any] | None:
    """Risks of development cases are out-of-fold, the bundle's threshold is not: a reader must know."""
    procedure = model.unit.procedure
    if procedure is None or procedure.threshold is None:
        return None
    threshold = procedure.threshold.to_json()
    if model.is_out_of_fold:
        threshold["provenance"] = f"{threshold['provenance']}; {CHOSEN_HERE}"
    return threshold


def _ladder(model: ModelCases, final: str) -> Iterator[dict[str, Any]]:
    """Every rung beside the choice; none is compared with itself, as the frozen model's own rung would be.

    The likelihood ratio is the one that training found on the development cases, whatever cases are evaluated.
    """
    chosen = model.chosen
    nested = {row["rung"]: row.get("likelihood_ratio") for row in model.unit.ladder["rungs"]}
    for rung, predicted in model.rungs.items():
        if rung != CHOSEN:
            itself = rung == final and np.array_equal(predicted.score, chosen.score, equal_nan=True)
            gained = None if itself else difference(model.target, chosen.score, predicted.score).to_json()
            metrics = _metrics(model.target, predicted)
            yield {"rung": rung, "metrics": metrics, "difference": gained, "likelihood_ratio": nested.get(rung)}


def _metrics(target: Target, predicted: Predicted, horizon: float | None = None) -> dict[str, Any]:
    day = horizon if horizon is not None else predicted.horizon
    sample = checked_sample(target, predicted.risk[day], predicted.score, Settings(day, curve_errors=False))
    return {name: estimate.to_json() for name, estimate in measure(sample).items()}
