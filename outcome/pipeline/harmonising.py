"""Harmonisation at work in a study: what a study file asks for, and which cases let a new site or scanner enter.

A batch that no training case came from is taken at no shift. With `harmonise_with` its first measured cases, by index
time, give its shift and scale from their features alone: no outcome is read and nothing else is learned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from outcome.bundle import Bundle
from outcome.config import Study
from outcome.errors import BundleRefusal, DataRefusal
from outcome.features.batches import LEAST_CASES, HarmoniseRules, batch_names, large_batches
from outcome.features.columns import FeatureColumn
from outcome.pipeline.stage import Run
from outcome.serving import ENTERED, RiskModel
from outcome.store import read_json, read_parquet
from outcome.types import Finding, Level

NOT_ENTERED = " (site not entered)"
Json = dict[str, Any]


def harmonise_rules(study: Study, columns: Iterable[FeatureColumn]) -> HarmoniseRules | None:
    """What training is asked to harmonise, in names of feature columns; None where nothing."""
    asked = study.training.harmonise
    if asked is None:
        return None
    named = {column.name.rpartition(":")[2]: column.name for column in columns if column.block not in asked.blocks}
    covariates = tuple(named[name] for name in asked.covariates if name in named)
    return HarmoniseRules(asked.by, tuple(asked.blocks), covariates)


def refuse_few_batches(study: Study, frame: pd.DataFrame) -> None:
    """Raise DataRefusal where the development cases (rows of `frame`) come from fewer than two batches."""
    asked = study.training.harmonise
    if asked is None:
        return
    names = batch_names(frame)
    large = large_batches(names)
    if len(large) < 2:
        found = len(np.unique(names[names != ""]))
        raise DataRefusal(
            "there is nothing to harmonise among the development cases",
            expected=f"two batches (training.harmonise.by: {asked.by}) of {LEAST_CASES} cases or more",
            found=f"{len(large)} such of {found}, {int((names == '').sum())} cases without one",
            next_step="leave training.harmonise out, or name another variable",
        )


def refuse_without_harmonising(bundle: Bundle, cases: int) -> None:
    """Raise BundleRefusal where sites are to enter with some cases and no model of the bundle harmonises."""
    if cases and not RiskModel(bundle).harmonises:
        raise BundleRefusal(
            "no model of this bundle puts sites on one scale, so none can enter",
            expected="a bundle trained with training.harmonise",
            found=f"--harmonise-with {cases}",
            next_step="leave --harmonise-with out",
        )


def entering_cases(run: Run, model: RiskModel, frame: pd.DataFrame) -> dict[str, list[str]]:
    """The cases of `frame` (index case_id) by which each batch enters that some model does not know."""
    names = batch_names(frame)
    measured = frame[list(model.harmonised_columns)].notna().any(axis=1).to_numpy(dtype=bool)
    ids = np.array(frame.index.astype(str))
    order = np.lexsort((ids, _index_times(run, frame.index)))
    found = {}
    for batch in sorted(set(names) - {""} - model.known_batches):
        mine = [str(ids[i]) for i in order if names[i] == batch and measured[i]]
        if mine and run.harmonise_with:
            found[batch] = mine[: run.harmonise_with]
    return found


def batch_report(run: Run, model: RiskModel, frame: pd.DataFrame, entering: Mapping[str, list[str]]) -> Json:
    """How many cases belong to which batch, whether the models know it, and the cases by which it entered."""
    names, counts = np.unique(batch_names(frame), return_counts=True)
    sizes = {str(name): int(count) for name, count in zip(names, counts, strict=True)}
    known = {name: n for name, n in sizes.items() if name in model.known_batches}
    others = {name: n for name, n in sizes.items() if name not in known and name not in entering}
    entered = {name: {"n": sizes[name], "case_ids": list(cases)} for name, cases in entering.items()}
    return {"harmonise_with": run.harmonise_with, "known": known, "entered": entered, "not_known": others}


def batch_findings(run: Run, bundle_id: str) -> Iterator[Finding]:
    """What a reader must know of batches that the harmonised models were not fitted on."""
    path = run.store.stage("predict", bundle_id) / ENTERED
    told = read_json(path) if path.exists() else {"entered": {}, "not_known": {}}
    for batch, entry in told["entered"].items():
        cases = tuple(entry["case_ids"])
        words = (
            f"{batch} entered the harmonisation with its first {len(cases)} of {entry['n']} cases, by their features "
            "and without outcomes. These cases are among those measured, each with the scale that its own features "
            f"helped to find; the rungs called '…{NOT_ENTERED}' show the same models without entering"
        )
        yield Finding("batch_entered", Level.NOTE, words, cases)
    others = told["not_known"]
    if others:
        named = ", ".join(sorted(name or "not known" for name in others))
        words = (
            f"{sum(others.values())} case(s) come from where no training case came from ({named}): harmonised models "
            "take them at no shift. --harmonise-with N lets a site enter by N of its cases, without outcomes"
        )
        yield Finding("batch_not_known", Level.NOTE, words)


def _index_times(run: Run, ids: pd.Index) -> np.ndarray[Any, Any]:
    """Each case's place in time, (n,): the same for all where the study has no index time."""
    name = run.study.index_time
    if name is None:
        return np.zeros(len(ids))
    variables = read_parquet(run.store.stage("cohort") / "variables.parquet").set_index("case_id").reindex(ids)
    if name not in variables.columns:
        return np.zeros(len(ids))
    return pd.to_datetime(variables[name], errors="coerce").rank(method="dense", na_option="bottom").to_numpy()
