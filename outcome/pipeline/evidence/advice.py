"""Should the frozen model be told the level and spread of risk here, or be left alone? Advice only: nothing is changed.

The test is the one of `outcome recalibrate` (`evaluation.updating.closed_testing`), on the linear predictors that were
filed with the predictions. It learns from the very cases being evaluated, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from outcome.evaluation.overall.survival import follow_up_gap
from outcome.evaluation.updating.cases import UpdateCases
from outcome.evaluation.updating.closed_testing import NONE, Needed, UpdateChoice, closed_test
from outcome.pipeline.evidence.reference import features_of
from outcome.pipeline.evidence.scene import ModelCases
from outcome.pipeline.updating.refitted_layer import layer_columns, no_refit
from outcome.pipeline.updating.unit_update import UPDATED_KINDS, why_untouched
from outcome.pipeline.updating.updated_calibrator import timed_cases
from outcome.training.procedure import RungFit
from outcome.types import FloatArray

WOULD = {
    "none": "`outcome recalibrate` would leave the model as it is: no change is asked for",
    "intercept": "`outcome recalibrate` would move all risks {direction}, by {intercept:+.2f} on the {scale}",
    "slope": "`outcome recalibrate` would move all risks and draw them {spread} (slope {slope:.2f})",
    "refit": "`outcome recalibrate` would learn the last layer's {coefficients} coefficients anew",
}
UNCHANGED = "The test was made on these very cases."
CAVEAT = (
    "The choice is made on these very cases, so the numbers above do not hold for an updated model: it has to be "
    "judged on others, or by the bootstrap that the command does."
)


def advice(model: ModelCases) -> dict[str, Any]:
    """The simplest update that closed testing does not reject here, with its tests, and what is not on offer.

    Empty for development cases and for predictions that are no risks; `rung` is None where too little is known to test.
    """
    if model.cases.partition.is_development or model.target.kind not in UPDATED_KINDS:
        return {}
    reason = why_untouched(model.unit, model.target)
    if reason or model.unit.procedure is None:
        return {"withheld": reason}
    fit, few_events = model.unit.procedure.chosen, model.scene.run.study.training.few_events
    choice = closed_test(update_cases(model, fit), needed=Needed.of(few_events), no_refit=no_refit(fit))
    return {**_facts(choice), "words": _words(choice, yes_no=model.chosen.horizon is None)}


def update_cases(model: ModelCases, fit: RungFit) -> UpdateCases:
    """`updated_unit.cases_of` on the scores as filed: no network has to look at the cases again."""
    known = model.target.known
    target, ranking = model.target.take(known), model.chosen.score[known]
    columns, horizon = _columns(model, fit), _horizon(model)
    own = None if columns is None else columns[known]
    if fit.calibrator.baseline is None or horizon is None:
        return UpdateCases.binary(target.value, fit.calibrator.intercept + ranking, own)
    return timed_cases(fit, target, ranking, horizon, own)


def _columns(model: ModelCases, fit: RungFit) -> FloatArray | None:
    if no_refit(fit):
        return None
    return layer_columns(fit, features_of(model.cases.partition))


def _horizon(model: ModelCases) -> float | None:
    """The latest of the bundle's horizons that follow-up reaches, as `outcome recalibrate` takes it."""
    target = model.target.take(model.target.known)
    days = model.unit.horizons_days
    return max((day for day in days if follow_up_gap(target.time_days, target.event, day) is None), default=None)


def _facts(choice: UpdateChoice) -> dict[str, Any]:
    return {
        "rung": choice.chosen.rung if choice.was_tested else None,
        "intercept": choice.chosen.intercept if choice.was_tested else None,
        "slope": choice.chosen.slope if choice.was_tested and choice.chosen.coefficients is None else None,
        "alpha": choice.alpha,
        "tests": [asdict(test) for test in choice.tests],
        "not_offered": dict(choice.not_offered),
        "n": choice.n,
        "n_events": choice.n_events,
    }


def _words(choice: UpdateChoice, *, yes_no: bool) -> str:
    if not choice.was_tested:
        rung, reason = next(iter(choice.not_offered.items()))
        return f"Too little is known here to advise any update, not even of the {rung}: {reason}."
    would = WOULD[choice.chosen.rung].format(**_spoken(choice, yes_no=yes_no))
    left = [f"{rung} was not on offer: {reason}" for rung, reason in choice.not_offered.items()]
    told = UNCHANGED if choice.chosen.rung == NONE else CAVEAT
    return " ".join([f"{would}.", *(f"{words[0].upper()}{words[1:]}." for words in left), told])


def _spoken(choice: UpdateChoice, *, yes_no: bool) -> Mapping[str, Any]:
    update = choice.chosen
    return {
        "direction": "up" if update.intercept > 0 else "down",
        "intercept": update.intercept,
        "scale": "log odds" if yes_no else "log hazard",
        "spread": "closer together" if update.slope < 1 else "further apart",
        "slope": update.slope,
        "coefficients": 0 if update.coefficients is None else len(update.coefficients),
    }
