"""What later cases are compared with, case by case and over time: cuts, quantiles, relations, out-of-fold answers.

All of it are numbers of at least five cases, or a value at a fixed rank among many; no row of a case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from outcome.evaluation.monitoring.cuts import Cuts, at_cuts, cuts_of, lots_of
from outcome.evaluation.monitoring.relations import Relation, Term, likely_inputs, refitted, relation_of
from outcome.features.columns import BATCH, IMAGE, FeatureColumn
from outcome.features.observed import INTERVAL, SCAN
from outcome.pipeline.reference.population import SUPPRESSION_LIMIT, column_summary, has_rare_value
from outcome.types import FloatArray

RECORD = ("clinical", "plan")
MOST_OTHERS = 60  # columns of other blocks, images at a glance apart
MOST_RELATIONS = 20
MOST_SEARCHED = 5000  # cases in which relations are sought
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
SKEWED = 3.0  # a positive column whose 95 % quantile is so many times its 5 % one is taken on the logarithm
MISSING = "missing "
PLACES = (".volume", ".x", ".y", ".z")


def monitoring_summary(frame: pd.DataFrame, columns: Sequence[FeatureColumn], others: Sequence[str]) -> dict[str, Any]:
    """`columns`, `missing` and `relations` of the development cases (index case_id); `others`: features to watch
    beside the record, those that say something new first."""
    watched = list(watched_columns(columns, others))
    return {
        "columns": [_column(frame[column.name], column) for column in watched],
        "missing": [_missing(frame, *group) for group in _groups(watched)],
        "relations": list(_relations(frame, watched)),
    }


def watched_columns(columns: Sequence[FeatureColumn], others: Sequence[str]) -> Iterator[FeatureColumn]:
    """The record, images at a glance, dates, and a limited number of other columns."""
    told = list(dict.fromkeys(others))[:MOST_OTHERS]
    for column in columns:
        own = column.block in RECORD or column.name.partition(":")[0] in (SCAN, INTERVAL)
        if column.kind not in (BATCH, IMAGE) and (own or column.name in told):
            yield column


def as_numbers(values: pd.Series, choices: Sequence[str]) -> FloatArray:
    """Numbers as they are, a category by its place among the choices (after them where it is none); NaN missing."""
    if not choices:
        x = values.to_numpy(dtype=float, na_value=np.nan)
        return np.where(np.isfinite(x), x, np.nan)
    place = {choice: float(i) for i, choice in enumerate(choices)}
    coded = [np.nan if value is None or value != value else place.get(value, float(len(choices))) for value in values]
    return np.array(coded, dtype=float)


def cuts_json(values: FloatArray, case_ids: Iterable[Any], about: str) -> dict[str, Any] | None:
    """The cuts of reference values without NaN; lots are drawn by case and thrown away but for those of the cuts.

    They are drawn only for the cases whose value is that of a cut: among others nothing is decided by lot.
    """
    tied = at_cuts(values)
    names = np.asarray(case_ids, dtype=object)[tied]
    lots = np.zeros(len(values))
    lots[tied] = lots_of([str(name) for name in names], about)
    found: Cuts | None = cuts_of(values, lots)
    return None if found is None else found.to_json()


def quantiles_of(values: FloatArray) -> dict[str, float]:
    """As `features` of the reference tells them."""
    levels = np.quantile(values, QUANTILES)
    return {str(share): float(level) for share, level in zip(QUANTILES, levels, strict=True)}


def _column(values: pd.Series, column: FeatureColumn) -> dict[str, Any]:
    x = as_numbers(values, column.choices)
    known = np.isfinite(x)
    told = {"name": column.name, "label": column.label, "unit": column.unit, "kind": column.kind,
            "choices": list(column.choices)}  # fmt: skip
    cuts = cuts_json(x[known], values.index[known], column.name)
    if cuts is None or has_rare_value(x[known]):
        return {**told, "withheld": "too few development cases know it, or one of its two values is rare"}
    more = {"quantiles": quantiles_of(x[known])} if column.kind == "numeric" else {}
    return {**told, "cuts": cuts, **more}


def _groups(columns: Sequence[FeatureColumn]) -> Iterator[tuple[str, str, list[str]]]:
    """Name, label and columns of what may be missing: each column of the record and date, others by block or image."""
    blocks: dict[str, list[str]] = {}
    for column in columns:
        if column.block in RECORD or column.block == INTERVAL:
            yield column.name, column.label or column.name.partition(":")[2], [column.name]
        else:
            name = column.name.partition(".")[0] if column.block == SCAN else column.block
            blocks.setdefault(name, []).append(column.name)
    for name, names in blocks.items():
        yield name, f"image {name.partition(':')[2]}" if name.startswith(SCAN) else f"block {name}", names


def _missing(frame: pd.DataFrame, name: str, label: str, names: list[str]) -> dict[str, Any]:
    """Whether nothing is known of these columns, as a column of 0 and 1."""
    told = {"name": name, "label": label, "columns": names}
    absent = np.asarray(frame[names].isna().all(axis=1), dtype=np.float64)
    cuts = cuts_json(absent, frame.index, MISSING + name)
    return {**told, "cuts": cuts} if cuts else {**told, "withheld": "too few development cases"}


def _relations(frame: pd.DataFrame, columns: Sequence[FeatureColumn]) -> Iterator[dict[str, Any]]:
    used = [c for c in columns if c.block in RECORD or (c.block == SCAN and c.name.endswith(PLACES))]
    terms = [term for column in used for term in _terms(frame[column.name], column)]
    labels = {column.name: column for column in used}
    numeric = [term for term in terms if labels[term.column].kind == "numeric"]
    # of many cases a part, evenly spaced, says which columns go together; all of them say how
    few = len(frame) <= MOST_SEARCHED
    seen = frame if few else frame.iloc[np.linspace(0, len(frame) - 1, MOST_SEARCHED).astype(int)]
    likely = dict(zip(terms, likely_inputs(terms, seen), strict=True))
    sought = [one for target in numeric if (one := relation_of(target, likely[target], seen)) is not None]
    best = sorted(sought, key=lambda one: -one.relation.explained)[:MOST_RELATIONS]
    found = best if few else [one for each in best if (one := refitted(each.relation, frame)) is not None]
    for one in found:
        known = np.isfinite(one.residuals)
        about = relation_name(one.relation)
        cuts = cuts_json(one.residuals[known], frame.index[known], about)
        if cuts is not None:
            target = labels[one.relation.target.column]
            yield {**one.relation.to_json(), "name": about, "label": target.label, "unit": target.unit, "cuts": cuts,
                   "quantiles": quantiles_of(one.residuals[known])}  # fmt: skip


def relation_name(relation: Relation) -> str:
    """What is expected from what, for streams and readers."""
    inputs = [term.column if term.level is None else f"{term.column}={term.level}" for term in relation.inputs]
    return f"{relation.target.column} given {', '.join(inputs)}"


def _terms(values: pd.Series, column: FeatureColumn) -> list[Term]:
    if column.kind != "categorical":
        x = as_numbers(values, ())
        known = x[np.isfinite(x)]
        if len(known) < 4 * SUPPRESSION_LIMIT or has_rare_value(known) or not np.ptp(known) > 0:
            return []
        low, high = np.quantile(known, (0.05, 0.95))
        return [Term(column.name, log=bool(known.min() > 0 and low > 0 and high / low > SKEWED))]
    counts = column_summary(values).get("counts", {})
    told = [level for level, count in counts.items() if count]
    return [Term(column.name, level) for level in told]
