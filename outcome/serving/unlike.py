"""In what is a case unlike the training cases? Column by column, and together; from the bundle's numbers alone.

Fences are set so that, over all columns, about one in a hundred cases like the training cases is warned of. Bundles
that tell quantiles alone have fences for the record; relations, images and dates need a bundle that tells of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from outcome.evaluation.monitoring.fences import Fence, fence_of
from outcome.evaluation.monitoring.relations import Relation
from outcome.evaluation.shift.conversion import fitting_unit
from outcome.features.columns import FeatureColumn

Json = Mapping[str, Any]
WARNING_COLUMNS = ("case_id", "code", "column", "label", "value", "unit", "low", "high", "message")
BEYOND, TOGETHER, UNSEEN = "beyond_training", "unlikely_together", "unseen_category"
CASE_RATE = 0.01
_RECORD = ("clinical", "plan")


@dataclass(frozen=True)
class _Guarded:
    """A number of a case, the quantiles of the training cases, and how many of these know it."""

    name: str
    label: str
    unit: str
    quantiles: Json
    n: int
    relation: Relation | None = None


def unlike_training(
    observed: pd.DataFrame, reference: Json, columns: Sequence[FeatureColumn], rate: float = CASE_RATE
) -> pd.DataFrame:
    """WARNING_COLUMNS, a row a warning, in case order; `observed` (index case_id) may lack any column.

    `rate`: the share of cases like the training cases that are warned of by fences, over all columns together.
    """
    guarded = list(_guarded(reference, columns))
    found = [*_beyond(observed, guarded, rate / max(1, len(guarded))), *_unseen(observed, reference, columns)]
    table = pd.DataFrame(found, columns=list(WARNING_COLUMNS)).astype({"value": object, "low": float, "high": float})
    place = {str(case): i for i, case in enumerate(observed.index)}
    order = np.argsort([place[case] for case in table["case_id"]], kind="stable")
    return table.iloc[order].reset_index(drop=True).astype({"value": str})


def guarded_count(reference: Json, columns: Sequence[FeatureColumn]) -> int:
    """Over how many fences the rate is spread."""
    return len(list(_guarded(reference, columns)))


def _guarded(reference: Json, columns: Sequence[FeatureColumn]) -> Iterator[_Guarded]:
    monitoring = reference.get("monitoring") or {}
    for column in columns:
        told = reference["features"].get(column.name) or {}
        if column.kind == "numeric" and column.block in _RECORD and "quantiles" in told:
            n = told["n"] if told.get("n") is not None else reference["n"]
            yield _Guarded(column.name, _label(column.name, column.label), column.unit, told["quantiles"], n)
    for told in monitoring.get("columns", ()):
        if told["name"].partition(":")[0] in ("scan", "interval") and "quantiles" in told:
            yield _Guarded(told["name"], told["label"], told["unit"], told["quantiles"], told["cuts"]["n"])
    for told in monitoring.get("relations", ()):
        relation, n = Relation.from_json(told), told["cuts"]["n"]
        yield _Guarded(told["name"], _label(told["name"], told["label"]), told["unit"], told["quantiles"], n, relation)


def _beyond(observed: pd.DataFrame, guarded: Sequence[_Guarded], rate: float) -> Iterator[tuple[Any, ...]]:
    for one in guarded:
        fence = fence_of(one.quantiles, one.n, rate)
        if fence is None or (one.relation is None and one.name not in observed):
            continue
        values = (
            observed[one.name].to_numpy(dtype=float, na_value=np.nan)
            if one.relation is None
            else one.relation.residuals(observed)
        )
        for at in np.flatnonzero(fence.outside(values)):
            alone = one.relation is None
            yield (_alone if alone else _together)(observed, int(at), float(values[at]), one, fence)


def _alone(observed: pd.DataFrame, at: int, value: float, one: _Guarded, fence: Fence) -> tuple[Any, ...]:
    case = str(observed.index[at])
    unit = f" {one.unit}" if one.unit else ""
    low, high = one.quantiles["0.05"], one.quantiles["0.95"]
    words = (
        f"{one.label} {value:.4g}{unit}; of the training cases nine in ten lie from {low:.4g} to {high:.4g}{unit}, "
        f"nearly all from {fence.low:.4g} to {fence.high:.4g}"
    )
    guess = fitting_unit(one.name, value, one.quantiles)
    words += f". It would be a common value of {guess}" if guess else ""
    return case, BEYOND, one.name, one.label, f"{value:.6g}", one.unit, fence.low, fence.high, words


def _together(observed: pd.DataFrame, at: int, away: float, one: _Guarded, fence: Fence) -> tuple[Any, ...]:
    """The value of the target, and the range that the other columns lead to expect."""
    relation = one.relation
    if relation is None:
        raise ValueError(f"{one.name} is no relation")
    target = relation.target
    value = float(target.of(observed.iloc[[at]])[0])
    ends = np.array([value, value - away + fence.low, value - away + fence.high])
    seen, low, high = np.exp(ends) if target.log else ends
    unit = f" {one.unit}" if one.unit else ""
    given = ", ".join(dict.fromkeys(term.column.partition(":")[2] for term in relation.inputs))
    words = (
        f"{one.label} {seen:.4g}{unit} does not go with {given}, which lead to expect {low:.4g} to {high:.4g}{unit}: "
        "is one of them in another unit, exchanged, or another patient's?"
    )
    case = str(observed.index[at])
    return case, TOGETHER, one.name, one.label, f"{seen:.6g}", one.unit, float(low), float(high), words


def _unseen(observed: pd.DataFrame, reference: Json, columns: Sequence[FeatureColumn]) -> Iterator[tuple[Any, ...]]:
    """Categories of which no training case was."""
    for column in columns:
        counts = (reference["features"].get(column.name) or {}).get("counts")
        if column.kind != "categorical" or not counts or column.name not in observed:
            continue
        values = observed[column.name]
        strange = values.notna() & ~values.astype(str).isin(list(counts))
        label = _label(column.name, column.label)
        for case, value in values[strange].items():
            words = f"{label} {value}: no training case was of this category; the model knows nothing of it"
            yield str(case), UNSEEN, column.name, label, str(value), column.unit, np.nan, np.nan, words


def _label(name: str, label: str) -> str:
    return label or name.partition(":")[2].replace("_", " ")
