"""How good is one model of one endpoint, beside every other rung of its ladder?"""

from __future__ import annotations

from typing import Any

from outcome.evaluation.sample import Settings, checked_sample
from outcome.evaluation.summary import evaluate_target, measure
from outcome.pipeline.evidence.ladder import ladder
from outcome.pipeline.evidence.scene import EndpointCases, ModelCases, Predicted
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
        "ladder": ladder(model),
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


def _metrics(target: Target, predicted: Predicted, day: float) -> dict[str, Any]:
    sample = checked_sample(target, predicted.risk[day], predicted.score, Settings(day, curve_errors=False))
    return {name: estimate.to_json() for name, estimate in measure(sample).items()}
