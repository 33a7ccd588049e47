"""The stages in their order, and what a person sees when they are through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from outcome.bundle import read_bundle
from outcome.pipeline.cohort import run_cohort
from outcome.pipeline.evaluate import run_evaluate
from outcome.pipeline.features import run_features
from outcome.pipeline.predict import run_predict
from outcome.pipeline.radiomics import run_radiomics
from outcome.pipeline.report import run_report
from outcome.pipeline.segment import run_segment
from outcome.pipeline.stage import Run, StageResult
from outcome.pipeline.train import run_train
from outcome.pipeline.validate import adopt_bundle
from outcome.report.terminal import CAPTION, HEADER, summaries
from outcome.store import read_json

STAGE_RUNNERS: dict[str, Callable[[Run], StageResult]] = {
    "cohort": run_cohort,
    "segment": run_segment,
    "radiomics": run_radiomics,
    "features": run_features,
    "train": run_train,
    "predict": run_predict,
    "evaluate": run_evaluate,
    "report": run_report,
}


def run_stages(
    run: Run, runners: Iterable[Callable[[Run], StageResult]], bundle: Path | None = None
) -> list[StageResult]:
    """Run stages one after the other; a foreign `bundle` is verified and adopted by the store first."""
    if bundle is not None:
        adopt_bundle(run, bundle)
    results = []
    for runner in runners:
        result = runner(run)
        run.progress(result.stage, 1, 1)
        results.append(result)
    return results


def overview(run: Run, stages: Sequence[str]) -> dict[str, Any]:
    """Where the results lie, and the overview table where the study was evaluated."""
    document: dict[str, Any] = {}
    if not (run.store.bundle / "manifest.json").exists():
        return document
    if "train" in stages or "predict" in stages:
        document["bundle"] = str(run.store.bundle)
    bundle_id = read_bundle(run.store.bundle).id
    if "predict" in stages:
        document |= {
            "bundle_id": bundle_id,
            "predictions": str(run.store.stage("predict", bundle_id) / "predictions.parquet"),
        }
    if "report" in stages:
        document["report"] = str(run.store.stage("report", bundle_id) / "report.html")
    if "evaluate" in stages:
        metrics = run.store.stage("evaluate", bundle_id) / "metrics.json"
        document |= {"metrics": str(metrics), "tables": overview_tables(metrics)}
    return document


def overview_tables(metrics: Path) -> list[dict[str, Any]]:
    """The overview of a metrics.json, one table a partition, as text."""
    return [{**asdict(table), "header": HEADER, "caption": CAPTION} for table in summaries(read_json(metrics))]
