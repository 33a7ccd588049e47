"""Does what the chosen model says beyond one risk hold here: chances of grades, quantiles, incidences over time?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from outcome.evaluation.calibration.predicted_distribution import grade_counts, incidences
from outcome.evaluation.overall.predicted_quantiles import interval_coverage_estimate, quantile_share_estimates
from outcome.pipeline.evidence.scene import ModelCases
from outcome.types import Detail, FloatArray, Target

Json = dict[str, Any]
MIN_CASES = 10
CAUSES = {Detail.INCIDENCE: ("event", 1), Detail.COMPETING_INCIDENCE: ("competing", 2)}
WORDS = (
    "All cases together: agreement here says that the predictions are right on average, not that they are right for "
    "each case"
)
SOME = "; {n} of {known} cases with a known outcome have such predictions"


def details(model: ModelCases) -> Json:
    """Observed beside predicted, for each kind of row in details.parquet; {} where the model has none."""
    rows = model.details
    known = [case for case, there in zip(model.cases.ids, model.target.known, strict=True) if there]
    described = set(rows["case_id"])
    used = model.target.known & np.array([case in described for case in model.cases.ids], dtype=bool)
    if rows.empty:
        return {}
    n = int(used.sum())
    if n < MIN_CASES:
        return {"withheld": f"{n} cases; at least {MIN_CASES} are needed"}
    target, ids = model.target.take(used), [case for case in known if case in described]
    found: Json = {"n": n, "words": WORDS + (SOME.format(n=n, known=len(known)) if n < len(known) else "")}
    said = {Detail(str(what)): _table(group, ids) for what, group in rows.groupby("what")}
    return found | {name: part for name, answer in PARTS.items() if (part := answer(model, target, said))}


def _table(rows: pd.DataFrame, ids: list[str]) -> pd.DataFrame:
    """One row a case, one column an `at`, rising; NaN where a case's model does not speak of it."""
    return rows.pivot(index="case_id", columns="at", values="value").reindex(ids)


def _grades(model: ModelCases, target: Target, said: Mapping[Detail, pd.DataFrame]) -> list[Json]:
    """One row a grade, but for the lowest, which every case reaches."""
    if Detail.GRADE_AT_LEAST not in said:
        return []
    table = said[Detail.GRADE_AT_LEAST]
    grades = np.union1d(table.columns.to_numpy(dtype=float), target.value)
    counted = grade_counts(target.value, reached_grades(table, grades), grades)[1:]
    return [
        {"grade": one.grade, "label": _label(model, one.grade), "observed": one.observed.to_json(),
         "expected": one.expected}
        for one in counted
    ]  # fmt: skip


def reached_grades(table: pd.DataFrame, grades: FloatArray) -> FloatArray:
    """(n, k) the chance of each of `grades` (k,), rising, or a higher one, which models of several folds state.

    A grade that a model does not speak of has the chance of the next higher one of which it does, else none.
    """
    return table.reindex(columns=grades).bfill(axis=1).fillna(0.0).to_numpy(dtype=float)


def _label(model: ModelCases, grade: float) -> str:
    choices = model.scene.dictionary[model.cases.endpoint.variable].choices
    return choices[int(grade)].label if grade.is_integer() and 0 <= grade < len(choices) else ""


def _quantiles(model: ModelCases, target: Target, said: Mapping[Detail, pd.DataFrame]) -> Json:
    if Detail.QUANTILE not in said:
        return {}
    table = said[Detail.QUANTILE]
    levels, value = table.columns.to_numpy(dtype=float), table.to_numpy(dtype=float)
    shares = quantile_share_estimates(target.value, value, levels).values()
    return {
        "low_level": float(levels[0]),
        "high_level": float(levels[-1]),
        "coverage": interval_coverage_estimate(target.value, value[:, 0], value[:, -1]).to_json(),
        "rows": [
            {"level": float(level), "below": share.to_json()} for level, share in zip(levels, shares, strict=True)
        ],
    }


def _incidence(model: ModelCases, target: Target, said: Mapping[Detail, pd.DataFrame]) -> list[Json]:
    """One row a cause and day; without the competing event where it is neither predicted nor observed."""
    return [row for what, cause in CAUSES.items() if what in said for row in _of_cause(target, said[what], *cause)]


def _of_cause(target: Target, table: pd.DataFrame, name: str, code: int) -> Iterator[Json]:
    spoken_of = table.notna().all(axis=1).to_numpy(dtype=bool)  # the choice of some folds may say nothing of a cause
    target, table = target.take(spoken_of), table[spoken_of]
    days, mean = [float(day) for day in table.columns], table.mean().to_numpy(dtype=float)
    if not np.any(target.event == code) and not np.any(mean > 0):
        return
    observed = incidences(target.time_days, target.event, days, cause=code)
    for day, predicted, seen in zip(days, mean, observed, strict=True):
        yield {"cause": name, "days": day, "predicted": float(predicted), "observed": seen.to_json()}


PARTS: Mapping[str, Callable[[ModelCases, Target, Mapping[Detail, pd.DataFrame]], Any]] = {
    "grades": _grades,
    "quantiles": _quantiles,
    "incidence": _incidence,
}
