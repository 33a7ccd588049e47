"""Stage `evaluate`: every partition's predictions against its outcomes, into metrics.json.

Development cases are measured on out-of-fold predictions, all others on those of the frozen bundle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from outcome.bundle import read_bundle
from outcome.cohort.endpoints import composite_parts, endpoint_target
from outcome.cohort.subgroups import subgroup_labels
from outcome.config import BinaryEndpoint
from outcome.dictionary import DataDictionary
from outcome.evaluation.sample import Settings, checked_sample
from outcome.evaluation.summary import difference, evaluate_target, measure
from outcome.pipeline.gaps import failed_cases, failed_units, repeated_patients
from outcome.pipeline.mask_report import learned_masks
from outcome.pipeline.stage import Made, Run, StageResult, Work, perform, upstream
from outcome.serving import RiskModel
from outcome.store import read_json, read_parquet, write_json
from outcome.types import EndpointKind, FloatArray, Target

STAGE = "evaluate"
SCHEMA_VERSION = 1
CHOSEN = "chosen"
CHOSEN_HERE = (
    "these development cases took part in choosing it, so sensitivity, specificity and the other numbers at the "
    "threshold are not independent of it here"
)


@dataclass(frozen=True, eq=False)
class _Scene:
    """What all measurements of a study share."""

    run: Run
    model: RiskModel
    endpoints: pd.DataFrame
    dictionary: DataDictionary
    variables: pd.DataFrame  # index case_id
    groups: pd.DataFrame  # index case_id, one column a subgroup variable


def run_evaluate(run: Run) -> StageResult:
    """Measure every endpoint, input set and partition of a study."""
    model = RiskModel(read_bundle(run.store.bundle))
    inputs = {f"stage:{name}": upstream(run.store, *name.split("/")) for name in _sources(run, model.id)}
    work = Work(STAGE, {"bundle": model.id}, inputs, part=model.id)
    return perform(run, work, lambda folder: _produce(run, model, folder))


def _sources(run: Run, bundle_id: str) -> list[str]:
    trained = ["train"] if (run.store.stage("train") / "manifest.json").exists() else []
    return ["cohort", "segment", "radiomics", *trained, f"predict/{bundle_id}"]


def _produce(run: Run, model: RiskModel, folder: Path) -> Made:
    cohort = run.store.stage("cohort")
    cases = read_parquet(cohort / "cases.parquet").set_index("case_id")
    variables = read_parquet(cohort / "variables.parquet").set_index("case_id")
    dictionary = DataDictionary.load(cohort / "dictionary.csv")
    groups = subgroup_labels(variables, cases, run.study.subgroups, dictionary)
    scene = _Scene(run, model, read_parquet(cohort / "endpoints.parquet"), dictionary, variables, groups)
    predictions = _predictions(run, model.id)
    masks = learned_masks(run, cases)
    partitions = {
        name: {**_partition(scene, name, cases.index[cases["partition"] == name], predictions), **masks.get(name, {})}
        for name in run.study.partitions
        if (cases["partition"] == name).any()
    }
    document = {
        "schema_version": SCHEMA_VERSION,
        "study": run.study.name,
        "title": run.study.title,
        "bundle_id": model.id,
        "created_by": f"outcome {metadata.version('surgical-outcome')}",
        "partitions": partitions,
        "flow": read_json(cohort / "flow.json"),
        "findings": [
            *read_json(cohort / "findings.json"),
            *read_json(run.store.stage("segment") / "findings.json"),
            *(finding.to_json() for finding in (*failed_cases(run), *repeated_patients(cases))),
        ],
    }
    write_json(folder / "metrics.json", document)
    return Made({"partitions": len(partitions), "endpoints": len(run.study.endpoints)})


def _predictions(run: Run, bundle_id: str) -> pd.DataFrame:
    """Out-of-fold predictions of development cases and the bundle's of all others, in one table."""
    tables = [read_parquet(run.store.stage("predict", bundle_id) / "predictions.parquet")]
    trained = run.store.stage("train") / "out_of_fold.parquet"
    if trained.exists():
        tables.append(read_parquet(trained))
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _partition(scene: _Scene, name: str, ids: pd.Index, predictions: pd.DataFrame) -> dict[str, Any]:
    part = scene.run.study.partitions[name]
    ours = predictions[predictions["partition"] == name]
    endpoints = {}
    for number, endpoint in enumerate(scene.run.study.endpoints):
        scene.run.progress(f"evaluate {name}", number, len(scene.run.study.endpoints))
        endpoints[endpoint] = _endpoint(scene, endpoint, sorted(ids), ours[ours["endpoint"] == endpoint])
    scene.run.progress(f"evaluate {name}", len(endpoints), len(endpoints))
    source = "out_of_fold" if part.relation == "development" else "bundle"
    facts = {"label": part.label or name, "relation": part.relation, "source": source, "n": len(ids)}
    return {**facts, "endpoints": endpoints}


def _endpoint(scene: _Scene, name: str, ids: list[str], rows: pd.DataFrame) -> dict[str, Any]:
    endpoint = scene.run.study.endpoints[name]
    target = endpoint_target(scene.endpoints, name, EndpointKind(endpoint.kind), ids)
    horizons = sorted(rows["horizon_days"].dropna().unique())
    horizon = horizons[0] if horizons else getattr(endpoint, "horizon_days", None)
    groups = {str(name): column.loc[ids].to_numpy(dtype=object) for name, column in scene.groups.items()}
    models: dict[str, Any] = {}
    chosen: dict[str, FloatArray] = {}
    for inputs in sorted(rows["inputs"].unique()):
        by_rung = rows[rows["inputs"] == inputs].groupby("rung", sort=False)
        tables = {str(rung): _Predicted.of(group, ids, horizons) for rung, group in by_rung}
        if CHOSEN not in tables:
            continue
        entry = _model_entry(scene, f"{name}.{inputs}", target, tables, groups)
        models[inputs] = _with_threshold_caution(entry) if (rows["source"] == "out_of_fold").any() else entry
        chosen[inputs] = tables[CHOSEN].score
    skipped = {u.inputs.value: u.skipped for u in scene.model.units.values() if u.endpoint == name and u.skipped}
    skipped |= failed_units(scene.run, name)
    return {
        "label": endpoint.label or name,
        "kind": endpoint.kind,
        "horizon_days": horizon,
        "unit": _unit(scene, endpoint),
        "n": int(target.known.sum()),
        "n_events": target.n_events,
        "n_unknown": int((~target.known).sum()),
        "definition": endpoint.definition,
        "parts": _parts(scene, name, ids),
        "models": models,
        "not_modelled": skipped,
        "comparators": _comparators(scene, name, target, ids, chosen) if chosen else {},
    }


def _comparators(
    scene: _Scene, name: str, target: Target, ids: list[str], chosen: Mapping[str, FloatArray]
) -> dict[str, Any]:
    """The one number beside the chosen models, as it stands in the record: it ranks cases and nothing is fitted.

    A larger number counts as riskier, and as less promising where the endpoint is a favourable one.
    """
    comparator = scene.run.study.comparator
    if comparator is None:
        return {}
    value = scene.variables.loc[ids, comparator.variable].to_numpy(dtype=float)
    value = -value if scene.run.study.endpoints[name].favourable else value
    known = np.isfinite(value)
    ours = target.take(known)
    differences = {inputs: difference(ours, score[known], value[known]).to_json() for inputs, score in chosen.items()}
    label = comparator.label or scene.dictionary[comparator.variable].label
    return {label: {**evaluate_target(ours, None, value[known]).to_json(), "difference": differences}}


def _unit(scene: _Scene, endpoint: Any) -> str:
    """The unit of a duration or a measured value; empty for risks and ranks."""
    if endpoint.kind == EndpointKind.CONTINUOUS:
        return scene.dictionary[endpoint.variable].unit
    return str(endpoint.unit) if endpoint.kind == EndpointKind.DURATION else ""


@dataclass(frozen=True, eq=False)
class _Predicted:
    """One rung's predictions for the cases of a partition, in case order: risk by horizon, and the ranking score."""

    risk: Mapping[float | None, FloatArray]
    score: FloatArray

    @classmethod
    def of(cls, rows: pd.DataFrame, ids: list[str], horizons: list[float]) -> _Predicted:
        by_horizon: dict[float | None, pd.DataFrame] = {day: rows[rows["horizon_days"] == day] for day in horizons}
        by_horizon = by_horizon or {None: rows}
        risks = {
            day: table.set_index("case_id")["risk"].reindex(ids).to_numpy(dtype=float)
            for day, table in by_horizon.items()
        }
        first = next(iter(by_horizon.values())).set_index("case_id")
        return cls(risks, first["score"].reindex(ids).to_numpy(dtype=float))

    @property
    def horizon(self) -> float | None:
        return next(iter(self.risk))


def _model_entry(
    scene: _Scene, unit_name: str, target: Target, tables: Mapping[str, _Predicted], groups: Mapping[str, Any]
) -> dict[str, Any]:
    unit = scene.model.units[unit_name]
    threshold = unit.procedure.threshold if unit.procedure else None
    chosen = tables[CHOSEN]
    value = threshold.value if threshold else None
    entry = evaluate_target(
        target, chosen.risk[chosen.horizon], chosen.score, horizon_days=chosen.horizon, threshold=value, groups=groups
    ).to_json()
    others = [day for day in chosen.risk if day != chosen.horizon]
    later = {str(int(day)): _metrics(target, chosen, day) for day in others if day is not None}
    return {
        **entry,
        "other_horizons": later,
        "threshold": threshold.to_json() if threshold else None,
        "rung": unit.procedure.chosen.rung.name if unit.procedure else "",
        "chosen_in_outer_folds": unit.ladder["chosen_in_outer_folds"],
        "reason": unit.procedure.reason if unit.procedure else unit.skipped,
        "ladder": list(_ladder(target, tables, unit.procedure.chosen.rung.name if unit.procedure else "")),
    }


def _with_threshold_caution(entry: dict[str, Any]) -> dict[str, Any]:
    """Risks of development cases are out-of-fold, the bundle's threshold is not: a reader must know."""
    threshold = entry["threshold"]
    if threshold is None:
        return entry
    provenance = f"{threshold['provenance']}; {CHOSEN_HERE}"
    return {**entry, "threshold": {**threshold, "provenance": provenance}}


def _ladder(target: Target, tables: Mapping[str, _Predicted], final: str) -> Iterator[dict[str, Any]]:
    """Every rung beside the choice; none is compared with itself, as the frozen model's own rung would be."""
    chosen = tables[CHOSEN]
    for rung, predicted in tables.items():
        if rung != CHOSEN:
            itself = rung == final and np.array_equal(predicted.score, chosen.score, equal_nan=True)
            difference = None if itself else _difference(target, chosen, predicted)
            yield {"rung": rung, "metrics": _metrics(target, predicted), "difference": difference}


def _metrics(target: Target, predicted: _Predicted, horizon: float | None = None) -> dict[str, Any]:
    day = horizon if horizon is not None else predicted.horizon
    sample = checked_sample(target, predicted.risk[day], predicted.score, Settings(day, curve_errors=False))
    return {name: estimate.to_json() for name, estimate in measure(sample).items()}


def _difference(target: Target, better: _Predicted, simpler: _Predicted) -> dict[str, Any]:
    return difference(target, better.score, simpler.score).to_json()


def _parts(scene: _Scene, name: str, ids: list[str]) -> list[dict[str, Any]]:
    """A composite endpoint's parts: in how many cases each holds."""
    endpoint = scene.run.study.endpoints[name]
    if not isinstance(endpoint, BinaryEndpoint) or not endpoint.parts:
        return []
    table = composite_parts(endpoint, scene.dictionary, scene.variables.loc[ids].reset_index())
    counts = zip(table.columns, table.notna().sum(), table.sum(), strict=True)
    return [{"part": part, "n": int(known), "n_fulfilled": int(held)} for part, known, held in counts]
