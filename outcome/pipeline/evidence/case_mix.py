"""How do these cases differ from the development cases, variable by variable, and is one of them in another unit?

Counts and quantiles are told under the same suppression on both sides; nothing is corrected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from outcome.cohort.endpoints import endpoint_target
from outcome.evaluation.shift.case_mix import category_difference, is_shifted, number_difference
from outcome.evaluation.shift.conversion import suspected_conversion
from outcome.features.columns import IMAGE, FeatureColumn
from outcome.pipeline.evidence.reference import columns_of, features_of, reference_of
from outcome.pipeline.evidence.scene import PartitionCases
from outcome.pipeline.reference.population import SUPPRESSION_LIMIT, column_summary
from outcome.types import EndpointKind, Finding, Level

Json = dict[str, Any]
MORE_MISSING = 0.25  # a quarter of the cases more, or fewer, than in development
UNSEEN_SHARE = 0.1
CODES = {"unit": "unit_shift", "coding": "coding_shift"}


def case_mix(cases: PartitionCases) -> Json:
    """Every variable and outcome beside development's; {} for the development cases themselves."""
    if cases.is_development:
        return {}
    told, frame = reference_of(cases.scene), features_of(cases)
    variables = [
        _variable(column, frame[column.name], told["features"].get(column.name, {}), told["n"])
        for column in columns_of(cases.scene)
        if column.kind != IMAGE
    ]
    return {"variables": variables, "outcomes": _outcomes(cases, told["endpoints"])}


def shift_findings(partitions: Mapping[str, Json]) -> Iterable[Finding]:
    """A finding for a person to look at, for every variable that seems to be in another unit or coding."""
    for name, partition in partitions.items():
        for row in partition.get("case_mix", {}).get("variables", []):
            if row["flag"] in CODES:
                yield Finding(CODES[row["flag"]], Level.REVIEW, f"{name}: {row['message']}")


def _variable(column: FeatureColumn, values: pd.Series, development: Json, n_development: int) -> Json:
    here = column_summary(values)
    category = column.kind == "categorical"
    distance = (_category_distance if category else _number_distance)(values, here, development, n_development)
    flag, message = _flag(column, values, (here, development), distance, n_development)
    return {
        "variable": column.name,
        "label": column.label or column.name.partition(":")[2],
        "unit": column.unit,
        "kind": "category" if category else "number",
        "development": _shown(development, category),
        "here": _shown(here, category),
        "standardised_difference": distance,
        "flag": flag,
        "message": message,
    }


def _shown(summary: Json, category: bool) -> Json:
    names = ("n", "missing", "counts") if category else ("n", "missing", "mean", "sd", "quantiles")
    return {name: summary.get(name) for name in names}


def _number_distance(values: pd.Series, here: Json, development: Json, n_development: int) -> float | None:
    if "mean" not in here or "mean" not in development:
        return None
    return number_difference((here["mean"], here["sd"]), (development["mean"], development["sd"]))


def _category_distance(values: pd.Series, here: Json, development: Json, n_development: int) -> float | None:
    """Categories that development does not count are one, on both sides; of unknown size, all that is left."""
    if "counts" not in here or "counts" not in development:
        return None
    told = {level: count for level, count in development["counts"].items() if count is not None}
    known = development["n"] if development["n"] is not None else n_development
    own = values.dropna().astype(str)
    others = {"(others)": max(known - sum(told.values()), 0)}
    counted = own.where(own.isin(list(told)), "(others)").value_counts()
    return category_difference({str(level): int(n) for level, n in counted.items()}, {**told, **others})


def _flag(
    column: FeatureColumn, values: pd.Series, sides: tuple[Json, Json], distance: float | None, n_development: int
) -> tuple[str, str]:
    """("unit" | "coding" | "missing" | "shifted" | "", why), the gravest first."""
    here, development = sides
    label = column.label or column.name.partition(":")[2]
    unit = _unit_message(column, label, here, development)
    if unit:
        return "unit", unit
    coding = _coding_message(label, values, development)
    if coding:
        return "coding", coding
    gap = _missing_message(label, values, development, n_development)
    if gap:
        return "missing", gap
    if is_shifted(distance, int(values.notna().sum()), development.get("n") or n_development):
        return "shifted", f"{label} differs by {distance:.2f} standard deviations"
    return "", ""


def _unit_message(column: FeatureColumn, label: str, here: Json, development: Json) -> str:
    if "quantiles" not in here or "quantiles" not in development:
        return ""
    found = suspected_conversion(column.name, here["quantiles"], development["quantiles"])
    if found is None:
        return ""
    factor = f"× {found.factor:g}" if found.factor >= 1 else f"÷ {1 / found.factor:g}"
    unit = f" in {column.unit}" if column.unit else ""
    return (
        f"{label}: the median here is {found.ratio:.3g} times development's{unit}, near the factor {factor} "
        f"({found.words}?). Nothing was converted: check the export, correct the table and run again"
    )


def _coding_message(label: str, values: pd.Series, development: Json) -> str:
    if "counts" not in development:
        return ""
    known = values.dropna().astype(str)
    unseen = int((~known.isin(list(development["counts"]))).sum())
    if unseen < max(SUPPRESSION_LIMIT, UNSEEN_SHARE * len(known)):
        return ""
    return (
        f"{label}: {unseen} of {len(known)} cases are in categories that no development case has. Check whether the "
        "codes mean the same here; the model knows nothing of them"
    )


def _missing_message(label: str, values: pd.Series, development: Json, n_development: int) -> str:
    if development.get("missing") is None or not n_development:
        return ""
    before, now = development["missing"] / n_development, float(values.isna().mean())
    if abs(now - before) < MORE_MISSING:
        return ""
    return f"{label} is missing in {now:.0%} of the cases, in development in {before:.0%}"


def _outcomes(cases: PartitionCases, development: Json) -> list[Json]:
    study = cases.scene.run.study
    unknown = {"n": None, "n_events": None}
    return [
        {
            "endpoint": name,
            "label": endpoint.label or name,
            "development": development.get(name, unknown),
            "here": _counted(cases, name, EndpointKind(endpoint.kind)),
        }
        for name, endpoint in study.endpoints.items()
    ]


def _counted(cases: PartitionCases, name: str, kind: EndpointKind) -> Json:
    """As the endpoint's own entry counts them: all cases together are told in full."""
    target = endpoint_target(cases.scene.endpoints, name, kind, cases.ids)
    return {"n": int(target.known.sum()), "n_events": target.n_events}
