"""Stage `evaluate`: every partition's predictions against its outcomes, into metrics.json.

Development cases are measured on out-of-fold predictions, all others on those of the frozen bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from outcome.bundle import Bundle, read_bundle
from outcome.cohort.endpoints import composite_parts, endpoint_target
from outcome.cohort.subgroups import subgroup_labels
from outcome.config import BinaryEndpoint
from outcome.dictionary import DataDictionary
from outcome.formats import METRICS, VERSION_KEY
from outcome.pipeline.evidence.case_mix import shift_findings
from outcome.pipeline.evidence.integrity import integrity
from outcome.pipeline.evidence.internal_external import internal_external
from outcome.pipeline.evidence.model_entry import model_entry
from outcome.pipeline.evidence.multiplicity import multiplicity
from outcome.pipeline.evidence.outer_repeats import outer_repeats
from outcome.pipeline.evidence.parts import ENDPOINT_PARTS, MODEL_PARTS, PARTITION_PARTS
from outcome.pipeline.evidence.scene import EndpointCases, ModelCases, PartitionCases, Scene, models_of
from outcome.pipeline.gaps import failed_cases, failed_units, repeated_patients
from outcome.pipeline.harmonising import batch_findings
from outcome.pipeline.masks.report import learned_masks
from outcome.pipeline.protocol import adopted_protocol
from outcome.pipeline.stage import Made, Run, StageResult, Work, perform, upstream
from outcome.serving import RiskModel, as_entered
from outcome.store import read_json, read_parquet, write_json
from outcome.types import EndpointKind

STAGE = "evaluate"
PREDICTIONS = ("predictions.parquet", "out_of_fold.parquet")  # of the bundle, of the train stage
SAME_NAME = ("details.parquet", "information.parquet")  # in both stages
COMPARED = ("scores", "readers", "readers_are")  # what a study compares with is its own, not the bundle's


def run_evaluate(run: Run) -> StageResult:
    """Measure every endpoint, input set and partition of a study."""
    bundle = read_bundle(run.store.bundle)
    inputs = {f"stage:{name}": upstream(run.store, *name.split("/")) for name in _sources(run, bundle.id)}
    protocol = adopted_protocol(run.store, bundle.id)
    judged = {} if protocol is None else {"protocol": protocol.sha256}
    resolved = run.study.resolved()
    rivals = {name: resolved[name] for name in COMPARED}
    work = Work(STAGE, {"bundle": bundle.id, **judged, **rivals}, inputs, part=bundle.id)
    return perform(run, work, lambda folder: _produce(run, bundle, folder))


def _sources(run: Run, bundle_id: str) -> list[str]:
    trained = ["train"] if (run.store.stage("train") / "manifest.json").exists() else []
    return ["cohort", "segment", "radiomics", "features", *trained, f"predict/{bundle_id}"]


def _produce(run: Run, bundle: Bundle, folder: Path) -> Made:
    scene = _scene(run, bundle)
    cohort, cases = run.store.stage("cohort"), scene.cases
    predictions = _both_sources(run, bundle.id, *PREDICTIONS)
    tables = (predictions, *(_both_sources(run, bundle.id, name, name) for name in SAME_NAME))
    looked = integrity(scene, predictions)  # first, so that a look counts even where measuring is cut off
    masks = learned_masks(run, cases, run.store.stage("predict", bundle.id))
    partitions = {
        name: {
            **_partition(scene, name, cases.index[cases["partition"] == name], tables),
            **masks.get(name, {}),
        }
        for name in run.study.partitions
        if (cases["partition"] == name).any()
    }
    document = {
        VERSION_KEY: METRICS,
        "study": run.study.name,
        "title": run.study.title,
        "bundle_id": bundle.id,
        "created_by": f"outcome {metadata.version('surgical-outcome')}",
        "integrity": looked,
        "partitions": partitions,
        "flow": read_json(cohort / "flow.json"),
        "findings": [
            *read_json(cohort / "findings.json"),
            *read_json(run.store.stage("segment") / "findings.json"),
            *(finding.to_json() for finding in (*failed_cases(run), *repeated_patients(cases))),
            *(finding.to_json() for finding in (*shift_findings(partitions), *batch_findings(run, bundle.id))),
        ],
    }
    write_json(folder / "metrics.json", document)
    return Made({"partitions": len(partitions), "endpoints": len(run.study.endpoints)})


def _scene(run: Run, bundle: Bundle) -> Scene:
    cohort = run.store.stage("cohort")
    cases = read_parquet(cohort / "cases.parquet").set_index("case_id")
    variables = read_parquet(cohort / "variables.parquet").set_index("case_id")
    dictionary = DataDictionary.load(cohort / "dictionary.csv")
    groups = subgroup_labels(variables, cases, run.study.subgroups, dictionary)
    endpoints = read_parquet(cohort / "endpoints.parquet")
    model = as_entered(RiskModel(bundle), run.store)
    return Scene(run, bundle, model, dictionary, cases, endpoints, variables, groups)


def _both_sources(run: Run, bundle_id: str, of_bundle: str, out_of_fold: str) -> pd.DataFrame:
    """Out-of-fold rows of development cases and the bundle's of all others, in one table."""
    tables = [read_parquet(run.store.stage("predict", bundle_id) / of_bundle)]
    trained = run.store.stage("train") / out_of_fold
    if trained.exists():
        tables.append(read_parquet(trained))
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _partition(scene: Scene, name: str, ids: pd.Index, tables: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """`tables`: predictions, details and information of every case."""
    part, study = scene.run.study.partitions[name], scene.run.study
    cases = PartitionCases(scene, name, sorted(ids), *(table[table["partition"] == name] for table in tables))
    endpoints = {}
    for number, endpoint in enumerate(study.endpoints):
        scene.run.progress(f"evaluate {name}", number, len(study.endpoints))
        endpoints[endpoint] = _endpoint(_endpoint_cases(cases, endpoint))
    scene.run.progress(f"evaluate {name}", len(endpoints), len(endpoints))
    source = "out_of_fold" if cases.is_development else "bundle"
    facts = {"label": part.label or name, "relation": part.relation, "source": source, "n": len(ids)}
    asked = {name: question(cases) for name, question in PARTITION_PARTS.items()}
    return {**facts, **asked, "multiplicity": multiplicity(endpoints), "endpoints": endpoints}


def _endpoint_cases(cases: PartitionCases, name: str) -> EndpointCases:
    kind = EndpointKind(cases.scene.run.study.endpoints[name].kind)
    target = endpoint_target(cases.scene.endpoints, name, kind, cases.ids)
    return EndpointCases(cases, name, target, cases.predictions[cases.predictions["endpoint"] == name])


def _endpoint(cases: EndpointCases) -> dict[str, Any]:
    scene, endpoint, target = cases.scene, cases.endpoint, cases.target
    models = models_of(cases)
    skipped = {u.inputs.value: u.skipped for u in scene.model.units.values() if u.endpoint == cases.name and u.skipped}
    skipped |= failed_units(scene.run, cases.name)
    return {
        "label": endpoint.label or cases.name,
        "kind": endpoint.kind,
        "horizon_days": cases.horizons[0] if cases.horizons else getattr(endpoint, "horizon_days", None),
        "unit": _unit(cases),
        "n": int(target.known.sum()),
        "n_events": target.n_events,
        "n_unknown": int((~target.known).sum()),
        "definition": endpoint.definition,
        "parts": _parts(cases),
        "models": {model.inputs: _model(model) for model in models},
        "not_modelled": skipped,
        **{name: question(cases, models) for name, question in ENDPOINT_PARTS.items()},
    }


def _model(model: ModelCases) -> dict[str, Any]:
    asked = {name: question(model) for name, question in MODEL_PARTS.items()}
    return {**model_entry(model), **asked, **internal_external(model), **outer_repeats(model)}


def _unit(cases: EndpointCases) -> str:
    """The unit of a duration or a measured value; empty for risks and ranks."""
    endpoint = cases.endpoint
    if endpoint.kind == EndpointKind.CONTINUOUS:
        return cases.scene.dictionary[endpoint.variable].unit
    return str(endpoint.unit) if endpoint.kind == EndpointKind.DURATION else ""


def _parts(cases: EndpointCases) -> list[dict[str, Any]]:
    """A composite endpoint's parts: in how many cases each holds."""
    endpoint = cases.endpoint
    if not isinstance(endpoint, BinaryEndpoint) or not endpoint.parts:
        return []
    table = composite_parts(endpoint, cases.scene.dictionary, cases.scene.variables.loc[cases.ids].reset_index())
    counts = zip(table.columns, table.notna().sum(), table.sum(), strict=True)
    return [{"part": part, "n": int(known), "n_fulfilled": int(held)} for part, known, held in counts]
