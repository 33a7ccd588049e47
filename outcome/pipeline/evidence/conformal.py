"""Do the bundle's conformal sets, intervals or bounds hold the truth as often here as they say, and in every group?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from outcome.evaluation.intervals import measured, wald, wilson
from outcome.evaluation.sample import Settings, checked_sample
from outcome.evaluation.shift.conformal import held_in_interval, held_in_set
from outcome.evaluation.shift.survival_bound import bound_coverage, had_event_before
from outcome.evaluation.subgroups.groups import Group, subgroup_rows, subgroups_of
from outcome.evaluation.subgroups.section import told_outcomes
from outcome.evaluation.subgroups.suppression import SUPPRESSED
from outcome.pipeline.evidence.model_entry import crossed_groups
from outcome.pipeline.evidence.reference import told_of_unit
from outcome.pipeline.evidence.scene import ModelCases
from outcome.pipeline.reference.survival_bounds import survival_bounds
from outcome.types import BoolArray, EndpointKind, Estimate, FloatArray

Json = dict[str, Any]
MIN_CASES = 10
SITE = "site"
ELSEWHERE = "Coverage well below the level: the cases here are not like those"
SETS = (
    "A set holds every outcome that is not unusual for its own class among the development cases: one outcome is a "
    f"clear answer, both say that the model does not know, none that the case is unlike either. {ELSEWHERE}"
)
INTERVALS = f"An interval is the prediction ± a quantile of the errors for development cases, {{scale}}. {ELSEWHERE}"
BOUNDS = (
    "A bound is the day until which a case is promised to be free of the event, at most day {cutoff:g}; a competing "
    "event counts as free. Where censoring is related to the risk, neither bound nor coverage can be trusted. "
    f"{ELSEWHERE}"
)
OWN = "; the quantiles come from these very predictions, so coverage here says nothing about other cases"
SIZE_OF = {
    "set": "mean number of outcomes in the set",
    "interval": "mean width in the endpoint's unit",
    "bound": "mean bound in days",
}


@dataclass(frozen=True, eq=False)
class _Held:
    """One level for the cases whose outcome and prediction are known, in their order."""

    level: float
    missed: BoolArray  # (n,) seen outside set or interval, or with the event before the bound
    size: FloatArray  # (n,)
    coverage: Callable[[BoolArray], Estimate]  # of a mask of these cases


def conformal(model: ModelCases) -> Json:
    """Coverage and size by level, and coverage by site and by subgroup where there are several."""
    told = told_of_unit(model.scene, "conformal", f"{model.cases.name}.{model.inputs}")
    if "withheld" in told:
        return {"withheld": told["withheld"]}
    used = model.target.known & np.isfinite(model.chosen.first_risk)
    held = _held_at_bounds(model, used, told) if told["kind"] == "bound" else _held(model, used, told)
    groups = _groups(model, used, held)
    rows = [_row(model, told["kind"], one, used, groups) for one in held]
    return {"rows": rows, "words": _words(model, told)}


def _words(model: ModelCases, told: Json) -> str:
    on_log = model.target.kind is EndpointKind.DURATION
    scale = "in log1p days, so that it is wider for longer ones" if on_log else "in the endpoint's own unit"
    words = {"set": SETS, "interval": INTERVALS.format(scale=scale)}
    text = words.get(told["kind"]) or BOUNDS.format(cutoff=told["cutoff_days"])
    return text + (OWN if model.is_out_of_fold else "")


def _held(model: ModelCases, used: BoolArray, told: Json) -> list[_Held]:
    y, risk = model.target.value[used], model.chosen.first_risk[used]
    found = []
    for level, quantiles in sorted(told["levels"].items()):
        if told["kind"] == "set":
            held, size = held_in_set(y, risk, quantiles)
        else:
            held, size = held_in_interval(model.target.kind, y, risk, quantiles)
        found.append(_Held(float(level), ~held, size, _share_of(held)))
    return found


def _held_at_bounds(model: ModelCases, used: BoolArray, told: Json) -> list[_Held]:
    target, score = model.target.take(used), model.chosen.score[used]
    bounds = survival_bounds(model.unit, score, told["cutoff_days"], told["levels"])

    def coverage_of(bound: FloatArray) -> Callable[[BoolArray], Estimate]:
        return lambda rows: bound_coverage(target.take(rows), bound[rows], least=MIN_CASES)

    return [
        _Held(float(level), had_event_before(target, bound), bound, coverage_of(bound))
        for level, bound in sorted(bounds.items())
    ]


def _row(model: ModelCases, kind: str, held: _Held, used: BoolArray, groups: tuple[Group, ...]) -> Json:
    sites = model.cases.partition.sites[used]
    return {
        "level": held.level,
        "kind": kind,
        "coverage": held.coverage(np.ones(len(held.missed), dtype=bool)).to_json(),
        "size": _size(held.size, kind).to_json(),
        "by_site": list(_by_site(held, sites)) if len(set(sites)) > 1 else [],
        "by_subgroup": [_group_row(group, held) for group in groups],
    }


def _share_of(held: BoolArray) -> Callable[[BoolArray], Estimate]:
    return lambda rows: _coverage(held[rows])


def _coverage(held: BoolArray) -> Estimate:
    n = len(held)
    if n < MIN_CASES:
        return Estimate.withhold(f"{n} cases; at least {MIN_CASES} are needed for an interval", n=n)
    count = int(held.sum())
    return measured(count / n, wilson(count, n), method="share of cases; Wilson", n=n)


def _size(size: FloatArray, kind: str) -> Estimate:
    n = len(size)
    if n < MIN_CASES:
        return Estimate.withhold(f"{n} cases; at least {MIN_CASES} are needed for an interval", n=n)
    mean, se = float(size.mean()), float(size.std(ddof=1)) / n**0.5
    method = f"{SIZE_OF[kind]}; mean ± z·sd/√n"
    return measured(mean, wald(mean, se, bounds=(0.0, np.inf)), method=method, n=n)


def _by_site(held: _Held, sites: np.ndarray) -> Iterator[Json]:
    rows = subgroup_rows({SITE: sites}, held.missed, lambda rows: {"coverage": held.coverage(rows)}, ("coverage",))
    for row in rows:
        yield {SITE: row["group"], "n": row["n"], "coverage": row["metrics"]["coverage"].to_json()}


def _groups(model: ModelCases, used: BoolArray, held: list[_Held]) -> tuple[Group, ...]:
    """The study's subgroups beside the sites, each telling no more than the subgroup table, nor than its misses allow.

    The misses of all levels count at once, since what one level tells could give another's small cell away.
    """
    labels = {name: values for name, values in model.cases.groups.items() if name != SITE}
    if not labels:
        return ()
    by_misses = subgroups_of({name: v[used] for name, v in labels.items()}, [one.missed for one in held])
    allowed = {(group.variable, group.label): group for group in _as_in_the_subgroup_table(model)}
    return tuple(_both(group, allowed[group.variable, group.label]) for group in by_misses)


def _as_in_the_subgroup_table(model: ModelCases) -> tuple[Group, ...]:
    chosen, known = model.chosen, model.target.known
    settings = Settings(chosen.horizon, model.threshold, curve_errors=False)
    told = told_outcomes(checked_sample(model.target, chosen.first_risk, chosen.score, settings))
    groups = {name: labels[known] for name, labels in model.cases.groups.items()}
    return subgroups_of(groups, told, pairs=crossed_groups(model.cases))


def _both(here: Group, there: Group) -> Group:
    tells_size = here.tells_size and there.tells_size
    return Group(here.variable, here.label, here.members, tells_size, here.tells_outcome and there.tells_outcome)


def _group_row(group: Group, held: _Held) -> Json:
    n = int(group.members.sum()) if group.tells_size else None
    hidden = Estimate.withhold(SUPPRESSED, n=n or 0)
    coverage = held.coverage(group.members) if group.tells_outcome else hidden
    return {"variable": group.variable, "group": group.label, "n": n, "coverage": coverage.to_json()}
