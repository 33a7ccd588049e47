"""The checks of what models are given: each column, what is missing, and what goes together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from outcome.evaluation.monitoring.check import Check, not_judged
from outcome.evaluation.monitoring.cuts import Cuts, lots_of
from outcome.evaluation.monitoring.exchangeable import bets_on, urn_evidence
from outcome.evaluation.monitoring.relations import Relation
from outcome.pipeline.reference.monitoring_summary import MISSING, as_numbers
from outcome.types import FloatArray

Json = Mapping[str, Any]
VALUE, GONE, RELATION = "value", "missing", "relation"


def input_checks(told: Json, observed: pd.DataFrame) -> Iterator[Check]:
    """`told`: the reference's `monitoring`; `observed`: the cases in order of arrival (index case_id)."""
    ids = [str(case) for case in observed.index]
    for entry in told["columns"]:
        yield _column(entry, observed, ids)
    for entry in told["missing"]:
        yield _missing(entry, observed, ids)
    for entry in told["relations"]:
        values = Relation.from_json(entry).residuals(observed)
        yield cut_check(RELATION, entry["name"], entry["label"], values, ids, entry["cuts"])


def cut_check(
    kind: str, name: str, label: str, values: FloatArray, case_ids: Sequence[str], cuts: Json, about: str = ""
) -> Check:
    """Whether values (n,), NaN where not known, are exchangeable with those behind the cuts.

    `about` seeds the lots; it must be what the reference's were drawn by (without it, the name).
    """
    rows = np.flatnonzero(np.isfinite(values))
    if not len(rows):
        return not_judged(kind, name, label, "no case knows it")
    behind = Cuts.from_json(cuts)
    bets = bets_on(behind)
    lots = lots_of([case_ids[row] for row in rows.tolist()], about or name)
    evidence = urn_evidence(behind.parts(values[rows], lots), behind, bets)
    return Check(kind, name, label, rows, evidence, bets.words)


def _column(entry: Json, observed: pd.DataFrame, ids: Sequence[str]) -> Check:
    name, label = entry["name"], entry["label"] or entry["name"].partition(":")[2]
    if "withheld" in entry:
        return not_judged(VALUE, name, label, entry["withheld"])
    if name not in observed:
        return not_judged(VALUE, name, label, "the study does not have it")
    return cut_check(VALUE, name, label, as_numbers(observed[name], entry["choices"]), ids, entry["cuts"])


def _missing(entry: Json, observed: pd.DataFrame, ids: Sequence[str]) -> Check:
    if "withheld" in entry:
        return not_judged(GONE, entry["name"], entry["label"], entry["withheld"])
    absent = np.asarray(observed.reindex(columns=entry["columns"]).isna().all(axis=1), dtype=np.float64)
    return cut_check(GONE, entry["name"], entry["label"], absent, ids, entry["cuts"], MISSING + entry["name"])
