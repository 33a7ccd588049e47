"""What goes into a bundle: everything from raw record and image to risk, and a summary of who it was learned from."""

from __future__ import annotations

from dataclasses import replace
from importlib import metadata
from typing import Any

import numpy as np
import pandas as pd

from outcome.pipeline import overlap
from outcome.pipeline.inputs import recipe_of
from outcome.pipeline.stage import Run, code_digest
from outcome.store import canonical_json, read_json, read_parquet
from outcome.training.unit import TrainedUnit

SUPPRESSION_LIMIT = 5
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def bundle_files(run: Run, development: list[str]) -> dict[str, bytes]:
    """Every file of the bundle by name, from the finished stages of a study and its development cases."""
    cohort, features, train = (run.store.stage(name) for name in ("cohort", "features", "train"))
    frame = read_parquet(features / "features.parquet").set_index("case_id").loc[development]
    cases = read_parquet(cohort / "cases.parquet").set_index("case_id").loc[development]
    endpoints = read_parquet(cohort / "endpoints.parquet")
    recipe = recipe_of(run.study)
    files = {
        "recipe.json": canonical_json(recipe.to_json() if recipe else None),
        "dictionary.csv": (cohort / "dictionary.csv").read_bytes(),
        "config.json": canonical_json(run.study.resolved()),
        "columns.json": (features / "columns.json").read_bytes(),
        "ladder.json": (train / "ladder.json").read_bytes(),
        "reference.json": canonical_json(reference_summary(frame, endpoints[endpoints["case_id"].isin(development)])),
        overlap.FILE: canonical_json(overlap.salted_patients(cases["patient_id"], run.study.name)),
        "MODEL_CARD.md": model_card(run, len(development)).encode(),
    }
    for unit, key in read_json(train / "index.json").items():
        unit_as_trained = TrainedUnit.load(train / "units" / key)
        model = replace(unit_as_trained, out_of_fold=unit_as_trained.out_of_fold.iloc[:0])  # no patient travels
        files |= {f"estimators/{unit}/{name}": data for name, data in model.files().items()}
    return files


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


def reference_summary(frame: pd.DataFrame, endpoints: pd.DataFrame) -> dict[str, Any]:
    """The training population in numbers, with no cell below the suppression limit: for checks of shift."""
    summary = {str(name): _column_summary(frame[name]) for name in frame.columns}
    outcomes = {str(name): _outcome_summary(group) for name, group in endpoints.groupby("endpoint", sort=True)}
    return {"n": len(frame), "suppression_limit": SUPPRESSION_LIMIT, "features": summary, "endpoints": outcomes}


def _column_summary(column: pd.Series) -> dict[str, Any]:
    known = column.dropna()
    summary: dict[str, Any] = {"n": _suppressed(len(known)), "missing": _suppressed(len(column) - len(known))}
    if len(known) < 4 * SUPPRESSION_LIMIT:
        return summary
    if pd.api.types.is_numeric_dtype(column):
        levels = [float(q) for q in np.quantile(known.to_numpy(dtype=float), _QUANTILES)]
        return {**summary, "quantiles": dict(zip(map(str, _QUANTILES), levels, strict=True)),
                "mean": float(known.mean()), "sd": float(known.std())}  # fmt: skip
    counts = known.value_counts().sort_index()
    return {**summary, "counts": {str(level): _suppressed(int(count)) for level, count in counts.items()}}


def _outcome_summary(rows: pd.DataFrame) -> dict[str, Any]:
    events = int((rows["value"] == 1).sum() + (rows["event"] == 1).sum())
    return {
        "n": _suppressed(int((rows["value"].notna() | rows["event"].notna()).sum())),
        "n_events": _suppressed(events),
    }


def _suppressed(count: int) -> int | None:
    """A count, or None where it is small enough to point at somebody."""
    return None if 0 < count < SUPPRESSION_LIMIT else count


def model_card(run: Run, n: int) -> str:
    """A short statement of what the bundle is for, what it was learned from and what it must not be used for."""
    study = run.study
    endpoints = "\n".join(f"- **{e.label or name}**: {e.definition}" for name, e in study.endpoints.items())
    return f"""# Model card: {study.title}

**Research use only. Not a medical device; no clinical validity is claimed.**

- Procedure: {study.procedure or "not stated"}
- Learned from: {n} cases of the development partition of the study `{study.name}`
- Inputs: preoperative variables and measurements of given masks; with and without the planned procedure
- Choice of model: inside nested cross-validation, the simplest rung within one standard error of the best
- Thresholds and calibration: from out-of-fold predictions of the development cases

## Endpoints
{endpoints}

## Not for
Patients of another procedure, decisions about an individual without a clinician, or any use outside research.
"""
