"""Do the bundle's conformal sets or intervals hold the truth as often here as they say, and at every site?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from outcome.evaluation.intervals import measured, wald, wilson
from outcome.evaluation.shift.conformal import held_in_interval, held_in_set
from outcome.evaluation.subgroups.groups import subgroup_rows
from outcome.pipeline.evidence.reference import told_of_unit
from outcome.pipeline.evidence.scene import ModelCases
from outcome.types import BoolArray, EndpointKind, Estimate, FloatArray

Json = dict[str, Any]
MIN_CASES = 10
SETS = (
    "A set holds every outcome that is not unusual for its own class among the development cases: one outcome is a "
    "clear answer, both say that the model does not know, none that the case is unlike either. Coverage well below the "
    "level: the cases here are not like those"
)
INTERVALS = (
    "An interval is the prediction ± a quantile of the errors for development cases, {scale}. Coverage well below the "
    "level: the cases here are not like those"
)
OWN = "; the quantiles come from these very predictions, so coverage here says nothing about other cases"


def conformal(model: ModelCases) -> Json:
    """Coverage and size by level, and coverage by site where there are several."""
    told = told_of_unit(model.scene, "conformal", f"{model.cases.name}.{model.inputs}")
    if "withheld" in told:
        return {"withheld": told["withheld"]}
    rows = [_row(model, told["kind"], float(level), levels) for level, levels in sorted(told["levels"].items())]
    return {"rows": rows, "words": _words(model, told["kind"])}


def _words(model: ModelCases, kind: str) -> str:
    on_log = model.target.kind is EndpointKind.DURATION
    scale = "in log1p days, so that it is wider for longer ones" if on_log else "in the endpoint's own unit"
    words = SETS if kind == "set" else INTERVALS.format(scale=scale)
    return words + (OWN if model.is_out_of_fold else "")


def _row(model: ModelCases, kind: str, level: float, quantiles: Mapping[str, float]) -> Json:
    used = model.target.known & np.isfinite(model.chosen.first_risk)
    y, risk = model.target.value[used], model.chosen.first_risk[used]
    if kind == "set":
        held, size = held_in_set(y, risk, quantiles)
    else:
        held, size = held_in_interval(model.target.kind, y, risk, quantiles)
    sites = model.cases.partition.sites[used]
    return {
        "level": level,
        "kind": kind,
        "coverage": _coverage(held).to_json(),
        "size": _size(size, kind).to_json(),
        "by_site": list(_by_site(held, sites)) if len(set(sites)) > 1 else [],
    }


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
    what = "mean number of outcomes in the set" if kind == "set" else "mean width in the endpoint's unit"
    mean, se = float(size.mean()), float(size.std(ddof=1)) / n**0.5
    return measured(mean, wald(mean, se, bounds=(0.0, np.inf)), method=f"{what}; mean ± z·sd/√n", n=n)


def _by_site(held: BoolArray, sites: np.ndarray) -> Iterator[Json]:
    rows = subgroup_rows({"site": sites}, ~held, lambda rows: {"coverage": _coverage(held[rows])}, ("coverage",))
    for row in rows:
        yield {"site": row["group"], "n": row["n"], "coverage": row["metrics"]["coverage"].to_json()}
