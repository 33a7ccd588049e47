"""What goes into a bundle: everything from raw record and image to risk, and a summary of who it was learned from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import metadata
from typing import Any

import numpy as np
import pandas as pd

from outcome.features.columns import IMAGE, FeatureColumn, columns_from_json, columns_to_json
from outcome.features.crops import IMAGE_PREFIX
from outcome.pipeline import overlap
from outcome.pipeline.mask_folds import FINAL
from outcome.pipeline.recipe import SEGMENTER, recipe_in
from outcome.pipeline.stage import Run, code_digest
from outcome.serving import SEGMENTER_FILE
from outcome.store import canonical_json, read_json, read_parquet
from outcome.training.unit import TrainedUnit
from outcome.types import EndpointKind

SUPPRESSION_LIMIT = 5
_WITH_EVENTS = (EndpointKind.BINARY, EndpointKind.TIME_TO_EVENT)
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def bundle_files(run: Run, development: list[str]) -> dict[str, bytes]:
    """Every file of the bundle by name, from the finished stages of a study and its development cases."""
    cohort, features, train = (run.store.stage(name) for name in ("cohort", "features", "train"))
    frame = read_parquet(features / "features.parquet").set_index("case_id").loc[development]
    cases = read_parquet(cohort / "cases.parquet").set_index("case_id").loc[development]
    endpoints = read_parquet(cohort / "endpoints.parquet")
    endpoint_kinds = {name: endpoint.kind for name, endpoint in run.study.endpoints.items()}
    recipe = recipe_in(run)
    columns = development_columns(columns_from_json(read_json(features / "columns.json")), frame)
    frame = frame[[column.name for column in columns]]
    files = {
        "recipe.json": canonical_json(recipe.to_json() if recipe else None),
        "dictionary.csv": (cohort / "dictionary.csv").read_bytes(),
        "config.json": canonical_json(run.study.resolved()),
        "columns.json": canonical_json(columns_to_json(columns)),
        "ladder.json": (train / "ladder.json").read_bytes(),
        "reference.json": canonical_json(
            reference_summary(frame, endpoints[endpoints["case_id"].isin(development)], endpoint_kinds)
        ),
        overlap.FILE: canonical_json(overlap.salted_patients(cases["patient_id"], run.study.name)),
        "MODEL_CARD.md": model_card(run, len(development)).encode(),
    }
    if recipe is not None and recipe.draws_masks:
        files[SEGMENTER_FILE] = _segmenter_weights(run)
    for unit, key in read_json(train / "index.json").items():
        unit_as_trained = TrainedUnit.load(train / "units" / key)
        model = replace(unit_as_trained, out_of_fold=unit_as_trained.out_of_fold.iloc[:0])  # no patient travels
        files |= {f"estimators/{unit}/{name}": data for name, data in model.files().items()}
    return files


def _segmenter_weights(run: Run) -> bytes:
    """The final network: the one that learned from all development cases, and draws every new case's mask."""
    segment = run.store.stage("segment")
    file = read_json(segment / SEGMENTER)["networks"][FINAL]["file"]
    return (segment / file).read_bytes()


def development_columns(columns: Iterable[FeatureColumn], frame: pd.DataFrame) -> tuple[FeatureColumn, ...]:
    """The columns a model may be told of, from the development cases' frame.

    A measurement that only later cases have must not even be named: the bundle would depend on them.
    """
    return tuple(c for c in columns if _is_recorded(c) or frame[c.name].notna().any())


def _is_recorded(column: FeatureColumn) -> bool:
    """Whether a column stands for a variable of the dictionary, not for something found in images."""
    return column.block != "radiomics" and column.kind != IMAGE


def bundle_facts(run: Run) -> dict[str, Any]:
    """What the bundle's manifest says beside its files."""
    return {
        "study": run.study.name,
        "title": run.study.title,
        "program": f"surgical-outcome {metadata.version('surgical-outcome')}",
        "code_sha256": code_digest(),
        "seed": run.study.training.seed,
        "research_use_only": True,
    }


def reference_summary(frame: pd.DataFrame, endpoints: pd.DataFrame, kinds: Mapping[str, str]) -> dict[str, Any]:
    """The training population in numbers, with no cell below the suppression limit: for checks of shift."""
    summary = {str(name): _column_summary(frame[name]) for name in frame.columns}
    outcomes = {
        str(name): _outcome_summary(group, kinds[str(name)]) for name, group in endpoints.groupby("endpoint", sort=True)
    }
    return {"n": len(frame), "suppression_limit": SUPPRESSION_LIMIT, "features": summary, "endpoints": outcomes}


def _column_summary(column: pd.Series) -> dict[str, Any]:
    known = column.dropna()
    n, missing = _suppressed_parts([len(known), len(column) - len(known)])
    summary: dict[str, Any] = {"n": n, "missing": missing}
    if len(known) < 4 * SUPPRESSION_LIMIT or str(column.name).startswith(IMAGE_PREFIX):
        return summary
    if pd.api.types.is_numeric_dtype(column):
        levels = [float(q) for q in np.quantile(known.to_numpy(dtype=float), _QUANTILES)]
        return {**summary, "quantiles": dict(zip(map(str, _QUANTILES), levels, strict=True)),
                "mean": float(known.mean()), "sd": float(known.std())}  # fmt: skip
    counts = known.value_counts().sort_index()
    return {**summary, "counts": dict(zip(map(str, counts.index), _suppressed_parts(counts.tolist()), strict=True))}


def _outcome_summary(rows: pd.DataFrame, kind: str) -> dict[str, Any]:
    """Known outcomes and, where the kind of endpoint has them, events; a lone small cell is not left to arithmetic."""
    known = int((rows["value"].notna() | (rows["event"].notna() & rows["time_days"].notna())).sum())
    n = None if _suppressed(len(rows) - known) is None else known
    if kind not in _WITH_EVENTS:
        return {"n": n, "n_events": None}
    events = int((rows["value"] == 1).sum() + ((rows["event"] == 1) & rows["time_days"].notna()).sum())
    told = n is None or _suppressed(known - events) is not None
    return {"n": n, "n_events": _suppressed(events) if told else None}


def _suppressed_parts(parts: list[int]) -> list[int | None]:
    """Counts that add up to a total a reader knows: one small cell alone would follow from the others.

    With one part suppressed the smallest of the rest goes too.
    """
    shown = [_suppressed(count) for count in parts]
    rest = [i for i, count in enumerate(shown) if count]
    if len(rest) == len([count for count in parts if count]) - 1:
        shown[min(rest, key=lambda i: parts[i])] = None
    return shown


def _suppressed(count: int) -> int | None:
    """A count, or None where it is small enough to point at somebody."""
    return None if 0 < count < SUPPRESSION_LIMIT else count


def _inputs_in_words(run: Run) -> str:
    columns = columns_from_json(read_json(run.store.stage("features") / "columns.json"))
    drawn = "masks that the bundle's own network draws" if run.study.segmenter else "given masks"
    measured = f" and measurements of {drawn}" if any(column.block == "radiomics" for column in columns) else ""
    planned = any(column.availability == "planned" for column in columns)
    return f"preoperative variables{measured}{'; with and without what was planned' if planned else ''}"


def model_card(run: Run, n: int) -> str:
    """A short statement of what the bundle is for, what it was learned from and what it must not be used for."""
    study = run.study
    endpoints = "\n".join(f"- **{e.label or name}**: {e.definition}" for name, e in study.endpoints.items())
    return f"""# Model card: {study.title}

**Research use only. Not a medical device; no clinical validity is claimed.**

- Procedure: {study.procedure or "not stated"}
- Learned from: {n} cases of the development partition of the study `{study.name}`
- Inputs: {_inputs_in_words(run)}
- Choice of model: inside nested cross-validation, the simplest rung within one standard error of the best
- Thresholds and calibration: from out-of-fold predictions of the development cases

## Endpoints
{endpoints}

## Not for
Patients of another procedure, decisions about an individual without a clinician, or any use outside research.
"""
