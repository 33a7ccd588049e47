"""How far does the primary metric depend on one partition into outer folds? The same number of each further one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from outcome.evaluation.kinds import PRIMARY_METRIC
from outcome.evaluation.sample import Settings, checked_sample
from outcome.evaluation.summary import measure
from outcome.pipeline.evidence.scene import ModelCases, Predicted
from outcome.pipeline.evidence.within_folds import UNTOLD, ranked_within
from outcome.pipeline.outer_repeats import TABLE, repeat_facts
from outcome.store import read_parquet
from outcome.training.out_of_fold import FIRST
from outcome.types import Estimate, FloatArray

Json = dict[str, Any]
WORDS = (
    "Repeat 1 is the partition into outer folds behind every other number. Each repeat is judged by itself and no "
    "prediction is averaged over them. They share their patients, so their spread is no interval: it tells how far the "
    "number depends on who was held out with whom"
)
FAILED = "training on this partition failed"


def outer_repeats(model: ModelCases) -> Json:
    """`outer_repeats` of a model's entry in metrics.json.

    {} for other than development cases, and where the study did not ask for it.
    """
    scene, partition = model.scene, model.cases.partition
    folder = scene.run.store.stage("train") if partition.is_development and model.is_out_of_fold else None
    facts = None if folder is None else repeat_facts(folder)
    if folder is None or facts is None:
        return {}
    told = facts.get(f"{model.cases.name}.{model.inputs}", {})
    rows = [_first(model), *_further(model, read_parquet(folder / TABLE), told)]
    picks: Counter[str] = Counter()
    for row in rows:
        picks.update(row["chosen_in_outer_folds"])
    part = {
        "metric": PRIMARY_METRIC[model.target.kind],
        "rows": rows,
        "pooled": _spread(row["pooled"]["value"] for row in rows),
        "within_folds": _spread(row["within_folds"]["value"] for row in rows),
        "chosen_in_outer_folds": dict(sorted(picks.items())),
        "words": WORDS,
    }
    return {"outer_repeats": part}


def _first(model: ModelCases) -> Json:
    return _row(model, FIRST, model.chosen.score, model.unit.ladder["chosen_in_outer_folds"])


def _further(model: ModelCases, table: pd.DataFrame, told: Mapping[str, Mapping[str, Any]]) -> Iterable[Json]:
    table = table[(table["endpoint"] == model.cases.name) & (table["inputs"] == model.inputs)]
    for repeat in range(FIRST + 1, model.scene.run.study.training.outer_repeats + 1):
        fact = told.get(str(repeat), {"skipped": FAILED})
        rows = table[table["repeat"] == repeat]
        if fact["skipped"] or rows.empty:
            reason = Estimate.withhold(fact["skipped"] or FAILED, n=0).to_json()
            yield {"repeat": repeat, "pooled": reason, "within_folds": reason, "chosen_in_outer_folds": {}}
            continue
        score = Predicted.of(rows, model.cases.ids, model.cases.horizons).score
        yield _row(model, repeat, score, fact["chosen_in_outer_folds"])


def _row(model: ModelCases, repeat: int, score: FloatArray, picks: Mapping[str, int]) -> Json:
    sample = checked_sample(model.target, None, score, Settings(curve_errors=False))
    fold = model.outer_folds(repeat)
    untold = Estimate.withhold(UNTOLD, n=sample.n, n_events=sample.target.n_events)
    return {
        "repeat": repeat,
        "pooled": measure(sample)[PRIMARY_METRIC[model.target.kind]].to_json(),
        "within_folds": (untold if np.isnan(fold).any() else ranked_within(model, score, fold)).to_json(),
        "chosen_in_outer_folds": dict(picks),
    }


def _spread(values: Iterable[float | None]) -> Json | None:
    """Over the repeats that have the number; None where none has."""
    told = [value for value in values if value is not None]
    if not told:
        return None
    return {"mean": float(np.mean(told)), "smallest": min(told), "largest": max(told), "repeats": len(told)}
