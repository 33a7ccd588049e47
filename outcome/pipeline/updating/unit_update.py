"""One unit of a bundle on another study's cases: what was chosen, what it gains, what a reader is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from outcome.evaluation.overall.survival import follow_up_gap
from outcome.evaluation.updating.closed_testing import ALPHA, Needed, UpdateChoice, closed_test
from outcome.evaluation.updating.gain import DRAWS, Gain, gain_by_bootstrap, gain_held_out
from outcome.evaluation.updating.judged import Judged, JudgedByHorizon, JudgedYesNo
from outcome.pipeline.reference.population import SUPPRESSION_LIMIT
from outcome.pipeline.updating.refitted_layer import no_refit
from outcome.pipeline.updating.updated_calibrator import risk_of
from outcome.pipeline.updating.updated_unit import Patients, cases_of, updated_unit
from outcome.training.unit import TrainedUnit
from outcome.types import EndpointKind, Estimate, FloatArray, Target

UPDATED_KINDS = (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT)


@dataclass(frozen=True)
class UpdatePlan:
    """How to update: fixed before the outcomes are seen. `hold_out` is the share of patients kept for judging."""

    alpha: float = ALPHA
    hold_out: float | None = None
    seed: int = 0
    draws: int = DRAWS


@dataclass(frozen=True, eq=False)
class UpdatedUnit:
    """The unit after updating, and the facts for the new bundle; `tested` is False where too little was known."""

    unit: TrainedUnit
    facts: Mapping[str, Any]
    tested: bool


def update_unit(
    unit: TrainedUnit, seen: Patients, held: npt.NDArray[np.bool_], plan: UpdatePlan, few_events: int
) -> UpdatedUnit:
    """Test, update and judge one unit. `seen` are all cases, `held` (n,) those from which nothing may be learned."""
    reason = why_untouched(unit, seen.target)
    if reason or unit.procedure is None:
        return UpdatedUnit(unit, _untouched(unit, seen.target, reason), False)
    known = seen.target.known
    seen, held = seen.take(known).until(_horizon(unit, seen.target)), held[known]
    taught = seen.take(~held)
    old = unit.procedure.chosen
    choice = closed_test(cases_of(old, taught), alpha=plan.alpha, needed=Needed.of(few_events), no_refit=no_refit(old))
    facts = {**_head(unit), **choice_facts(choice), "horizon_days": seen.horizon_days}
    if not choice.was_tested:
        return UpdatedUnit(unit, {**facts, "threshold": None, "gain": None}, False)
    made = updated_unit(unit, choice.chosen, taught, plan.seed)
    gain = _gain(unit, made, choice, seen, held, plan)
    threshold = _threshold_facts(unit, made, seen)
    return UpdatedUnit(made, {**facts, "threshold": threshold, "gain": gain_facts(gain)}, True)


def why_untouched(unit: TrainedUnit, target: Target) -> str:
    """Why a unit stays as it is without a test, or ""."""
    if unit.skipped or unit.procedure is None:
        return f"the bundle has no model: {unit.skipped}"
    if unit.kind not in UPDATED_KINDS:
        return "only risks are updated, not predicted amounts"
    if not target.known.any():
        return "no case has a known outcome"
    if not target.n_events:
        return "no events among these cases"
    if unit.kind is EndpointKind.TIME_TO_EVENT and _horizon(unit, target) is None:
        known = target.take(target.known)
        return str(follow_up_gap(known.time_days, known.event, min(unit.horizons_days)))
    return ""


def choice_facts(choice: UpdateChoice) -> dict[str, Any]:
    """What was tested and chosen, for a JSON document."""
    update = choice.chosen
    coefficients = None if update.coefficients is None else len(update.coefficients)
    numbers = {"rung": update.rung, "intercept": update.intercept, "slope": None if coefficients else update.slope}
    return {
        **numbers,
        "coefficients_refitted": coefficients,
        "n": choice.n,
        "n_events": _told(choice.n_events),
        "alpha": choice.alpha,
        "tests": [asdict(test) for test in choice.tests],
        "not_offered": dict(choice.not_offered),
        "untouched": None if choice.was_tested else next(iter(choice.not_offered.values())),
    }


def gain_facts(gain: Gain) -> dict[str, Any]:
    """Every metric before and after, each an estimate, for a JSON document."""
    return {"how": gain.how, "before": _told_estimates(gain.before), "after": _told_estimates(gain.after)}


def _told_estimates(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: {**e.to_json(), "n_events": _told(e.n_events)} for name, e in estimates.items()}


def _head(unit: TrainedUnit) -> dict[str, Any]:
    return {"endpoint": unit.endpoint, "inputs": unit.inputs.value, "kind": unit.kind.value}


def _untouched(unit: TrainedUnit, target: Target, reason: str) -> dict[str, Any]:
    counts = {"n": _told(int(target.known.sum())), "n_events": _told(target.n_events)}
    empty: dict[str, Any] = {"rung": "none", "tests": [], "not_offered": {}, "threshold": None, "gain": None}
    return {**_head(unit), **counts, **empty, "untouched": reason}


def _told(count: int | None) -> int | None:
    """A count, or None where it is small enough to point at somebody."""
    return None if count is None or 0 < count < SUPPRESSION_LIMIT else count


def _horizon(unit: TrainedUnit, target: Target) -> float | None:
    """The latest of the unit's horizons that the follow-up reaches; None where none is reached, or there is none."""
    if unit.kind is not EndpointKind.TIME_TO_EVENT:
        return None
    known = target.take(target.known)
    reached = [day for day in unit.horizons_days if follow_up_gap(known.time_days, known.event, day) is None]
    return max(reached, default=None)


def _gain(
    unit: TrainedUnit, made: TrainedUnit, choice: UpdateChoice, seen: Patients, held: npt.NDArray[np.bool_],
    plan: UpdatePlan,
) -> Gain:  # fmt: skip
    if held.any():
        kept = seen.take(held)
        before, after = (_risk(each, kept) for each in (unit, made))
        return gain_held_out(_judged(kept), before, after, seed=plan.seed, draws=plan.draws)
    old = unit.procedure.chosen  # type: ignore[union-attr] # a unit without a model was never tested
    return gain_by_bootstrap(
        cases_of(old, seen),
        _judged(seen),
        choice,
        lambda predictor: risk_of(old.calibrator, predictor, seen.horizon_days),
        seed=plan.seed,
        draws=plan.draws,
        patients=seen.patients,
    )


def _judged(seen: Patients) -> Judged:
    if seen.horizon_days is None:
        return JudgedYesNo(seen.target.value)
    return JudgedByHorizon(seen.target.time_days, seen.target.event, seen.horizon_days)


def _risk(unit: TrainedUnit, seen: Patients) -> FloatArray:
    days = [] if seen.horizon_days is None else [seen.horizon_days]
    return unit.procedure.predict(seen.frame, days, seen.crops).risk[:, 0]  # type: ignore[union-attr] # as above


def _threshold_facts(unit: TrainedUnit, made: TrainedUnit, seen: Patients) -> dict[str, Any] | None:
    """The threshold before and after, and how many of the cases get another decision for it."""
    old, new = (each.procedure.threshold if each.procedure else None for each in (unit, made))
    if old is None or new is None:
        return None
    flipped = (_risk(unit, seen) >= old.value) != (_risk(made, seen) >= new.value)
    return {"before": old.value, "after": new.value, "other_decisions": int(flipped.sum()), "of": len(flipped)}
